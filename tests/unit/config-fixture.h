/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A home, a workspace and a second one in a directory of their own. */
#ifndef COI_TESTS_CONFIG_FIXTURE_H
#define COI_TESTS_CONFIG_FIXTURE_H

#include <stdbool.h>

#include "base/privilege.h"
#include "config/config.h"
#include "config/rows.h"

struct fixture {
	char *base; /* absolute, without links */
	int fd;
	char *home;   /* base/home */
	char *cwd;    /* base/ws */
	char *other;  /* base/other */
	char **env;
	const char *workspace; /* NULL: cwd */
	const char *profile;
	bool is_strict;
	struct privilege person;
	struct config *config;
	struct err err;
};

int fixture_make(void **state);
int fixture_remove(void **state);
/* Write a file below base, directories made as needed. */
void fixture_write(struct fixture *f, const char *path, const char *text);
/* The three that most tests want. */
void fixture_user(struct fixture *f, const char *text);
void fixture_project(struct fixture *f, const char *text);
void fixture_env_file(struct fixture *f, const char *text);
void fixture_setenv(struct fixture *f, const char *name, const char *value);
/* Load; a config loaded before is freed. 0 or what config_load() returned. */
int fixture_load(struct fixture *f);
int fixture_load_with(struct fixture *f, const struct config_override *overrides, size_t count);
/* Load, which must work. */
const struct settings *fixture_settings(struct fixture *f);
/* The note of that kind for that key ("" and NULL: any); NULL when there is none. */
const struct config_note *fixture_note(const struct fixture *f, enum config_note_kind kind,
				       const char *key);
/* Approve all that waits, as coi trust does; there must be something. */
void fixture_approve(struct fixture *f);
size_t fixture_count(const struct fixture *f, enum config_note_kind kind);

/*
 * A value that the row takes, as TOML; newly allocated. 0: what is empty, false
 * or lowest, 1 and 2: others, which share a member where they are lists.
 */
char *fixture_sample(const struct setting_row *row, int which);
/* The same as a flag or a variable has it; NULL where no text says it. */
char *fixture_text(const struct setting_row *row, int which);
/* "section.key = value" as a line of a file of that kind; NULL where the row is not for it. */
char *fixture_line(const struct setting_row *row, bool in_profile, const char *value);

#endif
