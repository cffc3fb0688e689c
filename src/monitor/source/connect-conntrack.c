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
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"
#include "monitor/protocol.h"
#include "monitor/source/all.h"
#include "monitor/source/conntrack-record.h"

#define QUEUE (4 * 1024 * 1024)
#define AT_ONCE 256
#define EVENTS_FILE "/proc/sys/net/netfilter/nf_conntrack_events"

struct conntrack {
	struct watch_source base;
	const struct watch_sink *sink;
	struct loop_source *loop_source;
	int fd;
	uint32_t address;
	uint64_t lost;
};

static bool is_full(const struct conntrack *c) {
	return c->sink->is_full(c->sink->data);
}

static void take(struct conntrack *c, const void *data, size_t size) {
	struct watch_event e = { .kind = WATCH_CONNECT, .uid = -1 };

	switch (conntrack_read(data, size, c->address, &e.connect)) {
	case CONNTRACK_NEW:
		c->sink->event(&e, c->sink->data);
		break;
	case CONNTRACK_ODD:
		c->lost++;
		break;
	case CONNTRACK_OTHER:
		break;
	}
}

/* False: there is nothing more now. */
static bool read_one(struct conntrack *c) {
	char block[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct sockaddr_nl from;
	socklen_t size = sizeof(from);
	ssize_t n = recvfrom(c->fd, block, sizeof(block), MSG_DONTWAIT, (struct sockaddr *)&from,
	                     &size);

	if (n < 0 && errno == ENOBUFS) {
		c->lost++; /* nobody says how many, nor whose */
		return true;
	}
	/* From the kernel. */
	if (n >= 0 && from.nl_pid == 0)
		take(c, block, (size_t)n);
	return n >= 0;
}

/* What there is no room for stays in the socket, whose overflow is told. */
static void on_message(int fd, uint32_t events, void *data) {
	struct conntrack *c = data;

	(void)fd;
	(void)events;
	for (int i = 0; i < AT_ONCE && !is_full(c); i++)
		if (!read_one(c))
			break;
	loop_set_events(c->loop_source, is_full(c) ? 0 : EPOLLIN);
}

static void conntrack_go_on(struct watch_source *s) {
	struct conntrack *c = (struct conntrack *)s;

	while (!is_full(c) && read_one(c))
		;
	loop_set_events(c->loop_source, is_full(c) ? 0 : EPOLLIN);
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
	int size = QUEUE, r = find_out(t, err);

	if (r < 0)
		return r;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&us, sizeof(us)) < 0)
		return err_sys(err, -errno, "cannot hear of new connections");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	c = xcalloc(1, sizeof(*c));
	c->fd = steal_fd(&fd);
	c->address = t->address;
	*ret = &c->base;
	return 0;
}

static int conntrack_start(struct watch_source *s, struct loop *l, const struct watch_sink *sink) {
	struct conntrack *c = (struct conntrack *)s;

	c->sink = sink;
	c->loop_source = loop_add_fd(l, c->fd, EPOLLIN, on_message, c);
	return c->loop_source ? 0 : -errno;
}

static uint64_t conntrack_lost(struct watch_source *s) {
	struct conntrack *c = (struct conntrack *)s;
	uint64_t n = c->lost;

	c->lost = 0;
	return n;
}

static void conntrack_free(struct watch_source *s) {
	struct conntrack *c = (struct conntrack *)s;

	mem_close_ptr(&c->fd);
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
