/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A netlink socket of the kernel's that tells something, for the sources that hear one. */
#ifndef COI_MONITOR_SOURCE_NETLINK_H
#define COI_MONITOR_SOURCE_NETLINK_H

#include "monitor/source.h"

/* @fd, @take and @data by whoever has it; the rest is zeroed. */
struct netlink {
	int fd;
	/* One message of the kernel's, of at most NETLINK_MESSAGE_MAX bytes, aligned. */
	void (*take)(const void *data, size_t size, void *owner);
	/* May be NULL. The kernel had no room, and does not say for how many. */
	void (*overflow)(void *owner);
	void *owner;
	const struct watch_sink *sink;
	struct loop_source *loop_source;
	uint64_t lost;
};

#define NETLINK_MESSAGE_MAX 8192

/* 0 or -errno. */
int netlink_start(struct netlink *n, struct loop *l, const struct watch_sink *sink);
/*
 * As watch_source_ops.go_on. What there is no room for stays in the socket, whose overflow is
 * counted in @lost.
 */
bool netlink_go_on(struct netlink *n);
/* A large buffer, whatever the machine's limit is. */
void netlink_grow(int fd);

#endif
