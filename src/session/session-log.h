/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The session log of a container: what was said about it, line by line, in
 * <paths.logs_dir>/<container>.session.log of the person for whom it was made. It
 * stays when the container goes, and the next one of that name goes on in it.
 *
 * A line is a time (RFC 3339), a space and text in which control characters are
 * escaped. Starts, ends, warnings and errors; nothing that runs inside writes it.
 * Its supervisor writes, and what a command has to say while it starts one.
 */
#ifndef COI_SESSION_SESSION_LOG_H
#define COI_SESSION_SESSION_LOG_H

#include "session/container.h"

#define SESSION_LOG_MAX (8 * 1024 * 1024) /* then it becomes "….1" */
#define SESSION_LOG_LINE_MAX 4096
#define SESSION_LOG_SUFFIX ".session.log"

/* Newly allocated; NULL for a container that has none (builds, records of old versions). */
char *session_log_path(const struct container *c);
/* Where that of a container is whose record has gone; newly allocated. */
char *session_log_path_in(const char *logs_dir, const char *container);
/* One line, as the person to whom the file belongs; no log is no error. */
int session_log_append(const struct container *c, const char *text, struct err *err);
/* The same where nothing can be done about a failure. */
void session_log_note(const struct container *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* What a command says, until it is known in whose log that belongs. */
struct session_trail;
struct session_trail *session_trail_new(void);
/* NULL is fine, for both. */
void session_trail_free(struct session_trail *t);
void session_trail_add(struct session_trail *t, const char *text);
/*
 * What the command says (session_say()) goes into @c's log too, with what it has said
 * so far; @c NULL: no longer.
 */
void session_log_attach(const struct session *s, const struct container *c);
/* Why the command fails, when it is about such a container. */
void session_log_error(const struct session *s, const struct err *err);

#endif
