/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands with everything around them: which descriptors are relayed, and which handed over. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "runtime/attach.h"
#include "runtime/relay.h"

/* What is being run, and the streams that it needs. */
struct run {
	struct attach_spec spec; /* a copy, with descriptors that may be handed over */
	struct relay_stream *streams;
	size_t count;
	int given[3]; /* our ends for the command, closed once it has them */
};

static void run_done(struct run *r) {
	for (size_t i = 0; i < r->count; i++) {
		if (r->streams[i].own_from)
			mem_close_ptr(&r->streams[i].from);
		if (r->streams[i].own_to)
			mem_close_ptr(&r->streams[i].to);
	}
	for (int i = 0; i < 3; i++)
		mem_close_ptr(&r->given[i]);
	free(r->streams);
}
#define auto_run __attribute__((cleanup(run_done)))

static struct run run_init(const struct attach_spec *spec) {
	return (struct run){ .spec = *spec,
			     .streams = xcalloc(3, sizeof(struct relay_stream)),
			     .given = { -1, -1, -1 } };
}

/*
 * A command may hold what cannot lead it anywhere: pipes, sockets, plain files,
 * /dev/null. A terminal takes input from whoever holds it (TIOCSTI), a
 * directory is a way out, other devices are unknown: relayed.
 */
static bool may_hand_over(int fd) {
	struct stat st;

	if (fd < 0)
		return true;
	if (fstat(fd, &st) < 0)
		return false;
	return S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || S_ISREG(st.st_mode) ||
	       (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
}

/* A pipe between descriptor @i of the command and the caller's @fd (or @sink). */
static int stream_add(struct run *r, int i, int fd, struct buf *sink) {
	struct relay_stream *s = &r->streams[r->count];
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	if (i == 0) {
		(void)fd_set_nonblock(fds[1], true);
		*s = (struct relay_stream){ .from = fd, .to = fds[1], .own_to = true };
		r->given[i] = fds[0];
	} else {
		(void)fd_set_nonblock(fds[0], true);
		*s = (struct relay_stream){
			.from = fds[0], .to = fd, .sink = sink, .output = true, .own_from = true
		};
		r->given[i] = fds[1];
	}
	r->count++;
	return 0;
}

static int streams_plain(struct run *r) {
	int *fd[] = { &r->spec.stdin_fd, &r->spec.stdout_fd, &r->spec.stderr_fd };

	for (int i = 0; i < 3; i++) {
		int e;

		if (may_hand_over(*fd[i]))
			continue;
		e = stream_add(r, i, *fd[i], NULL);
		if (e < 0)
			return e;
		*fd[i] = r->given[i];
	}
	return 0;
}

static void streams_tty(struct run *r, int pty, int in, int out) {
	if (in >= 0)
		r->streams[r->count++] =
			(struct relay_stream){ .from = in, .to = pty, .to_tty = true };
	r->streams[r->count++] = (struct relay_stream){ .from = pty, .to = out, .output = true };
}

/* Start, relay, reap. @term: the caller's terminal, -1 without. */
static int run_through(struct run *r, int term, int timeout_ms, struct err *err) {
	const int in = r->spec.stdin_fd, out = r->spec.stdout_fd;
	struct relay_signals signals = { .fd = -1 };
	struct relay relay;
	struct attach_proc p;
	struct err ignored, why = { 0 };
	int e = relay_begin(r->spec.tty ? term : -1, &signals), status;

	if (e < 0)
		return err_sys(err, e, "cannot catch signals");
	e = attach_start(&r->spec, &p, err);
	if (e < 0) {
		relay_end(&signals);
		return e;
	}
	for (int i = 0; i < 3; i++)
		mem_close_ptr(&r->given[i]);
	r->given[0] = r->given[1] = r->given[2] = -1;
	if (r->spec.tty) {
		(void)fd_set_nonblock(p.pty_fd, true);
		streams_tty(r, p.pty_fd, in, out);
	}
	relay = (struct relay){ .pid = p.pid,
				.pidfd = p.pidfd,
				.exec_fd = p.exec_fd,
				.pty_fd = p.pty_fd,
				.term_fd = term,
				.timeout_ms = timeout_ms,
				.grace_ms = r->spec.grace_ms,
				.on_quiet = r->spec.on_quiet,
				.quiet_data = r->spec.quiet_data,
				.ends_by_int = r->spec.ret_asked != NULL,
				.streams = r->streams,
				.count = r->count };
	e = relay_run(&relay, &signals);
	if (r->spec.ret_asked)
		*r->spec.ret_asked = relay.was_asked;
	/* Who hung up does not wait for a command that did not. */
	if (e == -EIO && pidfd_wait_gone(p.pidfd, 0) < 0) {
		mem_close_ptr(&p.pty_fd);
		(void)close(p.pidfd);
		(void)close(p.exec_fd);
		relay_end(&signals);
		return err_set(err, ERR_SYSTEM, -EIO, "the terminal went away");
	}
	status = attach_wait(&p, e < 0 ? &ignored : &why);
	if (e >= 0 && why.code) {
		(void)err_wrap(&why, "'%s'", r->spec.argv[0]);
		if (err)
			*err = why;
	}
	relay_end(&signals);
	if (e == -ETIMEDOUT)
		return err_set(err, ERR_SYSTEM, e, "the command took longer than %d ms and was "
						   "killed",
			       timeout_ms);
	if (e == -ETIME)
		return err_set(err, ERR_SYSTEM, e,
			       "the command did not start: something in the container hangs");
	if (e == -EINTR)
		return err_set(err, ERR_SYSTEM, e,
			       "what was attached to did not react and was left");
	if (e < 0 && e != -EIO)
		return err_sys(err, e, "cannot relay");
	/* It may not know, and end as if all were well, or by the pipe's signal. */
	if (relay.write_error && (status == 0 || status == 128 + SIGPIPE))
		return err_sys(err, relay.write_error, "cannot write the output of the command");
	return status;
}

int attach_run(const struct attach_spec *spec, struct err *err) {
	auto_run struct run r = run_init(spec);
	int term = -1;

	if (isatty(spec->stdin_fd))
		term = spec->stdin_fd;
	else if (spec->tty && isatty(spec->stdout_fd))
		term = spec->stdout_fd;
	if (!spec->tty) {
		int e = streams_plain(&r);

		if (e < 0)
			return err_sys(err, e, "cannot make a pipe");
	}
	return run_through(&r, term, -1, err);
}

int attach_capture(const struct attach_spec *spec, int timeout_ms, struct buf *ret_out,
		   struct buf *ret_err, struct err *err) {
	auto_run struct run r = run_init(spec);
	int e = 0;

	r.spec.tty = false;
	if (!may_hand_over(spec->stdin_fd)) {
		e = stream_add(&r, 0, spec->stdin_fd, NULL);
		r.spec.stdin_fd = r.given[0];
	}
	if (e == 0) {
		e = stream_add(&r, 1, -1, ret_out);
		r.spec.stdout_fd = r.given[1];
	}
	if (e == 0 && (ret_err || !may_hand_over(spec->stderr_fd))) {
		e = stream_add(&r, 2, ret_err ? -1 : spec->stderr_fd, ret_err);
		r.spec.stderr_fd = r.given[2];
	}
	if (e < 0)
		return err_sys(err, e, "cannot make a pipe");
	return run_through(&r, -1, timeout_ms, err);
}
