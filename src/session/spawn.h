/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command's side of a supervisor: starting one, asking one. Private to session/. */
#ifndef COI_SESSION_SPAWN_H
#define COI_SESSION_SPAWN_H

#include <stdbool.h>

#include "session/container.h"
#include "session/wire.h"

/* A supervisor that has been started and waits for its plan. */
struct spawn {
	int sock;
	pid_t pid; /* 0: none */
	int pidfd;
};

/*
 * Start the program, so that it loads beside what the caller still has to do.
 * Nothing is waited for but its exec.
 */
int spawn_begin(struct spawn *ret, struct err *err);
/*
 * Give it the plan and wait until it says ready. SIGINT, SIGTERM and SIGHUP
 * meanwhile end it again: -EINTR. On failure it has undone what it did and is
 * gone. Returns the socket to it; @sp is used up either way.
 */
int spawn_plan(struct session *s, struct spawn *sp, const struct wire_plan *plan,
	       struct err *err);
/* It is not needed after all. Fine when there is none. */
void spawn_cancel(struct spawn *sp);

/*
 * Ask the supervisor on the line @sock of a lease to end, and wait for its
 * word. -EPIPE when it died meanwhile; -EINTR when a signal says that waiting is
 * enough: closing the line then ends the container at once.
 */
int spawn_finish(const struct session *s, int sock, bool keep, struct err *err);

/*
 * Ask @c's supervisor through its control socket: a message of @type, whose @body
 * is taken, with the descriptor @fd (-1: none). *@ret is the answer, a new
 * reference. ERR_MISSING when there is no supervisor; what it says went wrong.
 */
int spawn_ask(struct session *s, const struct container *c, const char *type, json_t *body, int fd,
	      json_t **ret, struct err *err);

/*
 * Ask the supervisor of @c through its control socket to stop (and delete),
 * and wait until it has cleaned up and ended. -ENOTCONN when there is none.
 */
int spawn_stop(struct session *s, const struct container *c, int timeout_ms, bool delete_it,
	       struct err *err);

#endif
