/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/source/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define QUEUE (4 * 1024 * 1024)
#define AT_ONCE 256

static bool is_full(const struct netlink *n) {
	return n->sink->is_full(n->sink->data);
}

static void lose(struct netlink *n) {
	n->lost++;
	if (n->overflow)
		n->overflow(n->owner);
}

/* False: there is nothing more now. */
static bool read_one(struct netlink *n) {
	char block[NETLINK_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct sockaddr_nl from;
	socklen_t size = sizeof(from);
	ssize_t len = recvfrom(n->fd, block, sizeof(block), MSG_DONTWAIT, (struct sockaddr *)&from,
	                       &size);

	if (len < 0 && errno == ENOBUFS) {
		lose(n);
		return true;
	}
	/* From the kernel. */
	if (len >= 0 && from.nl_pid == 0)
		n->take(block, (size_t)len, n->owner);
	return len >= 0;
}

bool netlink_go_on(struct netlink *n) {
	bool is_empty = false;

	for (int i = 0; i < AT_ONCE && !is_empty && !is_full(n); i++)
		is_empty = !read_one(n);
	loop_set_events(n->loop_source, is_full(n) ? 0 : EPOLLIN);
	return !is_empty;
}

/* An error wakes us also while we want to hear nothing, until it is read. */
static void read_error(struct netlink *n) {
	char none;

	if (recvfrom(n->fd, &none, sizeof(none), MSG_DONTWAIT | MSG_PEEK, NULL, NULL) < 0 &&
	    errno == ENOBUFS)
		lose(n);
}

static void on_message(int fd, uint32_t events, void *data) {
	(void)fd;
	if (events & EPOLLERR)
		read_error(data);
	(void)netlink_go_on(data);
}

int netlink_start(struct netlink *n, struct loop *l, const struct watch_sink *sink) {
	n->sink = sink;
	n->loop_source = loop_add_fd(l, n->fd, EPOLLIN, on_message, n);
	return n->loop_source ? 0 : -errno;
}

void netlink_grow(int fd) {
	int size = QUEUE;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
}
