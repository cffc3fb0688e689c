/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all ports share. A change here changes the digest, and so replaces older bases. */
#include <arpa/inet.h>
#include <assert.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "net/allowed.h"
#include "net/ranges.h"
#include "net/rules.h"

/* Right behind ours: nothing is meant to come in between. */
#define PRIORITY_GUARD (NET_PRIORITY_FILTER + 1)
#define PRIORITY_DSTNAT (-110)
#define PRIORITY_SRCNAT 90

#define LIST_MAX 32 /* ranges in one of our lists */
#define ECHO_PER_SECOND 20
#define ECHO_BURST 40

/* Counted, so that a chain that somebody emptied or filled is seen. Tests compare. */
const struct net_base_chain net_base_chains[] = {
	{ NFPROTO_BRIDGE, "pre", 1 },
	{ NFPROTO_BRIDGE, "inp", 2 },
	{ NFPROTO_BRIDGE, "port", 3 },
	{ NFPROTO_BRIDGE, "forw", 2 },
	{ NFPROTO_BRIDGE, "outp", 1 },
	{ NFPROTO_INET, "raw", 3 },
	{ NFPROTO_INET, "forw", 4 },
	{ NFPROTO_INET, "from_c", 7 },
	{ NFPROTO_INET, "restricted", 5 + NET_BLOCK_RULES },
	{ NFPROTO_INET, "open", 2 },
	{ NFPROTO_INET, "allowlist", NET_ALLOWLIST_RULES },
	{ NFPROTO_INET, "to_c", 4 },
	{ NFPROTO_INET, "inp", 2 },
	{ NFPROTO_INET, "host", 6 },
	{ NFPROTO_INET, "outp", 1 },
	{ NFPROTO_INET, "nat", 2 },
	{ NFPROTO_INET, "post", 1 },
	{ NFPROTO_INET, "deny", 3 },
};
const size_t net_base_chains_count = ARRAY_SIZE(net_base_chains);

/* What comes from (@in) or goes to @link is judged there, and whatever that leaves dropped. */
static void judge(struct nft_batch *b, const char *from, const char *link, bool in, const char *to) {
	nft_rule_begin(b, from);
	if (in)
		nft_iif(b, link);
	else
		nft_oif(b, link);
	nft_mark_judged(b);
	nft_rule_verdict(b, NFT_JUMP, to);
}

static void drop_link(struct nft_batch *b, const char *from, const char *link, bool in) {
	nft_rule_begin(b, from);
	if (in)
		nft_iif(b, link);
	else
		nft_oif(b, link);
	nft_rule_verdict(b, NF_DROP, NULL);
}

static void range_set(struct nft_batch *b, const char *name, const struct net_range *ranges,
		      size_t count) {
	const struct nft_set_spec spec = { .name = name,
					   .flags = NFT_SET_INTERVAL,
					   .key_type = NFT_TYPE_IPADDR,
					   .key_len = 4 };

	nft_set_add(b, &spec);
	net_rules_ranges(b, name, ranges, count);
}

static void address_set(struct nft_batch *b, const char *name) {
	const struct nft_set_spec spec = { .name = name,
					   .key_type = NFT_TYPE_IPADDR,
					   .key_len = 4 };

	nft_set_add(b, &spec);
}

static void address_map(struct nft_batch *b, const char *name, uint32_t type, uint32_t len) {
	const struct nft_set_spec spec = { .name = name,
					   .flags = NFT_SET_MAP,
					   .key_type = NFT_TYPE_IPADDR,
					   .key_len = 4,
					   .data_type = type,
					   .data_len = len };

	nft_set_add(b, &spec);
}

void net_rules_own(struct nft_batch *b, const char *chain, const char *map) {
	nft_rule_begin(b, chain);
	nft_ipv4(b);
	nft_saddr(b, NFT_REG_1);
	nft_map(b, map, NFT_REG_1, NFT_REG_VERDICT);
	nft_rule_end(b);
}

void net_rules_local(struct nft_batch *b, const char *chain) {
	nft_rule_begin(b, chain);
	nft_daddr_in(b, "local4");
	nft_saddr(b, NFT_REG_1);
	nft_lookup(b, "lan4", NFT_REG_1);
	nft_rule_verdict(b, NF_ACCEPT, NULL);
}

