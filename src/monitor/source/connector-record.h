/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of the kernel's process connector. Pure. */
#ifndef COI_MONITOR_SOURCE_CONNECTOR_RECORD_H
#define COI_MONITOR_SOURCE_CONNECTOR_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum connector_what {
	CONNECTOR_OTHER, /* nothing of these, or of a thread */
	CONNECTOR_FORK,
	CONNECTOR_EXEC,
	CONNECTOR_EXIT,
};

struct connector_record {
	uint64_t at_us; /* CLOCK_MONOTONIC, when it happened */
	pid_t pid;    /* > 0 */
	pid_t parent; /* of CONNECTOR_FORK: who made it; > 0 */
};

/* What is the datagram @data, of @size bytes, about? *ret is set unless CONNECTOR_OTHER. */
enum connector_what connector_read(const void *data, size_t size, struct connector_record *ret);

#endif
