/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a container has used so far, read out of files that its supervisor has
 * opened, and what another source counts of the workspace: bytes of disks and
 * network, processes, memory, time, room in /tmp.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "monitor/counters.h"
#include "monitor/source/all.h"

#define FILE_MAX 65536

struct counters {
	struct watch_source base;
	struct watch_target target;
	const struct watch_sink *sink;
	struct watch_event last;
	uint64_t idle_ms; /* the last look at which nothing had run since; 0: it has */
};

/* The file from its beginning; false: there is none, or it says nothing. */
static bool read_all(int fd, char out[FILE_MAX]) {
	ssize_t n = fd < 0 ? -1 : pread(fd, out, FILE_MAX - 1, 0);

	if (n <= 0)
		return false;
	out[n] = '\0';
	return true;
}

/* All but the processors' time, which has been read. */
static void read_others(const struct counters *c, char text[FILE_MAX], struct watch_counters *n) {
	const int *fds = c->target.counter_fds;
	uint64_t received;
	struct statfs s;

	if (read_all(fds[WATCH_COUNTER_IO], text))
		counters_read_io(text, &n->read_bytes, &n->write_bytes);
	if (c->target.workspace_read)
		n->workspace_bytes = __atomic_load_n(c->target.workspace_read, __ATOMIC_RELAXED);
	if (read_all(fds[WATCH_COUNTER_PIDS], text))
		n->processes = counters_read_number(text);
	if (read_all(fds[WATCH_COUNTER_MEMORY], text))
		n->memory_bytes = counters_read_number(text);
	if (read_all(fds[WATCH_COUNTER_NET], text))
		counters_read_links(text, &received, &n->sent_bytes);
	if (fds[WATCH_COUNTER_TMP] >= 0 && fstatfs(fds[WATCH_COUNTER_TMP], &s) == 0) {
		n->tmp_total = (uint64_t)s.f_blocks * (uint64_t)s.f_bsize;
		n->tmp_used = (uint64_t)(s.f_blocks - s.f_bfree) * (uint64_t)s.f_bsize;
	}
}

/* Where nothing has run nothing has been read, written or sent, and nobody needs to hear of it. */
static void on_time(void *data) {
	static char text[FILE_MAX];
	struct counters *c = data;
	struct watch_event e = { .kind = WATCH_COUNTERS, .uid = -1, .when_ms = clock_mono_ms() };
	struct watch_counters *n = &e.counters;

	memset(n, 0xff, sizeof(*n)); /* UINT64_MAX: not known */
	if (read_all(c->target.counter_fds[WATCH_COUNTER_CPU], text))
		n->cpu_us = counters_read_cpu(text);
	if (n->cpu_us != UINT64_MAX && c->last.when_ms && n->cpu_us == c->last.counters.cpu_us) {
		c->idle_ms = e.when_ms;
		return;
	}
	read_others(c, text, n);
	/* Rates are of the time in which something ran. */
	if (c->idle_ms) {
		c->last.when_ms = c->idle_ms;
		c->sink->event(&c->last, c->sink->data);
	}
	c->idle_ms = 0;
	c->last = e;
	c->sink->event(&e, c->sink->data);
}

static int counters_open(const struct watch_target *t, struct watch_source **ret, struct err *err) {
	struct counters *c;
	bool any = false;

	for (size_t i = 0; i < WATCH_COUNTER_COUNT; i++)
		any |= t->counter_fds[i] >= 0;
	if (!any)
		return err_set(err, ERR_SYSTEM, -ENOENT, "nothing is counted here");
	c = xcalloc(1, sizeof(*c));
	c->target = *t;
	*ret = &c->base;
	return 0;
}

static int counters_start(struct watch_source *s, struct loop *l, const struct watch_sink *sink) {
	struct counters *c = (struct counters *)s;

	c->sink = sink;
	/* At once: what comes after this is more than there was. */
	on_time(c);
	return loop_add_timer(l, c->target.poll_ms, c->target.poll_ms, on_time, c) ? 0 : -errno;
}

/*
 * What was used since the last look is not to go unseen. Not whenever there is room again: whoever
 * makes much to tell would divide what is looked at by the interval.
 */
static void counters_finish(struct watch_source *s) {
	on_time(s);
}

static uint64_t counters_lost(struct watch_source *s) {
	(void)s;
	return 0;
}

static void counters_free(struct watch_source *s) {
	free(s);
}

const struct watch_source_ops watch_counters = {
	.source = "counters",
	.backend = "cgroup",
	.limits = "what is over between two looks (monitoring.poll_interval_sec); on control groups of "
		  "version 1 also writes that the kernel does later, and file systems that are on no "
		  "disk of their own",
	.open = counters_open,
	.start = counters_start,
	.finish = counters_finish,
	.lost = counters_lost,
	.free = counters_free,
};
