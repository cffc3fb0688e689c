/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The supervisor's side of coi-watch: start it, tell it of the container, take what
 * it says. Nothing it says is believed beyond its form: see audit/typed.h.
 */
#ifndef COI_MONITOR_WATCH_H
#define COI_MONITOR_WATCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "audit/threat.h"
#include "base/err.h"
#include "base/layout.h"
#include "base/msg.h"
#include "monitor/detect.h"

struct watch {
	pid_t pid; /* 0: none */
	int pidfd;
	int control_fd;
	bool is_begun;
	/* One that was killed and has not ended: it waits for what root in the container mounted. */
	pid_t stuck;
};
#define WATCH_INIT { .pidfd = -1, .control_fd = -1 }

/* Start the program; it loads what needs no container. Does not wait. */
int watch_spawn(const struct layout *layout, struct watch *w, struct err *err);

#define WATCH_SETS_MAX 2

struct watch_begin {
	const char *lxc_name;
	int group_fd;        /* where cgroup.procs is; borrowed */
	int cgroup2_fd;      /* -1: none; readable, borrowed */
	unsigned level;      /* groups above that */
	const int *counter_fds; /* as many as enum watch_counter (source.h) has; -1: none; borrowed */
	size_t counter_count;
	const int *pattern_fds; /* sets of rules (pattern/set.h), at their beginnings; borrowed */
	size_t pattern_count;   /* at most WATCH_SETS_MAX */
	int root_fd;         /* O_PATH of its root; -1: not known; borrowed */
	int workspace_fd;    /* O_PATH of its workspace; -1: none; less, -errno: not known; borrowed */
	int syslog_fd;       /* what it logs, a datagram socket; -1: nobody hears it; borrowed */
	char *const *homes;  /* of its users, inside */
	char *const *canaries; /* planted by us: paths inside */
	uint32_t uid_base, uid_count; /* of the container; the number of its range is the watcher's */
	uint32_t address; /* IPv4, host byte order; 0: no network */
	uint64_t poll_ms;
	struct detect_settings settings;
};
/* The container has its init. WATCH_REPORT_READY comes when all that happens is seen. */
int watch_begin(struct watch *w, const struct watch_begin *spec, struct err *err);
int watch_ping(struct watch *w);
/* The container's log of logins as it is now; its descriptor is borrowed. */
int watch_log_send(struct watch *w, const struct watch_log *log);

enum watch_report_kind {
	WATCH_REPORT_READY = 1,
	WATCH_REPORT_EVENTS, /* body: "list" */
	WATCH_REPORT_THREAT, /* body: wire.h */
	WATCH_REPORT_ALIVE,
	WATCH_REPORT_LOOK, /* it wants watch_log_send() */
};

/* The next one, which is not waited for: 1, 0: none now, or -errno: it is gone. */
int watch_read(struct watch *w, struct msg_report *ret);
/* Wait for one, at most @timeout_ms: 1, -ETIMEDOUT, -errno. */
int watch_wait(struct watch *w, int timeout_ms, struct msg_report *ret);
/* The container has ended: say so; what is not told yet comes, and then the end. */
void watch_finish(struct watch *w);
/*
 * Its end: killed when it does not end by itself. One that cannot be killed now is not waited
 * for, and until it has ended watch_spawn() is -EBUSY.
 */
void watch_stop(struct watch *w);

#endif
