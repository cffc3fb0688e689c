/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fixed names for addresses, which may then be reached whatever the mode, also
 * private ones: an opening made by a person. Pure.
 */
#ifndef COI_NET_HOSTS_H
#define COI_NET_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/allowed.h"

#define NET_HOSTS_MAX 64       /* addresses with their ports */
#define NET_HOST_NAMES_MAX 256 /* of all of them */
#define NET_HOSTS_TEXT_MAX (16 * 1024) /* bytes of all names: they fit into one message */

struct net_host_name {
	char *name; /* lower case, without a dot at its end */
	uint32_t address;
};

/* Zeroed it is empty. */
struct net_hosts {
	struct net_allowed open; /* single addresses, with ports */
	struct net_host_name *names;
	size_t count;
};

void net_hosts_done(struct net_hosts *h);
#define auto_net_hosts __attribute__((cleanup(net_hosts_done)))

/*
 * @names (at least one) stand for the address @ip, of which @ports (numbers and
 * ranges; NULL or empty: all) may be reached. A name that stood for another
 * address goes from there. ERR_CONFIG with the reason; @h is as before then.
 */
int net_hosts_add(struct net_hosts *h, const char *ip, char *const *names, char *const *ports,
		  struct err *err);
/* Take @name away, and the address with the last of its names: 1, else 0. */
int net_hosts_remove(struct net_hosts *h, const char *name);
/* May @port (0: what has none) of @address be reached? @h may be NULL. */
bool net_hosts_pass(const struct net_hosts *h, uint32_t address, uint16_t port);

#endif
