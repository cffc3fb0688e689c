/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands in running containers. */
#ifndef COI_SESSION_EXEC_H
#define COI_SESSION_EXEC_H

#include "base/buf.h"
#include "session/container.h"

struct exec_request {
	char *const *argv;
	bool as_code;       /* as the container's user, with its groups; else uid and gid */
	uid_t uid;
	gid_t gid;          /* (gid_t)-1: the user's */
	const char *cwd;    /* NULL: the workspace's path inside, else /workspace, else "/" */
	char *const *env;   /* "NAME=value", over what every session has */
	bool tty;
	int input_fd;       /* instead of the caller's standard input; 0: not */
	int timeout_ms;     /* exec_capture(): then it is killed and -ETIMEDOUT returned; 0: never */
	int grace_ms;       /* after a SIGINT or SIGTERM to us, then it is killed; 0: none */
	bool *ret_asked;    /* exec_run(): whether a SIGINT or SIGTERM came; NULL: not wanted */
	bool session_env;   /* what a session has; see environment.h */
};

/*
 * Run with the caller's standard streams; returns the exit status as
 * attach_run(), or -errno. ERR_MISSING: no such container; ERR_CONFLICT: it
 * does not run, or is frozen for longer than a moment (standstill_wait()).
 */
int exec_run(struct session *s, const struct container *c, const struct exec_request *request,
	     struct err *err);
/* As above without a terminal and stdin; the output goes to the buffers. @err_out may be NULL. */
int exec_capture(struct session *s, const struct container *c, const struct exec_request *request,
		 struct buf *out, struct buf *err_out, struct err *err);

/* As above; each line of both outputs goes to @line as it comes, without its newline. */
int exec_lines(struct session *s, const struct container *c, const struct exec_request *request,
	       void (*line)(const char *text, void *data), void *data, struct err *err);

#endif
