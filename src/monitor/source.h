/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sources of events: who tells what a container does. One file each, behind a
 * const table of functions; only coi-watch has them.
 *
 * The life of one: prepare() with all rights and before anything is known of the
 * container (what takes time), open() with all rights and the container, then the
 * rights are gone, then start(), which puts it into the loop. What it could not
 * see it counts: lost().
 */
#ifndef COI_MONITOR_SOURCE_H
#define COI_MONITOR_SOURCE_H

#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "monitor/event.h"

/* Files that are read again and again; runtime_counter has the same order. */
enum watch_counter {
	WATCH_COUNTER_IO,
	WATCH_COUNTER_PIDS,
	WATCH_COUNTER_MEMORY,
	WATCH_COUNTER_CPU,
	WATCH_COUNTER_NET,
	WATCH_COUNTER_TMP,
	WATCH_COUNTER_COUNT,
};

/* The container that is watched. Descriptors are borrowed until the end. */
struct watch_target {
	int cgroup2_fd;      /* its group of version 2; -1: there is none */
	uint64_t cgroup2_id; /* inode of that */
	unsigned level;      /* how many groups are above it */
	int group_fd;        /* of any version: where cgroup.procs is */
	int proc_fd;         /* /proc */
	int root_fd;         /* O_PATH of its root; -1: not known; only for open() */
	int workspace_fd;    /* O_PATH; -1: it has none; less, -errno: not known; only for open() */
	int syslog_fd;       /* what it logs: a datagram socket; -1: nobody hears it */
	char *const *homes;  /* of its users, inside; a strv */
	char *const *canaries; /* files inside that we planted; a strv */
	int counter_fds[WATCH_COUNTER_COUNT]; /* -1: not counted here */
	const char *lxc_name;
	uint32_t uid_base;   /* of its range: the container's 0 */
	uint32_t uid_count;
	uint32_t address;    /* of its network, host byte order; 0: it has none */
	uint64_t poll_ms;    /* how often to look where nobody tells */
	const uint64_t *workspace_read; /* a source's counter(), of those before; NULL: nobody counts */
};

/* Where events go. Called out of the loop, never at the same time. */
struct watch_sink {
	void (*event)(const struct watch_event *e, void *data);
	/* More than now is not wanted, or it is others' turn: whoever can, waits. See go_on(). */
	bool (*is_full)(void *data);
	/* The supervisor is asked for the log of logins; watch_source_ops.log gets it. */
	void (*look)(void *data);
	void *data;
};

struct watch_source;

struct watch_source_ops {
	const char *source;  /* what it tells of: "exec" */
	const char *backend; /* how: "bpf" */
	const char *limits;  /* what it never sees, for the record of its start; NULL: nothing */
	/* May be NULL. -errno with @err: it does not work here. */
	int (*prepare)(struct err *err);
	/* -errno with @err: it does not work here, and the next backend is tried. */
	int (*open)(const struct watch_target *t, struct watch_source **ret, struct err *err);
	int (*start)(struct watch_source *s, struct loop *l, const struct watch_sink *sink);
	/*
	 * May be NULL. Tell what there is now, so much that others have their turn: there is room
	 * again, or it is the end. True: there may be more, and the loop comes back to it.
	 */
	bool (*go_on)(struct watch_source *s);
	/* May be NULL. The end alone: what would be told later. */
	void (*finish)(struct watch_source *s);
	/* May be NULL. Something has run in the container since the last time. */
	void (*ran)(struct watch_source *s);
	/* May be NULL. Where it counts the bytes of the workspace that were read. */
	const uint64_t *(*counter)(struct watch_source *s);
	/* May be NULL. The log as it is now; it may take the descriptor (steal_fd()). */
	void (*log)(struct watch_source *s, struct watch_log *log);
	/* Events since the last call that were not seen, or had no room. */
	uint64_t (*lost)(struct watch_source *s);
	void (*free)(struct watch_source *s);
	/* What is needed after the rights are gone: enum watch_needs. */
	unsigned needs;
	bool tells_running; /* who runs already comes with the first that it tells */
};

enum watch_needs {
	WATCH_NEEDS_FILES = 1u << 0, /* open below a descriptor that it has */
};

/* First member of each source. */
struct watch_source {
	const struct watch_source_ops *ops;
};

/* All of them, those of one source in the order in which they are tried; NULL at the end. */
extern const struct watch_source_ops *const watch_sources[];

/* The number that the container has for user @uid of the host; -1: none of its own. */
int64_t watch_uid(const struct watch_target *t, uint32_t uid);

#endif
