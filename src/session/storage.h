/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the writable files of a container are: upper/ and work/ of its overlay.
 *
 *   <pool>/containers/<name>/upper          on the pool's own file system
 *   <pool>/containers/<name>/disk.img       with limits.disk.size: in a file system of
 *                                           its own (runtime/disk.h), with layers/ beside
 *                                           upper/ for what snapshots freeze
 *
 * The record is always $COI_ROOT/containers/<name>/container.ini; for the
 * default pool it is the same directory. What of these there is tells how it
 * is: it is written down nowhere else.
 */
#ifndef COI_SESSION_STORAGE_H
#define COI_SESSION_STORAGE_H

#include "base/mountns.h"
#include "session/container.h"

#define STORAGE_DISK "disk.img"

/* The files of one container, for a process that is not its supervisor. */
struct storage {
	const struct session *session; /* NULL: not open */
	int fd;     /* the directory that has upper/ and work/ */
	char *path; /* the same, in the calling process while it is open */
	char *pool; /* where layers go that upper/ becomes: "@NAME" for a disk */
	struct mountns ns; /* entered for a disk */
	bool has_room;     /* of a disk that may be full: taken meanwhile */
};
#define STORAGE_INIT { .fd = -1, .ns = MOUNTNS_INIT }

/*
 * Open it. A disk is mounted for the calling process alone, which is in another
 * mount namespace until storage_close(): start nothing that outlives it, and
 * open one at a time. Also of a running container, whose file system is then
 * shared. The caller has the container's lock.
 */
int storage_open(const struct session *s, const struct container *c, struct storage *ret,
		 struct err *err);
/* All descriptors that were opened below it must be closed. Fine when it is not open. */
void storage_close(struct storage *st);
#define auto_storage __attribute__((cleanup(storage_close)))

/* Directory <pool>/containers/<name>, made when missing: O_DIRECTORY descriptor or -errno. */
int storage_home(const struct session *s, const struct container *c, struct err *err);
/* Its path, newly allocated; NULL when the pool is not there. */
char *storage_home_path(const struct session *s, const struct container *c, struct err *err);
/* Bytes of its disk; 0: it has none; or -errno. */
int64_t storage_disk_size(const struct session *s, const struct container *c, struct err *err);

/* The pool of a new container: @asked, else the settings'; an image is built in the default one. */
const char *storage_pool_wanted(const struct session *s, enum container_kind kind,
				const char *asked);
/* A new one, whose record is written: what its pool has under its name is nobody's, and goes. */
int storage_begin(const struct session *s, const struct container *c, struct err *err);
/* ERR_CONFLICT when its pool is not there. */
int storage_check_pool(const struct session *s, const struct container *c, struct err *err);
/*
 * Directories in pools (but the default one) that no container has: each is told
 * to @found, and removed unless @dry_run. Pools that are not there are left alone.
 */
int storage_sweep(const struct session *s, bool dry_run,
		  void (*found)(const char *pool, const char *name, void *data), void *data,
		  struct err *err);

/*
 * Before a start: give it a disk of @size bytes. A container that has written to
 * its pool moves its files there; a disk that is smaller grows; one that is
 * larger cannot shrink (ERR_CONFLICT). 0: it needs none; one that it has becomes
 * as large as the file system below. A container that is not at rest is left as
 * it is, for the start to say so.
 */
int storage_prepare(struct session *s, const struct container *c, uint64_t size, struct err *err);
/* May its disk be that large from now on? ERR_CONFLICT says why not. Changes nothing. */
int storage_check(const struct session *s, const struct container *c, uint64_t size,
		  struct err *err);
/* Make the disk that it has that large; size 0 as above. 1: at its next start (disk_grow()). */
int storage_grow(const struct session *s, const struct container *c, uint64_t size,
		 struct err *err);

/*
 * Layers as the supervisor wants them: absolute directories, newest first; those
 * of its disk are below DISK_MOUNT, which need not be mounted yet.
 */
int storage_layer_paths(const struct session *s, const struct container *c, char ***ret,
			struct err *err);

/*
 * Remove what the container has in its pool, then its directory with the record.
 * ERR_CONFLICT when the pool is not there: then the record stays.
 */
int storage_remove(const struct session *s, const struct container *c, struct err *err);

#endif
