/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The address ranges that modes speak of, sorted and without overlap within a list. Pure. */
#ifndef COI_NET_RANGES_H
#define COI_NET_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/policy.h"

extern const struct net_cidr net_private_ranges[];
extern const size_t net_private_ranges_count;
extern const struct net_cidr net_metadata_ranges[];
extern const size_t net_metadata_ranges_count;

/* The addresses that answer: what is reached when only the metadata block is lifted. */
extern const struct net_cidr net_endpoint_ranges[];
extern const size_t net_endpoint_ranges_count;

/* The networks that people call local (RFC 1918). */
extern const struct net_cidr net_local_ranges[];
extern const size_t net_local_ranges_count;

/* Addresses in host byte order. */
bool net_cidr_contains(const struct net_cidr *c, uint32_t address);
bool net_is_private(uint32_t address);
bool net_is_metadata(uint32_t address);
/*
 * Does a block close @address? Each opens what is its own when it is lifted: the
 * private one no metadata, the metadata one the addresses that answer and
 * nothing else of the private ranges.
 */
bool net_is_blocked(bool private, bool metadata, uint32_t address);
bool net_is_local(uint32_t address);

#endif
