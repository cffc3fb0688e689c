/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One container's connection: claim, rules, links.
 *
 * The claim (network-ports.ini in the run directory) says which index, and with it
 * which address, belongs to which container, and what was put into the kernel
 * for it, so that any process can put it back or take it away. It is written
 * before the kernel is changed.
 *
 * The container is started with no link (loopback only), and its link is then
 * made straight in its network namespace, with address and route, ready when the
 * call returns: about 1 ms in all. Until then the container has no network, which
 * is as closed as it gets. (Moving a link instead costs the kernel a grace period.)
 */
#ifndef COI_NET_PORT_H
#define COI_NET_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/net.h"
#include "net/policy.h"

#define NET_NAME_MAX 64
#define NET_PORTS_MAX 2000
#define NET_ADDRESS_TEXT 16
#define NET_GUEST_LINK "eth0"

struct net_learnt;

struct net_port {
	char name[NET_NAME_MAX]; /* of the container */
	uint32_t index;          /* 2…65533: the host part of the address */
	char host_link[NET_LINK_SIZE];
	uint32_t address;        /* host byte order */
	char address_text[NET_ADDRESS_TEXT];
	char gateway_text[NET_ADDRESS_TEXT];
	uint8_t prefix_bits;     /* of the range: 16 */
	char mac_text[18];       /* of the guest's end */
	uint8_t mac[6];
	uint16_t log_group;      /* NFLOG group that tells of what was denied; 0: nobody listens */
	uint32_t watch_rate;     /* refused packets, and names asked for, that are told of each
				  * second; 0: few packets and no names. Not recorded. */
	uint8_t set_count;       /* for so many lists of ports the kernel may have sets of it */
	uint8_t chains;          /* the kernel may have these of its own: 1 << NET_CHAIN_… */
	const struct net_learnt *learnt; /* put with the rules; borrowed, not kept; NULL: none */
	uint16_t dns_port;       /* where its resolver listens on the gateway; 0: none yet */
	bool rules_put;          /* as the claim has it */
	struct net_policy policy; /* its lists are not kept: none in what we return, which is closed */
};

/*
 * Claim the lowest free address for @name; a name that has one gets the same
 * again, with what is recorded of it. An address that was released rests for
 * half a minute and until its link is gone. @policy is recorded with it.
 * ERR_CONFLICT when none is left. Needs net_base_ensure() to have run once.
 */
int net_port_alloc(struct net_base *b, const char *name, const struct net_policy *policy,
		   struct net_port *ret, struct err *err);
/* The claim of @name: 1, or 0 when it has none (*@ret is untouched). */
int net_port_find(struct net_base *b, const char *name, struct net_port *ret, struct err *err);
/* Give the address back; its rules and links must be gone. */
int net_port_release(struct net_base *b, const char *name, struct err *err);

/* All claims, by index; newly allocated in *@ret (free()), their number in *@ret_count. */
int net_port_list(struct net_base *b, struct net_port **ret, size_t *ret_count, struct err *err);

/*
 * Let the port's own packets pass, as its policy says, and send its name
 * queries to port->dns_port of the gateway (0: they are refused). One batch;
 * replaces what was put before, so that a policy can be changed at any time
 * (in mode allowlist connections that were open go on: net_port_cut() ends
 * those that the new policy does not allow).
 */
int net_port_rules_put(struct net_base *b, struct net_port *port, struct err *err);
/*
 * A name of mode allowlist has led to addresses: let them through, and return
 * when the kernel does. @l is where they are kept, and port->learnt. Refused
 * (ERR_CONFIG) when the name is not listed or an address is not one that a name
 * may lead to. When there are too many, those that run out soonest are closed.
 */
struct net_resolver_event;
int net_port_learn(struct net_base *b, struct net_port *port, struct net_learnt *l,
		   const struct net_resolver_event *e, struct err *err);
/* End the open connections that the policy and what was learnt do not allow. */
int net_port_cut(struct net_base *b, const struct net_port *port, struct err *err);
/* Put them back if they are not whole: 1, else 0 (about 0.1 ms). */
int net_port_rules_ensure(struct net_base *b, struct net_port *port, struct err *err);
int net_port_rules_remove(struct net_base *b, struct net_port *port, struct err *err);

/*
 * Make the veth pair with its far end as eth0 in the network namespace of the
 * process @pidfd. The near one is put on the bridge, isolated, with learning and
 * floods off, a static forwarding entry and a permanent neighbour, up; all that is
 * read back. eth0 gets address and default route and is brought up, and lo too; it
 * gets no IPv6 address. Refused (ERR_BUG) before the rules are put. A left-over link
 * of the same name on the host is replaced. The caller must have one thread,
 * CAP_SYS_ADMIN and CAP_NET_ADMIN; it is in the other namespace for a moment.
 */
int net_port_attach(struct net_base *b, const struct net_port *port, int pidfd, struct err *err);

/* Both ends, and the neighbour. */
int net_port_link_remove(struct net_base *b, const struct net_port *port, struct err *err);

/*
 * Hear of what is denied: an NFLOG group of the port's own, in port->log_group
 * (the recorded one if it is free), which net_port_rules_put() makes use of.
 * Returns a descriptor for net_resolver_start(): the name service reads it.
 */
int net_port_log_open(struct net_port *port, struct err *err);

/* Forget connections from and to the address, or the next one to have it would inherit them. */
int net_port_conntrack_flush(struct net_base *b, const struct net_port *port, struct err *err);

/*
 * After a stop or a crash: link, rules, connections and claim of @name, each
 * if it is there. Goes on after a failure and returns the first one.
 */
int net_port_undo(struct net_base *b, const char *name, struct err *err);

/*
 * Undo all claims whose name @is_known denies, and links, chains, elements,
 * neighbours and forwarding entries of ours that belong to no claim. @is_known
 * is called under the network lock, so it sees every record that was written
 * before its claim was. Returns how many ports were taken away.
 */
int net_leftovers_remove(struct net_base *b, bool (*is_known)(const char *name, void *data),
			 void *data, struct err *err);

#endif
