/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/proc.h"

/* A pipe that poll(2) calls writable takes at least this much without blocking. */
#define WRITE_CHUNK 4096
#define SECOND_SIGNAL_MS 2000
#define HANGUP_MS 1000
#define CTRL_C 3
#define EXEC_MS 30000
/* So many ^C within so long without a byte of answer: it is deaf. */
#define DEAF_COUNT 5
#define DEAF_MS 3000
#define STREAMS_MAX 3
#define QUIET_MS 1000

struct relay_saved {
	sigset_t mask;
	struct sigaction pipe;
	struct termios term;
	bool is_raw;
};

int relay_begin(int term_fd, struct relay_signals *ret) {
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };
	struct relay_signals s = { .fd = -1, .term_fd = term_fd };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)sigaddset(&set, signals[i]);
	s.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s.fd < 0)
		return -errno;
	s.saved = xcalloc(1, sizeof(*s.saved));
	(void)sigprocmask(SIG_BLOCK, &set, &s.saved->mask);
	(void)sigaction(SIGPIPE, &ignore, &s.saved->pipe);
	if (term_fd >= 0 && tcgetattr(term_fd, &s.saved->term) == 0) {
		struct termios raw = s.saved->term;

		cfmakeraw(&raw);
		s.saved->is_raw = tcsetattr(term_fd, TCSADRAIN, &raw) == 0;
	}
	*ret = s;
	return 0;
}

void relay_end(struct relay_signals *s) {
	if (!s->saved)
		return;
	/* A background process would be stopped for touching the terminal: it is not ours then. */
	if (s->saved->is_raw) {
		struct sigaction ignore = { .sa_handler = SIG_IGN }, before;

		(void)sigaction(SIGTTOU, &ignore, &before);
		(void)tcsetattr(s->term_fd, TCSADRAIN, &s->saved->term);
		(void)sigaction(SIGTTOU, &before, NULL);
	}
	mem_close_ptr(&s->fd);
	s->fd = -1;
	(void)sigaction(SIGPIPE, &s->saved->pipe, NULL);
	(void)sigprocmask(SIG_SETMASK, &s->saved->mask, NULL);
	free(steal_ptr(s->saved));
}

void relay_copy_size(int from, int to) {
	struct winsize w;

	if (ioctl(from, TIOCGWINSZ, &w) == 0)
		(void)ioctl(to, TIOCSWINSZ, &w);
}

static void stream_end(struct relay_stream *s) {
	if (s->own_from && s->from >= 0)
		(void)close(s->from);
	s->from = -1;
}

/* Nobody reads any more: the writer is to learn it in the usual way. */
static void stream_break(struct relay_stream *s) {
	s->len = s->off = 0;
	stream_end(s);
	if (s->own_to && s->to >= 0)
		(void)close(s->to);
	s->to = -1;
}

static void stream_finish(struct relay_stream *s) {
	static const char eot = 4;

	if (s->to < 0)
		return;
	if (s->to_tty && write(s->to, &eot, 1) < 0)
		s->to_tty = false;
	if (s->own_to)
		(void)close(s->to);
	s->to = -1;
}

static void stream_read(struct relay_stream *s) {
	ssize_t n = read(s->from, s->data, sizeof(s->data));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		stream_end(s);
		if (s->len == s->off)
			stream_finish(s);
		return;
	}
	if (s->sink) {
		buf_add(s->sink, s->data, (size_t)n);
		return;
	}
	s->off = 0;
	s->len = (size_t)n;
	if (s->to < 0)
		s->len = 0;
}

/* @ret_error is set when it fails by more than nobody reading any more. */
static void stream_write(struct relay_stream *s, int *ret_error) {
	size_t want = s->len - s->off < WRITE_CHUNK ? s->len - s->off : WRITE_CHUNK;
	ssize_t n = write(s->to, s->data + s->off, want);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		if (s->output && errno != EPIPE && errno != EIO)
			*ret_error = -errno;
		stream_break(s);
		return;
	}
	s->off += (size_t)n;
	if (s->off == s->len) {
		s->off = s->len = 0;
		if (s->from < 0)
			stream_finish(s);
	}
}

static bool has_input(int fd) {
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) > 0;
}

