/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections of the container's address, told by the host's connection tracking when their
 * first packet has passed all rules. It is tracked there whatever root inside does: our rules
 * ask for its state, and nobody sends from another address than his own. Refused ones never
 * get so far: the rules tell of those (supervisor-monitor-net).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"
#include "monitor/protocol.h"
#include "monitor/source/all.h"
#include "monitor/source/conntrack-record.h"
#include "monitor/source/netlink.h"

#define EVENTS_FILE "/proc/sys/net/netfilter/nf_conntrack_events"

struct conntrack {
	struct watch_source base;
	struct netlink netlink;
	uint32_t address;
};

static void take(const void *data, size_t size, void *owner) {
	struct conntrack *c = owner;
	struct watch_event e = { .kind = WATCH_CONNECT, .uid = -1 };

	switch (conntrack_read(data, size, c->address, &e.connect)) {
	case CONNTRACK_NEW:
		c->netlink.sink->event(&e, c->netlink.sink->data);
		break;
	case CONNTRACK_ODD:
		c->netlink.lost++;
		break;
	case CONNTRACK_OTHER:
		break;
	}
}

static int find_out(const struct watch_target *t, struct err *err) {
	autofree char *told = NULL;
	int r;

	if (!t->address)
		return err_set(err, ERR_SYSTEM, -EOPNOTSUPP, "the container has no network");
	r = file_read_line_at(AT_FDCWD, EVENTS_FILE, &told);
	if (r < 0)
		return err_sys(err, r, "this kernel does not tell of connections: '%s'",
		               EVENTS_FILE);
	if (!strcmp(told, "0"))
		return err_set(err, ERR_SYSTEM, -EOPNOTSUPP,
		               "net.netfilter.nf_conntrack_events is 0");
	return 0;
}

static int conntrack_open(const struct watch_target *t, struct watch_source **ret,
                          struct err *err) {
	const struct sockaddr_nl us = { .nl_family = AF_NETLINK,
		                        .nl_groups = 1 << (NFNLGRP_CONNTRACK_NEW - 1) };
	autoclose int fd = -1;
	struct conntrack *c;
	int r = find_out(t, err);

	if (r < 0)
		return r;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&us, sizeof(us)) < 0)
		return err_sys(err, -errno, "cannot hear of new connections");
	netlink_grow(fd);
	c = xcalloc(1, sizeof(*c));
	c->netlink = (struct netlink){ .fd = steal_fd(&fd), .take = take, .owner = c };
	c->address = t->address;
	*ret = &c->base;
	return 0;
}

static int conntrack_start(struct watch_source *s, struct loop *l, const struct watch_sink *sink) {
	return netlink_start(&((struct conntrack *)s)->netlink, l, sink);
}

static bool conntrack_go_on(struct watch_source *s) {
	return netlink_go_on(&((struct conntrack *)s)->netlink);
}

static uint64_t conntrack_lost(struct watch_source *s) {
	struct conntrack *c = (struct conntrack *)s;
	uint64_t n = c->netlink.lost;

	c->netlink.lost = 0;
	return n;
}

static void conntrack_free(struct watch_source *s) {
	struct conntrack *c = (struct conntrack *)s;

	mem_close_ptr(&c->netlink.fd);
	free(c);
}

const struct watch_source_ops watch_connect_conntrack = {
	.source = "connect",
	.backend = WATCH_BACKEND_CONNTRACK,
	.limits = "which process it is; what does not come as far as the host's rules: to itself, to "
	          "other containers, without a route, dropped by rules inside; what rules of others "
	          "drop; more refused ones a second than monitoring.nft.rate_limit_per_second (10 "
	          "when that is off); what is sent over a connection",
	.open = conntrack_open,
	.start = conntrack_start,
	.go_on = conntrack_go_on,
	.lost = conntrack_lost,
	.free = conntrack_free,
};
