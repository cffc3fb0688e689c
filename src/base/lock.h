/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flock(2) on files below the run directory.
 *
 * Order, always: root, image, container (by name), ids, network. Never held
 * while waiting for a child, a person, a network or a container. Only the holder
 * removes a lock's file; who waited for it notices and starts again.
 */
#ifndef COI_BASE_LOCK_H
#define COI_BASE_LOCK_H

#include <sys/types.h>

#include "base/err.h"

enum lock_flags {
	LOCK_SHARED = 1u << 0,
	LOCK_TRY = 1u << 1, /* -EWOULDBLOCK instead of waiting */
};

/*
 * Take lock file @name below @dirfd (made 0600 when missing). Returns the
 * descriptor that holds it; close() lets go. A waiter tells for whom it waits
 * after one second, through log_info(); the holder's pid is in the file.
 */
int lock_take(int dirfd, const char *name, unsigned flags, struct err *err);

/* Who holds it at this moment, as far as that is known; 0: nobody, or not known. */
pid_t lock_holder(int dirfd, const char *name);

/* Remove the file of an exclusive lock that is held as @fd, and let go. */
void lock_remove(int dirfd, const char *name, int fd);

#endif
