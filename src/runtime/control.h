/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A running container from outside, with or without its supervisor: through
 * its init (pid and start time) and its cgroups, never through liblxc's word.
 */
#ifndef COI_RUNTIME_CONTROL_H
#define COI_RUNTIME_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/proc.h"
#include "runtime/surface.h"

/*
 * The lxcpath of all containers, whatever COI_ROOT (their lxc names differ):
 * part of the name of the monitor's socket. liblxc wants container root to be
 * able to walk there, so it is not below the state directory, which is closed.
 */
#define RUNTIME_LXCPATH "/run/coi-lxc"

struct runtime_ref {
	const char *name;       /* for messages; NULL: the lxc name */
	const char *lxc_name;
	const char *lxcpath;    /* absolute */
	struct proc_id init;    /* {0}: not known */
	struct proc_id monitor; /* {0}: not known */
	const char *boot_id;    /* of the record; NULL: this boot */
	enum surface surface;   /* what it was started with */
};

/* What people call it: for messages. */
const char *runtime_ref_name(const struct runtime_ref *ref);

/* Is that init alive, in this boot? */
bool runtime_alive(const struct runtime_ref *ref);

/*
 * SIGKILL to all of it, through the cgroup: returns when its cgroup is empty
 * or after @timeout_ms (-ETIMEDOUT). Success when nothing runs.
 */
int runtime_kill(const struct runtime_ref *ref, int timeout_ms, struct err *err);
/* Ask init to power off (SIGRTMIN+3 for systemd, SIGPWR for the others); does not wait. */
int runtime_poweroff(const struct runtime_ref *ref, struct err *err);

/*
 * Its control groups, for those who watch it. @unified_fd -1: it has none of version
 * 2, or nobody can tell how many groups are above it; @level is that number.
 */
struct runtime_groups {
	int procs_fd; /* where its cgroup.procs is, of any version: a mount of that alone */
	int unified_fd;
	unsigned level;
};
int runtime_groups_open(const struct runtime_ref *ref, struct runtime_groups *ret,
			struct err *err);
void runtime_groups_done(struct runtime_groups *g);

/* What can be counted of a container: files that are read again and again. */
enum runtime_counter {
	RUNTIME_COUNTER_IO,     /* bytes read and written, by disk: of version 1 or 2 */
	RUNTIME_COUNTER_PIDS,
	RUNTIME_COUNTER_MEMORY,
	RUNTIME_COUNTER_CPU,    /* nanoseconds, or "usage_usec" and more */
	RUNTIME_COUNTER_NET,    /* /proc/PID/net/dev of its init */
	RUNTIME_COUNTER_TMP,    /* O_PATH of its /tmp, where that is a file system of its own */
	RUNTIME_COUNTER_COUNT,
};
/* A descriptor, or -errno: it is not counted here. */
int runtime_counter_open(const struct runtime_ref *ref, enum runtime_counter which);
/*
 * RUNTIME_COUNTER_IO is to have the disk of @path from now on. Without this version 1 counts
 * (since Linux 6.10) only where somebody has limited something since the boot. 0, or -errno:
 * it has no disk of its own.
 */
int runtime_counter_disk(const struct runtime_ref *ref, const char *path);
/* The text of such a file, read now, newly allocated; NULL: it is not counted here. */
char *runtime_counter_text(const struct runtime_ref *ref, enum runtime_counter which);
/* Time in user space and in the kernel, in microseconds; and the limit of memory in bytes, 0: none. */
void runtime_cpu_split(const struct runtime_ref *ref, uint64_t *ret_user, uint64_t *ret_system);
uint64_t runtime_memory_limit(const struct runtime_ref *ref);

/* Freeze and wait until it is frozen, at most @timeout_ms. */
int runtime_freeze(const struct runtime_ref *ref, int timeout_ms, struct err *err);
int runtime_unfreeze(const struct runtime_ref *ref, struct err *err);
/* 1, 0, or -errno. */
int runtime_is_frozen(const struct runtime_ref *ref);

/* Its control group in the version 2 tree, whatever is below it: an O_PATH descriptor, or -errno. */
int runtime_cgroup_open(const struct runtime_ref *ref);

/*
 * Whatever a crash left behind: kills init (when it is that one), the monitor
 * and everything in the cgroups of that name, the supervisor's own too, except
 * the calling process; removes the cgroups.
 * Idempotent. -ETIMEDOUT when something would not die within five seconds.
 */
int runtime_leftovers_remove(const struct runtime_ref *ref, struct err *err);
/*
 * Names of containers that have cgroups here and whose name begins with
 * @prefix, newly allocated strv (NULL: none).
 */
char **runtime_leftovers_list(const char *prefix);

/*
 * Moving a process between control groups waits for an RCU grace period (5 to
 * 15 ms) unless another one was moved in the last 20 ms or so; a start and an
 * attached command move several. A child of ours writes itself where it is
 * already, again and again, so that the wait begins now, beside the caller's
 * other work, and does not come back before runtime_warm_end(): the first thing
 * that a command does. The child ends by itself after a second at most, and
 * with the caller.
 */
struct runtime_warm {
	pid_t pid; /* 0: none */
	int fd;
};
void runtime_warm_begin(struct runtime_warm *w);
/* Tell it to end; waits for nothing, so a zombie may stay until the caller ends. */
void runtime_warm_end(struct runtime_warm *w);

#endif
