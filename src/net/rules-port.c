/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one port adds. Put and remove can be repeated, in any order, after any crash. */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "net/rules.h"

#define LOG_PER_SECOND 10
#define LOG_BURST 20
#define LOG_BYTES 64 /* the headers that say where it would have gone */

void net_port_keys(struct port_keys *k, const struct net_port *port) {
	const uint32_t address = htonl(port->address);

	memset(k, 0, sizeof(*k));
	memcpy(k->link, port->host_link, strnlen(port->host_link, NET_LINK_SIZE - 1));
	memcpy(k->bind4, k->link, NET_LINK_SIZE);
	memcpy(k->bind4 + NET_LINK_SIZE, port->mac, 6);
	memcpy(k->bind4 + NET_LINK_SIZE + 8, &address, 4);
	memcpy(k->bindarp, k->link, NET_LINK_SIZE);
	memcpy(k->bindarp + NET_LINK_SIZE, port->mac, 6);
	memcpy(k->bindarp + NET_LINK_SIZE + 8, port->mac, 6);
	memcpy(k->bindarp + NET_LINK_SIZE + 16, &address, 4);
	k->mark = port->mark;
	snprintf(k->out, sizeof(k->out), "p%u", port->index);
	snprintf(k->in, sizeof(k->in), "i%u", port->index);
	snprintf(k->dns, sizeof(k->dns), "n%u", port->index);
	snprintf(k->log, sizeof(k->log), "d%u", port->index);
}

static void chain_fresh(struct nft_batch *b, const char *chain) {
	nft_chain_add(b, chain, NULL);
	nft_chain_flush(b, chain);
}

void net_rules_local(struct nft_batch *b, const char *chain) {
	nft_rule_begin(b, chain);
	nft_daddr_in(b, "local4");
	nft_verdict(b, NF_ACCEPT, NULL);
	nft_rule_end(b);
}

void net_rules_blocks(struct nft_batch *b, const char *chain, const struct net_policy *p) {
	if (p->block_metadata) {
		nft_rule_begin(b, chain);
		nft_daddr_in(b, "metadata4");
		nft_verdict(b, NFT_GOTO, "deny");
		nft_rule_end(b);
	}
	if (p->block_private) {
		nft_rule_begin(b, chain);
		nft_daddr_in(b, "private4");
		/* The address is still in its register. */
		if (!p->block_metadata)
			nft_lookup_not(b, "endpoints4", NFT_REG_1);
		nft_verdict(b, NFT_GOTO, "deny");
		nft_rule_end(b);
	}
}

/* The chain that decides what leaves for elsewhere; see net_policy_judge(). */
static void policy_chain(struct nft_batch *b, const char *chain, const struct net_port *port) {
	const struct net_policy *p = &port->policy;

	if (p->mode == NET_ALLOWLIST && p->allowed) {
		net_rules_allowed_chain(b, chain, port);
		return;
	}
	if (p->mode != NET_ALLOWLIST)
		net_rules_ports(b, chain, port);
	if (p->mode == NET_RESTRICTED) {
		net_rules_hosts(b, chain, port);
		if (p->allow_local_network)
			net_rules_local(b, chain);
		net_rules_blocks(b, chain, p);
	}
	nft_rule_begin(b, chain);
	if (p->mode == NET_RESTRICTED || p->mode == NET_OPEN)
		nft_verdict(b, NF_ACCEPT, NULL);
	else
		nft_verdict(b, NFT_GOTO, "deny");
	nft_rule_end(b);
}

static void dns_chains(struct nft_batch *b, const struct port_keys *k, uint16_t port) {
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_TCP };

	if (!port)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(protos); i++) {
		nft_rule_begin(b, k->in);
		nft_l4proto(b, protos[i]);
		nft_dport(b, port);
		nft_verdict(b, NF_ACCEPT, NULL);
		nft_rule_end(b);
		nft_rule_begin(b, k->dns);
		nft_l4proto(b, protos[i]);
		nft_redirect(b, port);
		nft_rule_end(b);
	}
}

/* Seldom enough that a flood costs little, often enough that each kind of refusal is seen. */
static void log_chain(struct nft_batch *b, const char *chain, uint16_t group) {
	if (!group)
		return;
	nft_rule_begin(b, chain);
	nft_limit(b, LOG_PER_SECOND, LOG_BURST);
	nft_log(b, group, LOG_BYTES);
	nft_rule_end(b);
}

