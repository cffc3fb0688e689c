/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns: the epoll descriptor, the timer and signal descriptors it made.
 * A removed source lives until the end of the round, since events of the same
 * round may still point to it.
 */
#include "base/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/mem.h"

enum source_kind { SOURCE_FD, SOURCE_TIMER, SOURCE_SIGNAL };

struct loop_source {
	struct loop *loop;
	struct loop_source *next;
	enum source_kind kind;
	bool removed;
	bool once;
	int fd; /* ours for timers and signals */
	union {
		void (*on_fd)(int fd, uint32_t events, void *data);
		void (*on_timer)(void *data);
		void (*on_signal)(int signo, void *data);
	};
	void *data;
};

struct loop {
	int epoll_fd;
	struct loop_source *sources;
	bool has_removed;
	bool stopped;
	int result;
};

struct loop *loop_new(void) {
	struct loop *l = xcalloc(1, sizeof(*l));

	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0) {
		free(l);
		return NULL;
	}
	return l;
}

static void source_free(struct loop_source *s) {
	if (s->kind != SOURCE_FD)
		(void)close(s->fd);
	free(s);
}

void loop_free(struct loop *l) {
	if (!l)
		return;
	while (l->sources) {
		struct loop_source *s = l->sources;

		l->sources = s->next;
		if (!s->removed)
			(void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
		source_free(s);
	}
	(void)close(l->epoll_fd);
	free(l);
}

static struct loop_source *add(struct loop *l, struct loop_source *s, uint32_t events) {
	struct epoll_event ev = { .events = events, .data.ptr = s };

	s->loop = l;
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, s->fd, &ev) < 0) {
		int e = errno;

		source_free(s);
		errno = e;
		return NULL;
	}
	s->next = l->sources;
	l->sources = s;
	return s;
}

struct loop_source *loop_add_fd(struct loop *l, int fd, uint32_t events,
				void (*fn)(int fd, uint32_t events, void *data), void *data) {
	struct loop_source *s = xcalloc(1, sizeof(*s));

	s->kind = SOURCE_FD;
	s->fd = fd;
	s->on_fd = fn;
	s->data = data;
	return add(l, s, events);
}

struct loop_source *loop_add_timer(struct loop *l, uint64_t ms, uint64_t every_ms,
				   void (*fn)(void *data), void *data) {
	struct itimerspec when = {
		.it_value = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 },
		.it_interval = { .tv_sec = (time_t)(every_ms / 1000),
				 .tv_nsec = (long)(every_ms % 1000) * 1000000 },
	};
	struct loop_source *s;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return NULL;
	if (ms == 0)
		when.it_value.tv_nsec = 1; /* zero would disarm */
	if (timerfd_settime(fd, 0, &when, NULL) < 0) {
		(void)close(fd);
		return NULL;
	}
	s = xcalloc(1, sizeof(*s));
	s->kind = SOURCE_TIMER;
	s->fd = fd;
	s->once = every_ms == 0;
	s->on_timer = fn;
	s->data = data;
	return add(l, s, EPOLLIN);
}

struct loop_source *loop_add_signal(struct loop *l, int signo, void (*fn)(int signo, void *data),
				    void *data) {
	struct loop_source *s;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, signo);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return NULL;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->kind = SOURCE_SIGNAL;
	s->fd = fd;
	s->on_signal = fn;
	s->data = data;
	return add(l, s, EPOLLIN);
}

void loop_set_events(struct loop_source *s, uint32_t events) {
	struct epoll_event ev = { .events = events, .data.ptr = s };

	(void)epoll_ctl(s->loop->epoll_fd, EPOLL_CTL_MOD, s->fd, &ev);
}

void loop_remove(struct loop *l, struct loop_source *s) {
	if (!s || s->removed)
		return;
	s->removed = l->has_removed = true;
	(void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
}

static void sweep(struct loop *l) {
	struct loop_source **at = &l->sources;

	if (!l->has_removed)
		return;
	l->has_removed = false;
	while (*at) {
		struct loop_source *s = *at;

		if (!s->removed) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		source_free(s);
	}
}

static void dispatch(struct loop *l, struct loop_source *s, uint32_t events) {
	struct signalfd_siginfo info;
	uint64_t count;

	switch (s->kind) {
	case SOURCE_FD:
		s->on_fd(s->fd, events, s->data);
		break;
	case SOURCE_TIMER:
		if (read(s->fd, &count, sizeof(count)) != sizeof(count))
			break;
		if (s->once)
			loop_remove(l, s);
		s->on_timer(s->data);
		break;
	case SOURCE_SIGNAL:
		while (!s->removed && read(s->fd, &info, sizeof(info)) == sizeof(info))
			s->on_signal((int)info.ssi_signo, s->data);
		break;
	}
}

int loop_step(struct loop *l, int timeout_ms) {
	struct epoll_event events[32];
	int n = epoll_wait(l->epoll_fd, events, ARRAY_SIZE(events), timeout_ms);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		struct loop_source *s = events[i].data.ptr;

		if (!s->removed)
			dispatch(l, s, events[i].events);
	}
	sweep(l);
	return n;
}

int loop_run(struct loop *l) {
	l->stopped = false;
	while (!l->stopped) {
		int r = loop_step(l, -1);

		if (r < 0)
			return r;
	}
	return l->result;
}

void loop_stop(struct loop *l, int result) {
	l->stopped = true;
	l->result = result;
}
