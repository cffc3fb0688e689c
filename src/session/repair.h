/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a crash left behind, put right.
 *
 * Alive means pidfd and start time and the supervisor's lock, never liblxc's
 * word. A container that runs in another network namespace is left alone and
 * named.
 */
#ifndef COI_SESSION_REPAIR_H
#define COI_SESSION_REPAIR_H

#include "session/container.h"

/*
 * One container, by what its record says: creating and deleting are finished
 * as delete, starting and stopping (and running with a dead init) as stop; one
 * whose supervisor died while its init lives is left running, closed as it is.
 * Does nothing quickly when nothing is wrong. 1: something was repaired.
 */
int repair_container(struct session *s, const char *name, struct err *err);

/*
 * Everything of this state directory: all containers as above, links, rules,
 * cgroups, claims, lock files, build containers and store directories that no
 * record knows; with no container left, the bridge and the tables too. Never
 * touches a recorded container. Each finding is told through @found (may be
 * NULL); @dry_run only tells. Returns how many there were, or -errno.
 */
int repair_all(struct session *s, bool dry_run, void (*found)(const char *what, void *data),
	       void *data, struct err *err);

#endif
