/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cage of coi-archive. Afterwards the process
 *   - has the given directory as its whole file system (no /proc, no /dev),
 *   - has no network, and cannot make a socket, a process or a new program,
 *   - has of root's capabilities what writing files of any owner needs,
 *   - is killed by any system call that reading and writing files does not need.
 * What it holds open besides is the caller's care: no other directory.
 */
#ifndef COI_IMAGE_ARCHIVE_CAGE_H
#define COI_IMAGE_ARCHIVE_CAGE_H

#include <stdbool.h>

#include "base/err.h"

/*
 * A mount of its own of directory @fd, attached nowhere, as a descriptor. It
 * must be made in the mount namespace that @fd was opened in.
 */
int cage_clone(int fd, bool read_only, int *ret, struct err *err);
/* Own network, IPC and mount namespace; mounts that are made now stay in here. */
int cage_namespaces(struct err *err);
/* Make @tree of cage_clone() the root and the working directory. */
int cage_root(int tree, struct err *err);
/* As cage_clone(): an empty directory that nothing can be made in. */
int cage_nothing(int *ret, struct err *err);

enum cage_job {
	CAGE_READ,  /* reads files of any owner */
	CAGE_WRITE, /* makes files of any owner */
	CAGE_APPLY, /* and takes some away */
	CAGE_STREAM, /* reads and writes what it holds open */
};
/* Capabilities, no_new_privs, limits, system call filter. */
int cage_rights(enum cage_job job, struct err *err);

#endif