/*
 * The command has ended. What it wrote is passed on; what others that hold the
 * same pipe or terminal go on writing is not waited for.
 */
static void drain(struct relay *r) {
	for (size_t i = 0; i < r->count; i++) {
		struct relay_stream *s = &r->streams[i];

		while (s->output) {
			if (s->off < s->len) {
				stream_write(s, &r->write_error);
				continue;
			}
			if (s->from < 0 || !has_input(s->from))
				break;
			stream_read(s);
		}
	}
}

struct relay_state {
	uint64_t last_signal; /* when the last SIGINT or SIGTERM came */
	uint64_t hangup_end;  /* 0: the terminal is there */
	uint64_t deadline;    /* 0: none */
	uint64_t grace_end;   /* 0: nobody has asked for the end */
	uint64_t exec_end;    /* 0: it was executed */
	uint64_t quiet_end;   /* 0: nobody wants to know */
	uint64_t deaf_since;  /* the first ^C that was not answered */
	unsigned deaf_count;
	int killed_for;       /* why we killed it: -ETIMEDOUT, -ETIME, -EINTR; 0: we did not */
};

static void kill_all(const struct relay *r) {
	(void)kill(-r->pid, SIGKILL);
	(void)kill(r->pid, SIGKILL);
}

static void kill_for(const struct relay *r, struct relay_state *st, int why) {
	if (!st->killed_for)
		st->killed_for = why;
	kill_all(r);
}

static bool is_stopped(const struct relay *r) {
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)r->pid, &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == r->pid;
}

/* ^C on the terminal, which is a byte for the command: does it go anywhere? */
static void heed_interrupts(const struct relay *r, const struct relay_stream *s,
			    struct relay_state *st) {
	unsigned count = 0;
	uint64_t now = clock_mono_ms();

	for (size_t i = s->off; i < s->len; i++)
		count += s->data[i] == CTRL_C;
	if (!count)
		return;
	if (st->exec_end || is_stopped(r)) {
		kill_for(r, st, -EINTR);
		return;
	}
	if (!st->deaf_count || now - st->deaf_since > DEAF_MS) {
		st->deaf_since = now;
		st->deaf_count = 0;
	}
	st->deaf_count += count;
	if (st->deaf_count >= DEAF_COUNT)
		kill_for(r, st, -EINTR);
}

static void hangup(struct relay *r, struct relay_state *st) {
	if (st->hangup_end)
		return;
	st->hangup_end = clock_mono_ms() + HANGUP_MS;
	for (size_t i = 0; i < r->count; i++)
		stream_break(&r->streams[i]);
	(void)kill(-r->pid, SIGHUP);
	(void)kill(-r->pid, SIGCONT);
}

