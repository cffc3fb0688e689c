/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From names and policies to nftables messages. Pure: `struct net_base` is read
 * for names, range and gateway only.
 *
 * table bridge coi                        table inet coi
 *   set bind4    link . mac . address       set private4, metadata4, endpoints4
 *   set bindarp  link . mac . mac . address   local4, lan4; map out4 mark : goto pN
 *   map marks    link : mark                map in4  mark : jump iN
 *   pre  → port  known sender, or drop      map dns4 mark : goto nN
 *   inp          no mark: drop              raw   from a port's own device: drop
 *   forw         port to port: drop         forw  → from_c → out4; → to_c
 *   outp         to a port IPv4, ARP only   inp   → host → in4
 *                                           outp, nat, post, deny → log4
 * and for the port N: chains pN (may go where), iN (its name service), nN
 * (port 53 of the gateway is its name service), dN (tells of what is denied); in
 * mode allowlist, for each list K of ports, sets aN.K (listed addresses) and
 * lN.K (those that were learnt from names, which run out).
 */
#ifndef COI_NET_RULES_H
#define COI_NET_RULES_H

#include <stdint.h>

#include "net/net.h"
#include "net/nft.h"
#include "net/allowed.h"
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
	char log[16];
};

/* The keys of @port. */
void net_port_keys(struct port_keys *ret, const struct net_port *port);
/* How many rules the port's chains have when they are whole. */
struct net_port_counts {
	unsigned out, in, dns, log;
};
void net_port_counts(struct net_port_counts *ret, const struct net_port *port);

/* A rule that accepts what goes to the local network. */
void net_rules_local(struct nft_batch *b, const char *chain);
/* The rules that deny what the policy blocks; see net_is_blocked(). */
void net_rules_blocks(struct nft_batch *b, const char *chain, const struct net_policy *p);

/* --- mode allowlist: rules-allowed.c */

#define NET_SET_NAME 16
enum net_port_set { NET_SET_LISTED = 'a', NET_SET_LEARNT = 'l' };
/* The name of a port's set of addresses: which kind, and of which list of ports. */
void net_port_set_name(const struct net_port *port, enum net_port_set which, unsigned list,
		       char out[NET_SET_NAME]);
/* The port's sets as they should be, and its chain behind what it holds by now; sets go last. */
void net_rules_allowed_sets(struct nft_batch *b, const struct net_port *port);
void net_rules_allowed_chain(struct nft_batch *b, const char *chain, const struct net_port *port);
/* Sets that no rule speaks of (any more): all of them, or those that the policy does without. */
void net_rules_allowed_clean(struct nft_batch *b, const struct net_port *port, bool all);
/* How many rules the chain has. */
unsigned net_rules_allowed_count(const struct net_port *port);
/* Learnt addresses anew, each in all lists of @lists, to run out after @timeout_ms. */
void net_rules_learn(struct nft_batch *b, const struct net_base *base, const struct net_port *port,
		     uint32_t address, uint32_t lists, uint64_t timeout_ms);
/* --- rules-hosts.c: the addresses of fixed names; and how many rules that are */
void net_rules_hosts(struct nft_batch *b, const char *chain, const struct net_port *port);
unsigned net_rules_hosts_count(const struct net_port *port);
/* --- rules-ports.c: what the policy's ports deny; and how many rules that are */
void net_rules_ports(struct nft_batch *b, const char *chain, const struct net_port *port);
unsigned net_rules_ports_count(const struct net_port *port);
/* Elements of an interval set of the present table. */
void net_rules_ranges(struct nft_batch *b, const char *set, const struct net_range *ranges,
		      size_t count);

/* The guard table and its chains; @flags: NFT_TABLE_F_OWNER and NFT_TABLE_F_PERSIST. */
void net_rules_guard(struct nft_batch *b, const struct net_base *base, uint32_t flags);

#endif
