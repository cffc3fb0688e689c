/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of the bridge family: which frames are a port's own. */
#include <arpa/inet.h>
#include <netinet/if_ether.h> /* before those of linux/, which make way for it */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_bridge.h>
#include <stddef.h>

#include "base/mem.h"
#include "net/rules.h"

void net_rules_drop(struct nft_batch *b, const char *chain, const char *prefix, bool in) {
	nft_rule_begin(b, chain);
	if (in)
		nft_iif_prefix(b, prefix);
	else
		nft_oif_prefix(b, prefix);
	nft_rule_verdict(b, NF_DROP, NULL);
}

static void ether_type_is(struct nft_batch *b, uint32_t op, uint16_t type) {
	const uint16_t be = htons(type);

	nft_payload(b, NFT_PAYLOAD_LL_HEADER, offsetof(struct ethhdr, h_proto), sizeof(be),
		    NFT_REG_1);
	nft_cmp(b, op, NFT_REG_1, &be, sizeof(be));
}

static void mark_and_accept(struct nft_batch *b) {
	const uint32_t mark = NET_MARK;

	nft_immediate(b, NFT_REG_1, &mark, sizeof(mark));
	nft_meta_set(b, NFT_META_MARK, NFT_REG_1);
	nft_rule_verdict(b, NF_ACCEPT, NULL);
}

/* Link, hardware address and address together must be known: the port is the identity. */
static void bridge_port_chain(struct nft_batch *b, const struct net_base *base) {
	/* Ethernet and IPv4, as in RFC 826; the operation may be any. */
	static const uint8_t arp_head[6] = { 0, 1 /* ARPHRD_ETHER */, 0x08, 0x00, 6, 4 };
	const uint32_t gateway = htonl(base->gateway);

	nft_rule_begin(b, "port");
	ether_type_is(b, NFT_CMP_EQ, ETH_P_IP);
	nft_meta(b, NFT_META_IIFNAME, NFT_REG_1);
	nft_payload(b, NFT_PAYLOAD_LL_HEADER, 6, 6, NFT_REG_2);
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, 12, 4, NFT_REG32_06);
	nft_lookup(b, "bind4", NFT_REG_1);
	mark_and_accept(b);

	nft_rule_begin(b, "port");
	ether_type_is(b, NFT_CMP_EQ, ETH_P_ARP);
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, 0, sizeof(arp_head), NFT_REG_1);
	nft_cmp(b, NFT_CMP_EQ, NFT_REG_1, arp_head, sizeof(arp_head));
	nft_meta(b, NFT_META_IIFNAME, NFT_REG_1);
	nft_payload(b, NFT_PAYLOAD_LL_HEADER, 6, 6, NFT_REG_2);
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, 8, 6, NFT_REG32_06);
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, 14, 4, NFT_REG_3);
	nft_lookup(b, "bindarp", NFT_REG_1);
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, 24, 4, NFT_REG_1);
	nft_cmp(b, NFT_CMP_EQ, NFT_REG_1, &gateway, sizeof(gateway));
	mark_and_accept(b);

	nft_rule_begin(b, "port");
	nft_rule_verdict(b, NF_DROP, NULL);
}

static void bridge_rules(struct nft_batch *b, const struct net_base *base) {
	const char *ports = base->link_prefix;

	nft_rule_begin(b, "pre");
	nft_iif_prefix(b, ports);
	nft_rule_verdict(b, NFT_GOTO, "port");
	bridge_port_chain(b, base);
	/*
	 * Frames to the link-local group addresses come here without having passed
	 * `pre`. And where the bridge hands packets to the host's own filters
	 * (br_netfilter), these may have put a mark of theirs over ours: then they are
	 * looked at once more.
	 */
	nft_rule_begin(b, "inp");
	nft_iif_prefix(b, ports);
	nft_mark_ours(b, true);
	nft_rule_verdict(b, NF_ACCEPT, NULL);
	nft_rule_begin(b, "inp");
	nft_iif_prefix(b, ports);
	nft_rule_verdict(b, NFT_GOTO, "port");
	net_rules_drop(b, "forw", ports, true);
	net_rules_drop(b, "forw", ports, false);
	/* Nothing but IPv4 and ARP leaves for a port. */
	nft_rule_begin(b, "outp");
	nft_oif_prefix(b, ports);
	nft_payload(b, NFT_PAYLOAD_LL_HEADER, offsetof(struct ethhdr, h_proto), 2, NFT_REG_1);
	nft_cmp(b, NFT_CMP_NEQ, NFT_REG_1, "\x08\x00", 2);
	nft_cmp(b, NFT_CMP_NEQ, NFT_REG_1, "\x08\x06", 2);
	nft_rule_verdict(b, NF_DROP, NULL);
}

void net_rules_bridge(struct nft_batch *b, const struct net_base *base) {
	static const struct nft_hook pre = { "filter", NF_BR_PRE_ROUTING, NET_PRIORITY_FIRST };
	static const struct nft_hook inp = { "filter", NF_BR_LOCAL_IN, NET_PRIORITY_FIRST };
	static const struct nft_hook forw = { "filter", NF_BR_FORWARD, NET_PRIORITY_FIRST };
	static const struct nft_hook outp = { "filter", NF_BR_LOCAL_OUT, NET_PRIORITY_FIRST };
	static const struct nft_set_spec sets[] = {
		{ .name = "bind4",
		  .key_type = NFT_TYPE_JOIN(NFT_TYPE_JOIN(NFT_TYPE_IFNAME, NFT_TYPE_ETHERADDR),
					    NFT_TYPE_IPADDR),
		  .key_len = 28 },
		{ .name = "bindarp",
		  .key_type = NFT_TYPE_JOIN(NFT_TYPE_JOIN(NFT_TYPE_JOIN(NFT_TYPE_IFNAME,
									NFT_TYPE_ETHERADDR),
							  NFT_TYPE_ETHERADDR),
					    NFT_TYPE_IPADDR),
		  .key_len = 36 },
	};

	nft_table(b, NFPROTO_BRIDGE, base->table);
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		nft_set_add(b, &sets[i]);
	nft_chain_add(b, "port", NULL);
	nft_chain_add(b, "pre", &pre);
	nft_chain_add(b, "inp", &inp);
	nft_chain_add(b, "forw", &forw);
	nft_chain_add(b, "outp", &outp);
	bridge_rules(b, base);
}
