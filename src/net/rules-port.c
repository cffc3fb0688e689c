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
#define LOG_BURST_SECONDS 2
#define LOG_BYTES 64 /* the headers that say where it would have gone */

static bool is_open(const struct net_policy *p) {
	return p->mode == NET_OPEN;
}

static bool is_restricted(const struct net_policy *p) {
	return p->mode == NET_RESTRICTED;
}

/* Without its list it is closed. */
static bool is_allowlist(const struct net_policy *p) {
	return p->mode == NET_ALLOWLIST && p->allowed;
}

static bool blocks_private(const struct net_policy *p) {
	return p->block_private;
}

static bool blocks_metadata(const struct net_policy *p) {
	return p->block_metadata;
}

/* It may reach the local network, which may begin connections to it. */
static bool has_lan(const struct net_policy *p) {
	return p->allow_local_network;
}

const struct net_port_trait net_port_traits[] = {
	{ "open", is_open },
	{ "restricted", is_restricted },
	{ "allowlist", is_allowlist },
	{ "noprivate", blocks_private },
	{ "nometadata", blocks_metadata },
	{ "lan4", has_lan },
};
const size_t net_port_traits_count = ARRAY_SIZE(net_port_traits);

const char *const net_port_maps[NET_CHAIN_COUNT] = {
	[NET_CHAIN_LOG] = "log4",
	[NET_CHAIN_HOSTS] = "hosts4",
	[NET_CHAIN_LISTED] = "listed4",
	[NET_CHAIN_LEARNT] = "learnt4",
	[NET_CHAIN_CAPPED] = "capped4",
};

void net_port_keys(struct port_keys *k, const struct net_port *port) {
	const uint32_t address = htonl(port->address);

	memset(k, 0, sizeof(*k));
	memcpy(k->bind4, port->host_link, strnlen(port->host_link, NET_LINK_SIZE - 1));
	memcpy(k->bindarp, k->bind4, NET_LINK_SIZE);
	memcpy(k->bind4 + NET_LINK_SIZE, port->mac, 6);
	memcpy(k->bind4 + NET_LINK_SIZE + 8, &address, 4);
	memcpy(k->bindarp + NET_LINK_SIZE, port->mac, 6);
	memcpy(k->bindarp + NET_LINK_SIZE + 8, port->mac, 6);
	memcpy(k->bindarp + NET_LINK_SIZE + 16, &address, 4);
	k->address = address;
	for (unsigned i = 0; i < NET_CHAIN_COUNT; i++)
		snprintf(k->chains[i], sizeof(k->chains[i]), "%c%u", NET_CHAIN_LETTERS[i],
			 port->index);
}

void net_port_counts(unsigned ret[NET_CHAIN_COUNT], const struct net_port *port) {
	const bool listed = is_allowlist(&port->policy);

	ret[NET_CHAIN_LOG] = port->log_group ? 1 : 0;
	ret[NET_CHAIN_HOSTS] = net_rules_hosts_count(port);
	ret[NET_CHAIN_LISTED] = listed ? net_rules_allowed_count(port, NET_SET_LISTED) : 0;
	ret[NET_CHAIN_LEARNT] = listed ? net_rules_allowed_count(port, NET_SET_LEARNT) : 0;
	ret[NET_CHAIN_CAPPED] = net_rules_ports_count(port);
}

unsigned net_port_chains(const struct net_port *port) {
	unsigned counts[NET_CHAIN_COUNT], all = 0;

	net_port_counts(counts, port);
	for (unsigned i = 0; i < NET_CHAIN_COUNT; i++)
		all |= counts[i] ? 1u << i : 0;
	return all;
}

/* Seldom enough that a flood costs little, often enough that each kind of refusal is seen. */
static void log_chain(struct nft_batch *b, const char *chain, const struct net_port *port) {
	uint32_t rate = port->watch_rate ? port->watch_rate : LOG_PER_SECOND;

	nft_rule_begin(b, chain);
	nft_limit(b, rate, rate * LOG_BURST_SECONDS);
	nft_log(b, port->log_group, LOG_BYTES);
	nft_rule_end(b);
}

static void chain_rules(struct nft_batch *b, const struct net_port *port, unsigned which,
			const char *chain) {
	switch (which) {
	case NET_CHAIN_LOG:
		log_chain(b, chain, port);
		break;
	case NET_CHAIN_HOSTS:
		net_rules_hosts(b, chain, port);
		break;
	case NET_CHAIN_LISTED:
		net_rules_allowed_chain(b, chain, port, NET_SET_LISTED);
		break;
	case NET_CHAIN_LEARNT:
		net_rules_allowed_chain(b, chain, port, NET_SET_LEARNT);
		break;
	case NET_CHAIN_CAPPED:
		net_rules_ports(b, chain, port);
		break;
	}
}

