/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/learnt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/hosts.h"
#include "net/ranges.h"

static void name_done(struct net_learnt_name *n) {
	free(n->name);
	free(n->addresses);
}

void net_learnt_done(struct net_learnt *l) {
	for (size_t i = 0; i < l->count; i++)
		name_done(&l->names[i]);
	free(l->names);
	*l = (struct net_learnt){ 0 };
}

uint64_t net_learnt_life_ms(uint32_t ttl) {
	if (ttl < NET_LEARNT_TTL_MIN)
		ttl = NET_LEARNT_TTL_MIN;
	if (ttl > NET_LEARNT_TTL_MAX)
		ttl = NET_LEARNT_TTL_MAX;
	return (uint64_t)(ttl + NET_LEARNT_GRACE_S) * 1000;
}

static void name_drop(struct net_learnt *l, size_t at) {
	l->total -= l->names[at].count;
	name_done(&l->names[at]);
	l->names[at] = l->names[--l->count];
}

void net_learnt_expire(struct net_learnt *l, uint64_t now) {
	for (size_t i = l->count; i-- > 0;) {
		struct net_learnt_name *n = &l->names[i];

		for (size_t k = n->count; k-- > 0;)
			if (n->addresses[k].until <= now) {
				n->addresses[k] = n->addresses[--n->count];
				l->total--;
			}
		if (!n->count)
			name_drop(l, i);
	}
}

static struct net_learnt_name *find(const struct net_learnt *l, const char *name) {
	for (size_t i = 0; i < l->count; i++)
		if (!strcmp(l->names[i].name, name))
			return &l->names[i];
	return NULL;
}

static struct net_learnt_name *name_add(struct net_learnt *l, const char *name) {
	l->names = xreallocarray(l->names, l->count + 1, sizeof(*l->names));
	l->names[l->count] = (struct net_learnt_name){ .name = xstrdup(name) };
	return &l->names[l->count++];
}

int net_learnt_add(struct net_learnt *l, const char *name, uint32_t lists, uint32_t address,
		   uint64_t until, uint64_t now) {
	struct net_learnt_name *n = find(l, name);
	size_t i = 0;

	while (n && i < n->count && n->addresses[i].address != address)
		i++;
	if (n && i < n->count) {
		n->lists = lists;
		if (n->addresses[i].until < until)
			n->addresses[i].until = until;
		return 0;
	}
	if (l->total >= NET_LEARNT_MAX || (!n && l->count >= NET_LEARNT_NAMES_MAX)) {
		net_learnt_expire(l, now);
		n = find(l, name);
	}
	if (l->total >= NET_LEARNT_MAX || (!n && l->count >= NET_LEARNT_NAMES_MAX))
		return -ENOSPC;
	if (!n)
		n = name_add(l, name);
	n->lists = lists;
	n->addresses = xreallocarray(n->addresses, n->count + 1, sizeof(*n->addresses));
	n->addresses[n->count++] = (struct net_learnt_address){ address, until };
	l->total++;
	return 0;
}

static int compare_times(const void *x, const void *y) {
	const uint64_t *a = x, *b = y;

	return (*a > *b) - (*a < *b);
}

/* Until when the name leads anywhere. */
static uint64_t name_until(const struct net_learnt_name *n) {
	uint64_t until = 0;

	for (size_t i = 0; i < n->count; i++)
		if (n->addresses[i].until > until)
			until = n->addresses[i].until;
	return until;
}

/* The time up to which the first @count of @times have run out. */
static uint64_t nth(uint64_t *times, size_t total, size_t count) {
	qsort(times, total, sizeof(*times), compare_times);
	return times[(count < total ? count : total) - 1];
}

/* So many names, whole ones. */
static void trim_names(struct net_learnt *l, size_t count) {
	autofree uint64_t *times = xcalloc(l->count, sizeof(*times));
	uint64_t limit;

	for (size_t i = 0; i < l->count; i++)
		times[i] = name_until(&l->names[i]);
	limit = nth(times, l->count, count);
	for (size_t i = l->count; i-- > 0 && count;)
		if (name_until(&l->names[i]) <= limit) {
			name_drop(l, i);
			count--;
		}
}

