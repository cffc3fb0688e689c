/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a container has used so far, read out of files that its supervisor has
 * opened: bytes of disks and network, processes, memory, time, room in /tmp.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "monitor/counters.h"
#include "monitor/source/all.h"

#define FILE_MAX 65536

struct counters {
	struct watch_source base;
	struct watch_target target;
	const struct watch_sink *sink;
};

/* The file from its beginning; false: there is none, or it says nothing. */
static bool read_all(int fd, char out[FILE_MAX]) {
	ssize_t n = fd < 0 ? -1 : pread(fd, out, FILE_MAX - 1, 0);

	if (n <= 0)
		return false;
	out[n] = '\0';
	return true;
}

static void on_time(void *data) {
	static char text[FILE_MAX];
	struct counters *c = data;
	const int *fds = c->target.counter_fds;
	struct watch_event e = { .kind = WATCH_COUNTERS, .uid = -1 };
	struct watch_counters *n = &e.counters;
	struct statfs s;

	*n = (struct watch_counters){ UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
		                      UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };
	if (read_all(fds[WATCH_COUNTER_IO], text))
		counters_read_io(text, &n->read_bytes, &n->write_bytes);
	if (read_all(fds[WATCH_COUNTER_PIDS], text))
		n->processes = counters_read_number(text);
	if (read_all(fds[WATCH_COUNTER_MEMORY], text))
		n->memory_bytes = counters_read_number(text);
	if (read_all(fds[WATCH_COUNTER_CPU], text))
		n->cpu_us = counters_read_cpu(text);
	if (read_all(fds[WATCH_COUNTER_NET], text))
		n->sent_bytes = counters_read_sent(text);
	if (fds[WATCH_COUNTER_TMP] >= 0 && fstatfs(fds[WATCH_COUNTER_TMP], &s) == 0) {
		n->tmp_total = (uint64_t)s.f_blocks * (uint64_t)s.f_bsize;
		n->tmp_used = (uint64_t)(s.f_blocks - s.f_bfree) * (uint64_t)s.f_bsize;
	}
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
	return loop_add_timer(l, 0, c->target.poll_ms, on_time, c) ? 0 : -errno;
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
		  "version 1 also writes that the kernel does later",
	.open = counters_open,
	.start = counters_start,
	.lost = counters_lost,
	.free = counters_free,
};
