/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the container logs of logins: messages of its programs, which come by a socket
 * of the supervisor's, where there is one (supervisor-syslog.c), and its auth.log, where a
 * syslog daemon of its own writes one.
 *
 * Owns the place up to which the file has been read. The file is the container's, and
 * this process cannot open it: the supervisor is asked, when something has run. It
 * may be another one then, be shorter, or have been written anew: that is found out here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "monitor/source/all.h"
#include "monitor/source/auth-lines.h"

#define LOG_NAME "/var/log/auth.log"
#define CHUNK 16384
#define AT_ONCE (256 * 1024)       /* bytes of the file that are read at one look */
#define REST_MS 100
#define BEHIND_MAX (1024 * 1024)   /* what is more than that behind is passed over */
#define TAIL 64                    /* bytes by which it is seen that it was written anew */
#define MESSAGE_MAX 8192
#define MESSAGES_AT_ONCE 64
#define MESSAGES_EACH_SECOND 2000
#define TOLD_AGAIN_MS 30000

struct auth {
	struct watch_source base;
	struct watch_target target;
	const struct watch_sink *sink;
	struct loop *loop;

	int fd; /* the file as it was at the last look; -1: none */
	struct watch_log last;
	uint64_t at; /* read up to here */
	char tail[TAIL];
	size_t tail_len;
	struct auth_lines lines;
	bool was_looked, is_asked;
	struct loop_source *rest; /* there is more of it than was read at once */
	int told_error; /* of the last look that failed; 0: none */

	struct loop_source *socket, *second;
	unsigned messages; /* in this second */
	uint64_t second_ms, busy_told_ms;
};

static void tell_text(struct auth *a, const char *file, const char *text) {
	const struct watch_event e = { .kind = WATCH_LINE,
		                       .uid = -1,
		                       .line = { .file = file, .text = text } };

	a->sink->event(&e, a->sink->data);
}

static void tell_line(const char *text, void *data) {
	tell_text(data, LOG_NAME, text);
}

static void tell_state(struct auth *a, enum watch_state state, uint64_t count, const char *detail) {
	const struct watch_event e = { .kind = WATCH_STATE,
		                       .status = { .state = state,
		                                   .source = a->base.ops->source,
		                                   .backend = a->base.ops->backend,
		                                   .count = count,
		                                   .detail = detail } };

	a->sink->event(&e, a->sink->data);
}

/* --- the file */

static void remember_tail(struct auth *a) {
	size_t want = a->at < TAIL ? (size_t)a->at : TAIL;
	ssize_t n = pread(a->fd, a->tail, want, (off_t)(a->at - want));

	a->tail_len = n > 0 ? (size_t)n : 0;
}

/* Are the last bytes that were read still there? */
static bool is_written_anew(const struct auth *a, int fd) {
	char now[TAIL];

	return a->tail_len &&
	       (pread(fd, now, a->tail_len, (off_t)(a->at - a->tail_len)) != (ssize_t)a->tail_len ||
	        memcmp(now, a->tail, a->tail_len) != 0);
}

static void on_rest(void *data);

/* True: there may be more. */
static bool read_file(struct auth *a) {
	char chunk[CHUNK];
	ssize_t n = 0;

	if (a->fd < 0)
		return false;
	for (size_t done = 0; done < AT_ONCE && !a->sink->is_full(a->sink->data);
	     done += (size_t)n) {
		n = pread(a->fd, chunk, sizeof(chunk), (off_t)a->at);
		if (n <= 0)
			break;
		a->at += (uint64_t)n;
		auth_lines_feed(&a->lines, chunk, (size_t)n, tell_line, a);
	}
	remember_tail(a);
	/* Nothing else may run in the container any more: nobody would ask again. */
	if (n > 0 && !a->rest)
		a->rest = loop_add_timer(a->loop, REST_MS, 0, on_rest, a);
	return n > 0;
}

static void on_rest(void *data) {
	struct auth *a = data;

	a->rest = NULL;
	(void)read_file(a);
}