/* The same answer as net_is_blocked(). */
void net_rules_blocks(struct nft_batch *b, const char *chain) {
	nft_rule_begin(b, chain);
	nft_daddr_in(b, "metadata4");
	nft_saddr(b, NFT_REG_1);
	nft_lookup(b, "nometadata", NFT_REG_1);
	nft_rule_verdict(b, NFT_RETURN, NULL);
	nft_rule_begin(b, chain);
	nft_daddr_in(b, "private4");
	nft_saddr(b, NFT_REG_1);
	nft_lookup(b, "noprivate", NFT_REG_1);
	nft_lookup(b, "nometadata", NFT_REG_1);
	nft_rule_verdict(b, NFT_RETURN, NULL);
	/* With the metadata block alone lifted, the addresses that answer are open. */
	nft_rule_begin(b, chain);
	nft_daddr_in(b, "private4");
	nft_lookup_not(b, "endpoints4", NFT_REG_1);
	nft_saddr(b, NFT_REG_1);
	nft_lookup(b, "noprivate", NFT_REG_1);
	nft_rule_verdict(b, NFT_RETURN, NULL);
}

/* Public addresses are what most is about: one look tells them. */
static void restricted_rules(struct nft_batch *b) {
	net_rules_own(b, "restricted", net_port_maps[NET_CHAIN_CAPPED]);
	net_rules_own(b, "restricted", net_port_maps[NET_CHAIN_HOSTS]);
	nft_rule_begin(b, "restricted");
	nft_daddr_not_in(b, "special4");
	nft_rule_verdict(b, NF_ACCEPT, NULL);
	net_rules_local(b, "restricted");
	net_rules_blocks(b, "restricted");
	nft_rule_begin(b, "restricted");
	nft_rule_verdict(b, NF_ACCEPT, NULL);
}

static void open_rules(struct nft_batch *b) {
	net_rules_own(b, "open", net_port_maps[NET_CHAIN_CAPPED]);
	nft_rule_begin(b, "open");
	nft_rule_verdict(b, NF_ACCEPT, NULL);
}

/* Set and chain have the mode's name. */
static void by_mode(struct nft_batch *b, const char *mode) {
	nft_rule_begin(b, "from_c");
	nft_saddr_in(b, mode);
	nft_rule_verdict(b, NFT_JUMP, mode);
}

/* Chains of modes end what they allow, and come back with the rest. */
static void from_rules(struct nft_batch *b, const struct net_base *base) {
	nft_rule_begin(b, "from_c");
	nft_not_ipv4(b);
	nft_rule_verdict(b, NF_DROP, NULL);
	nft_rule_begin(b, "from_c");
	nft_oif(b, base->bridge);
	nft_rule_verdict(b, NFT_GOTO, "deny");
	nft_rule_begin(b, "from_c");
	nft_ct_state(b, NF_CT_STATE_INVALID_BIT);
	nft_rule_verdict(b, NF_DROP, NULL);
	by_mode(b, "restricted");
	by_mode(b, "allowlist");
	by_mode(b, "open");
	nft_rule_begin(b, "from_c");
	nft_rule_verdict(b, NFT_GOTO, "deny");
}

static void to_rules(struct nft_batch *b) {
	nft_rule_begin(b, "to_c");
	nft_ct_state(b, NF_CT_STATE_BIT(IP_CT_ESTABLISHED));
	nft_ct_reply(b);
	nft_rule_verdict(b, NF_ACCEPT, NULL);
	nft_rule_begin(b, "to_c");
	nft_ct_state(b, NF_CT_STATE_BIT(IP_CT_RELATED));
	nft_l4proto(b, IPPROTO_ICMP);
	nft_rule_verdict(b, NF_ACCEPT, NULL);
	/* From the local network, where both sides want that. */
	nft_rule_begin(b, "to_c");
	nft_saddr_in(b, "local4");
	nft_daddr(b, NFT_REG_1);
	nft_lookup(b, "lan4", NFT_REG_1);
	nft_rule_verdict(b, NF_ACCEPT, NULL);
	nft_rule_begin(b, "to_c");
	nft_rule_verdict(b, NF_DROP, NULL);
}

