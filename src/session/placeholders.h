/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A mount needs something to sit on. What is to be protected and is not there
 * gets an empty directory or a file that says nothing, which is taken away at
 * the end if it is as it was made.
 *
 * containers/<name>/placeholders.ini tells what was made, and is written before
 * it is made. Containers that use the same one all have it in their record; who
 * is the last takes it away.
 */
#ifndef COI_SESSION_PLACEHOLDERS_H
#define COI_SESSION_PLACEHOLDERS_H

#include "session/container.h"
#include "session/protect.h"

struct placeholder_want {
	int base_fd;           /* O_PATH directory, borrowed */
	const char *base_path; /* its path without links */
	const char *path;      /* relative to it */
	enum protect_kind kind;
};

/*
 * Make those of @wants that are missing, with what is missing above them, as
 * the owner of the base. What cannot be looked at (a link in the way) is left
 * to whoever opens it. On failure some may have been made: release them.
 */
int placeholders_make(const struct session *s, const char *container,
		      const struct placeholder_want *wants, size_t count, struct err *err);
/*
 * Take away those of the container that are empty and that no other container
 * uses, and forget them. Repeatable, does nothing when there are none. What
 * cannot be removed stays; only a record that cannot be read is a failure.
 * @mnt_fd: the mount namespace to do it in, when the caller's own one has
 * mounts on them; -1: the caller's.
 */
int placeholders_release(const struct session *s, const char *container, int mnt_fd,
			 struct err *err);

#endif
