/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The allocator's file, network-ports.ini in the run directory: which port
 * belongs to which container, and what was put into the kernel for it.
 *
 *   format = 1
 *   boot = <boot id>
 *   [ports]      2 = <name> <mode> <flags> <dns port> <0|1: rules put> <log group> <sets>
 *   [resting]    3 = <seconds since boot when it was released>
 *
 * It is as volatile as what it tells of: after a boot there are neither links
 * nor rules, and a container gets its address at each start anyway. So it is
 * replaced atomically, but not fsynced.
 */
#ifndef COI_NET_CLAIMS_H
#define COI_NET_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/net.h"
#include "net/port.h"

#define NET_REST_SECONDS 30

struct resting {
	uint32_t index;
	int64_t since;
};

struct claims {
	struct net_port *ports; /* by index */
	size_t count;
	struct resting *resting;
	size_t resting_count;
};

/* No file means no claims. Flags: p, m, l for the policy's, c: capped (to which ports is not kept). */
int claims_load(const struct net_base *b, struct claims *ret, struct err *err);
int claims_store(const struct net_base *b, const struct claims *c, struct err *err);
void claims_done(struct claims *c);
#define auto_claims __attribute__((cleanup(claims_done)))

/* Borrowed until the list changes; NULL when there is none. */
struct net_port *claims_find(const struct claims *c, const char *name);
struct net_port *claims_find_index(const struct claims *c, uint32_t index);
/* Lowest index that nobody has and that does not rest at @now; 0: none. */
uint32_t claims_pick(const struct claims *c, const struct net_base *b, int64_t now);
/* The one that has rested longest; 0: none. */
uint32_t claims_pick_resting(const struct claims *c);
/* A claim of @index, which nobody has, with all that follows from it; borrowed. */
struct net_port *claims_add(struct claims *c, const struct net_base *b, const char *name,
			    uint32_t index);
/* Let it rest from @now on, and forget those that have rested enough. */
void claims_remove(struct claims *c, const char *name, int64_t now);

#endif