/* What was written there before it was put aside. */
static void leave_file(struct auth *a) {
	if (read_file(a))
		tell_state(a, WATCH_LOST, 0,
		           "the end of a " LOG_NAME " that was put aside: it was too much at once");
	mem_close_ptr(&a->fd);
	a->fd = -1;
}

static void begin_at(struct auth *a, uint64_t at) {
	a->at = at;
	a->tail_len = 0;
	a->lines.len = 0;
}

static void skip_too_much(struct auth *a, uint64_t size) {
	uint64_t behind = size > a->at ? size - a->at : 0;

	if (behind <= BEHIND_MAX)
		return;
	begin_at(a, size);
	remember_tail(a);
	tell_state(a, WATCH_LOST, behind,
	           "bytes of " LOG_NAME ": it grows faster than it is read");
}

static void no_file(struct auth *a, int error) {
	char *detail = NULL;

	/* There is none: so what is logged comes by the socket, or nobody writes it down. */
	if (error != ENOENT && error != ENOTDIR && error != a->told_error) {
		detail = xasprintf(LOG_NAME " is not read: %s",
		                   error == ENXIO   ? "it is no regular file"
		                   : error == EXDEV ? "it is on another file system"
		                   : error == ELOOP ? "a symbolic link is in its place or on the way"
		                                    : strerror(error));
		tell_state(a, WATCH_UNAVAILABLE, 0, detail);
		free(detail);
	}
	a->told_error = error;
}

static bool is_same(const struct watch_log *x, const struct watch_log *y) {
	return x->device == y->device && x->inode == y->inode && x->born_ns == y->born_ns;
}

static void take_file(struct auth *a, struct watch_log *log) {
	bool is_known = a->fd >= 0 && is_same(&a->last, log);

	if (!is_known)
		leave_file(a);
	mem_close_ptr(&a->fd);
	a->fd = steal_fd(&log->fd);
	a->last = *log;
	if (!a->was_looked) {
		begin_at(a, log->size); /* of an earlier run */
		remember_tail(a);
	} else if (!is_known) {
		begin_at(a, 0);
	} else if (log->size < a->at || is_written_anew(a, a->fd)) {
		begin_at(a, 0);
		tell_state(a, WATCH_LOST, 0,
		           LOG_NAME " was cut or written anew: what was added before is not known");
	}
	(void)read_file(a);
	skip_too_much(a, log->size);
}

static void auth_log(struct watch_source *s, struct watch_log *log) {
	struct auth *a = (struct auth *)s;

	a->is_asked = false;
	if (log->fd >= 0) {
		a->told_error = 0;
		take_file(a, log);
	} else {
		leave_file(a);
		no_file(a, -log->fd);
	}
	a->was_looked = true;
}

/* Where nothing has run nothing was logged. */
static void auth_ran(struct watch_source *s) {
	struct auth *a = (struct auth *)s;

	if (a->is_asked)
		return;
	a->is_asked = true;
	a->sink->look(a->sink->data);
}

static void on_time(void *data) {
	auth_ran(data);
}

static bool is_counted(const struct watch_target *t) {
	for (size_t i = 0; i < WATCH_COUNTER_COUNT; i++)
		if (t->counter_fds[i] >= 0)
			return true;
	return false;
}

/* --- the socket */

static void hear(struct auth *a) {
	bool has_room = a->messages < MESSAGES_EACH_SECOND && !a->sink->is_full(a->sink->data);

	loop_set_events(a->socket, has_room ? EPOLLIN : 0);
}

static void on_second(void *data) {
	struct auth *a = data;

	a->second = NULL;
	a->messages = 0;
	hear(a);
}

/* More than that waits: for us, or journald keeps it to itself. */
static void too_many(struct auth *a) {
	uint64_t now = clock_mono_ms();

	if (!a->second)
		a->second = loop_add_timer(a->loop, 1000, 0, on_second, a);
	if (a->busy_told_ms && now - a->busy_told_ms < TOLD_AGAIN_MS)
		return;
	a->busy_told_ms = now;
	tell_state(a, WATCH_LOST, 0,
	           "more is logged than is looked at: programs wait, and journald leaves it out");
}

