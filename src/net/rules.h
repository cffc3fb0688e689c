/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From names and policies to nftables messages. Pure: `struct net_base` is read
 * for names, range and gateway only.
 *
 * table bridge coi                        table inet coi
 *   set bind4    link . mac . address       set private4, metadata4
 *   set bindarp  link . mac . mac . address map out4 mark : goto pN
 *   map marks    link : mark                map in4  mark : jump iN
 *   pre  → port  known sender, or drop      map dns4 mark : goto nN
 *   inp          no mark: drop              raw   from a port's own device: drop
 *   forw         port to port: drop         forw  → from_c → out4; → to_c
 *   outp         to a port IPv4, ARP only   inp   → host → in4
 *                                           outp, nat, post, deny
 * and for the port N: chains pN (may go where), iN (its name service), nN
 * (port 53 of the gateway is its name service).
 */
#ifndef COI_NET_RULES_H
#define COI_NET_RULES_H

#include <stdint.h>

#include "net/net.h"
#include "net/nft.h"
#include "net/port.h"

/* Chains and sets of the base, with what they hold when they are whole. */
struct net_base_chain {
	uint16_t family;
	const char *name;
	unsigned rules;
};
extern const struct net_base_chain net_base_chains[];
extern const size_t net_base_chains_count;

/* Everything but the tables themselves, which are there and empty. */
void net_rules_base(struct nft_batch *b, const struct net_base *base);
/* Both tables anew, whatever is there, with their rules, in one transaction (without its ends). */
void net_rules_base_replace(struct nft_batch *b, const struct net_base *base);
/* The tables' comment: schema and a digest of all that net_rules_base() says. */
#define NET_COMMENT_SIZE 48
void net_rules_comment(const struct net_base *base, char out[NET_COMMENT_SIZE]);

/* All of a port, in place of what is there of it. */
void net_rules_port_put(struct nft_batch *b, const struct net_base *base,
			const struct net_port *port);
/* Only what lies in the tables of @family. */
void net_rules_port_remove(struct nft_batch *b, uint16_t family, const struct net_base *base,
			   const struct net_port *port);

/* The keys of a port's elements, laid out as the registers are: pieces of whole 32 bits. */
struct port_keys {
	uint8_t link[NET_LINK_SIZE];
	uint8_t bind4[NET_LINK_SIZE + 8 + 4];
	uint8_t bindarp[NET_LINK_SIZE + 8 + 8 + 4];
	uint32_t mark;
	char out[16]; /* chains */
	char in[16];
	char dns[16];
};

/* The keys of @port. */
void net_port_keys(struct port_keys *ret, const struct net_port *port);
/* How many rules the port's chains have when they are whole. */
struct net_port_counts {
	unsigned out, in, dns;
};
void net_port_counts(struct net_port_counts *ret, const struct net_port *port);

/* The guard table and its chains; @flags: NFT_TABLE_F_OWNER and NFT_TABLE_F_PERSIST. */
void net_rules_guard(struct nft_batch *b, const struct net_base *base, uint32_t flags);

#endif
