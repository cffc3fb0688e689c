/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/source/conntrack-record.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define KINDS 64 /* more than the kernel has of attributes in one place */

/* Each at most once. */
static int keep(const struct nlattr *a, void *data) {
	const struct nlattr **all = data;
	uint16_t kind = mnl_attr_get_type(a);

	if (kind >= KINDS)
		return MNL_CB_OK;
	if (all[kind])
		return MNL_CB_ERROR;
	all[kind] = a;
	return MNL_CB_OK;
}

static bool open_nest(const struct nlattr *a, const struct nlattr *ret[KINDS]) {
	memset(ret, 0, KINDS * sizeof(*ret));
	return a && mnl_attr_parse_nested(a, keep, ret) >= MNL_CB_STOP;
}

/* Of just that size. */
static bool copy(const struct nlattr *a, void *ret, size_t size) {
	if (!a || mnl_attr_get_payload_len(a) != size)
		return false;
	memcpy(ret, mnl_attr_get_payload(a), size);
	return true;
}

static bool has_ports(uint8_t protocol) {
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ||
	       protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP;
}

static bool read_protocol(const struct nlattr *a, struct watch_connect *c) {
	const struct nlattr *in[KINDS];
	uint16_t port;

	if (!open_nest(a, in) || !copy(in[CTA_PROTO_NUM], &c->protocol, sizeof(c->protocol)))
		return false;
	if (!has_ports(c->protocol))
		return true;
	if (!copy(in[CTA_PROTO_DST_PORT], &port, sizeof(port)))
		return false;
	c->port = ntohs(port);
	return true;
}

enum conntrack_what conntrack_read(const void *data, size_t size, uint32_t from,
                                   struct watch_connect *ret) {
	const struct nlmsghdr *head = data;
	const struct nlattr *all[KINDS] = { 0 }, *tuple[KINDS], *ip[KINDS];
	struct watch_connect c = { .family = AF_INET };
	const struct nfgenmsg *g;
	uint32_t source;

	if (!mnl_nlmsg_ok(head, (int)size))
		return CONNTRACK_ODD;
	if (head->nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) ||
	    !(head->nlmsg_flags & NLM_F_CREATE))
		return CONNTRACK_OTHER;
	if (mnl_nlmsg_get_payload_len(head) < sizeof(*g))
		return CONNTRACK_ODD;
	g = mnl_nlmsg_get_payload(head);
	if (g->nfgen_family != AF_INET)
		return CONNTRACK_OTHER;
	/* Not mnl_attr_parse(): that looks as far as the next multiple of four. */
	if (mnl_attr_parse_payload(g + 1, mnl_nlmsg_get_payload_len(head) - sizeof(*g), keep, all) <
	            MNL_CB_STOP ||
	    !open_nest(all[CTA_TUPLE_ORIG], tuple) || !open_nest(tuple[CTA_TUPLE_IP], ip) ||
	    !copy(ip[CTA_IP_V4_SRC], &source, sizeof(source)) || !copy(ip[CTA_IP_V4_DST], c.address, 4))
		return CONNTRACK_ODD;
	if (ntohl(source) != from)
		return CONNTRACK_OTHER;
	if (!read_protocol(tuple[CTA_TUPLE_PROTO], &c))
		return CONNTRACK_ODD;
	*ret = c;
	return CONNTRACK_NEW;
}
