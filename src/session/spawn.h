/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command's side of a supervisor: starting one, asking one. Private to session/. */
#ifndef COI_SESSION_SPAWN_H
#define COI_SESSION_SPAWN_H

#include <stdbool.h>

#include "session/container.h"
#include "session/wire.h"

/*
 * Start a supervisor with @plan and wait until it says ready. SIGINT, SIGTERM
 * and SIGHUP meanwhile end it again: -EINTR. On failure it has undone what it
 * did and is gone. Returns the socket to it.
 */
int spawn_supervisor(struct session *s, const struct wire_plan *plan, struct err *err);

/*
 * Ask the supervisor on the line @sock of a lease to end, and wait for its
 * word. -EPIPE when it died meanwhile; -EINTR when a signal says that waiting is
 * enough: closing the line then ends the container at once.
 */
int spawn_finish(int sock, bool keep, struct err *err);

/*
 * Ask the supervisor of @c through its control socket to stop (and delete),
 * and wait until it has cleaned up and ended. -ENOTCONN when there is none.
 */
int spawn_stop(struct session *s, const struct container *c, int timeout_ms, bool delete_it,
	       struct err *err);

#endif