static void trim_addresses(struct net_learnt *l, size_t count) {
	autofree uint64_t *times = xcalloc(l->total, sizeof(*times));
	uint64_t limit;
	size_t at = 0;

	for (size_t i = 0; i < l->count; i++)
		for (size_t k = 0; k < l->names[i].count; k++)
			times[at++] = l->names[i].addresses[k].until;
	limit = nth(times, l->total, count);
	for (size_t i = l->count; i-- > 0;) {
		struct net_learnt_name *n = &l->names[i];

		for (size_t k = n->count; k-- > 0 && count;)
			if (n->addresses[k].until <= limit) {
				n->addresses[k] = n->addresses[--n->count];
				l->total--;
				count--;
			}
		if (!n->count)
			name_drop(l, i);
	}
}

bool net_learnt_make_room(struct net_learnt *l, const char *name, size_t count, uint64_t now) {
	bool trimmed = false;

	if (l->total + count <= NET_LEARNT_MAX && l->count < NET_LEARNT_NAMES_MAX)
		return false;
	net_learnt_expire(l, now);
	if (l->count >= NET_LEARNT_NAMES_MAX && !find(l, name)) {
		trim_names(l, NET_LEARNT_NAMES_MAX / 8);
		trimmed = true;
	}
	if (l->total + count > NET_LEARNT_MAX) {
		trim_addresses(l, NET_LEARNT_MAX / 8);
		trimmed = true;
	}
	return trimmed;
}

void net_learnt_relist(struct net_learnt *l, const struct net_allowed *a) {
	for (size_t i = l->count; i-- > 0;) {
		l->names[i].lists = net_allowed_name(a, l->names[i].name);
		if (!l->names[i].lists)
			name_drop(l, i);
	}
}

uint64_t net_learnt_until(const struct net_learnt *l, uint32_t address, unsigned list) {
	uint64_t until = 0;

	for (size_t i = 0; i < l->count; i++) {
		const struct net_learnt_name *n = &l->names[i];

		if (!(n->lists & 1u << list))
			continue;
		for (size_t k = 0; k < n->count; k++)
			if (n->addresses[k].address == address && n->addresses[k].until > until)
				until = n->addresses[k].until;
	}
	return until;
}

const char *net_learnt_name(const struct net_learnt *l, uint32_t address) {
	for (size_t i = 0; i < l->count; i++)
		for (size_t k = 0; k < l->names[i].count; k++)
			if (l->names[i].addresses[k].address == address)
				return l->names[i].name;
	return NULL;
}

uint32_t net_learnt_lists(const struct net_learnt *l, uint32_t address, uint64_t now) {
	uint32_t lists = 0;

	for (size_t i = 0; l && i < l->count; i++)
		for (size_t k = 0; k < l->names[i].count; k++)
			if (l->names[i].addresses[k].address == address &&
			    l->names[i].addresses[k].until > now)
				lists |= l->names[i].lists;
	return lists;
}

static bool lists_have(const struct net_allowed *a, uint32_t lists, uint16_t port) {
	for (unsigned i = 0; i < a->ports_count; i++)
		if ((lists & 1u << i) && net_ports_have(&a->ports[i], port))
			return true;
	return false;
}

bool net_learnt_passes(const struct net_policy *p, const struct net_learnt *l, uint32_t address,
		       uint16_t port, uint64_t now) {
	struct net_policy without = *p;

	if (!net_policy_port(p, port))
		return false;
	if (net_hosts_pass(p->hosts, address, port))
		return true;
	without.hosts = NULL; /* it has its ports */
	if (p->mode != NET_ALLOWLIST || !p->allowed)
		return net_policy_judge(&without, address) == NET_ACCEPT;
	if (lists_have(p->allowed, net_allowed_address(p->allowed, address), port))
		return true;
	if (!net_policy_may_learn(p, address))
		return false;
	return (p->allow_local_network && net_is_local(address)) ||
	       lists_have(p->allowed, net_learnt_lists(l, address, now), port);
}
