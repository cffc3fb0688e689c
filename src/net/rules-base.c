/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all ports share. A change here changes the digest, and so replaces older bases. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_bridge.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "net/ranges.h"
#include "net/rules.h"

/* Before anybody else's chain, and before connection tracking (-200). */
#define PRIORITY_FIRST (-300)
/* Ahead of what an administrator has at the usual places. */
#define PRIORITY_FILTER (-10)
#define PRIORITY_GUARD (-20)
#define PRIORITY_DSTNAT (-110)
#define PRIORITY_SRCNAT 90

#define ECHO_PER_SECOND 20
#define ECHO_BURST 40

/* Counted, so that a chain that somebody emptied or filled is seen. Tests compare. */
const struct net_base_chain net_base_chains[] = {
	{ NFPROTO_BRIDGE, "pre", 1 },  { NFPROTO_BRIDGE, "port", 3 },
	{ NFPROTO_BRIDGE, "inp", 1 },  { NFPROTO_BRIDGE, "forw", 2 },
	{ NFPROTO_BRIDGE, "outp", 1 }, { NFPROTO_INET, "raw", 2 },
	{ NFPROTO_INET, "forw", 2 },   { NFPROTO_INET, "from_c", 5 },
	{ NFPROTO_INET, "to_c", 4 },   { NFPROTO_INET, "inp", 1 },
	{ NFPROTO_INET, "host", 6 },   { NFPROTO_INET, "outp", 1 },
	{ NFPROTO_INET, "nat", 2 },    { NFPROTO_INET, "post", 1 },
	{ NFPROTO_INET, "deny", 3 },
};
const size_t net_base_chains_count = ARRAY_SIZE(net_base_chains);

static void drop_prefix(struct nft_batch *b, const char *chain, const char *prefix, bool in) {
	nft_rule_begin(b, chain);
	if (in)
		nft_iif_prefix(b, prefix);
	else
		nft_oif_prefix(b, prefix);
	nft_verdict(b, NF_DROP, NULL);
	nft_rule_end(b);
}

static void to_chain(struct nft_batch *b, const char *from, const char *iif, const char *oif,
		     const char *to) {
	nft_rule_begin(b, from);
	if (iif)
		nft_iif(b, iif);
	if (oif)
		nft_oif(b, oif);
	nft_verdict(b, NFT_GOTO, to);
	nft_rule_end(b);
}

static void ether_type_is(struct nft_batch *b, uint32_t op, uint16_t type) {
	const uint16_t be = htons(type);

	nft_payload(b, NFT_PAYLOAD_LL_HEADER, offsetof(struct ethhdr, h_proto), sizeof(be),
		    NFT_REG_1);
	nft_cmp(b, op, NFT_REG_1, &be, sizeof(be));
}

/* The packet gets its port's mark, which is what everything later goes by. */
static void mark_and_accept(struct nft_batch *b) {
	nft_meta(b, NFT_META_IIFNAME, NFT_REG_1);
	nft_map(b, "marks", NFT_REG_1, NFT_REG_1);
	nft_meta_set(b, NFT_META_MARK, NFT_REG_1);
	nft_verdict(b, NF_ACCEPT, NULL);
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
	nft_rule_end(b);

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
	nft_rule_end(b);

	nft_rule_begin(b, "port");
	nft_verdict(b, NF_DROP, NULL);
	nft_rule_end(b);
}

