/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits as files of control groups, version 1 or 2 for each controller, as
 * this machine has it. Private to runtime/.
 */
#ifndef COI_RUNTIME_LIMITS_H
#define COI_RUNTIME_LIMITS_H

#include <stdbool.h>

#include "runtime/cgroup.h"
#include "runtime/runtime.h"

/* One limit: what to write, and what to read back. */
struct limit_file {
	const char *controller;
	const char *key; /* the setting, for messages */
	char file[48];
	char value[128];
	bool unified;
	bool of_device; /* the file has a line for each device */
};
#define LIMIT_FILES_MAX 16

/*
 * The limits that are set, in the order in which they have to be written. What
 * cannot be enforced here is ERR_SYSTEM and names setting and reason. Count or -errno.
 */
int limits_files(const struct runtime_limits *l, const struct cgroup_trees *trees,
		 struct limit_file ret[LIMIT_FILES_MAX], struct err *err);
/* Does the payload group of @lxc_name have it? */
int limit_check(const struct limit_file *limit, const struct cgroup_trees *trees,
		const char *lxc_name, struct err *err);
/*
 * In version 2 a limit of memory that is too small for what is there kills instead of being
 * refused (cgroup-v2.rst, memory.max): so the rest is given back first, to swap or to files,
 * by the group @dir (memory.reclaim, Linux 5.19). ERR_CONFLICT, -EBUSY, when more than @most
 * bytes are still used; then nothing was changed.
 */
int limit_make_room(int dir, uint64_t most, struct err *err);

#endif
