/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes, signals and the size of a terminal between the caller and a command,
 * until it has ended. What a stream reads from and writes to is the caller's,
 * and left as it was found: no flags of shared descriptions are changed.
 */
#ifndef COI_RUNTIME_RELAY_H
#define COI_RUNTIME_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

#define RELAY_BUFFER 16384

struct relay_stream {
	int from;         /* -1: ended */
	int to;           /* -1: none */
	struct buf *sink; /* instead of @to */
	bool output;      /* of the command: what is left is read after its end */
	bool own_from;    /* closed when it ends */
	bool own_to;      /* closed at the end of @from: half a close for the reader */
	bool to_tty;      /* a pseudo terminal: the end of @from is written as ^D */
	size_t len, off;
	char data[RELAY_BUFFER];
};

struct relay {
	pid_t pid; /* of the command, leader of its session */
	int pidfd;
	int exec_fd;  /* readable once the command was executed, or failed to be; -1: it was */
	int pty_fd;   /* -1 */
	int term_fd;  /* the caller's terminal, raw meanwhile; -1 */
	int timeout_ms;
	int grace_ms; /* 0: none; after a SIGINT or SIGTERM, then the command is killed */
	struct relay_stream *streams;
	size_t count;
	void (*on_quiet)(void *data); /* in each second in which nothing comes and goes; NULL */
	void *quiet_data;
	bool ends_by_int; /* SIGINT is passed on as SIGTERM */
	bool was_asked;  /* result: a SIGINT or SIGTERM came */
	int write_error; /* result: -errno when output of the command was lost, 0: none */
};

/* The signals that a relay takes, blocked. */
struct relay_signals {
	int fd;
	int term_fd;
	struct relay_saved *saved;
};

/*
 * Block and catch SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGWINCH, ignore
 * SIGPIPE, and make @term_fd (-1: none) raw. Before the command starts, so
 * that none is lost. 0 or -errno.
 */
int relay_begin(int term_fd, struct relay_signals *ret);
/* All as it was before. */
void relay_end(struct relay_signals *s);

/*
 * Until the command has ended, which the caller reaps: 0. -EIO: the terminal
 * went away and the command with it or not. -ETIMEDOUT: it was killed. -ETIME:
 * likewise, since it was not even executed for long (a file system of the
 * container's hangs). -EINTR: likewise, since ^C did not reach it: container root
 * may stop any process in there, and must not hold the terminal by that. -EINVAL:
 * @pid or @pidfd is none.
 */
int relay_run(struct relay *r, const struct relay_signals *s);
/* Copy the size of terminal @from to @to. */
void relay_copy_size(int from, int to);

#endif
