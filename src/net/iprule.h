/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The barrier of ip rules: even with all nftables tables gone, nothing is routed
 * that has not been marked as a port's own.
 *
 *   pref + 0  from the gateway             goto pref + 9
 *   pref + 1  from the range, our marks    goto pref + 9
 *   pref + 2  from the range               prohibit
 *   pref + 9                               nop
 */
#ifndef COI_NET_IPRULE_H
#define COI_NET_IPRULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "net/net.h"

#define NET_RULE_PREF 70
#define NET_RULE_STEP 10

/* 1: something was made, 0: all there. */
int iprules_ensure(struct net_base *b, struct err *err);
int iprules_remove(struct net_base *b, struct err *err);
/* The first of NET_RULE_PREF, + 10, + 20, … with nobody's rule in its ten numbers. */
int iprules_free_pref(struct net_base *b, uint32_t *ret, struct err *err);

#endif
