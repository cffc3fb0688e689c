/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mode allowlist: the chain for all ports, and the chains and sets of one. The
 * order counts:
 *
 *   1. ICMP other than an echo request                 denied
 *   2. more echo requests than that                    dropped
 *   3. what goes on, of TCP, UDP and ICMP              accepted
 *   4. other protocols, and ports that the policy does without denied
 *   5. fixed names, listed addresses, and the local network if open accepted
 *   6. metadata and private ranges                     denied
 *   7. learnt addresses                                accepted
 *   8. the rest                                        denied
 *
 * 1 and 2 come before 3, or one echo would open the way for all that follow;
 * 6 comes before 7, so that no name can be rebound into a private network. The
 * ports, fixed names, 5 and 7 are chains of the port's own; denied is what comes back.
 */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/allowed.h"
#include "net/learnt.h"
#include "net/rules.h"

#define ECHO_PER_SECOND 20 /* of each port */
#define ECHO_BURST 40
#define ELEMS_AT_ONCE 256

/* The name of a port's set of addresses: which kind, and of which list of ports. */
static void net_port_set_name(const struct net_port *port, enum net_port_set which, unsigned list,
			      char out[NET_SET_NAME]) {
	snprintf(out, NET_SET_NAME, "%c%u.%u", (char)which, port->index, list);
}

static bool is_used(const struct net_port *port, enum net_port_set which, unsigned list) {
	const struct net_allowed *a = port->policy.allowed;

	if (port->policy.mode != NET_ALLOWLIST || !a || list >= a->ports_count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->entries[i].ports == list &&
		    (a->entries[i].kind == NET_ENTRY_ADDRESS) == (which == NET_SET_LISTED))
			return true;
	return false;
}

static void set_add(struct nft_batch *b, enum net_port_set which, const char *name) {
	const struct nft_set_spec spec = {
		.name = name,
		.flags = which == NET_SET_LISTED ? NFT_SET_INTERVAL : NFT_SET_TIMEOUT,
		.key_type = NFT_TYPE_IPADDR,
		.key_len = 4,
	};

	nft_set_add(b, &spec);
}

void net_rules_ranges(struct nft_batch *b, const char *set, const struct net_range *ranges,
		      size_t count) {
	struct nft_elem elems[2 * ELEMS_AT_ONCE];
	uint32_t keys[2 * ELEMS_AT_ONCE];
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		keys[n] = htonl(ranges[i].first);
		elems[n] = (struct nft_elem){ .key = &keys[n], .key_len = 4 };
		n++;
		/* The end of what reaches the last address is not written down. */
		if (ranges[i].last != UINT32_MAX) {
			keys[n] = htonl(ranges[i].last + 1);
			elems[n] = (struct nft_elem){ .key = &keys[n],
						      .key_len = 4,
						      .flags = NFT_SET_ELEM_INTERVAL_END };
			n++;
		}
		if (n + 2 > ARRAY_SIZE(elems) || i + 1 == count) {
			nft_elem_add(b, set, elems, n);
			n = 0;
		}
	}
}

static void put_listed(struct nft_batch *b, const struct net_port *port, unsigned list,
		       const char *set) {
	autofree struct net_range *ranges = NULL;
	size_t count = net_allowed_ranges(port->policy.allowed, list, &ranges);

	net_rules_ranges(b, set, ranges, count);
}

/* By address, and of one address the longest first. */
static int compare_learnt(const void *x, const void *y) {
	const struct net_learnt_address *a = x, *b = y;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	return (a->until < b->until) - (a->until > b->until);
}

/* An address that several names have led to comes several times; the set takes it once. */
static void put_learnt(struct nft_batch *b, const struct net_port *port, unsigned list,
		       const char *set) {
	const struct net_learnt *l = port->learnt;
	autofree struct net_learnt_address *all = NULL;
	uint64_t now = clock_mono_ms();
	size_t count = 0;

	if (!l || !l->total)
		return;
	all = xcalloc(l->total, sizeof(*all));
	for (size_t i = 0; i < l->count; i++)
		for (size_t k = 0; k < l->names[i].count && (l->names[i].lists & 1u << list); k++)
			all[count++] = l->names[i].addresses[k];
	qsort(all, count, sizeof(*all), compare_learnt);
	for (size_t i = 0; i < count; i++) {
		uint32_t key = htonl(all[i].address);
		const struct nft_elem e = { .key = &key, .key_len = 4,
					    .timeout_ms = all[i].until - now };

		if (all[i].until > now && (!i || all[i].address != all[i - 1].address))
			nft_elem_add(b, set, &e, 1);
	}
}

void net_rules_allowed_sets(struct nft_batch *b, const struct net_port *port) {
	static const enum net_port_set kinds[] = { NET_SET_LISTED, NET_SET_LEARNT };
	char set[NET_SET_NAME];

	for (unsigned list = 0; list < NET_PORT_LISTS_MAX; list++)
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
			if (!is_used(port, kinds[i], list))
				continue;
			net_port_set_name(port, kinds[i], list, set);
			set_add(b, kinds[i], set);
			nft_set_flush(b, set);
			if (kinds[i] == NET_SET_LISTED)
				put_listed(b, port, list, set);
			else
				put_learnt(b, port, list, set);
		}
}