/* True: there may be more, and it may be read in this second. */
static bool read_messages(struct auth *a) {
	char message[MESSAGE_MAX + 1];
	uint64_t now = clock_mono_ms();
	ssize_t n = 0;

	if (now - a->second_ms >= 1000) {
		a->second_ms = now;
		a->messages = 0;
	}
	for (int i = 0; i < MESSAGES_AT_ONCE && a->messages < MESSAGES_EACH_SECOND &&
	                !a->sink->is_full(a->sink->data);
	     i++) {
		const char *text;

		n = recvfrom(a->target.syslog_fd, message, MESSAGE_MAX, MSG_DONTWAIT, NULL, NULL);
		if (n < 0)
			break;
		text = n > 0 ? auth_message(message, (size_t)n) : NULL;
		a->messages++;
		if (text)
			tell_text(a, "syslog", text);
	}
	return n >= 0 && a->messages < MESSAGES_EACH_SECOND;
}

static bool take_messages(struct auth *a) {
	bool is_more = read_messages(a);

	if (a->messages >= MESSAGES_EACH_SECOND)
		too_many(a);
	hear(a);
	return is_more;
}

static void on_socket(int fd, uint32_t events, void *data) {
	(void)fd;
	(void)events;
	(void)take_messages(data);
}

/* --- the source */

static int file_open(const struct watch_target *t, struct watch_source **ret, struct err *err) {
	struct auth *a = xcalloc(1, sizeof(*a));

	(void)err;
	a->target = *t;
	a->fd = -1;
	*ret = &a->base;
	return 0;
}

static int auth_open(const struct watch_target *t, struct watch_source **ret, struct err *err) {
	if (t->syslog_fd < 0)
		return err_set(err, ERR_SYSTEM, -ENOENT,
		               "there is no socket that its programs could log to (Linux 6.16)");
	return file_open(t, ret, err);
}

static int auth_start(struct watch_source *s, struct loop *l, const struct watch_sink *sink) {
	struct auth *a = (struct auth *)s;

	a->sink = sink;
	a->loop = l;
	if (a->target.syslog_fd >= 0) {
		a->socket = loop_add_fd(l, a->target.syslog_fd, EPOLLIN, on_socket, a);
		if (!a->socket)
			return -errno;
	}
	auth_ran(s);
	/* Where nobody tells that something has run. */
	return is_counted(&a->target) ||
	                       loop_add_timer(l, a->target.poll_ms, a->target.poll_ms, on_time, a)
	               ? 0
	               : -errno;
}

static bool auth_go_on(struct watch_source *s) {
	struct auth *a = (struct auth *)s;
	bool is_more = read_file(a);

	return (a->socket && take_messages(a)) || is_more;
}

/* What was lost is told with what it was. */
static uint64_t auth_lost(struct watch_source *s) {
	(void)s;
	return 0;
}

static void auth_free(struct watch_source *s) {
	struct auth *a = (struct auth *)s;

	mem_close_ptr(&a->fd);
	free(a);
}

const struct watch_source_ops watch_auth = {
	.source = "auth",
	.backend = "log",
	.limits = "what no program logs, and what root of the container keeps out of its log; the "
		  "rest of lines over 2048 bytes",
	.open = auth_open,
	.start = auth_start,
	.go_on = auth_go_on,
	.ran = auth_ran,
	.log = auth_log,
	.lost = auth_lost,
	.free = auth_free,
};

const struct watch_source_ops watch_auth_file = {
	.source = "auth",
	.backend = "file",
	.limits = "what its programs log, unless it comes to " LOG_NAME ", and what root of the "
		  "container keeps out of that; the rest of lines over 2048 bytes",
	.open = file_open,
	.start = auth_start,
	.go_on = auth_go_on,
	.ran = auth_ran,
	.log = auth_log,
	.lost = auth_lost,
	.free = auth_free,
};
