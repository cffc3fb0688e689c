/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking down a container whose supervisor is gone. Private to session/. */
#ifndef COI_SESSION_TEARDOWN_H
#define COI_SESSION_TEARDOWN_H

#include "session/container.h"
#include "session/plan.h"

extern const struct plan teardown_plan;

/*
 * End what lives of it, take away links, rules, cgroups and ids, then delete it
 * or let its record say stopped: the undos of the supervisor's plan, by name
 * alone. @lock_fd is the container's lock, held by the caller and given up.
 * Repeatable: a failure ends it with the record still there, so that the next
 * command tries again.
 */
int teardown(struct session *s, struct container *c, bool delete_it, int lock_fd,
	     struct err *err);
/*
 * The last of it: its files, its record, and the layers of its snapshots. The
 * caller has its lock, and nothing of it runs.
 */
int teardown_remove(struct session *s, const struct container *c, struct err *err);

#endif
