/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The name service of one container: the helper program coi-resolver, which
 * reads what the container and the upstream servers send, and so has no rights
 * at all: own user id, empty root directory, seccomp filter, no capabilities.
 *
 * It listens on the gateway's address at a port of its own, to which the rules
 * redirect what the container sends to the gateway's port 53; it asks the name
 * servers of the host's resolv.conf. AAAA is answered empty. Unless the mode is
 * open, addresses in private and special ranges are taken out of the answers
 * (the rules deny them anyway; this way a name cannot be rebound into them).
 *
 * It also reads the port's log of refused packets (denied.h), and tells of them.
 *
 * In mode allowlist it answers for listed names only, and asks for each answer
 * first that the addresses be let through: read what it wants from control_fd
 * with net_resolver_read(), carry it out with net_port_learn(), and answer.
 */
#ifndef COI_NET_RESOLVER_H
#define COI_NET_RESOLVER_H

#include <sys/types.h>

#include "base/err.h"
#include "net/allowed.h"
#include "net/denied.h"
#include "net/net.h"
#include "net/port.h"

struct net_resolver {
	/*
	 * Kept when they were handed over: what is asked while one resolver ends waits
	 * for the next. Not to be read; edges on the first tell that somebody asks.
	 */
	int udp_fd;
	int tcp_fd;
	int log_fd; /* of net_port_log_open(), given by the caller; -1: nothing is told of refusals */
	int control_fd; /* the resolver ends when this is closed, also by our death; -1: not started */
	pid_t pid;
	int pidfd;
};

#define NET_RESOLVER_INIT { -1, -1, -1, -1, 0, -1 }

/*
 * Open the sockets on the gateway and set port->dns_port: the recorded one if
 * it is free, else another above 61000. Needs the base; needed by
 * net_port_rules_put(). Until the resolver starts, queries wait in the socket.
 */
int net_resolver_bind(struct net_base *b, struct net_port *port, struct net_resolver *ret,
		      struct err *err);
/*
 * Start coi-resolver on the bound sockets. Fork and exec, nothing is waited for.
 * It reads @resolv_conf (NULL: /etc/resolv.conf) as it is now, unless the policy
 * has servers of its own. The child is the
 * caller's: poll r->pidfd; when it ends unasked call net_resolver_end() and start again.
 */
int net_resolver_start(struct net_base *b, const struct net_port *port, const char *resolv_conf,
		       struct net_resolver *r, struct err *err);
/* Name servers have changed: let it read @resolv_conf again. */
int net_resolver_reload(struct net_resolver *r, const struct net_port *port,
			const char *resolv_conf, struct err *err);
/*
 * The port's policy has changed. What was asked and not answered yet is judged by
 * the new one. -EAGAIN (without @err) when its socket is full: again when it is writable.
 */
int net_resolver_policy(struct net_resolver *r, const struct net_port *port, struct err *err);

/*
 * How many questions (datagrams), and refused packets, the kernel has thrown away since the
 * sockets were opened, since whoever reads them was not quick enough. Counters that wrap.
 */
void net_resolver_dropped(const struct net_resolver *r, uint32_t *ret_questions,
			  uint32_t *ret_packets);

/* Does it still turn? NET_RESOLVER_ALIVE comes back. -errno when it does not even read. */
int net_resolver_ping(struct net_resolver *r);

enum net_resolver_wish {
	NET_RESOLVER_NOTHING,
	NET_RESOLVER_LEARN,
	NET_RESOLVER_REFUSED,
	NET_RESOLVER_ALIVE,
	NET_RESOLVER_DENIED,  /* a packet, in `denied`; `name` may be "" */
	NET_RESOLVER_ASKED,   /* names, in `asked`; how many more, and how many packets, in `…lost` */
	NET_RESOLVER_NOWHERE, /* a listed name leads nowhere, see `why` */
};
#define NET_RESOLVER_ADDRESSES_MAX 64
/* A name that the container has asked for: any printable letters. */
struct net_resolver_asked {
	char name[256];
	uint16_t type; /* of the records: 1 is A */
	bool is_refused;
};
#define NET_RESOLVER_ASKED_MAX 32
struct net_resolver_event {
	enum net_resolver_wish wish;
	uint64_t id;
	char name[NET_ALLOWED_NAME_MAX + 1];
	uint32_t addresses[NET_RESOLVER_ADDRESSES_MAX]; /* host byte order */
	size_t count;
	uint32_t ttl;
	const char *why; /* static: what follows "it" */
	struct net_denied denied;
	struct net_resolver_asked asked[NET_RESOLVER_ASKED_MAX];
	size_t asked_count;
	uint64_t lost, packets_lost;
};
/*
 * One message, when control_fd is readable. It comes from a process that
 * reads what is hostile: names and numbers are in bounds, and no more is known
 * of them. 1: in *@ret; 0: nothing of use; -errno: it has gone, its pidfd tells.
 */
int net_resolver_read(struct net_resolver *r, struct net_resolver_event *ret);
/* What became of the wish @id. Never waits: a resolver that does not listen gives up by itself. */
void net_resolver_learnt(struct net_resolver *r, uint64_t id, bool ok);

/* End it and wait for it; the sockets stay. */
void net_resolver_end(struct net_resolver *r);
/* End it, wait for it, close what @r has. Fine when it was not started. */
void net_resolver_stop(struct net_resolver *r);

#endif
