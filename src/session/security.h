/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What keeps a container from the kernel: as the settings have it, and as the kernel does. */
#ifndef COI_SESSION_SECURITY_H
#define COI_SESSION_SECURITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "config/settings.h"
#include "runtime/surface.h"
#include "session/container.h"
#include "session/monitoring.h"

/* [security] reduce_kernel_surface and _strict. */
enum surface security_surface(const struct settings *set);

/* Of a process, by proc_pid_status(5). */
struct security_seen {
	bool is_filtered;   /* a policy of system calls is in force */
	unsigned filters;   /* how many; 0 where the kernel does not count them (before 5.9) */
	uint64_t bounding;  /* of its capabilities */
	bool is_as_meant;   /* a filter is there, and no capability but those that stay */
};

/*
 * Look at the first process of @c, which runs. ERR_MISSING when it has ended,
 * ERR_SYSTEM when the kernel does not tell.
 */
int security_look(const struct container *c, struct security_seen *ret, struct err *err);
/* The same out of the text of a status file; false: it does not say. */
bool security_status_parse(const char *text, struct security_seen *ret);

/* The file that "semodule -i" takes, newly allocated. */
char *security_selinux_module(void);

enum security_can {
	SECURITY_CAN_NOT,
	SECURITY_CAN,
	SECURITY_CAN_UNKNOWN, /* only root is told */
};

/* [monitoring] block: what is refused before it is opened. */
struct security_block {
	bool is_on;
	size_t secrets, tools; /* that are listed */
	enum security_can kernel; /* can it ask? */
};
void security_block(const struct monitoring_plan *p, bool is_root, struct security_block *ret);

#endif
