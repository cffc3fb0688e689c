/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a port was denied, as the kernel's log groups tell it. */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
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
	int r = config(fd, group, NFULA_CFG_CMD, &cmd, sizeof(cmd));

	return r < 0 ? r : config(fd, group, NFULA_CFG_MODE, &mode, sizeof(mode));
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

/* The packet begins with its IPv4 header; it is the container's, so nothing is sure. */
static bool parse_packet(const uint8_t *p, size_t len, struct net_denied *ret) {
	size_t head = len >= sizeof(struct iphdr) ? (p[0] & 15u) * 4u : 0;

	if (head < sizeof(struct iphdr) || p[0] >> 4 != 4)
		return false;
	*ret = (struct net_denied){ .protocol = p[9] };
	ret->address = (uint32_t)p[16] << 24 | (uint32_t)p[17] << 16 | (uint32_t)p[18] << 8 | p[19];
	/* Later fragments have no ports. */
	if ((ret->protocol == IPPROTO_TCP || ret->protocol == IPPROTO_UDP) && len >= head + 4 &&
	    !((p[6] & 0x1f) | p[7])) {
		ret->source_port = (uint16_t)(p[head] << 8 | p[head + 1]);
		ret->port = (uint16_t)(p[head + 2] << 8 | p[head + 3]);
	}
	ret->is_echo = ret->protocol == IPPROTO_ICMP && len > head && p[head] == ICMP_ECHO;
	return true;
}

static bool parse_message(const struct nlmsghdr *nlh, struct net_denied *ret) {
	const struct nfulnl_msg_packet_hdr *head;
	const struct nlattr *a, *payload = NULL;
	bool to_host = false;

	if (nlh->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET))
		return false;
	mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(a) == NFULA_PAYLOAD)
			payload = a;
		if (mnl_attr_get_type(a) == NFULA_PACKET_HDR &&
		    mnl_attr_get_payload_len(a) == sizeof(*head)) {
			head = mnl_attr_get_payload(a);
			to_host = head->hook == NF_INET_LOCAL_IN;
		}
	}
	if (!payload ||
	    !parse_packet(mnl_attr_get_payload(payload), mnl_attr_get_payload_len(payload), ret))
		return false;
	ret->to_host = to_host;
	return true;
}

int net_port_log_read(int fd, struct net_denied *ret, size_t room) {
	autofree char *buf = xmalloc(NL_BUF);
	size_t count = 0;

	for (;;) {
		ssize_t n = recv(fd, buf, NL_BUF, MSG_DONTWAIT);
		int len = (int)n;

		/* What was lost was too much anyway. */
		if (n < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (n < 0)
			return errno == EAGAIN ? (int)count : -errno;
		for (const struct nlmsghdr *h = (void *)buf; mnl_nlmsg_ok(h, len);
		     h = mnl_nlmsg_next(h, &len))
			if (count < room && parse_message(h, &ret[count]))
				count++;
	}
}
