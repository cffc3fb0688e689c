/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From names and policies to nftables messages. Pure: `struct net_base` is read
 * for names, range and gateway only.
 *
 * table bridge coi: a port is known by its link, its hardware address and its address
 *   set bind4    link . mac . address
 *   set bindarp  link . mac . mac . address
 *   pre, inp → port   known sender: marked; or drop
 *   forw              port to port: drop
 *   outp              to a port IPv4, ARP only
 *
 * table inet coi: from here on the address is the port
 *   sets private4, metadata4, endpoints4, local4; special4: all of them
 *   sets open, restricted, allowlist, noprivate, nometadata, lan4: which ports
 *   map  dns4   address : port that its name service listens on; in4 address . port
 *   maps hosts4, listed4, learnt4, capped4, log4   address : jump to a chain of the port's own
 *   raw   from a port's own device: drop; from elsewhere in our range's name: drop
 *   forw → from_c → restricted, allowlist, open; → to_c
 *   inp  → host
 *   outp, nat, post, deny
 *
 * and for the port N: the chain dN (tells of what is denied), hN (fixed names) and cN (ports
 * that it keeps to), if it has some; in mode allowlist, if something is listed, aN (listed
 * addresses) and lN (addresses learnt from names), with, for each list K of ports, the sets
 * aN.K and lN.K.
 *
 * What every port has is elements, and the chains that are for all do the work: the kernel
 * looks through all rules that can be reached whenever one is added, so rules of each port's
 * own would make every start dearer than the one before.
 */
#ifndef COI_NET_RULES_H
#define COI_NET_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "net/net.h"
#include "net/nft.h"
#include "net/allowed.h"

/* Of our filter: ahead of what an administrator has at the usual places. */
#define NET_PRIORITY_FILTER (-10)
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

/*
 * All of a port, in place of what is there of it. @dns_before: the port that dns4 has for
 * it (a value cannot be put over another one); 0: none.
 */
void net_rules_port_put(struct nft_batch *b, const struct net_base *base,
			const struct net_port *port, uint16_t dns_before);
/* Only what lies in the tables of @family. */
void net_rules_port_remove(struct nft_batch *b, uint16_t family, const struct net_base *base,
			   const struct net_port *port, uint16_t dns_before);

/* The chains of a port's own, and the letter that each one's name begins with. */
enum {
	NET_CHAIN_LOG,
	NET_CHAIN_HOSTS,
	NET_CHAIN_LISTED,
	NET_CHAIN_LEARNT,
	NET_CHAIN_CAPPED,
	NET_CHAIN_COUNT
};
#define NET_CHAIN_LETTERS "dhalc"

/* The keys of a port's elements, laid out as the registers are: pieces of whole 32 bits. */
struct port_keys {
	uint8_t bind4[NET_LINK_SIZE + 8 + 4];
	uint8_t bindarp[NET_LINK_SIZE + 8 + 8 + 4];
	uint32_t address;
	char chains[NET_CHAIN_COUNT][16];
};

/* The keys of @port. */
void net_port_keys(struct port_keys *ret, const struct net_port *port);
/* The sets of the table inet that say what a port is, each with the ports' addresses. */
struct net_port_trait {
	const char *set;
	bool (*has)(const struct net_policy *p);
};
extern const struct net_port_trait net_port_traits[];
extern const size_t net_port_traits_count;
/* The maps that lead to a chain of the port's own, if it has that. */
extern const char *const net_port_maps[NET_CHAIN_COUNT];
/* How many rules the port's chains have when they are whole; 0: the chain is not there. */
void net_port_counts(unsigned ret[NET_CHAIN_COUNT], const struct net_port *port);
/* Which ones are wanted: 1 << NET_CHAIN_… */
unsigned net_port_chains(const struct net_port *port);

/* --- mode allowlist: rules-allowed.c */

#define NET_SET_NAME 16
enum net_port_set { NET_SET_LISTED = 'a', NET_SET_LEARNT = 'l' };
/* The chain of the mode, which is for all ports. */
#define NET_ALLOWLIST_RULES 13
void net_rules_allowlist(struct nft_batch *b);
/* The port's sets as they should be, and the rules of its chain for one kind; sets go last. */
void net_rules_allowed_sets(struct nft_batch *b, const struct net_port *port);
void net_rules_allowed_chain(struct nft_batch *b, const char *chain, const struct net_port *port,
			     enum net_port_set which);
/* Sets that no rule speaks of (any more): all of them, or those that the policy does without. */
void net_rules_allowed_clean(struct nft_batch *b, const struct net_port *port, bool all);
/* How many rules the chain has. */
unsigned net_rules_allowed_count(const struct net_port *port, enum net_port_set which);
/* Learnt addresses anew, each in all lists of @lists, to run out after @timeout_ms. */
void net_rules_learn(struct nft_batch *b, const struct net_base *base, const struct net_port *port,
		     uint32_t address, uint32_t lists, uint64_t timeout_ms);
/* --- rules-hosts.c: the addresses of fixed names; and how many rules that are (open: none) */
void net_rules_hosts(struct nft_batch *b, const char *chain, const struct net_port *port);
unsigned net_rules_hosts_count(const struct net_port *port);
/* --- rules-ports.c: what the policy's ports deny; and how many rules that are */
void net_rules_ports(struct nft_batch *b, const char *chain, const struct net_port *port);
unsigned net_rules_ports_count(const struct net_port *port);
/* Elements of an interval set of the present table. */
void net_rules_ranges(struct nft_batch *b, const char *set, const struct net_range *ranges,
		      size_t count);

/* --- rules-bridge.c */
/* Before anybody else's chain, and before connection tracking (-200). */
#define NET_PRIORITY_FIRST (-300)
void net_rules_bridge(struct nft_batch *b, const struct net_base *base);
/* A rule that drops what comes from (@in) or goes to links whose names begin so. */
void net_rules_drop(struct nft_batch *b, const char *chain, const char *prefix, bool in);

/* --- rules-base.c: what both modes that look at addresses have in common */
#define NET_BLOCK_RULES 3
/* What the settings of a port block: back to who jumped here, which denies. */
void net_rules_blocks(struct nft_batch *b, const char *chain);
/* What goes from a port that is open to the local network to there is accepted. */
void net_rules_local(struct nft_batch *b, const char *chain);
/* On to the chain of the port's own that the map has for it. */
void net_rules_own(struct nft_batch *b, const char *chain, const char *map);

/* The guard table and its chains; @flags: NFT_TABLE_F_OWNER and NFT_TABLE_F_PERSIST. */
void net_rules_guard(struct nft_batch *b, const struct net_base *base, uint32_t flags);

#endif