static void forward_rules(struct nft_batch *b, const struct net_base *base) {
	judge(b, "forw", base->bridge, true, "from_c");
	judge(b, "forw", base->bridge, false, "to_c");
	drop_link(b, "forw", base->bridge, true);
	drop_link(b, "forw", base->bridge, false);
	from_rules(b, base);
	restricted_rules(b);
	net_rules_allowlist(b);
	open_rules(b);
	to_rules(b);
}

/*
 * A port's own device is not where packets come from. From the bridge the address
 * is the port's own, or the barrier would not have let it through; from anywhere
 * else nobody speaks in the name of our range, or its connections would be taken
 * for a port's. What the mark was for is over, before those of others are set.
 */
static void raw_rules(struct nft_batch *b, const struct net_base *base) {
	const uint32_t none = 0;

	net_rules_drop(b, "raw", base->link_prefix, true);
	nft_rule_begin(b, "raw");
	nft_iif(b, base->bridge);
	nft_immediate(b, NFT_REG_1, &none, sizeof(none));
	nft_meta_set(b, NFT_META_MARK, NFT_REG_1);
	nft_rule_verdict(b, NF_ACCEPT, NULL);
	nft_rule_begin(b, "raw");
	nft_saddr_within(b, base->range.address, base->range.bits);
	nft_iif_not(b, "lo");
	nft_rule_verdict(b, NF_DROP, NULL);
}

/* What may come to the host itself: answers, the port's own name service, echo. */
static void host_rules(struct nft_batch *b, const struct net_base *base) {
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_TCP };
	static const uint8_t echo = ICMP_ECHO;

	judge(b, "inp", base->bridge, true, "host");
	drop_link(b, "inp", base->bridge, true);

	nft_rule_begin(b, "host");
	nft_not_ipv4(b);
	nft_rule_verdict(b, NF_DROP, NULL);
	nft_rule_begin(b, "host");
	nft_ct_state(b, NF_CT_STATE_BIT(IP_CT_ESTABLISHED));
	nft_ct_reply(b);
	nft_rule_verdict(b, NF_ACCEPT, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		nft_rule_begin(b, "host");
		nft_ipv4(b);
		nft_l4proto(b, protos[i]);
		nft_saddr(b, NFT_REG_1);
		nft_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, NFT_REG32_01);
		nft_lookup(b, "in4", NFT_REG_1);
		nft_rule_verdict(b, NF_ACCEPT, NULL);
	}
	nft_rule_begin(b, "host");
	nft_daddr_is(b, base->gateway);
	nft_l4proto(b, IPPROTO_ICMP);
	nft_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, NFT_REG_1);
	nft_cmp(b, NFT_CMP_EQ, NFT_REG_1, &echo, sizeof(echo));
	nft_limit(b, ECHO_PER_SECOND, ECHO_BURST);
	nft_rule_verdict(b, NF_ACCEPT, NULL);
	nft_rule_begin(b, "host");
	nft_rule_verdict(b, NFT_GOTO, "deny");

	nft_rule_begin(b, "outp");
	nft_oif(b, base->bridge);
	nft_not_ipv4(b);
	nft_rule_verdict(b, NF_DROP, NULL);
}

static void nat_rules(struct nft_batch *b, const struct net_base *base) {
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_TCP };

	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		nft_rule_begin(b, "nat");
		nft_iif(b, base->bridge);
		nft_daddr_is(b, base->gateway);
		nft_l4proto(b, protos[i]);
		nft_dport(b, 53);
		nft_saddr(b, NFT_REG_1);
		nft_map(b, "dns4", NFT_REG_1, NFT_REG_1);
		nft_redirect(b, NFT_REG_1);
		nft_rule_end(b);
	}
	nft_rule_begin(b, "post");
	nft_oif_not(b, base->bridge);
	nft_saddr_within(b, base->range.address, base->range.bits);
	nft_masquerade(b);
	nft_rule_end(b);
}

/*
 * Refused at once, never left silent: programs wait long for what does not
 * answer. The port's own chain tells its supervisor.
 */
