/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "monitor/pattern/set.h"
#include "monitor/watcher.h"

static int load(struct watcher *w, int fd, struct err *err) {
	autobuf struct buf data;
	int r;

	buf_init(&data, PATTERN_SET_BYTES_MAX);
	r = fd_read_all(fd, &data);
	if (r < 0)
		return err_sys(err, r, "cannot read a set of rules");
	return patterns_add(w->patterns, data.data, data.len, err);
}

void patterns_load(struct watcher *w, void (*tell)(struct watcher *w, enum watch_state state,
                                                   const struct watch_source_ops *ops,
                                                   uint64_t count, const char *detail)) {
	static const struct watch_source_ops rules = { .source = "patterns", .backend = "sets" };

	w->patterns = patterns_new();
	for (size_t i = 0; i < WATCH_SETS_MAX && w->pattern_fds[i] > 0; i++) {
		struct err err = { 0 };

		if (load(w, w->pattern_fds[i], &err) < 0)
			tell(w, WATCH_UNAVAILABLE, &rules, 0, err.msg);
		mem_close_ptr(&w->pattern_fds[i]);
		w->pattern_fds[i] = 0;
	}
	if (!patterns_count(w->patterns))
		return;
	detector_also(w->detector, patterns_judge, w->patterns);
	tell(w, WATCH_STARTED, &rules, patterns_count(w->patterns), "rules of Sigma and GTFOBins");
}
