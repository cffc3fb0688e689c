/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that run, seen by looking again and again who is in the container's
 * group. The last way, where nobody tells: what lives shorter than the pause
 * between two looks is not seen.
 *
 * Owns the list of processes as they were at the last look.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "monitor/source/all.h"
#include "monitor/source/process.h"

#define SEEN_MAX 65536

struct seen {
	pid_t pid;
	uint64_t start;
	uint64_t args; /* a hash of its command line: exec keeps the number */
};

struct poll {
	struct watch_source base;
	struct watch_target target;
	const struct watch_sink *sink;
	struct seen *seen;
	size_t count;
	struct seen *now; /* of the look that is under way */
	size_t now_count;
	uint64_t lost;
	bool is_first;
	bool has_waiting; /* somebody whom there was no room to tell of */
};

static uint64_t hash(const char *data, size_t len) {
	uint64_t h = 0xcbf29ce484222325;

	while (len--)
		h = (h ^ (unsigned char)*data++) * 0x100000001b3;
	return h;
}

static int compare(const void *a, const void *b) {
	const struct seen *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static void tell(struct poll *p, const struct process *one, const struct seen *s) {
	process_tell(one, &p->target, p->is_first, p->sink);
	p->now[p->now_count++] = *s;
}

/* What there is no room for is new at the next look, too. */
static void look_at(pid_t pid, void *data) {
	struct poll *p = data;
	const struct seen *known;
	struct process one;
	struct seen s = { .pid = pid };

	if (p->now_count == SEEN_MAX) {
		p->lost++;
		return;
	}
	if (process_read(p->target.proc_fd, pid, &one) == 0) {
		s.start = one.start;
		s.args = hash(one.args.data, one.args.len);
		known = bsearch(&s, p->seen, p->count, sizeof(s), compare);
		if (known && known->start != s.start)
			known = NULL;
		/* Its end is no other program. */
		if (known && one.is_gone)
			s.args = known->args;
		if (known && known->args == s.args)
			p->now[p->now_count++] = s;
		else if (!p->sink->is_full(p->sink->data))
			tell(p, &one, &s);
		else
			p->has_waiting = true;
	}
	process_done(&one);
}

static void on_time(void *data) {
	struct poll *p = data;
	struct seen *before = p->seen;

	p->now_count = 0;
	p->has_waiting = false;
	p->lost += process_each(p->target.group_fd, look_at, p);
	qsort(p->now, p->now_count, sizeof(*p->now), compare);
	p->seen = p->now;
	p->count = p->now_count;
	p->now = before;
	p->is_first = false;
}

static int poll_open(const struct watch_target *t, struct watch_source **ret, struct err *err) {
	struct poll *p;

	if (t->group_fd < 0)
		return err_set(err, ERR_SYSTEM, -ENOENT, "the container has no control group");
	p = xcalloc(1, sizeof(*p));
	p->target = *t;
	p->is_first = true;
	p->seen = xcalloc(SEEN_MAX, sizeof(*p->seen));
	p->now = xcalloc(SEEN_MAX, sizeof(*p->now));
	*ret = &p->base;
	return 0;
}

static int poll_start(struct watch_source *s, struct loop *l, const struct watch_sink *sink) {
	struct poll *p = (struct poll *)s;

	p->sink = sink;
	return loop_add_timer(l, 0, p->target.poll_ms, on_time, p) ? 0 : -errno;
}

/* It is the end, and nobody has looked yet; or there is room for those who were left out. */
static bool poll_go_on(struct watch_source *s) {
	struct poll *p = (struct poll *)s;

	if (p->is_first || p->has_waiting)
		on_time(p);
	return p->has_waiting;
}

static uint64_t poll_lost(struct watch_source *s) {
	struct poll *p = (struct poll *)s;
	uint64_t n = p->lost;

	p->lost = 0;
	return n;
}

static void poll_free(struct watch_source *s) {
	struct poll *p = (struct poll *)s;

	free(p->seen);
	free(p->now);
	free(p);
}

const struct watch_source_ops watch_exec_poll = {
	.source = "exec",
	.backend = "poll",
	.limits = "what lives shorter than monitoring.poll_interval_sec; standard streams; the "
	          "name of "
		  "the file that is run",
	.open = poll_open,
	.start = poll_start,
	.go_on = poll_go_on,
	.lost = poll_lost,
	.free = poll_free,
	.needs = WATCH_NEEDS_FILES,
	.tells_running = true,
};
