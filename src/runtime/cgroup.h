/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control groups of containers, on the unified, hybrid and legacy layouts.
 *
 * A container has up to three groups of its own in a hierarchy, side by side
 * below the base (where process 1 is): the payload, liblxc's monitor, and the
 * supervisor. They are found by name, so any process can act on them.
 */
#ifndef COI_RUNTIME_CGROUP_H
#define COI_RUNTIME_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

#define CGROUP_PAYLOAD "lxc.payload."
#define CGROUP_MONITOR "lxc.monitor."
#define CGROUP_SUPERVISOR "coi.supervisor."

struct cgroup_tree {
	char *controllers; /* "cpu,cpuacct", "name=systemd"; "" for version 2 */
	char *mount;       /* where its root is mounted */
	char *base;        /* "" or "/…": where containers' groups are */
	bool unified;      /* version 2 */
};

#define CGROUP_TREES_MAX 24

struct cgroup_trees {
	struct cgroup_tree v[CGROUP_TREES_MAX];
	size_t count;
};

/* What process 1 is in and is mounted below /sys/fs/cgroup. Zero trees is an error. */
int cgroup_trees_load(struct cgroup_trees *ret, struct err *err);
void cgroup_trees_done(struct cgroup_trees *t);
#define auto_cgroup_trees __attribute__((cleanup(cgroup_trees_done)))

/* The tree that has @controller ("pids"): a version 1 one, or version 2. NULL: none. */
const struct cgroup_tree *cgroup_tree_of(const struct cgroup_trees *t, const char *controller);
/* The version 2 tree; NULL on the legacy layout. */
const struct cgroup_tree *cgroup_tree_unified(const struct cgroup_trees *t);

/* Pure: one line of /proc/PID/cgroup; false when it is none. The strings are allocated. */
bool cgroup_line_parse(const char *line, char **ret_controllers, char **ret_path);

/* O_PATH descriptor of @prefix@name in @t, or -ENOENT, -errno. */
int cgroup_open(const struct cgroup_tree *t, const char *prefix, const char *name);
/* Is a group of that name in any of the trees? */
bool cgroup_exists(const struct cgroup_trees *t, const char *prefix, const char *name);

/*
 * Leave the caller's groups: process @pid goes into @prefix@name (made when
 * missing) of the version 2 tree, and to the base of the others.
 */
int cgroup_enter(const struct cgroup_trees *t, const char *prefix, const char *name, pid_t pid,
		 struct err *err);
/*
 * The calling process goes to where process 1 is. The base takes none of version 2 where it is
 * not the root of the hierarchy, since it has groups with controllers below it.
 */
int cgroup_leave(const struct cgroup_tree *t);

/*
 * SIGKILL to everything in the group, in all trees, and wait until it is
 * empty, at most @timeout_ms: -ETIMEDOUT. Success when there is none.
 */
int cgroup_kill(const struct cgroup_trees *t, const char *prefix, const char *name,
		int timeout_ms);
/* Remove the group and those below it, in all trees. -EBUSY when not empty. */
int cgroup_remove(const struct cgroup_trees *t, const char *prefix, const char *name);
/* Is @pid in the group (of any tree)? */
bool cgroup_has(const struct cgroup_trees *t, const char *prefix, const char *name, pid_t pid);

/* -ETIMEDOUT when not all of it was frozen in time; it goes on freezing. */
int cgroup_freeze(const struct cgroup_trees *t, const char *name, bool freeze, int timeout_ms);
/* 1, 0, -ENOENT. */
int cgroup_is_frozen(const struct cgroup_trees *t, const char *name);

#endif
