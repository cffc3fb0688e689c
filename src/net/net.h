/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network of all containers of one root: bridge, barrier, tables, guard.
 *
 * Everything happens in the network namespace of the caller, through netlink,
 * with no child process. The names are machine-wide and known beforehand:
 *
 *                      default root    root with tag a1b2c3
 *   bridge             coibr0          cb-a1b2c3
 *   host link          coi-5           ca1b2c3-5        (5: the port's index)
 *   tables             coi             coi-a1b2c3       (families bridge and inet)
 *   guard table        coi-guard       coi-guard-a1b2c3 (family inet)
 *
 * so that no wildcard of one root ("coi-*") matches a link of another one.
 * Closed by default: whatever comes from the bridge is dropped unless the port
 * has its entries, and those are in place before the link exists.
 *
 * Order of a start:  net_base_ensure, net_port_alloc, net_resolver_bind,
 *                    net_port_rules_put, start of the container (loopback only),
 *                    net_port_attach, and only then commands in it;
 *                    net_resolver_start any time after its bind.
 * Order of a stop:   container gone, net_port_link_remove, net_resolver_stop,
 *                    net_port_rules_remove, net_port_conntrack_flush,
 *                    net_port_release, net_base_remove; net_port_undo() does
 *                    all but the last.
 * All steps are repeatable, and removing what is not there is success.
 */
#ifndef COI_NET_NET_H
#define COI_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/layout.h"
#include "net/policy.h"

/* Rows of rules in the tables; a base of another number is replaced with all its ports. */
#define NET_SCHEMA 2

#define NET_LINK_SIZE 16 /* IFNAMSIZ: names are shorter */

/*
 * Marks of packets. The first is given by the table of the bridge family to what
 * a port may send, asked for by the bridge's barrier, and taken off before the
 * host routes, whose own marks are nobody's business here. The second is added
 * where the table of the family inet begins to judge, and asked for by the guard.
 */
#define NET_MARK 0x0c010000u
#define NET_MARK_MASK 0xffff0000u
#define NET_MARK_JUDGED 0x10000000u

struct nl_sock;

struct net_base {
	const struct layout *layout; /* borrowed */
	char bridge[NET_LINK_SIZE];
	char link_prefix[NET_LINK_SIZE]; /* with its dash */
	char table[24];
	char guard_table[24];
	struct net_cidr range;
	uint32_t gateway;    /* host byte order: first address of the range */
	bool range_is_fixed; /* recorded in network.ini: not to be chosen again */
	/*
	 * Who drops what ports send, with nothing for us to do about it: a table that only its
	 * owner changes; the older iptables (see net/legacy.h). As net_base_ensure() has found it.
	 */
	char refused_by[64];
	unsigned legacy_closes;
	struct nl_sock *nft; /* opened at first use */
	struct nl_sock *route;
};

/*
 * Names, range and gateway from the layout and from $COI_ROOT/network.ini. The
 * range is 10.77.0.0/16 while nothing is recorded. Changes nothing in the
 * kernel and on disk.
 */
int net_base_open(const struct layout *layout, struct net_base **ret, struct err *err);
void net_base_free(struct net_base *b);
void net_base_free_ptr(struct net_base **b);
#define auto_net_base __attribute__((cleanup(net_base_free_ptr)))

/*
 * Make what is missing, under the network lock: bridge with its settings and its
 * barrier (net/barrier.h), IPv4 forwarding, base chains. Checks first; an intact base costs well
 * below a millisecond. A base of another schema, or a damaged one, is replaced
 * in one batch together with the entries of all ports that had theirs put.
 * Other people's filters that drop or reject what no rule of theirs speaks of get
 * rules at their head that let through what our own have judged (the bridge's name is
 * their comment); where that cannot be done, b->refused_by and b->legacy_closes tell.
 *
 * The first time a free range is chosen and recorded (@b gets it): one that no
 * route and no address of the host overlaps. Later a range that somebody else
 * has taken is ERR_CONFLICT while ports are claimed in it, else another one is
 * chosen.
 *
 * Returns 1 when something had to be made, else 0.
 */
int net_base_ensure(struct net_base *b, struct err *err);

/*
 * What there is of it, for people; changes nothing and takes no lock. ERR_CONFLICT:
 * somebody else has our range.
 */
struct net_look {
	bool has_bridge;
	bool is_intact;     /* tables, chains and fixed sets are as they should be */
	bool others_filter; /* there are filters for what is forwarded that are not ours */
	bool legacy_closes; /* the older iptables drops what ports send */
	char refused_by[64]; /* a table that does so and that only its owner can change; "" */
};
int net_base_look(struct net_base *b, struct net_look *ret, struct err *err);

/*
 * Take everything away when no port is claimed: tables, guard table (unless a
 * living process holds it: give its descriptor as @guard_fd or -1), bridge; IPv4
 * forwarding is put back to off if we switched it on and nobody else has a
 * forward chain. Returns 1 when it was removed; 0 when ports are claimed and so nothing
 * was touched but @guard_fd, which is closed while the network's lock is held: the guard
 * stays without an owner, and the next one can have it, or remove it. After an error it
 * may or may not have been closed: it is not to be used again.
 */
int net_base_remove(struct net_base *b, int guard_fd, struct err *err);

/*
 * The second barrier, against a foreign `nft flush ruleset`: a table that only
 * the process that made it can change (NFT_TABLE_F_OWNER, Linux 5.12) and that
 * drops what goes by the bridge and has not been judged by our own table. Where the kernel has
 * it (6.9), the table outlives its owner until somebody takes it over.
 *
 * One process holds it, all supervisors stand by: call this at the start and
 * again whenever *@ret_fd becomes readable (poll for POLLIN).
 *
 * NET_GUARD_HELD     the caller holds it as long as *@ret_fd (a netlink socket)
 *                    is open: keep it, and close it in children that do not exec.
 *                    It never becomes readable.
 * NET_GUARD_STANDBY  another process holds it: *@ret_fd is its pidfd (or a timer
 *                    when nobody knows whose it is): close it and call again
 *                    when it is readable.
 * NET_GUARD_MISSING  the kernel has no owned tables; *@ret_fd is -1. The bridge's
 *                    own barrier is then the only one.
 */
enum net_guard { NET_GUARD_HELD, NET_GUARD_STANDBY, NET_GUARD_MISSING };
int net_guard_take(struct net_base *b, int *ret_fd, struct err *err);

/* The part of net_base_ensure() that is about other people's chains: 1 when one was changed. */
int net_others_ensure(struct net_base *b, struct err *err);

/*
 * A descriptor that becomes readable when somebody changes an nftables ruleset.
 * net_watch_read() takes what is there and says what that means, or -errno:
 *
 * NET_WATCH_OURS    something of the base's or of the port @index (0: of no port)
 *                   was deleted, or messages were lost: net_base_ensure() and
 *                   net_port_rules_ensure().
 * NET_WATCH_OTHERS  somebody changed rules of his own, which may drop what is
 *                   forwarded: net_others_ensure(), once for the whole host.
 */
#define NET_WATCH_OURS 1
#define NET_WATCH_OTHERS 2
int net_watch_open(struct err *err);
int net_watch_read(const struct net_base *b, uint32_t index, int fd);

#endif
