/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of the kernel's process connector. Pure. */
#ifndef COI_MONITOR_SOURCE_CONNECTOR_RECORD_H
#define COI_MONITOR_SOURCE_CONNECTOR_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Is the datagram @data, of @size bytes, about an exec? Whose: its process. */
bool connector_exec(const void *data, size_t size, pid_t *ret);

#endif
