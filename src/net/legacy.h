/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The older packet filter (ip_tables, "iptables-legacy"), which nf_tables does not show. */
#ifndef COI_NET_LEGACY_H
#define COI_NET_LEGACY_H

#include <stdbool.h>

/* Has it any table in this network namespace? */
bool legacy_tables(void);
/*
 * Bits 1 << NF_INET_FORWARD and 1 << NF_INET_LOCAL_IN: its chain there drops by policy,
 * without a rule that accepts all that comes from link @bridge (forward: and one for all
 * that goes there). Changes nothing and loads no module.
 */
unsigned legacy_closes(const char *bridge);

#endif
