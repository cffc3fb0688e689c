/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Saved sessions of a person, as coi 0.9 leaves them: ~/.coi/sessions-<tool>/<id>/. */
#ifndef COI_CLI_SAVED_H
#define COI_CLI_SAVED_H

#include <stddef.h>

#include "base/err.h"
#include "base/privilege.h"

struct saved_session {
	char *id;
	char *saved_at;  /* as metadata.json has it, "" when unknown */
	char *workspace; /* likewise */
};

struct saved_list {
	struct saved_session *items; /* newest first */
	size_t count;
};
void saved_list_done(struct saved_list *list);
#define auto_saved_list __attribute__((cleanup(saved_list_done)))

/* Reads as the person; no directory is an empty list. */
int saved_list_load(const struct privilege *who, const char *tool, struct saved_list *ret,
		    struct err *err);
/* Remove one with all that is in it, as the person. */
int saved_remove(const struct privilege *who, const char *tool, const char *id, struct err *err);

#endif