/* The command leads its session and process group: what a terminal signals is the group. */
static void signals_pass(struct relay *r, const struct relay_signals *s, struct relay_state *st) {
	struct signalfd_siginfo si;

	while (read(s->fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		int sig = (int)si.ssi_signo;
		uint64_t now = clock_mono_ms();

		if (sig == SIGWINCH) {
			if (r->term_fd >= 0 && r->pty_fd >= 0)
				relay_copy_size(r->term_fd, r->pty_fd);
			continue;
		}
		if (sig == SIGHUP && r->term_fd >= 0) {
			hangup(r, st);
			continue;
		}
		/* Before it is executed it need not even lead a group yet. */
		if (st->exec_end && sig != SIGHUP) {
			kill_for(r, st, -EINTR);
			continue;
		}
		if (sig == SIGINT || sig == SIGTERM) {
			r->was_asked = true;
			if (r->ends_by_int)
				sig = SIGTERM; /* a terminal program has no use for the other */
			if ((st->last_signal && now - st->last_signal < SECOND_SIGNAL_MS) ||
			    is_stopped(r))
				sig = SIGKILL;
			st->last_signal = now;
			if (r->grace_ms > 0 && !st->grace_end)
				st->grace_end = now + (uint64_t)r->grace_ms;
		}
		(void)kill(-r->pid, sig);
		if (sig == SIGKILL)
			(void)kill(r->pid, sig);
	}
}

static int wait_ms(const struct relay_state *st) {
	const uint64_t others[] = { st->grace_end, st->exec_end, st->quiet_end };
	uint64_t end = st->hangup_end ? st->hangup_end : st->deadline;
	uint64_t now = clock_mono_ms();

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (others[i] && (!end || others[i] < end))
			end = others[i];
	if (!end)
		return -1;
	return now >= end ? 0 : (int)(end - now);
}

/* The streams' events into @pfd: first the readers, then the writers. */
static void streams_poll(const struct relay *r, struct pollfd pfd[2 * STREAMS_MAX]) {
	for (size_t i = 0; i < STREAMS_MAX; i++) {
		const struct relay_stream *s = i < r->count ? &r->streams[i] : NULL;
		bool full = s && s->off < s->len;

		pfd[2 * i] = (struct pollfd){ .fd = s && !full ? s->from : -1, .events = POLLIN };
		pfd[2 * i + 1] = (struct pollfd){ .fd = s && full ? s->to : -1, .events = POLLOUT };
	}
}

static void streams_move(struct relay *r, const struct pollfd pfd[2 * STREAMS_MAX],
			 struct relay_state *st) {
	for (size_t i = 0; i < r->count; i++) {
		struct relay_stream *s = &r->streams[i];

		if (pfd[2 * i].revents & POLLIN) {
			bool is_term = s->from == r->term_fd && r->term_fd >= 0 && r->pty_fd >= 0;

			if (s->output)
				st->deaf_count = 0;
			stream_read(s);
			if (is_term)
				heed_interrupts(r, s, st);
		}
		else if (pfd[2 * i].revents && s->from == r->term_fd && r->term_fd >= 0)
			hangup(r, st);
		else if (pfd[2 * i].revents)
			stream_read(s);
		if (pfd[2 * i + 1].revents & POLLOUT)
			stream_write(s, &r->write_error);
		else if (pfd[2 * i + 1].revents)
			stream_break(s);
	}
}

/* What has run out while nothing happened; -EIO ends the relay. */
static int on_timeout(struct relay *r, struct relay_state *st) {
	uint64_t now = clock_mono_ms();

	if (st->grace_end && now >= st->grace_end) {
		st->grace_end = 0;
		r->grace_ms = 0;
		kill_all(r);
		return 0;
	}
	if (st->exec_end && now >= st->exec_end) {
		st->exec_end = 0;
		kill_for(r, st, -ETIME);
		return 0;
	}
	if (st->hangup_end && now >= st->hangup_end)
		return -EIO;
	if (st->quiet_end && now >= st->quiet_end) {
		st->quiet_end = now + QUIET_MS;
		r->on_quiet(r->quiet_data);
	}
	if (st->deadline && now >= st->deadline) {
		st->deadline = 0;
		kill_for(r, st, -ETIMEDOUT);
	}
	return 0;
}

int relay_run(struct relay *r, const struct relay_signals *s) {
	struct relay_state st = {
		.deadline = r->timeout_ms >= 0 ? clock_mono_ms() + (uint64_t)r->timeout_ms : 0,
		.exec_end = r->exec_fd >= 0 ? clock_mono_ms() + EXEC_MS : 0,
		.quiet_end = r->on_quiet ? clock_mono_ms() + QUIET_MS : 0,
	};

	/* kill(2) would take 0 and -1 for groups that are not meant, and 1 is init. */
	if (r->pid <= 1 || r->pidfd < 0)
		return -EINVAL;
	for (;;) {
		struct pollfd pfd[3 + 2 * STREAMS_MAX] = {
			{ .fd = r->pidfd, .events = POLLIN },
			{ .fd = s->fd, .events = POLLIN },
			{ .fd = st.exec_end ? r->exec_fd : -1, .events = POLLIN },
		};
		int n, e;

		streams_poll(r, pfd + 3);
		n = poll(pfd, ARRAY_SIZE(pfd), wait_ms(&st));
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0) {
			e = on_timeout(r, &st);
			if (e < 0)
				return e;
		}
		if (n <= 0)
			continue;
		if (pfd[2].revents)
			st.exec_end = 0;
		if (pfd[1].revents)
			signals_pass(r, s, &st);
		if (pfd[0].revents) {
			drain(r);
			return st.killed_for ? st.killed_for : st.hangup_end ? -EIO : 0;
		}
		streams_move(r, pfd + 3, &st);
	}
}