static void deny_rules(struct nft_batch *b) {
	net_rules_own(b, "deny", "log4");
	nft_rule_begin(b, "deny");
	nft_l4proto(b, IPPROTO_TCP);
	nft_reject(b, NFT_REJECT_TCP_RST, 0);
	nft_rule_end(b);
	nft_rule_begin(b, "deny");
	nft_reject(b, NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
	nft_rule_end(b);
}

static void inet_sets(struct nft_batch *b) {
	static const struct {
		const char *name;
		const struct net_cidr *list;
		const size_t *count;
	} lists[] = {
		{ "private4", net_private_ranges, &net_private_ranges_count },
		{ "metadata4", net_metadata_ranges, &net_metadata_ranges_count },
		{ "endpoints4", net_endpoint_ranges, &net_endpoint_ranges_count },
		{ "local4", net_local_ranges, &net_local_ranges_count },
	};
	autofree struct net_range *special = NULL;
	size_t count = net_special_ranges(&special);
	static const struct nft_set_spec in4 = {
		.name = "in4",
		.key_type = NFT_TYPE_JOIN(NFT_TYPE_IPADDR, NFT_TYPE_INET_SERVICE),
		.key_len = 8,
	};
	static const struct nft_set_spec echoes = {
		.name = "echoes",
		.flags = NFT_SET_EVAL | NFT_SET_TIMEOUT,
		.key_type = NFT_TYPE_IPADDR,
		.key_len = 4,
		.timeout_ms = 60000,
		.size = 2 * NET_PORTS_MAX,
	};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		struct net_range ranges[LIST_MAX];

		assert(*lists[i].count <= LIST_MAX);
		for (size_t k = 0; k < *lists[i].count; k++)
			ranges[k] = net_cidr_range(&lists[i].list[k]);
		range_set(b, lists[i].name, ranges, *lists[i].count);
	}
	range_set(b, "special4", special, count);
	for (size_t i = 0; i < net_port_traits_count; i++)
		address_set(b, net_port_traits[i].set);
	for (size_t i = 0; i < NET_CHAIN_COUNT; i++)
		address_map(b, net_port_maps[i], NFT_DATA_VERDICT, 0);
	address_map(b, "dns4", NFT_TYPE_INET_SERVICE, 2);
	nft_set_add(b, &in4);
	nft_set_add(b, &echoes);
}

static void inet_base(struct nft_batch *b, const struct net_base *base) {
	static const struct nft_hook raw = { "filter", NF_INET_PRE_ROUTING, NET_PRIORITY_FIRST };
	static const struct nft_hook forw = { "filter", NF_INET_FORWARD, NET_PRIORITY_FILTER };
	static const struct nft_hook inp = { "filter", NF_INET_LOCAL_IN, NET_PRIORITY_FILTER };
	static const struct nft_hook outp = { "filter", NF_INET_LOCAL_OUT, NET_PRIORITY_FILTER };
	static const struct nft_hook nat = { "nat", NF_INET_PRE_ROUTING, PRIORITY_DSTNAT };
	static const struct nft_hook post = { "nat", NF_INET_POST_ROUTING, PRIORITY_SRCNAT };
	static const char *const plain[] = { "deny", "restricted", "allowlist", "open", "from_c",
					     "to_c", "host" };

	nft_table(b, NFPROTO_INET, base->table);
	inet_sets(b);
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
	net_rules_bridge(b, base);
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

/*
 * What goes by the bridge has been judged by the chain before, or it is dropped:
 * also when that chain alone is gone. Nothing comes from a port's own device.
 */
void net_rules_guard(struct nft_batch *b, const struct net_base *base, uint32_t flags) {
	static const struct nft_hook forw = { "filter", NF_INET_FORWARD, PRIORITY_GUARD };
	static const struct nft_hook inp = { "filter", NF_INET_LOCAL_IN, PRIORITY_GUARD };
	static const char *const chains[] = { "forw", "inp" };

	nft_table(b, NFPROTO_INET, base->guard_table);
	nft_table_add(b, flags, NULL);
	nft_chain_add(b, "forw", &forw);
	nft_chain_add(b, "inp", &inp);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		nft_chain_flush(b, chains[i]);
		nft_rule_begin(b, chains[i]);
		nft_iif(b, base->bridge);
		nft_not_judged(b);
		nft_rule_verdict(b, NF_DROP, NULL);
		net_rules_drop(b, chains[i], base->link_prefix, true);
	}
	nft_rule_begin(b, "forw");
	nft_oif(b, base->bridge);
	nft_not_judged(b);
	nft_rule_verdict(b, NF_DROP, NULL);
}
