/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The disk of a container: a sparse file with an ext4 file system, which holds
 * its writable files and so bounds them (limits.disk.size).
 *
 * The file system comes from mkfs.ext4 and is written by the kernel alone after
 * that: the container sees an overlay above it, never the file or the loop
 * device. The device goes with the last mount (LO_FLAGS_AUTOCLEAR), so nothing
 * is left when a process dies, and as long as it is there it holds an flock(2)
 * on the file: a second device, and with it a second file system on the same
 * blocks, cannot come about. Whoever mounts a disk that is mounted already
 * shares its file system.
 */
#ifndef COI_RUNTIME_DISK_H
#define COI_RUNTIME_DISK_H

#include <stdint.h>

#include "base/err.h"
#include "runtime/control.h"

/* Where it is mounted, in private mount namespaces; on the host an empty directory. */
#define DISK_MOUNT RUNTIME_LXCPATH "/disk"

#define DISK_BLOCK 4096
#define DISK_SIZE_MIN (UINT64_C(32) << 20) /* a smaller one is mostly journal */
#define DISK_SIZE_MAX (UINT64_C(1) << 44)  /* ext4 with blocks of 4 KiB */

/*
 * Make @name below @dir, with an empty file system of @size bytes (rounded down
 * to blocks). Durable. -EEXIST. Needs mkfs.ext4 (ERR_MISSING with the name of
 * its package).
 */
int disk_make(int dir, const char *name, uint64_t size, struct err *err);
/* Its size in bytes, or -errno: -ENOENT when there is none. */
int64_t disk_size(int dir, const char *name);
/* How many bytes of the file system below does it take by now? Or -errno. */
int64_t disk_used(int dir, const char *name);
/*
 * Make it larger, durably, and the file system in it too: while it is mounted by
 * the kernel (which wants CAP_SYS_RESOURCE), else by resize2fs. 1: only the file
 * is larger so far, since the disk is in use and that right is missing; the same
 * call does the rest when it is not. Repeatable: what was cut off is completed.
 */
int disk_grow(int dir, const char *name, uint64_t size, struct err *err);

/* A detached mount of it: an O_PATH descriptor. Needs CAP_SYS_ADMIN. */
int disk_mount(int dir, const char *name, struct err *err);
/* The same, attached at DISK_MOUNT. The caller is in a private mount namespace. */
int disk_attach(int dir, const char *name, struct err *err);
/*
 * Room that the container cannot take, on the disk whose top @fd is: given back
 * before something of ours has to be written there (a full disk could otherwise
 * not even be mounted by its container again, to delete something), and kept
 * again, as much as there is by then.
 */
void disk_room_use(int fd);
void disk_room_keep(int fd);

struct disk_bound {
	uint64_t inside; /* bytes that are free in it, by its size */
	uint64_t below;  /* bytes that there is room for in the file system that it is on */
};
/*
 * Let no more be written to the disk that is mounted as @m than there is room
 * for below. What others write there changes that: to be repeated. 0 or -errno.
 */
int disk_bound(int m, int dir, const char *name, struct disk_bound *ret);

/* Take it away from DISK_MOUNT, now or when its last user is gone. */
void disk_detach(void);

#endif