static void bridge_rules(struct nft_batch *b, const struct net_base *base) {
	const char *ports = base->link_prefix;

	nft_rule_begin(b, "pre");
	nft_iif_prefix(b, ports);
	nft_verdict(b, NFT_GOTO, "port");
	nft_rule_end(b);
	bridge_port_chain(b, base);
	/* Frames to the link-local group addresses come here without having passed `pre`. */
	nft_rule_begin(b, "inp");
	nft_iif_prefix(b, ports);
	nft_mark_ours(b, false);
	nft_verdict(b, NF_DROP, NULL);
	nft_rule_end(b);
	drop_prefix(b, "forw", ports, true);
	drop_prefix(b, "forw", ports, false);
	/* Nothing but IPv4 and ARP leaves for a port. */
	nft_rule_begin(b, "outp");
	nft_oif_prefix(b, ports);
	nft_payload(b, NFT_PAYLOAD_LL_HEADER, offsetof(struct ethhdr, h_proto), 2, NFT_REG_1);
	nft_cmp(b, NFT_CMP_NEQ, NFT_REG_1, "\x08\x00", 2);
	nft_cmp(b, NFT_CMP_NEQ, NFT_REG_1, "\x08\x06", 2);
	nft_verdict(b, NF_DROP, NULL);
	nft_rule_end(b);
}

