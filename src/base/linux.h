/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of Linux that not every C library has: those of the mount API (mount_setattr(2),
 * open_tree(2), fsopen(2), …; glibc 2.36, no musl so far), statx(2) (musl 1.2.4) and
 * renameat2(2) (glibc 2.28, no musl so far). Whoever uses one of them includes this in place
 * of sys/mount.h and sys/stat.h. They are as their manual pages say: -1 and errno. And numbers
 * that are newer than many headers.
 */
#ifndef COI_BASE_LINUX_H
#define COI_BASE_LINUX_H

#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16; on every machine but parisc and sparc */
#endif

#ifndef HAVE_RENAMEAT2
#include <linux/fs.h>

static inline int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
	return (int)syscall(SYS_renameat2, from, old, to, new, flags);
}
#endif

#ifndef HAVE_STATX
#include <linux/stat.h>

static inline int statx(int dir, const char *path, int flags, unsigned mask, struct statx *st) {
	return (int)syscall(SYS_statx, dir, path, flags, mask, st);
}
#endif

#ifndef HAVE_OPEN_TREE
#include <linux/mount.h>

static inline int open_tree(int dir, const char *path, unsigned flags) {
	return (int)syscall(SYS_open_tree, dir, path, flags);
}

static inline int move_mount(int from, const char *what, int to, const char *where,
			     unsigned flags) {
	return (int)syscall(SYS_move_mount, from, what, to, where, flags);
}

static inline int fsopen(const char *type, unsigned flags) {
	return (int)syscall(SYS_fsopen, type, flags);
}

static inline int fsconfig(int fs, unsigned command, const char *key, const void *value, int aux) {
	return (int)syscall(SYS_fsconfig, fs, command, key, value, aux);
}

static inline int fsmount(int fs, unsigned flags, unsigned attributes) {
	return (int)syscall(SYS_fsmount, fs, flags, attributes);
}

static inline int mount_setattr(int dir, const char *path, unsigned flags,
				struct mount_attr *attr, size_t size) {
	return (int)syscall(SYS_mount_setattr, dir, path, flags, attr, size);
}
#endif

#endif
