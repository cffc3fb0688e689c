/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which ways to see or refuse something may be used: the tests' way to another kernel. */
#ifndef COI_MONITOR_BACKENDS_H
#define COI_MONITOR_BACKENDS_H

#include <stdbool.h>

/* "exec=poll,connect=none": the only backend of each source that is named. */
#define WATCH_BACKENDS_VARIABLE "COI_WATCH_BACKENDS"

/* May @backend of @source be used? */
bool watch_is_allowed(const char *source, const char *backend);

#endif
