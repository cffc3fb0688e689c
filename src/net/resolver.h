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
 */
#ifndef COI_NET_RESOLVER_H
#define COI_NET_RESOLVER_H

#include <sys/types.h>

#include "base/err.h"
#include "net/net.h"
#include "net/port.h"

struct net_resolver {
	int udp_fd; /* -1 when it was handed over */
	int tcp_fd;
	int control_fd; /* the resolver ends when this is closed, also by our death; -1: not started */
	pid_t pid;
	int pidfd;
};

#define NET_RESOLVER_INIT { -1, -1, -1, 0, -1 }

/*
 * Open the sockets on the gateway and set port->dns_port: the recorded one if
 * it is free, else another above 61000. Needs the base; needed by
 * net_port_rules_put(). Until the resolver starts, queries wait in the socket.
 */
int net_resolver_bind(struct net_base *b, struct net_port *port, struct net_resolver *ret,
		      struct err *err);
/*
 * Start coi-resolver on the bound sockets. Fork and exec, nothing is waited for.
 * It reads @resolv_conf (NULL: /etc/resolv.conf) as it is now. The child is the
 * caller's: poll r->pidfd, and when it ends unasked bind and start again.
 */
int net_resolver_start(struct net_base *b, const struct net_port *port, const char *resolv_conf,
		       struct net_resolver *r, struct err *err);
/* Name servers have changed: let it read @resolv_conf again. */
int net_resolver_reload(struct net_resolver *r, const char *resolv_conf, struct err *err);
/* End it, wait for it, close what @r has. Fine when it was not started. */
void net_resolver_stop(struct net_resolver *r);

#endif
