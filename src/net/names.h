/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names, addresses and numbers that follow from the root's tag and a port's index. Pure. */
#ifndef COI_NET_NAMES_H
#define COI_NET_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "net/net.h"
#include "net/port.h"

#define NET_NUMBER_TEXT 11 /* with its NUL */

/* @n in decimal to @at, which has NET_NUMBER_TEXT bytes; the end, where the NUL is. */
char *net_put_number(char *at, uint32_t n);

#define NET_INDEX_FIRST 2u /* 0 is the network, 1 the gateway */

/* Bridge, prefixes and tables of a root with @tag ("" for the default one). */
void net_names_fill(struct net_base *b, const char *tag);
/* Is it a table of this root or of another one? They close nothing by policy and are large. */
bool net_table_is_ours(const char *table);
/* Range and, with it, the gateway. */
void net_range_set(struct net_base *b, const struct net_cidr *range);
/* The highest index that has an address. */
uint32_t net_index_last(const struct net_base *b);
/* All that follows from name and index; the rest of *@ret is zero. */
void net_port_fill(const struct net_base *b, const char *name, uint32_t index,
		   struct net_port *ret);
/* The index in a link's name after @prefix, or 0. */
uint32_t net_index_of_link(const char *link, const char *prefix);
/* The index in the key of a set's element, which begins with an address or a link's name; or 0. */
uint32_t net_index_of_key(const struct net_base *b, const void *key, size_t len);
/* A name that may stand in a record and in messages: [A-Za-z0-9._-], not empty, not too long. */
bool net_name_ok(const char *name);
/* The bridge's own hardware address: locally administered, the same for a tag for ever. */
void net_bridge_mac(const struct net_base *b, uint8_t mac[6]);

#endif
