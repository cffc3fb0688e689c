/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of the kernel's connection tracking. Pure. */
#ifndef COI_MONITOR_SOURCE_CONNTRACK_RECORD_H
#define COI_MONITOR_SOURCE_CONNTRACK_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "monitor/event.h"

enum conntrack_what {
	CONNTRACK_OTHER, /* no new connection, or another's */
	CONNTRACK_NEW,
	CONNTRACK_ODD, /* it may be one, and says it in no way that we know */
};

/*
 * Is the datagram @data, of @size bytes and aligned as a netlink header, about a connection that
 * @from (host byte order) begins? *ret is set when it is CONNTRACK_NEW: where to.
 */
enum conntrack_what conntrack_read(const void *data, size_t size, uint32_t from,
                                   struct watch_connect *ret);

#endif
