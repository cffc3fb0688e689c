/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what a resolver asks for to elements in the kernel, and its word that they are there. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/internal.h"
#include "net/learnt.h"
#include "net/port.h"
#include "net/ranges.h"
#include "net/resolver.h"
#include "net/rules.h"

/* An element that has this much less than it could have is not worth a transaction. */
#define SLACK_MS 5000

static int check(const struct net_base *b, const struct net_port *port,
		 const struct net_resolver_event *e, uint32_t *lists, struct err *err) {
	char text[NET_CIDR_TEXT];

	*lists = port->policy.mode == NET_ALLOWLIST ? net_allowed_name(port->policy.allowed, e->name)
						    : 0;
	if (!*lists)
		return err_set(err, ERR_CONFIG, -EPERM, "'%s' is not an allowed name", e->name);
	for (size_t i = 0; i < e->count; i++) {
		const struct net_cidr c = { e->addresses[i], 32 };

		if (!net_policy_may_learn(&port->policy, c.address) ||
		    net_cidr_contains(&b->range, c.address))
			return err_set(err, ERR_CONFIG, -EPERM,
				       "'%s' leads to %s, which no name may open", e->name,
				       net_cidr_text(&c, text));
	}
	return 0;
}

/*
 * Which of @lists have the address for a clearly shorter time. *@until:
 * for how long the others have it, which is what the kernel knows.
 */
static uint32_t lists_to_set(const struct net_learnt *l, uint32_t address, uint32_t lists,
			     uint64_t *until) {
	uint64_t wanted = *until;
	uint32_t result = 0;

	for (unsigned i = 0; i < NET_PORT_LISTS_MAX; i++) {
		uint64_t has = lists & 1u << i ? net_learnt_until(l, address, i) : wanted;

		if (has + SLACK_MS < wanted)
			result |= 1u << i;
		else if (has < *until)
			*until = has;
	}
	if (result)
		*until = wanted;
	return result;
}

int net_port_learn(struct net_base *b, struct net_port *port, struct net_learnt *l,
		   const struct net_resolver_event *e, struct err *err) {
	auto_nft_batch struct nft_batch batch = { 0 };
	uint64_t now = clock_mono_ms(), life = net_learnt_life_ms(e->ttl);
	uint32_t lists = 0, begun = 0;
	bool is_trimmed;
	int r = net_sockets(b, err);

	if (r == 0)
		r = check(b, port, e, &lists, err);
	if (r < 0)
		return r;
	is_trimmed = net_learnt_make_room(l, e->name, e->count, now);
	nft_batch_init(&batch, 1, NULL);
	nft_batch_begin(&batch);
	for (size_t i = 0; i < e->count; i++) {
		uint64_t until = now + life;
		uint32_t set = lists_to_set(l, e->addresses[i], lists, &until);

		r = net_learnt_add(l, e->name, lists, e->addresses[i], until, now);
		if (r < 0)
			return err_set(err, ERR_CONFIG, r,
				       "'%s' leads to more addresses than can be kept", e->name);
		net_rules_learn(&batch, b, port, e->addresses[i], set, life);
		begun |= set;
	}
	/* What has made room is closed too: the sets are put anew, in one transaction. */
	if (is_trimmed)
		return net_port_rules_put(b, port, err);
	if (!begun)
		return 0;
	r = net_send_quiet(b, &batch);
	if (r == 0)
		return 0;
	/* The base is damaged or gone; with the rules all addresses come back too. */
	r = net_base_ensure(b, err);
	if (r >= 0)
		r = net_port_rules_put(b, port, err);
	return r < 0 ? err_wrap(err, "letting '%s' through", e->name) : 0;
}
