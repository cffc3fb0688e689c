/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Links, addresses and neighbours through rtnetlink. Sockets are the base's;
 * what should be is decided by the callers.
 */
#ifndef COI_NET_LINK_H
#define COI_NET_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/net.h"
#include "net/nl.h"
#include "net/port.h"

struct link_info {
	int index;
	int master; /* 0: none */
	uint32_t flags;
	char name[NET_LINK_SIZE];
	char kind[16];
	/* of a bridge's port: IFLA_BRPORT_… values in the order of link_port_settings[] */
	uint8_t port[16];
	uint16_t group_forward;
	bool has_port;
};

/* -ENODEV when there is no such link. */
int link_get(struct nl_sock *s, const char *name, struct link_info *ret);
/* All links; newly allocated. */
int link_list(struct nl_sock *s, struct link_info **ret, size_t *ret_count);
/* A missing one is success. */
int link_delete(struct nl_sock *s, const char *name);

/* 1: made or mended, 0: intact. */
int bridge_ensure(struct net_base *b, struct err *err);
int bridge_remove(struct net_base *b, struct err *err);

/*
 * The pair: the host's end with the port's settings, forwarding entry and
 * neighbour, up and read back; the guest's end as "eth0" in @netns_fd, where
 * @guest is a socket, with its address and default route, up.
 */
int veth_attach(struct net_base *b, const struct net_port *port, struct nl_sock *guest,
		int netns_fd, struct err *err);
/* The permanent neighbour of @address on the bridge. -ENOENT when there is none. */
int neighbour_delete(struct nl_sock *s, int bridge_index, uint32_t address);
/* Addresses of permanent neighbours on the bridge; newly allocated. */
int neighbour_list(struct nl_sock *s, int bridge_index, uint32_t **ret, size_t *ret_count);

#endif
