/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a container has used so far, read out of files that its supervisor has
 * opened: bytes of disks and network, processes, memory, time, room in /tmp.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "monitor/source/all.h"
#include "monitor/source/counters.h"

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

static uint64_t number(const char *text) {
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	return end == text ? UINT64_MAX : n;
}

/* "8:0 Read 4096" on a line of its own, or "8:0 rbytes=4096 wbytes=0": their sums. */
void counters_read_io(const char *text, uint64_t *ret_read, uint64_t *ret_write) {
	*ret_read = *ret_write = 0;
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		char what[16];
		uint64_t n, m;

		line += *line == '\n';
		if (sscanf(line, "%*u:%*u %15s %" SCNu64, what, &n) == 2) {
			*ret_read += strcmp(what, "Read") == 0 ? n : 0;
			*ret_write += strcmp(what, "Write") == 0 ? n : 0;
		} else if (sscanf(line, "%*u:%*u rbytes=%" SCNu64 " wbytes=%" SCNu64, &n, &m) ==
		           2) {
			*ret_read += n;
			*ret_write += m;
		}
	}
}

/* What left by all links but the loopback: the ninth number of a line of /proc/net/dev. */
uint64_t counters_read_sent(const char *text) {
	uint64_t sum = 0;

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		char name[32];
		uint64_t sent;

		line += *line == '\n';
		if (sscanf(line, " %31[^:\n]:%*u %*u %*u %*u %*u %*u %*u %*u %" SCNu64, name,
		           &sent) == 2 &&
		    strcmp(name, "lo") != 0)
			sum += sent;
	}
	return sum;
}

/* "usage_usec 12" and more, or nanoseconds alone. */
uint64_t counters_read_cpu(const char *text) {
	const char *at = strstr(text, "usage_usec ");
	uint64_t n = number(at ? at + sizeof("usage_usec ") - 1 : text);

	return n == UINT64_MAX || at ? n : n / 1000;
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
		n->processes = number(text);
	if (read_all(fds[WATCH_COUNTER_MEMORY], text))
		n->memory_bytes = number(text);
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
