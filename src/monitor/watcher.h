/* SPDX-License-Identifier: GPL-2.0-or-later */
/* coi-watch: what its files share. */
#ifndef COI_MONITOR_WATCHER_H
#define COI_MONITOR_WATCHER_H

#include <jansson.h>

#include "base/loop.h"
#include "monitor/detect.h"
#include "monitor/source.h"
#include "monitor/watch.h"

#define WATCH_SOURCES_MAX 16
#define WATCH_RUNNING_MAX 4096 /* processes that are there already */

struct process;

struct watcher {
	struct loop *loop;
	bool is_over;
	int control_fd;
	struct loop_source *control;
	struct watch_target target;
	char *lxc_name;
	char **homes, **canaries;
	struct watch_source *sources[WATCH_SOURCES_MAX];
	size_t source_count;
	struct watch_sink sink;
	struct detector *detector;
	struct patterns *patterns; /* rules of others; NULL: there are none */
	int pattern_fds[WATCH_SETS_MAX]; /* where they are read from; 0: nowhere */
	struct loop_source *tick;       /* for equals that are only counted */
	json_t *again[DETECT_REMEMBERED]; /* the threats that were told, by their slot */

	bool is_waited_for; /* a source was told that there is no room */
	uint64_t turn_ms;   /* when those whose turn it is began; 0: they have not */

	/* watcher-report.c */
	json_t *list;       /* events that wait to be sent */
	size_t list_bytes;
	json_t *queue;      /* messages that found no room: [type, body] */
};

/* --- watcher-report.c: to the supervisor, in order; what finds no room waits */

/* Nothing waits yet. */
void report_init(struct watcher *w);
/* One event; sent with others as soon as the loop comes round. */
void report_event(struct watcher *w, const struct watch_event *e);
/* A message of its own, behind all events so far. Takes the reference. */
void report_message(struct watcher *w, const char *type, json_t *body);
/* So much waits that nobody should bring more. */
bool report_is_full(const struct watcher *w);
/* Send what there is. */
void report_flush(struct watcher *w);
/* All of it, waiting for the supervisor. */
void report_finish(struct watcher *w);

/* --- watcher-patterns.c: rules of others, read without rights */

/* Compile what the sets say, and judge by it; what is wrong with one is told, and it is left out. */
void patterns_load(struct watcher *w, void (*tell)(struct watcher *w, enum watch_state state,
						   const struct watch_source_ops *ops,
						   uint64_t count, const char *detail));

/* --- watcher-running.c: who is there already */

struct running {
	struct process *items;
	size_t count;
	uint64_t too_many;
};
/* Read, with rights, and nothing looked at yet. */
void running_read(const struct watch_target *t, struct running *ret);
/* Told as events; the rest is freed. */
void running_tell(struct running *r, const struct watch_target *t, const struct watch_sink *sink);

#endif
