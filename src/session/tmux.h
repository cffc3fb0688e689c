/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tmux session inside a container: "coi-<container>", server of the container's user. */
#ifndef COI_SESSION_TMUX_H
#define COI_SESSION_TMUX_H

#include "base/buf.h"
#include "session/container.h"

/* 1: there is one, 0: none; -errno when it could not be asked (tmux is not in the image). */
int tmux_exists(struct session *s, const struct container *c, struct err *err);
/*
 * Start it detached: cwd is the workspace, the pane runs @argv and then a
 * shell (design: a tool that ends drops to bash). @env: further "NAME=value"
 * entries; values never show in an argument list of a host process.
 */
int tmux_start(struct session *s, const struct container *c, char *const *argv, char *const *env,
	       struct err *err);
/*
 * Attach the caller's terminal; returns when detached or ended: exit status or -errno.
 * @ret_asked as in exec.h.
 */
int tmux_attach(struct session *s, const struct container *c, bool *ret_asked, struct err *err);
/* Type @text and Enter, once a session that is just starting takes it; at most some seconds. */
int tmux_send(struct session *s, const struct container *c, const char *text, struct err *err);
/* What the pane shows. */
int tmux_capture(struct session *s, const struct container *c, struct buf *out, struct err *err);

/*
 * Call @changed each time the screen has changed (looked at about 40 times a second),
 * until it has stood still for half a second and is not empty, or for half a minute.
 */
int tmux_watch(struct session *s, const struct container *c,
	       void (*changed)(const char *line, void *data), void *data, struct err *err);

#endif
