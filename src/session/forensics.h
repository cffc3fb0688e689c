/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is kept of a container that monitoring has killed: the container itself, stopped,
 * also one that would have gone, and its files as a snapshot of that moment
 * ("forensics-YYYYMMDD-HHMMSS"), which no later start changes. FORENSICS_MAX of them, the
 * newest: snapshots of one container, and containers of one workspace that are there for
 * nothing else.
 */
#ifndef COI_SESSION_FORENSICS_H
#define COI_SESSION_FORENSICS_H

#include "session/container.h"

#define FORENSICS_MAX 3
#define FORENSICS_PREFIX "forensics-"

/* Key of the container's record: since when it is kept for this alone. */
#define FORENSICS_SECTION "forensics"
#define FORENSICS_KEPT "kept"

/*
 * It is killed: from now on it is not deleted when it ends, whatever becomes of its
 * supervisor. Does not wait for who has its lock; who has it itself says so then.
 */
int forensics_keep(const struct session *s, const char *name, struct err *err);
int forensics_keep_locked(const struct session *s, const char *name, struct err *err);
/*
 * The snapshot of @c, which is stopped; the caller has its lock. @why is its description.
 * *@ret_name is newly allocated. It costs no room: what was written is only kept.
 */
int forensics_take(struct session *s, struct container *c, const char *why, char **ret_name,
		   struct err *err);
/*
 * Older ones go, as far as there are too many; nobody has a lock. What cannot go is said.
 * @made: the snapshot of just now, which stays whatever the clock says; NULL: there is none.
 */
void forensics_prune(struct session *s, const char *name, const char *made);

#endif
