/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why something was refused, and what a person would have to do. Pure. */
#ifndef COI_SESSION_NETWORK_WHY_H
#define COI_SESSION_NETWORK_WHY_H

#include "net/denied.h"
#include "net/policy.h"

struct network_why {
	const char *reason; /* static; names the setting */
	char *remedy;       /* a command of coi; NULL: nothing helps */
};

void network_why_done(struct network_why *w);
#define auto_network_why __attribute__((cleanup(network_why_done)))

/*
 * The packet @d of @container by policy @p; @range is that of all containers, @name
 * what has led to the address (NULL: not known).
 */
void network_why(const struct net_policy *p, const struct net_cidr *range, const char *container,
		 const struct net_denied *d, const char *name, struct network_why *ret);
/* A name that is not listed. */
void network_why_name(const char *container, const char *name, struct network_why *ret);

#endif
