/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages of a log group. The kernel has written what is around the packets; what is
 * in them is the container's, so nothing is sure.
 */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "net/denied.h"

#define ATTR_HEAD ((size_t)NLA_ALIGN(sizeof(struct nlattr)))

static uint16_t get16(const uint8_t *p) {
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* It begins with its IPv4 header. */
static bool parse_packet(const uint8_t *p, size_t len, struct net_denied *ret) {
	size_t head = len >= sizeof(struct iphdr) ? (p[0] & 15u) * 4u : 0;
	bool is_first;

	if (head < sizeof(struct iphdr) || p[0] >> 4 != 4)
		return false;
	*ret = (struct net_denied){
		.protocol = p[9],
		.address = (uint32_t)get16(p + 16) << 16 | get16(p + 18),
	};
	/* Later fragments have no ports. */
	is_first = !((p[6] & 0x1f) | p[7]);
	if ((ret->protocol == IPPROTO_TCP || ret->protocol == IPPROTO_UDP) && is_first &&
	    len >= head + 4) {
		ret->source = get16(p + head);
		ret->port = get16(p + head + 2);
	}
	if (ret->protocol == IPPROTO_ICMP && is_first && len > head && p[head] == ICMP_ECHO) {
		ret->is_echo = true;
		ret->source = len >= head + 6 ? get16(p + head + 4) : 0;
	}
	return true;
}

static bool parse_message(const uint8_t *attrs, size_t len, struct net_denied *ret) {
	const uint8_t *packet = NULL;
	size_t packet_len = 0;
	bool to_host = false;

	while (len >= ATTR_HEAD) {
		struct nlattr a;
		size_t step;

		memcpy(&a, attrs, sizeof(a));
		if (a.nla_len < ATTR_HEAD || a.nla_len > len)
			break;
		if ((a.nla_type & NLA_TYPE_MASK) == NFULA_PAYLOAD) {
			packet = attrs + ATTR_HEAD;
			packet_len = a.nla_len - ATTR_HEAD;
		}
		if ((a.nla_type & NLA_TYPE_MASK) == NFULA_PACKET_HDR &&
		    a.nla_len == ATTR_HEAD + sizeof(struct nfulnl_msg_packet_hdr)) {
			struct nfulnl_msg_packet_hdr head;

			memcpy(&head, attrs + ATTR_HEAD, sizeof(head));
			to_host = head.hook == NF_INET_LOCAL_IN;
		}
		step = NLA_ALIGN(a.nla_len);
		if (step > len)
			break;
		attrs += step;
		len -= step;
	}
	if (!packet || !parse_packet(packet, packet_len, ret))
		return false;
	ret->to_host = to_host;
	return true;
}

size_t net_denied_parse(const void *datagram, size_t len, struct net_denied *ret, size_t room) {
	const size_t heads = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));
	const uint8_t *p = datagram;
	size_t count = 0;

	while (len >= NLMSG_HDRLEN && count < room) {
		struct nlmsghdr h;
		size_t step;

		memcpy(&h, p, sizeof(h));
		if (h.nlmsg_len < NLMSG_HDRLEN || h.nlmsg_len > len)
			break;
		if (h.nlmsg_type == (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET) &&
		    h.nlmsg_len >= heads && parse_message(p + heads, h.nlmsg_len - heads, &ret[count]))
			count++;
		step = NLMSG_ALIGN(h.nlmsg_len);
		if (step > len)
			break;
		p += step;
		len -= step;
	}
	return count;
}