static void bridge_base(struct nft_batch *b, const struct net_base *base) {
	static const struct nft_hook pre = { "filter", NF_BR_PRE_ROUTING, PRIORITY_FIRST };
	static const struct nft_hook inp = { "filter", NF_BR_LOCAL_IN, PRIORITY_FIRST };
	static const struct nft_hook forw = { "filter", NF_BR_FORWARD, PRIORITY_FIRST };
	static const struct nft_hook outp = { "filter", NF_BR_LOCAL_OUT, PRIORITY_FIRST };
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
		{ .name = "marks",
		  .flags = NFT_SET_MAP,
		  .key_type = NFT_TYPE_IFNAME,
		  .key_len = NET_LINK_SIZE,
		  .data_type = NFT_TYPE_MARK,
		  .data_len = 4 },
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

static void range_set(struct nft_batch *b, const char *name, const struct net_cidr *ranges,
		      size_t count) {
	const struct nft_set_spec spec = { .name = name,
					   .flags = NFT_SET_INTERVAL,
					   .key_type = NFT_TYPE_IPADDR,
					   .key_len = 4 };

	nft_set_add(b, &spec);
	for (size_t i = 0; i < count; i++) {
		uint32_t first = htonl(ranges[i].address);
		/* The end of what reaches 255.255.255.255 is not written down. */
		uint32_t after = htonl((uint32_t)(ranges[i].address +
						  (UINT64_C(1) << (32 - ranges[i].bits))));
		const struct nft_elem ends[2] = {
			{ .key = &first, .key_len = 4 },
			{ .key = &after, .key_len = 4, .flags = NFT_SET_ELEM_INTERVAL_END },
		};

		nft_elem_add(b, name, ends, after ? 2 : 1);
	}
}

static void mark_map(struct nft_batch *b, const char *name) {
	const struct nft_set_spec spec = { .name = name,
					   .flags = NFT_SET_MAP,
					   .key_type = NFT_TYPE_MARK,
					   .key_len = 4,
					   .data_type = NFT_DATA_VERDICT,
					   .data_len = 0 };

	nft_set_add(b, &spec);
}

static void by_mark(struct nft_batch *b, const char *chain, const char *map) {
	nft_rule_begin(b, chain);
	nft_meta(b, NFT_META_MARK, NFT_REG_1);
	nft_map(b, map, NFT_REG_1, NFT_REG_VERDICT);
	nft_rule_end(b);
}

static void forward_rules(struct nft_batch *b, const struct net_base *base) {
	to_chain(b, "forw", base->bridge, NULL, "from_c");
	to_chain(b, "forw", NULL, base->bridge, "to_c");

	nft_rule_begin(b, "from_c");
	nft_not_ipv4(b);
	nft_verdict(b, NF_DROP, NULL);
	nft_rule_end(b);
	to_chain(b, "from_c", NULL, base->bridge, "deny");
	nft_rule_begin(b, "from_c");
	nft_ct_state(b, NF_CT_STATE_INVALID_BIT);
	nft_verdict(b, NF_DROP, NULL);
	nft_rule_end(b);
	by_mark(b, "from_c", "out4");
	nft_rule_begin(b, "from_c");
	nft_verdict(b, NF_DROP, NULL);
	nft_rule_end(b);

	nft_rule_begin(b, "to_c");
	nft_ct_state(b, NF_CT_STATE_BIT(IP_CT_ESTABLISHED));
	nft_ct_reply(b);
	nft_verdict(b, NF_ACCEPT, NULL);
	nft_rule_end(b);
	nft_rule_begin(b, "to_c");
	nft_ct_state(b, NF_CT_STATE_BIT(IP_CT_RELATED));
	nft_l4proto(b, IPPROTO_ICMP);
	nft_verdict(b, NF_ACCEPT, NULL);
	nft_rule_end(b);
	/* From the local network, where both sides want that: see raw_rules(). */
	nft_rule_begin(b, "to_c");
	nft_saddr_in(b, "local4");
	nft_daddr_in(b, "lan4");
	nft_verdict(b, NF_ACCEPT, NULL);
	nft_rule_end(b);
	nft_rule_begin(b, "to_c");
	nft_verdict(b, NF_DROP, NULL);
	nft_rule_end(b);
}

/*
 * What comes from the local network to a port that is open to it gets a mark of
 * ours, which the guard lets through; no port has that number.
 */
static void raw_rules(struct nft_batch *b, const struct net_base *base) {
	char bridge[NET_LINK_SIZE] = { 0 };
	const uint32_t mark = NET_MARK | 1;

	drop_prefix(b, "raw", base->link_prefix, true);
	snprintf(bridge, sizeof(bridge), "%s", base->bridge);
	nft_rule_begin(b, "raw");
	nft_meta(b, NFT_META_IIFNAME, NFT_REG_1);
	nft_cmp(b, NFT_CMP_NEQ, NFT_REG_1, bridge, sizeof(bridge));
	nft_saddr_in(b, "local4");
	nft_daddr_in(b, "lan4");
	nft_immediate(b, NFT_REG_1, &mark, sizeof(mark));
	nft_meta_set(b, NFT_META_MARK, NFT_REG_1);
	nft_rule_end(b);
}

/* What may come to the host itself: answers, the port's own name service, echo. */
static void host_rules(struct nft_batch *b, const struct net_base *base) {
	static const uint8_t echo = ICMP_ECHO;
	const uint32_t gateway = htonl(base->gateway);

	to_chain(b, "inp", base->bridge, NULL, "host");

	nft_rule_begin(b, "host");
	nft_not_ipv4(b);
	nft_verdict(b, NF_DROP, NULL);
	nft_rule_end(b);
	nft_rule_begin(b, "host");
	nft_mark_ours(b, false);
	nft_verdict(b, NF_DROP, NULL);
	nft_rule_end(b);
	nft_rule_begin(b, "host");
	nft_ct_state(b, NF_CT_STATE_BIT(IP_CT_ESTABLISHED));
	nft_ct_reply(b);
	nft_verdict(b, NF_ACCEPT, NULL);
	nft_rule_end(b);
	by_mark(b, "host", "in4");
	nft_rule_begin(b, "host");
	nft_ipv4(b);
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, 16, 4, NFT_REG_1);
	nft_cmp(b, NFT_CMP_EQ, NFT_REG_1, &gateway, sizeof(gateway));
	nft_l4proto(b, IPPROTO_ICMP);
	nft_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, NFT_REG_1);
	nft_cmp(b, NFT_CMP_EQ, NFT_REG_1, &echo, sizeof(echo));
	nft_limit(b, ECHO_PER_SECOND, ECHO_BURST);
	nft_verdict(b, NF_ACCEPT, NULL);
	nft_rule_end(b);
	nft_rule_begin(b, "host");
	nft_verdict(b, NFT_GOTO, "deny");
	nft_rule_end(b);

	nft_rule_begin(b, "outp");
	nft_oif(b, base->bridge);
	nft_not_ipv4(b);
	nft_verdict(b, NF_DROP, NULL);
	nft_rule_end(b);
}