static struct nft_elem jump_to(const struct port_keys *k, unsigned which) {
	return (struct nft_elem){ .key = &k->address,
				  .key_len = sizeof(k->address),
				  .verdict = NFT_JUMP,
				  .chain = k->chains[which] };
}

/* What is to be deleted is added first: then it is there, whatever a crash left. */
static void chain_remove(struct nft_batch *b, const struct port_keys *k, unsigned which) {
	const struct nft_elem e = jump_to(k, which);

	nft_chain_add(b, k->chains[which], NULL);
	nft_elem_add(b, net_port_maps[which], &e, 1);
	nft_elem_delete(b, net_port_maps[which], &e, 1);
	nft_chain_flush(b, k->chains[which]);
	nft_chain_delete(b, k->chains[which]);
}

static void chain_put(struct nft_batch *b, const struct port_keys *k, const struct net_port *port,
		      unsigned which) {
	const struct nft_elem e = jump_to(k, which);

	nft_chain_add(b, k->chains[which], NULL);
	nft_chain_flush(b, k->chains[which]);
	chain_rules(b, port, which, k->chains[which]);
	nft_elem_add(b, net_port_maps[which], &e, 1);
}

static void member(struct nft_batch *b, const char *set, const void *key, size_t len, bool wanted) {
	const struct nft_elem e = { .key = key, .key_len = len };

	nft_elem_add(b, set, &e, 1);
	if (!wanted)
		nft_elem_delete(b, set, &e, 1);
}

/* The element of in4 for the name service at @dns_port. */
static void net_rules_in4(struct nft_batch *b, const struct net_port *port, uint16_t dns_port,
			  bool add) {
	uint8_t key[8] = { 0 };
	const uint32_t address = htonl(port->address);
	const uint16_t be = htons(dns_port);

	memcpy(key, &address, sizeof(address));
	memcpy(key + 4, &be, sizeof(be));
	member(b, "in4", key, sizeof(key), add);
}

/* The old value has to be named away: one that is there is not written over. */
static void dns_elems(struct nft_batch *b, const struct net_port *port, uint16_t before,
		      uint16_t now) {
	const uint32_t address = htonl(port->address);
	const uint16_t be = htons(now);
	const struct nft_elem e = { .key = &address,
				    .key_len = sizeof(address),
				    .data = &be,
				    .data_len = sizeof(be) };
	const struct nft_elem old = { .key = &address, .key_len = sizeof(address) };

	if (before && before != now) {
		nft_elem_delete(b, "dns4", &old, 1);
		net_rules_in4(b, port, before, false);
	}
	if (now) {
		nft_elem_add(b, "dns4", &e, 1);
		net_rules_in4(b, port, now, true);
	}
}

static void bridge_elems(struct nft_batch *b, const struct port_keys *k, bool add) {
	member(b, "bind4", k->bind4, sizeof(k->bind4), add);
	member(b, "bindarp", k->bindarp, sizeof(k->bindarp), add);
}

/* First what decides, last what lets it send. */
void net_rules_port_put(struct nft_batch *b, const struct net_base *base,
			const struct net_port *port, uint16_t dns_before) {
	const unsigned wanted = net_port_chains(port);
	struct port_keys k;

	net_port_keys(&k, port);
	nft_table(b, NFPROTO_INET, base->table);
	net_rules_allowed_sets(b, port);
	for (unsigned i = 0; i < NET_CHAIN_COUNT; i++)
		if (wanted & 1u << i)
			chain_put(b, &k, port, i);
		else if (port->chains & 1u << i)
			chain_remove(b, &k, i);
	net_rules_allowed_clean(b, port, false);
	for (size_t i = 0; i < net_port_traits_count; i++)
		member(b, net_port_traits[i].set, &k.address, sizeof(k.address),
		       net_port_traits[i].has(&port->policy));
	dns_elems(b, port, dns_before, port->dns_port);
	nft_table(b, NFPROTO_BRIDGE, base->table);
	bridge_elems(b, &k, true);
}

void net_rules_port_remove(struct nft_batch *b, uint16_t family, const struct net_base *base,
			   const struct net_port *port, uint16_t dns_before) {
	struct port_keys k;

	net_port_keys(&k, port);
	nft_table(b, family, base->table);
	if (family == NFPROTO_BRIDGE) {
		bridge_elems(b, &k, false);
		return;
	}
	for (size_t i = 0; i < net_port_traits_count; i++)
		member(b, net_port_traits[i].set, &k.address, sizeof(k.address), false);
	dns_elems(b, port, dns_before, 0);
	if (port->dns_port && port->dns_port != dns_before)
		net_rules_in4(b, port, port->dns_port, false);
	for (unsigned i = 0; i < NET_CHAIN_COUNT; i++)
		if (port->chains & 1u << i)
			chain_remove(b, &k, i);
	net_rules_allowed_clean(b, port, true);
}
