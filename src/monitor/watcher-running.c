/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes that ran before the watching began: read with rights, looked at without. */
#include <stdlib.h>

#include "base/mem.h"
#include "monitor/source/process.h"
#include "monitor/watcher.h"

#define BYTES_MAX (16 * 1024 * 1024) /* of all their command lines */

struct scan {
	const struct watch_target *t;
	struct running *out;
	size_t bytes;
};

static void take(pid_t pid, void *data) {
	struct scan *s = data;
	struct running *r = s->out;
	struct process one;

	if (r->count == WATCH_RUNNING_MAX || s->bytes > BYTES_MAX) {
		r->too_many++;
		return;
	}
	if (process_read(s->t->proc_fd, pid, &one) < 0) {
		process_done(&one);
		return;
	}
	s->bytes += one.args.len;
	r->items = xreallocarray(r->items, r->count + 1, sizeof(*r->items));
	r->items[r->count++] = one;
}

void running_read(const struct watch_target *t, struct running *ret) {
	struct scan s = { .t = t, .out = ret };

	*ret = (struct running){ 0 };
	if (t->group_fd >= 0)
		ret->too_many += process_each(t->group_fd, take, &s);
}

static void tell_too_many(uint64_t count, const struct watch_sink *sink) {
	const struct watch_event e = { .kind = WATCH_STATE,
		                       .status = { .state = WATCH_LOST,
		                                   .source = "exec",
		                                   .backend = "proc",
		                                   .count = count,
		                                   .detail = "processes, or groups of them, that "
		                                             "were there already: too many" } };

	sink->event(&e, sink->data);
}

void running_tell(struct running *r, const struct watch_target *t, const struct watch_sink *sink) {
	if (r->too_many)
		tell_too_many(r->too_many, sink);
	for (size_t i = 0; i < r->count; i++) {
		process_tell(&r->items[i], t, true, sink);
		process_done(&r->items[i]);
	}
	free(r->items);
	r->items = NULL;
	r->count = 0;
}