static void nat_rules(struct nft_batch *b, const struct net_base *base) {
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_TCP };
	const uint32_t gateway = htonl(base->gateway);

	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		nft_rule_begin(b, "nat");
		nft_iif(b, base->bridge);
		nft_ipv4(b);
		nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, 16, 4, NFT_REG_1);
		nft_cmp(b, NFT_CMP_EQ, NFT_REG_1, &gateway, sizeof(gateway));
		nft_l4proto(b, protos[i]);
		nft_dport(b, 53);
		nft_meta(b, NFT_META_MARK, NFT_REG_1);
		nft_map(b, "dns4", NFT_REG_1, NFT_REG_VERDICT);
		nft_rule_end(b);
	}
	/* The mark, not the address alone: what only pretends to be ours stays as it is. */
	nft_rule_begin(b, "post");
	nft_mark_ours(b, true);
	nft_ipv4(b);
	nft_meta(b, NFT_META_OIFNAME, NFT_REG_1);
	{
		char bridge[NET_LINK_SIZE] = { 0 };
		uint32_t mask = base->range.bits ? htonl(~UINT32_C(0) << (32 - base->range.bits))
						 : 0;
		uint32_t range = htonl(base->range.address);

		snprintf(bridge, sizeof(bridge), "%s", base->bridge);
		nft_cmp(b, NFT_CMP_NEQ, NFT_REG_1, bridge, sizeof(bridge));
		nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, 12, 4, NFT_REG_1);
		nft_and(b, NFT_REG_1, &mask, sizeof(mask));
		nft_cmp(b, NFT_CMP_EQ, NFT_REG_1, &range, sizeof(range));
	}
	nft_masquerade(b);
	nft_rule_end(b);
}

/*
 * Refused at once, never left silent: programs wait long for what does not
 * answer. The port's own chain tells its supervisor.
 */