void net_rules_allowed_clean(struct nft_batch *b, const struct net_port *port, bool all) {
	static const enum net_port_set kinds[] = { NET_SET_LISTED, NET_SET_LEARNT };
	char set[NET_SET_NAME];

	/* Added first: then it is there to be deleted. */
	for (unsigned list = 0; list < port->set_count; list++)
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
			if (!all && is_used(port, kinds[i], list))
				continue;
			net_port_set_name(port, kinds[i], list, set);
			set_add(b, kinds[i], set);
			nft_set_delete(b, set);
		}
}

/* 1 to 4, with what is most of it, and no ICMP, ahead. */
static void protocols(struct nft_batch *b, const char *chain) {
	static const uint8_t goes_on[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP };
	static const uint8_t echo = ICMP_ECHO;

	nft_rule_begin(b, chain);
	nft_l4proto(b, IPPROTO_TCP);
	nft_ct_state(b, NF_CT_STATE_BIT(IP_CT_ESTABLISHED));
	nft_rule_verdict(b, NF_ACCEPT, NULL);
	nft_rule_begin(b, chain);
	for (size_t i = 0; i < ARRAY_SIZE(goes_on); i++)
		nft_not_l4proto(b, goes_on[i]);
	nft_rule_verdict(b, NFT_RETURN, NULL);
	nft_rule_begin(b, chain);
	nft_l4proto(b, IPPROTO_ICMP);
	nft_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, NFT_REG_1);
	nft_cmp(b, NFT_CMP_NEQ, NFT_REG_1, &echo, sizeof(echo));
	nft_rule_verdict(b, NFT_RETURN, NULL);
	nft_rule_begin(b, chain);
	nft_ipv4(b);
	nft_l4proto(b, IPPROTO_ICMP);
	nft_saddr(b, NFT_REG_1);
	nft_limit_over_each(b, "echoes", NFT_REG_1, ECHO_PER_SECOND, ECHO_BURST);
	nft_rule_verdict(b, NF_DROP, NULL);
	nft_rule_begin(b, chain);
	nft_ct_state(b, NF_CT_STATE_BIT(IP_CT_ESTABLISHED));
	nft_rule_verdict(b, NF_ACCEPT, NULL);
}

void net_rules_allowlist(struct nft_batch *b) {
	static const char chain[] = "allowlist";

	protocols(b, chain);
	net_rules_own(b, chain, net_port_maps[NET_CHAIN_CAPPED]);
	net_rules_own(b, chain, net_port_maps[NET_CHAIN_HOSTS]);
	net_rules_own(b, chain, net_port_maps[NET_CHAIN_LISTED]);
	net_rules_local(b, chain);
	net_rules_blocks(b, chain);
	net_rules_own(b, chain, net_port_maps[NET_CHAIN_LEARNT]);
}

/* The sets of one kind; an echo has no port, and goes where any port is allowed. */
void net_rules_allowed_chain(struct nft_batch *b, const char *chain, const struct net_port *port,
			     enum net_port_set which) {
	const struct net_allowed *a = port->policy.allowed;
	char set[NET_SET_NAME];

	for (unsigned list = 0; list < a->ports_count; list++) {
		const struct net_ports *p = &a->ports[list];

		if (!is_used(port, which, list))
			continue;
		net_port_set_name(port, which, list, set);
		nft_rule_begin(b, chain);
		if (p->count)
			nft_l4proto(b, IPPROTO_ICMP);
		nft_daddr_in(b, set);
		nft_verdict(b, NF_ACCEPT, NULL);
		nft_rule_end(b);
		for (size_t i = 0; i < p->count; i++) {
			nft_rule_begin(b, chain);
			nft_not_l4proto(b, IPPROTO_ICMP);
			nft_daddr_in(b, set);
			nft_dport_range(b, p->ranges[i].low, p->ranges[i].high);
			nft_verdict(b, NF_ACCEPT, NULL);
			nft_rule_end(b);
		}
	}
}

unsigned net_rules_allowed_count(const struct net_port *port, enum net_port_set which) {
	const struct net_allowed *a = port->policy.allowed;
	unsigned n = 0;

	for (unsigned list = 0; list < a->ports_count; list++)
		if (is_used(port, which, list))
			n += 1 + (unsigned)a->ports[list].count;
	return n;
}

/*
 * Added, deleted and added again: an element that is there keeps its old time
 * otherwise (before Linux 6.13). Nobody sees it missing, since it is one
 * transaction.
 */
void net_rules_learn(struct nft_batch *b, const struct net_base *base, const struct net_port *port,
		     uint32_t address, uint32_t lists, uint64_t timeout_ms) {
	uint32_t key = htonl(address);
	const struct nft_elem e = { .key = &key, .key_len = 4, .timeout_ms = timeout_ms };
	char set[NET_SET_NAME];

	nft_table(b, NFPROTO_INET, base->table);
	for (unsigned list = 0; list < NET_PORT_LISTS_MAX; list++) {
		if (!(lists & 1u << list))
			continue;
		net_port_set_name(port, NET_SET_LEARNT, list, set);
		nft_elem_add(b, set, &e, 1);
		nft_elem_delete(b, set, &e, 1);
		nft_elem_add(b, set, &e, 1);
	}
}
