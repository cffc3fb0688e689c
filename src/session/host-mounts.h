/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which files are the same ones: the host may show a directory at two places by
 * a bind mount, and a path then says less than it seems to. A key is made of the
 * file system and the path in it, so that what lies below one another has keys
 * that do.
 */
#ifndef COI_SESSION_HOST_MOUNTS_H
#define COI_SESSION_HOST_MOUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct host_mount {
	uint64_t id;
	char *root;  /* key of its top */
	char *point; /* where it is mounted */
};
struct host_mounts {
	struct host_mount *items;
	size_t count;
};
void host_mounts_done(struct host_mounts *m);
#define auto_host_mounts __attribute__((cleanup(host_mounts_done)))

/* The lines of /proc/PID/mountinfo (proc_pid_mountinfo(5)). What is none of them is left out. */
void host_mounts_parse(const char *text, struct host_mounts *ret);
/*
 * What a descriptor of that file says now. It is of the mount namespace in which
 * it was opened, wherever we are.
 */
int host_mounts_read(int mountinfo_fd, struct host_mounts *ret, struct err *err);

/* The key of what is open at @fd; NULL: it is of none of these mounts. Newly allocated. */
char *host_mounts_key(const struct host_mounts *m, int fd);
/* The same of a path and a mount that are known. */
char *host_mounts_key_of(const struct host_mount *m, const char *path);

#endif