static void deny_rules(struct nft_batch *b) {
	by_mark(b, "deny", "log4");
	nft_rule_begin(b, "deny");
	nft_l4proto(b, IPPROTO_TCP);
	nft_reject(b, NFT_REJECT_TCP_RST, 0);
	nft_rule_end(b);
	nft_rule_begin(b, "deny");
	nft_reject(b, NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
	nft_rule_end(b);
}

static void inet_base(struct nft_batch *b, const struct net_base *base) {
	static const struct nft_hook raw = { "filter", NF_INET_PRE_ROUTING, PRIORITY_FIRST };
	static const struct nft_hook forw = { "filter", NF_INET_FORWARD, PRIORITY_FILTER };
	static const struct nft_hook inp = { "filter", NF_INET_LOCAL_IN, PRIORITY_FILTER };
	static const struct nft_hook outp = { "filter", NF_INET_LOCAL_OUT, PRIORITY_FILTER };
	static const struct nft_hook nat = { "nat", NF_INET_PRE_ROUTING, PRIORITY_DSTNAT };
	static const struct nft_hook post = { "nat", NF_INET_POST_ROUTING, PRIORITY_SRCNAT };
	static const struct nft_set_spec lan4 = { .name = "lan4",
						  .key_type = NFT_TYPE_IPADDR,
						  .key_len = 4 };
	static const char *const plain[] = { "deny", "from_c", "to_c", "host" };

	nft_table(b, NFPROTO_INET, base->table);
	range_set(b, "private4", net_private_ranges, net_private_ranges_count);
	range_set(b, "metadata4", net_metadata_ranges, net_metadata_ranges_count);
	range_set(b, "endpoints4", net_endpoint_ranges, net_endpoint_ranges_count);
	range_set(b, "local4", net_local_ranges, net_local_ranges_count);
	nft_set_add(b, &lan4);
	mark_map(b, "out4");
	mark_map(b, "in4");
	mark_map(b, "dns4");
	mark_map(b, "log4");
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		nft_chain_add(b, plain[i], NULL);
	nft_chain_add(b, "raw", &raw);
	nft_chain_add(b, "forw", &forw);
	nft_chain_add(b, "inp", &inp);
	nft_chain_add(b, "outp", &outp);
	nft_chain_add(b, "nat", &nat);
	nft_chain_add(b, "post", &post);
	raw_rules(b, base);
	forward_rules(b, base);
	host_rules(b, base);
	nat_rules(b, base);
	deny_rules(b);
}

void net_rules_base(struct nft_batch *b, const struct net_base *base) {
	bridge_base(b, base);
	inet_base(b, base);
}

static void table_replace(struct nft_batch *b, uint16_t family, const struct net_base *base,
			  const char *comment) {
	nft_table(b, family, base->table);
	nft_table_add(b, 0, NULL);
	nft_table_delete(b);
	nft_table_add(b, 0, comment);
}

static void comment_of(const struct nft_batch *rules, char out[NET_COMMENT_SIZE]) {
	char hex[HASH_HEX_SIZE];

	hash_hex(rules->bytes.data, rules->bytes.len, hex);
	snprintf(out, NET_COMMENT_SIZE, "coi schema %d %.16s", NET_SCHEMA, hex);
}

/* Where the shared rules begin in a transaction: behind its begin and the six table messages. */
#define RULES_SEQ 100

void net_rules_comment(const struct net_base *base, char out[NET_COMMENT_SIZE]) {
	auto_nft_batch struct nft_batch rules;

	nft_batch_init(&rules, RULES_SEQ, NULL);
	net_rules_base(&rules, base);
	comment_of(&rules, out);
}

void net_rules_base_replace(struct nft_batch *b, const struct net_base *base) {
	auto_nft_batch struct nft_batch rules;
	char comment[NET_COMMENT_SIZE];

	nft_batch_init(&rules, RULES_SEQ, b->text);
	net_rules_base(&rules, base);
	comment_of(&rules, comment);
	table_replace(b, NFPROTO_BRIDGE, base, comment);
	table_replace(b, NFPROTO_INET, base, comment);
	b->seq = RULES_SEQ;
	nft_batch_append(b, &rules);
}

void net_rules_guard(struct nft_batch *b, const struct net_base *base, uint32_t flags) {
	static const struct nft_hook forw = { "filter", NF_INET_FORWARD, PRIORITY_GUARD };
	static const struct nft_hook inp = { "filter", NF_INET_LOCAL_IN, PRIORITY_GUARD };
	static const char *const chains[] = { "forw", "inp" };
	const uint32_t dnat = IPS_DST_NAT, zero = 0;

	nft_table(b, NFPROTO_INET, base->guard_table);
	nft_table_add(b, flags, NULL);
	nft_chain_add(b, "forw", &forw);
	nft_chain_add(b, "inp", &inp);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		nft_chain_flush(b, chains[i]);
		nft_rule_begin(b, chains[i]);
		nft_iif(b, base->bridge);
		nft_mark_ours(b, false);
		nft_verdict(b, NF_DROP, NULL);
		nft_rule_end(b);
		drop_prefix(b, chains[i], base->link_prefix, true);
	}
	/*
	 * Strangers who route to our range; what was sent here on purpose has been
	 * rewritten, and what a port wants from the local network is marked.
	 */
	nft_rule_begin(b, "forw");
	nft_mark_ours(b, false);
	nft_oif(b, base->bridge);
	nft_ct_state(b, NF_CT_STATE_BIT(IP_CT_NEW));
	nft_ct(b, NFT_CT_STATUS, NFT_REG_1);
	nft_and(b, NFT_REG_1, &dnat, sizeof(dnat));
	nft_cmp(b, NFT_CMP_EQ, NFT_REG_1, &zero, sizeof(zero));
	nft_verdict(b, NF_DROP, NULL);
	nft_rule_end(b);
}
