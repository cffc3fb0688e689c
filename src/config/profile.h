/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which profiles there are. Using one is config_load()'s business.
 *
 * Places: ~/.coi/profiles, the directory "profiles" beside the file that
 * COI_CONFIG names, <cwd>/.coi/profiles (untrusted), and two built-in ones.
 */
#ifndef COI_CONFIG_PROFILE_H
#define COI_CONFIG_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

#define PROFILE_LIST_MAX 1024

struct profile_entry {
	char *name;
	char *file;       /* its config.toml; NULL: built in */
	bool is_project;  /* untrusted */
	bool is_shadowed; /* a project's one that is left out, since there is another */
};

/* Sorted by name. No file is read: a broken one is in the list. */
void profile_list(const struct config_inputs *in, struct profile_entry **ret, size_t *ret_count);
void profile_list_free(struct profile_entry *entries, size_t count);
/* TOML of a built-in profile; NULL when there is none. Static storage. */
const char *profile_builtin_text(const char *name);
/* A letter or digit, then letters, digits and . _ -, at most 64. */
bool profile_name_is_valid(const char *name);

#endif
