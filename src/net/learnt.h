/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses that the names of mode allowlist have led to, and until when. Pure;
 * times are milliseconds of one clock that does not jump.
 */
#ifndef COI_NET_LEARNT_H
#define COI_NET_LEARNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/allowed.h"

#define NET_LEARNT_NAMES_MAX 1024
#define NET_LEARNT_MAX 4096  /* addresses of all names */
#define NET_LEARNT_AT_ONCE 64 /* addresses of one answer */
/* An element outlives the answer: who has just got it wants to use it. */
#define NET_LEARNT_TTL_MIN 60
#define NET_LEARNT_TTL_MAX 86400
#define NET_LEARNT_GRACE_S 60

struct net_learnt_address {
	uint32_t address;
	uint64_t until;
};

struct net_learnt_name {
	char *name; /* as net_allowed_name() takes it, in lower case */
	uint32_t lists;
	struct net_learnt_address *addresses;
	size_t count;
};

struct net_learnt {
	struct net_learnt_name *names;
	size_t count;
	size_t total; /* addresses */
};

void net_learnt_done(struct net_learnt *l);
/* How long an answer with @ttl seconds is good for, in milliseconds. */
uint64_t net_learnt_life_ms(uint32_t ttl);
/*
 * @name, which goes with @lists, leads to @address until @until; what was known
 * longer stays so. -ENOSPC when there are too many, after those that have run
 * out at @now were dropped.
 */
int net_learnt_add(struct net_learnt *l, const char *name, uint32_t lists, uint32_t address,
		   uint64_t until, uint64_t now);
/*
 * Room for @count (at most NET_LEARNT_AT_ONCE) addresses of @name: what has run out at
 * @now goes, and where that is not enough an eighth of the most that there may be, what
 * runs out soonest. Returns whether something went that has not run out.
 */
bool net_learnt_make_room(struct net_learnt *l, const char *name, size_t count, uint64_t now);
/* Drop what has run out. */
void net_learnt_expire(struct net_learnt *l, uint64_t now);
/* The list has changed: names that are not on it any more go, the others get their ports. */
void net_learnt_relist(struct net_learnt *l, const struct net_allowed *a);
/* Until when @address is allowed with the list of ports @list by any name; 0: not. */
uint64_t net_learnt_until(const struct net_learnt *l, uint32_t address, unsigned list);
/* A name that has led to the address; NULL when none has. Borrowed. */
const char *net_learnt_name(const struct net_learnt *l, uint32_t address);
/* All lists of ports that go with the address at @now. */
uint32_t net_learnt_lists(const struct net_learnt *l, uint32_t address, uint64_t now);

/*
 * Does the policy let a packet to @port of @address through (@port 0: without
 * one), with what was learnt? The rules give the same answer.
 */
bool net_learnt_passes(const struct net_policy *p, const struct net_learnt *l, uint32_t address,
		       uint16_t port, uint64_t now);

#endif
