/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * security.host_immutable: what is protected cannot be changed on the host
 * either while the container runs (FS_IMMUTABLE_FL, chattr(1) +i), so that
 * neither a mount that somebody detaches nor another way in gets at it.
 *
 * containers/<name>/immutable.json says what was marked, and is written before
 * it is marked; the person has a copy in ~/.coi/immutable-locks. What several
 * containers mark is cleared by the last of them. Files that were immutable
 * before stay so.
 */
#ifndef COI_SESSION_IMMUTABLE_H
#define COI_SESSION_IMMUTABLE_H

#include <stdbool.h>

#include "session/container.h"

#define IMMUTABLE_FILES_MAX 4096 /* for each container */

struct immutable_place {
	int fd;             /* a directory */
	const char *path;   /* its path without links */
	char *const *paths; /* relative to it: files, or directories with all in them */
};

struct immutable_spec {
	const struct session *session;
	const char *container;
	const struct immutable_place *places;
	size_t place_count;
	char *const *spare; /* not these, nor what is in them; relative to a place */
	bool durable;       /* the record survives a power cut */
};

/*
 * Mark them. All or nothing: on failure none is marked and @err says why;
 * whoever calls goes on without, since mounts protect them too.
 */
int immutable_set(const struct immutable_spec *spec, struct err *err);
/*
 * What has come in the place of a path that was marked: @path below the directory
 * @dir, which is open at @fd. Does nothing for one that was not.
 */
int immutable_again(const struct session *s, const char *container, const char *dir,
		    const char *path, int fd, struct err *err);
/*
 * Clear the marks of that container and forget them. Repeatable, does nothing
 * when there are none. What cannot be cleared keeps the person's copy, for
 * immutable_sweep(), and is a failure.
 */
int immutable_clear(const struct session *s, const char *container, struct err *err);
/*
 * Records in ~/.coi/immutable-locks of containers of this state directory that
 * are no more: each is told to @found, and, unless @dry_run, cleared as far as
 * the files are the person's. Returns how many.
 */
int immutable_sweep(const struct session *s, bool dry_run,
		    void (*found)(const char *container, void *data), void *data);

#endif
