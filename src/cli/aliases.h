/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ~/.coi/aliases.json, as coi 0.9 has it: {alias: {"workspace": …, "profile": …}}.
 * It tells, also when nothing runs, which workspace an alias means. All of it is
 * read and written as the person.
 */
#ifndef COI_CLI_ALIASES_H
#define COI_CLI_ALIASES_H

#include "base/err.h"
#include "base/privilege.h"

struct alias_entry {
	char *workspace; /* absolute */
	char *profile;   /* "" when none was named */
	int slot;        /* of "alias-N"; 0: none */
};
void alias_entry_done(struct alias_entry *e);
#define auto_alias __attribute__((cleanup(alias_entry_done)))

/* "web" or "web-2". 1: found, 0: not, or -errno for a file that cannot be used. */
int alias_find(const struct privilege *who, const char *word, struct alias_entry *ret,
	       struct err *err);
/*
 * Let @alias mean @workspace from now on. ERR_CONFLICT when it means another
 * one that still exists.
 */
int alias_register(const struct privilege *who, const char *alias, const char *workspace,
		   const char *profile, struct err *err);

#endif
