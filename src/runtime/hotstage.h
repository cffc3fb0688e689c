/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a mount that comes late gets its locks. Nobody outside this folder includes
 * it.
 *
 * The kernel locks mounts when a mount namespace is copied for another user
 * namespace: their flags, and (but for the topmost) that they are there. So the
 * mount is attached in a private namespace of the host, copied into one of the
 * container's user namespace, and taken from there.
 */
#ifndef COI_RUNTIME_HOTSTAGE_H
#define COI_RUNTIME_HOTSTAGE_H

#include <stdbool.h>

#include "base/err.h"
#include "runtime/private.h"

struct hotstage {
	int helper; /* to the process that locks; -1: nothing is to be locked */
};
#define HOTSTAGE_INIT { .helper = -1 }

/*
 * In a child, with all rights, in the host's mount namespace: leave that for a
 * private one, whose working directory holds the mount @m[0], with @inner more
 * in it, each of which lies below its target.
 */
int hotstage_make(struct hotstage *s, const struct bind_mount *m, size_t inner, bool locked,
		  struct err *err);
/*
 * As the container's root by now: @m->fd becomes the detached mount with its
 * locks. The mount namespace is left for one of the container's user namespace.
 */
int hotstage_take(struct hotstage *s, struct bind_mount *m, struct err *err);

#endif
