/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ports that a policy keeps to, ahead of what its mode says: whatever goes to
 * another one is denied, and so is every protocol that has none, but for the echo.
 * Mode allowlist has judged the protocols before, and let through what goes on.
 */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include "base/mem.h"
#include "net/rules.h"

static const uint8_t with_ports[] = { IPPROTO_TCP, IPPROTO_UDP };

static void deny(struct nft_batch *b) {
	nft_verdict(b, NFT_GOTO, "deny");
	nft_rule_end(b);
}

/* Ports from @low to @high are none of those that are allowed. */
static void deny_ports(struct nft_batch *b, const char *chain, unsigned low, unsigned high) {
	nft_rule_begin(b, chain);
	nft_not_l4proto(b, IPPROTO_ICMP);
	nft_dport_range(b, (uint16_t)low, (uint16_t)high);
	deny(b);
}

/*
 * Answers to machines of the local network that have begun the connection: their
 * ports are not ours to choose. Nobody else can begin one.
 */
static void local_answers(struct nft_batch *b, const char *chain) {
	nft_rule_begin(b, chain);
	nft_ct_reply(b);
	nft_daddr_in(b, "local4");
	nft_verdict(b, NF_ACCEPT, NULL);
	nft_rule_end(b);
}

static void protocols(struct nft_batch *b, const char *chain) {
	static const uint8_t echo = ICMP_ECHO;

	nft_rule_begin(b, chain);
	nft_l4proto(b, IPPROTO_ICMP);
	nft_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, NFT_REG_1);
	nft_cmp(b, NFT_CMP_NEQ, NFT_REG_1, &echo, sizeof(echo));
	deny(b);
	nft_rule_begin(b, chain);
	nft_not_l4proto(b, IPPROTO_ICMP);
	for (size_t i = 0; i < ARRAY_SIZE(with_ports); i++)
		nft_not_l4proto(b, with_ports[i]);
	deny(b);
}

void net_rules_ports(struct nft_batch *b, const char *chain, const struct net_port *port) {
	const struct net_policy *p = &port->policy;
	unsigned from = 0;

	if (!p->is_capped)
		return;
	if (p->mode != NET_ALLOWLIST) {
		if (p->allow_local_network)
			local_answers(b, chain);
		protocols(b, chain);
	}
	for (size_t i = 0; i < p->ports.count; i++) {
		if (p->ports.ranges[i].low > from)
			deny_ports(b, chain, from, p->ports.ranges[i].low - 1u);
		from = p->ports.ranges[i].high + 1u;
	}
	if (from <= UINT16_MAX)
		deny_ports(b, chain, from, UINT16_MAX);
}

unsigned net_rules_ports_count(const struct net_port *port) {
	const struct net_policy *p = &port->policy;
	unsigned n = 0, from = 0;

	if (!p->is_capped)
		return 0;
	if (p->mode != NET_ALLOWLIST)
		n = 2 + (unsigned)p->allow_local_network;
	for (size_t i = 0; i < p->ports.count; i++) {
		n += p->ports.ranges[i].low > from;
		from = p->ports.ranges[i].high + 1u;
	}
	return n + (from <= UINT16_MAX);
}