void net_port_counts(struct net_port_counts *ret, const struct net_port *port) {
	const struct net_policy *p = &port->policy;

	ret->out = 1 + (p->mode != NET_ALLOWLIST ? net_rules_ports_count(port) : 0);
	if (p->mode == NET_RESTRICTED)
		ret->out += net_rules_hosts_count(port) + (unsigned)p->block_metadata +
			    (unsigned)p->block_private + (unsigned)p->allow_local_network;
	if (p->mode == NET_ALLOWLIST && p->allowed)
		ret->out = net_rules_allowed_count(port);
	ret->log = port->log_group ? 1 : 0;
	ret->in = ret->dns = port->dns_port ? 2 : 0;
}

static void bridge_elems(struct nft_batch *b, const struct port_keys *k, bool add) {
	const struct {
		const char *set;
		struct nft_elem elem;
	} all[] = {
		{ "marks", { .key = k->link, .key_len = sizeof(k->link), .data = &k->mark,
			    .data_len = sizeof(k->mark) } },
		{ "bind4", { .key = k->bind4, .key_len = sizeof(k->bind4) } },
		{ "bindarp", { .key = k->bindarp, .key_len = sizeof(k->bindarp) } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (add)
			nft_elem_add(b, all[i].set, &all[i].elem, 1);
		else
			nft_elem_delete(b, all[i].set, &all[i].elem, 1);
	}
}

static void inet_elems(struct nft_batch *b, const struct port_keys *k, bool add) {
	const struct {
		const char *map;
		int verdict;
		const char *chain;
	} all[] = {
		{ "dns4", NFT_GOTO, k->dns },
		{ "in4", NFT_JUMP, k->in },
		{ "log4", NFT_JUMP, k->log },
		{ "out4", NFT_GOTO, k->out },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const struct nft_elem e = { .key = &k->mark,
					    .key_len = sizeof(k->mark),
					    .verdict = all[i].verdict,
					    .chain = all[i].chain };

		if (add)
			nft_elem_add(b, all[i].map, &e, 1);
		else
			nft_elem_delete(b, all[i].map, &e, 1);
	}
}

/* Whether the local network may begin connections to it. */
static void lan_elem(struct nft_batch *b, const struct net_port *port, bool wanted) {
	const uint32_t address = htonl(port->address);
	const struct nft_elem e = { .key = &address, .key_len = sizeof(address) };

	nft_elem_add(b, "lan4", &e, 1);
	if (!wanted)
		nft_elem_delete(b, "lan4", &e, 1);
}

void net_rules_port_put(struct nft_batch *b, const struct net_base *base,
			const struct net_port *port) {
	struct port_keys k;

	net_port_keys(&k, port);
	nft_table(b, NFPROTO_INET, base->table);
	chain_fresh(b, k.out);
	chain_fresh(b, k.in);
	chain_fresh(b, k.dns);
	chain_fresh(b, k.log);
	net_rules_allowed_sets(b, port);
	policy_chain(b, k.out, port);
	net_rules_allowed_clean(b, port, false);
	dns_chains(b, &k, port->dns_port);
	log_chain(b, k.log, port->log_group);
	lan_elem(b, port, port->policy.allow_local_network);
	inet_elems(b, &k, true);
	nft_table(b, NFPROTO_BRIDGE, base->table);
	bridge_elems(b, &k, true);
}

/* What is to be deleted is added first: then it is there, whatever a crash left. */
void net_rules_port_remove(struct nft_batch *b, uint16_t family, const struct net_base *base,
			   const struct net_port *port) {
	struct port_keys k;
	const char *chains[] = { k.out, k.in, k.dns, k.log };

	net_port_keys(&k, port);
	nft_table(b, family, base->table);
	if (family == NFPROTO_BRIDGE) {
		bridge_elems(b, &k, true);
		bridge_elems(b, &k, false);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		nft_chain_add(b, chains[i], NULL);
	inet_elems(b, &k, true);
	inet_elems(b, &k, false);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		nft_chain_flush(b, chains[i]);
		nft_chain_delete(b, chains[i]);
	}
	net_rules_allowed_clean(b, port, true);
	lan_elem(b, port, false);
}
