/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A log group of the kernel's, which tells what a port was denied. */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/nl.h"
#include "net/port.h"

/* Away from the numbers that people give to their own log daemons. */
#define GROUP_FIRST 8192
#define GROUP_COUNT 50000
#define TRIES_MAX 2000
#define COPY_BYTES 64

static int config(int fd, uint16_t group, uint16_t attr, const void *data, size_t len) {
	char buf[256] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *g;
	char answer[1024] __attribute__((aligned(8)));
	const struct nlmsgerr *e;
	ssize_t n;

	nlh->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->nfgen_family = AF_INET;
	g->version = NFNETLINK_V0;
	g->res_id = htons(group);
	mnl_attr_put(nlh, attr, len, data);
	if (send(fd, nlh, nlh->nlmsg_len, 0) < 0)
		return -errno;
	/* Packets of the group may come before the answer to its second message. */
	for (;;) {
		n = recv(fd, answer, sizeof(answer), 0);
		if (n < 0)
			return -errno;
		nlh = (void *)answer;
		if (!mnl_nlmsg_ok(nlh, (int)n) || nlh->nlmsg_type != NLMSG_ERROR)
			continue;
		e = mnl_nlmsg_get_payload(nlh);
		return e->error;
	}
}

static int bind_group(int fd, uint16_t group) {
	const struct nfulnl_msg_config_cmd cmd = { .command = NFULNL_CFG_CMD_BIND };
	const struct nfulnl_msg_config_mode mode = { .copy_range = htonl(COPY_BYTES),
						     .copy_mode = NFULNL_COPY_PACKET };
	/* Each at once: by the time that a heap of them is full the program has gone. */
	const uint32_t each = htonl(1);
	int r = config(fd, group, NFULA_CFG_CMD, &cmd, sizeof(cmd));

	if (r == 0)
		r = config(fd, group, NFULA_CFG_MODE, &mode, sizeof(mode));
	return r < 0 ? r : config(fd, group, NFULA_CFG_QTHRESH, &each, sizeof(each));
}

int net_port_log_open(struct net_port *port, struct err *err) {
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	autoclose int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	uint16_t first = port->log_group >= GROUP_FIRST ? port->log_group - GROUP_FIRST
							: (uint16_t)(port->index % GROUP_COUNT);
	int r = -EPERM;

	if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
		return err_sys(err, -errno, "cannot open the log of '%s'", port->name);
	/* A group that somebody else has is EPERM, or EBUSY. */
	for (unsigned i = 0; i < TRIES_MAX && (r == -EPERM || r == -EBUSY); i++) {
		uint16_t group = (uint16_t)(GROUP_FIRST + (first + i) % GROUP_COUNT);

		r = bind_group(fd, group);
		if (r == 0)
			port->log_group = group;
	}
	return r < 0 ? err_sys(err, r, "cannot open the log of '%s'", port->name) : steal_fd(&fd);
}
