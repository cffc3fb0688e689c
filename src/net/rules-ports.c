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

/* Back to the mode, which goes on. */
static void pass(struct nft_batch *b) {
	nft_rule_verdict(b, NFT_RETURN, NULL);
}

/*
 * Answers to machines of the local network that have begun the connection: their
 * ports are not ours to choose. Nobody else can begin one.
 */
static void local_answers(struct nft_batch *b, const char *chain) {
	nft_rule_begin(b, chain);
	nft_ct_reply(b);
	nft_daddr_in(b, "local4");
	nft_rule_verdict(b, NF_ACCEPT, NULL);
}

static bool may_answer(const struct net_policy *p) {
	return p->mode != NET_ALLOWLIST && p->allow_local_network;
}

static void echo_passes(struct nft_batch *b, const char *chain) {
	static const uint8_t echo = ICMP_ECHO;

	nft_rule_begin(b, chain);
	nft_l4proto(b, IPPROTO_ICMP);
	nft_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, NFT_REG_1);
	nft_cmp(b, NFT_CMP_EQ, NFT_REG_1, &echo, sizeof(echo));
	pass(b);
}

static void ports_pass(struct nft_batch *b, const char *chain, uint8_t proto,
		       const struct net_ports *ports) {
	for (size_t i = 0; i < ports->count; i++) {
		nft_rule_begin(b, chain);
		nft_l4proto(b, proto);
		nft_dport_range(b, ports->ranges[i].low, ports->ranges[i].high);
		pass(b);
	}
}

void net_rules_ports(struct nft_batch *b, const char *chain, const struct net_port *port) {
	const struct net_policy *p = &port->policy;

	if (!p->is_capped)
		return;
	if (may_answer(p))
		local_answers(b, chain);
	echo_passes(b, chain);
	ports_pass(b, chain, IPPROTO_TCP, &p->ports);
	ports_pass(b, chain, IPPROTO_UDP, &p->ports);
	nft_rule_begin(b, chain);
	nft_rule_verdict(b, NFT_GOTO, "deny");
}

unsigned net_rules_ports_count(const struct net_port *port) {
	const struct net_policy *p = &port->policy;

	return p->is_capped ? 2 + (unsigned)may_answer(p) + 2 * (unsigned)p->ports.count : 0;
}
