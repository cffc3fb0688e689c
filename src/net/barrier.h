/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The barrier: what stands when all nftables tables are gone.
 *
 * A filter of traffic control at the bridge itself, between it and everything
 * that the host does with a packet (ARP, its own listeners, routing), drops
 * what does not bear a mark of ours. Only our table in the bridge family gives
 * marks, to what a port may send; the kernel takes marks away where a packet
 * leaves a network namespace, so a container brings none along. Routing is
 * left as it is, and with it rp_filter and what others do with ip rules.
 *
 * It is a property of the bridge: it goes with it, is there before it is up,
 * and needs no process of ours.
 */
#ifndef COI_NET_BARRIER_H
#define COI_NET_BARRIER_H

#include "base/err.h"
#include "net/net.h"

/* On the bridge of that index. 1: put, 0: it was there, as it should be. */
int barrier_ensure(struct net_base *b, int bridge_index, struct err *err);

#endif
