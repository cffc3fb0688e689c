/* SPDX-License-Identifier: GPL-2.0-or-later */
/* passwd(5) and group(5) of a container: hostile text, read as plain text. */
#ifndef COI_RUNTIME_PASSWD_H
#define COI_RUNTIME_PASSWD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The first entry of @uid; false when there is none. */
struct passwd_entry {
	char name[64];
	gid_t gid;
	char home[256];
	char shell[256];
};
bool passwd_find(const char *text, uid_t uid, struct passwd_entry *ret);

/*
 * The groups that have @name as a member, and @gid itself first; as
 * initgroups(3) has them. At most @max, how many.
 */
size_t group_list(const char *text, const char *name, gid_t gid, gid_t *ret, size_t max);

#endif
