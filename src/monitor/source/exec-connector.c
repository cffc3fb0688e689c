/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that run, told by the kernel's process connector: every fork, exec and
 * exit of the machine, as numbers. The rest is read from /proc, when the process is
 * still there. Only in the machine's own network namespace.
 *
 * Owns the set of processes that are the container's: who is made by one of them is
 * one. So a program that has ended already is known to have run, if not as what.
 */
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "monitor/source/all.h"
#include "monitor/source/connector-record.h"
#include "monitor/source/netlink.h"
#include "monitor/source/process.h"

#define PIDS (1u << 22) /* no process of Linux has a larger number */

struct connector {
	struct watch_source base;
	struct watch_target target;
	struct netlink netlink;
	unsigned char *ours; /* a bit for each number */
};

static bool is_ours(const struct connector *c, pid_t pid) {
	return (unsigned)pid < PIDS && c->ours[pid / 8] >> (pid % 8) & 1;
}

static void set_ours(struct connector *c, pid_t pid, bool is) {
	unsigned char bit = (unsigned char)(1u << (pid % 8));

	if ((unsigned)pid >= PIDS)
		return;
	c->ours[pid / 8] = (unsigned char)(is ? c->ours[pid / 8] | bit : c->ours[pid / 8] & ~bit);
}

static void add_ours(pid_t pid, void *data) {
	set_ours(data, pid, true);
}

/* Who is there now. */
static void read_ours(void *owner) {
	struct connector *c = owner;

	memset(c->ours, 0, PIDS / 8);
	if (c->target.group_fd >= 0)
		c->netlink.lost += process_each(c->target.group_fd, add_ours, c);
}

static int listen_to(int fd) {
	const struct sockaddr_nl us = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	const enum proc_cn_mcast_op op = PROC_CN_MCAST_LISTEN;
	char ask[NLMSG_LENGTH(sizeof(struct cn_msg) + sizeof(op))]
		__attribute__((aligned(NLMSG_ALIGNTO))) = { 0 };
	struct nlmsghdr *head = (void *)ask;
	struct cn_msg *cn = NLMSG_DATA(head);

	head->nlmsg_len = sizeof(ask);
	head->nlmsg_type = NLMSG_DONE;
	cn->id.idx = CN_IDX_PROC;
	cn->id.val = CN_VAL_PROC;
	cn->len = sizeof(op);
	memcpy(cn->data, &op, sizeof(op));
	netlink_grow(fd);
	return bind(fd, (const struct sockaddr *)&us, sizeof(us)) < 0 ||
	                       send(fd, ask, sizeof(ask), 0) < 0
	               ? -errno
	               : 0;
}

static void take_exec(struct connector *c, pid_t pid, uint64_t at_us) {
	struct process one;

	/* Nobody of the container has made it: somebody who comes in, or another's. */
	if (!is_ours(c, pid)) {
		int is_in = process_is_in(c->target.proc_fd, pid, c->target.lxc_name);

		if (is_in < 0)
			c->netlink.lost++; /* gone: it may have been one of the container's */
		if (is_in != 1)
			return;
		set_ours(c, pid, true);
	}
	/* What cannot be read is told as far as it is known. */
	(void)process_read(c->target.proc_fd, pid, &one);
	one.at_us = at_us;
	process_tell(&one, &c->target, false, c->netlink.sink);
	process_done(&one);
}

static void take(const void *data, size_t size, void *owner) {
	struct connector *c = owner;
	struct connector_record r;

	switch (connector_read(data, size, &r)) {
	case CONNECTOR_FORK:
		if (is_ours(c, r.parent))
			set_ours(c, r.pid, true);
		break;
	case CONNECTOR_EXIT:
		set_ours(c, r.pid, false);
		break;
	case CONNECTOR_EXEC:
		take_exec(c, r.pid, r.at_us);
		break;
	case CONNECTOR_OTHER:
		break;
	}
}

static int connector_open(const struct watch_target *t, struct watch_source **ret,
                          struct err *err) {
	autoclose int fd =
		socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
	struct connector *c;
	int r = fd < 0 ? -errno : listen_to(fd);

	if (r < 0)
		return err_sys(err, r, "the process connector does not answer");
	c = xcalloc(1, sizeof(*c));
	c->target = *t;
	c->netlink = (struct netlink){
		.fd = steal_fd(&fd), .take = take, .overflow = read_ours, .owner = c
	};
	c->ours = xcalloc(1, PIDS / 8);
	/* Behind the socket: who is made meanwhile is told there. */
	read_ours(c);
	*ret = &c->base;
	return 0;
}

static int connector_start(struct watch_source *s, struct loop *l, const struct watch_sink *sink) {
	return netlink_start(&((struct connector *)s)->netlink, l, sink);
}

static bool connector_go_on(struct watch_source *s) {
	return netlink_go_on(&((struct connector *)s)->netlink);
}

static uint64_t connector_lost(struct watch_source *s) {
	struct connector *c = (struct connector *)s;
	uint64_t n = c->netlink.lost;

	c->netlink.lost = 0;
	return n;
}

static void connector_free(struct watch_source *s) {
	struct connector *c = (struct connector *)s;

	mem_close_ptr(&c->netlink.fd);
	free(c->ours);
	free(c);
}

const struct watch_source_ops watch_exec_connector = {
	.source = "exec",
	.backend = "connector",
	.limits = "command lines of what ends at once; standard streams; the name of the file that "
	          "is run; how many processes are made that run no program",
	.open = connector_open,
	.start = connector_start,
	.go_on = connector_go_on,
	.lost = connector_lost,
	.free = connector_free,
	.needs = WATCH_NEEDS_FILES,
};
