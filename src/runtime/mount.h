/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Detached mounts: made, given ids and attributes, attached. By descriptor. */
#ifndef COI_RUNTIME_MOUNT_H
#define COI_RUNTIME_MOUNT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

enum mount_flags {
	MOUNT_READONLY = 1u << 0,
	MOUNT_NOSUID = 1u << 1,
	MOUNT_NODEV = 1u << 2,
	MOUNT_NOEXEC = 1u << 3,
};

/*
 * A detached, private clone of what @fd (O_PATH or more) is, without the
 * mounts below it. @fd must be of a mount of the caller's mount namespace.
 * Descriptor or -errno.
 */
int mount_clone(int fd);
/* Set flags, and the ids of @userns (-1: none). 0 or -errno: -EINVAL where the
 * file system has no id-mapped mounts. */
int mount_set(int mount_fd, unsigned flags, int userns);
/* Attach a detached mount on @target (O_PATH). */
int mount_attach(int mount_fd, int target_fd);
/* A detached tmpfs. @size "1%", @mode "0755". */
int mount_tmpfs(const char *size, const char *mode, uid_t uid, gid_t gid, unsigned flags);
/* Does the file system of @fd have id-mapped mounts? 1, 0 or -errno. */
int mount_can_idmap(int fd);

/*
 * The calling thread's file system ids until mount_ids_end(), with all its
 * capabilities kept (the kernel takes the ones about files away from an fsuid
 * that is not 0).
 */
void mount_ids_begin(uid_t uid, gid_t gid);
void mount_ids_end(void);

#endif
