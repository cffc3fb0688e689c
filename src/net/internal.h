/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the effectful files of this folder share. Lock: whoever calls *_locked() holds it. */
#ifndef COI_NET_INTERNAL_H
#define COI_NET_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "net/net.h"
#include "net/nft.h"
#include "net/port.h"

/* Open the two sockets if they are not yet. */
int net_sockets(struct net_base *b, struct err *err);
/* The network lock, to be closed; sockets are open afterwards. */
int net_lock(struct net_base *b, struct err *err);
/* Put the transaction's ends on and send it. @what: "put the rules of 'x'". */
int net_send(struct net_base *b, struct nft_batch *batch, const char *what, struct err *err);
/* As above; the error's number alone, for those who expect one. */
int net_send_quiet(struct net_base *b, struct nft_batch *batch);

/* As net_base_ensure(). */
int net_ensure_locked(struct net_base *b, struct err *err);
/* 1 when tables, chains and fixed sets are as they should be, else 0. */
int net_tables_intact(struct net_base *b, struct err *err);
/* 1 when the port's elements and chains are there, else 0. */
int net_port_rules_intact(struct net_base *b, const struct net_port *port, struct err *err);
/* The port that dns4 has for it, 0: none. */
int net_port_dns_before(struct net_base *b, const struct net_port *port, uint16_t *ret);
/* @seen[index] = true for each port of which the tables have an element or a chain. */
int net_table_indexes(struct net_base *b, bool *seen, struct err *err);
/*
 * Accept what our chain has let through in other people's forward chains that
 * drop by policy: 1 when one had to be changed. And take that out of all again.
 */
int foreign_ensure(struct net_base *b, struct err *err);
int foreign_remove(struct net_base *b, struct err *err);

/* IPv4 forwarding on, remembering that it was off; and back. */
int forwarding_ensure(struct net_base *b, struct err *err);
int forwarding_restore(struct net_base *b, struct err *err);

/* The range as recorded, else the default. */
int net_range_load(struct net_base *b, struct err *err);
/*
 * Choose and record it, unless what is recorded is still free (or must stay: @has_claims).
 * *@ret_lock: to be closed once the bridge shows the range to other roots.
 */
int net_range_choose(struct net_base *b, bool has_claims, int *ret_lock, struct err *err);
/* Fails with ERR_CONFLICT when somebody else's route or address lies in the range. */
int net_range_check(struct net_base *b, struct err *err);

#endif
