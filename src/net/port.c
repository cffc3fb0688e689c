/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Claims, rules and links of a port, in the order and under the lock that they need. */
#include "net/port.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "net/allowed.h"
#include "net/claims.h"
#include "net/hosts.h"
#include "net/internal.h"
#include "net/link.h"
#include "net/names.h"
#include "net/nl.h"
#include "net/ranges.h"
#include "net/rules.h"

static int64_t seconds_now(void) {
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec;
}

/* An index whose link is still there is not free, whoever made that. */
static uint32_t pick_index(struct net_base *b, struct claims *c) {
	uint32_t index = claims_pick(c, b, seconds_now());
	struct net_port p;

	while (index) {
		net_port_fill(b, "", index, &p);
		if (!if_nametoindex(p.host_link))
			return index;
		c->resting = xreallocarray(c->resting, c->resting_count + 1, sizeof(*c->resting));
		c->resting[c->resting_count++] =
			(struct resting){ .index = index, .since = seconds_now() };
		index = claims_pick(c, b, seconds_now());
	}
	return claims_pick_resting(c);
}

/* What a claim keeps of a policy: no lists, so what depends on one is closed by it. */
static void claim_policy(struct net_port *p, const struct net_policy *policy) {
	p->policy = *policy;
	p->policy.allowed = NULL;
	p->policy.hosts = NULL;
	p->policy.ports = (struct net_ports){ 0 };
}

int net_port_alloc(struct net_base *b, const char *name, const struct net_policy *policy,
		   struct net_port *ret, struct err *err) {
	auto_claims struct claims c = { 0 };
	autoclose int lock = -1;
	struct net_port *p;
	uint32_t index;
	int r;

	if (!net_name_ok(name))
		return err_set(err, ERR_BUG, -EINVAL, "'%s' is no name for a port", name);
	r = net_policy_check(policy, err);
	if (r < 0)
		return r;
	lock = net_lock(b, err);
	if (lock < 0)
		return lock;
	/* The base may have gone, with the last port, since the caller saw to it. */
	if (!if_nametoindex(b->bridge)) {
		r = net_ensure_locked(b, err);
		if (r < 0)
			return err_wrap(err, "setting up the network");
	}
	r = claims_load(b, &c, err);
	if (r < 0)
		return r;
	p = claims_find(&c, name);
	if (!p) {
		index = pick_index(b, &c);
		if (!index)
			return err_set(err, ERR_CONFLICT, -ENOSPC,
				       "no address is left for '%s': %zu are in use", name, c.count);
		p = claims_add(&c, b, name, index);
	}
	claim_policy(p, policy);
	r = claims_store(b, &c, err);
	if (r == 0)
		*ret = *p;
	return r;
}

/* For readers without the lock: the range may have been chosen since @b was opened. */
static int load_claims(struct net_base *b, struct claims *c, struct err *err) {
	int r = b->range_is_fixed ? 0 : net_range_load(b, err);

	return r < 0 ? r : claims_load(b, c, err);
}

int net_port_find(struct net_base *b, const char *name, struct net_port *ret, struct err *err) {
	auto_claims struct claims c = { 0 };
	const struct net_port *p;
	int r = load_claims(b, &c, err);

	if (r < 0)
		return r;
	p = claims_find(&c, name);
	if (!p)
		return 0;
	*ret = *p;
	return 1;
}

int net_port_list(struct net_base *b, struct net_port **ret, size_t *ret_count, struct err *err) {
	auto_claims struct claims c = { 0 };
	int r = load_claims(b, &c, err);

	if (r < 0)
		return r;
	*ret = steal_ptr(c.ports);
	*ret_count = c.count;
	return 0;
}

static int release_locked(struct net_base *b, const char *name, struct err *err) {
	auto_claims struct claims c = { 0 };
	int r = claims_load(b, &c, err);

	if (r < 0 || !claims_find(&c, name))
		return r;
	claims_remove(&c, name, seconds_now());
	return claims_store(b, &c, err);
}

int net_port_release(struct net_base *b, const char *name, struct err *err) {
	autoclose int lock = net_lock(b, err);

	return lock < 0 ? lock : release_locked(b, name, err);
}

/* What the kernel is about to have, or no longer has, written down first or afterwards. */
static int claim_update(struct net_base *b, const struct net_port *port, bool put,
			struct err *err) {
	auto_claims struct claims c = { 0 };
	struct net_port *p;
	int r = claims_load(b, &c, err);

	if (r < 0)
		return r;
	p = claims_find(&c, port->name);
	if (!p || p->index != port->index)
		return put ? err_set(err, ERR_BUG, -ENOENT, "'%s' has no claim on address '%s'",
				     port->name, port->address_text)
			   : 0;
	if (p->rules_put == put && p->dns_port == port->dns_port &&
	    p->policy.mode == port->policy.mode &&
	    p->policy.block_private == port->policy.block_private &&
	    p->policy.block_metadata == port->policy.block_metadata &&
	    p->policy.allow_local_network == port->policy.allow_local_network &&
	    p->policy.is_capped == port->policy.is_capped && p->log_group == port->log_group &&
	    p->set_count == port->set_count && p->chains == port->chains)
		return 0;
	p->rules_put = put;
	p->dns_port = port->dns_port;
	claim_policy(p, &port->policy);
	p->log_group = port->log_group;
	p->set_count = port->set_count;
	p->chains = port->chains;
	return claims_store(b, &c, err);
}

static int rules_put(struct net_base *b, const struct net_port *port) {
	auto_nft_batch struct nft_batch batch = { 0 };
	uint16_t dns_before;
	int r = net_port_dns_before(b, port, &dns_before);

	if (r < 0)
		return r;
	nft_batch_init(&batch, 1, NULL);
	nft_batch_begin(&batch);
	net_rules_port_put(&batch, b, port, dns_before);
	return net_send_quiet(b, &batch);
}

static int rules_put_locked(struct net_base *b, struct net_port *port, struct err *err) {
	const struct net_allowed *a = port->policy.allowed;
	int r;

	/* Never fewer than there may be of: what is too much is deleted with the rest. */
	port->chains |= (uint8_t)net_port_chains(port);
	if (port->policy.mode == NET_ALLOWLIST && a && a->ports_count > port->set_count)
		port->set_count = (uint8_t)a->ports_count;
	r = claim_update(b, port, true, err);
	if (r < 0)
		return r;
	r = rules_put(b, port);
	/* The base is damaged or gone; making it anew puts this port's rules too. */
	if (r == -ENOENT || r == -EEXIST) {
		r = net_ensure_locked(b, err);
		if (r < 0)
			return r;
		r = rules_put(b, port);
	}
	if (r < 0)
		return err_sys(err, r, "cannot put the rules of '%s'", port->name);
	port->rules_put = true;
	return 0;
}

/* The host and other containers are closed in every mode: a fixed name does not open them. */
static int hosts_check(const struct net_base *b, const struct net_port *port, struct err *err) {
	const struct net_hosts *h = port->policy.hosts;
	char text[NET_CIDR_TEXT];

	for (size_t i = 0; h && i < h->open.count; i++)
		if (net_cidr_contains(&b->range, h->open.entries[i].cidr.address))
			return err_set(err, ERR_CONFIG, -EINVAL, "network.hosts: '%s' is an address "
				       "of containers, which do not reach each other",
				       net_cidr_text(&h->open.entries[i].cidr, text));
	return 0;
}

int net_port_rules_put(struct net_base *b, struct net_port *port, struct err *err) {
	autoclose int lock = -1;
	int r = net_policy_check(&port->policy, err);

	if (r == 0)
		r = hosts_check(b, port, err);
	if (r < 0)
		return r;
	lock = net_lock(b, err);
	return lock < 0 ? lock : rules_put_locked(b, port, err);
}

int net_port_rules_ensure(struct net_base *b, struct net_port *port, struct err *err) {
	autoclose int lock = net_lock(b, err);
	int r = lock < 0 ? lock : net_port_rules_intact(b, port, err);

	if (r < 0)
		return r;
	if (r > 0)
		return 0;
	r = rules_put_locked(b, port, err);
	return r < 0 ? r : 1;
}

/* Table by table: where one of them is gone, the other is still to be cleaned. */
static int rules_remove(struct net_base *b, const struct net_port *port) {
	static const uint16_t families[] = { NFPROTO_INET, NFPROTO_BRIDGE };
	uint16_t dns_before;
	int result = net_port_dns_before(b, port, &dns_before);

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		auto_nft_batch struct nft_batch batch;
		int r;

		nft_batch_init(&batch, 1, NULL);
		nft_batch_begin(&batch);
		net_rules_port_remove(&batch, families[i], b, port, dns_before);
		r = net_send_quiet(b, &batch);
		if (r < 0 && r != -ENOENT && result == 0)
			result = r;
	}
	return result;
}

static int rules_remove_locked(struct net_base *b, const struct net_port *port, struct err *err) {
	int r = rules_remove(b, port);

	if (r < 0)
		return err_sys(err, r, "cannot remove the rules of '%s'", port->name);
	return claim_update(b, port, false, err);
}

int net_port_rules_remove(struct net_base *b, struct net_port *port, struct err *err) {
	autoclose int lock = net_lock(b, err);
	int r = lock < 0 ? lock : rules_remove_locked(b, port, err);

	if (r == 0) {
		port->rules_put = false;
		port->set_count = port->chains = 0;
	}
	return r;
}

/*
 * A socket of the other namespace, and the namespace itself. The way back must
 * not fail: we would go on working in the container's namespace.
 */
static int enter_netns(int pidfd, struct nl_sock **ret, int *ret_fd, struct err *err) {
	autoclose int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	autoclose int other = -1;
	int r;

	if (own < 0)
		return err_sys(err, -errno, "cannot open our network namespace");
	if (setns(pidfd, CLONE_NEWNET) < 0)
		return err_sys(err, -errno, "cannot enter the container's network namespace");
	other = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	r = other < 0 ? err_sys(err, -errno, "cannot open the container's network namespace")
		      : nl_open(NETLINK_ROUTE, ret, err);
	if (setns(own, CLONE_NEWNET) < 0)
		abort();
	if (r == 0)
		*ret_fd = steal_fd(&other);
	return r;
}

int net_port_attach(struct net_base *b, const struct net_port *port, int pidfd, struct err *err) {
	struct nl_sock *guest = NULL;
	autoclose int netns = -1;
	int r = net_sockets(b, err);

	if (r < 0)
		return r;
	if (!port->rules_put)
		return err_set(err, ERR_BUG, -EINVAL, "link '%s' before its rules", port->host_link);
	r = enter_netns(pidfd, &guest, &netns, err);
	if (r < 0)
		return r;
	r = veth_attach(b, port, guest, netns, err);
	nl_close(guest);
	return r;
}

static int link_remove(struct net_base *b, const struct net_port *port, struct err *err) {
	int r = link_delete(b->route, port->host_link);
	unsigned bridge;

	if (r < 0)
		return err_sys(err, r, "cannot remove link '%s'", port->host_link);
	bridge = if_nametoindex(b->bridge);
	if (!bridge)
		return 0;
	r = neighbour_delete(b->route, (int)bridge, port->address);
	if (r < 0 && r != -ENOENT && r != -ENODEV)
		return err_sys(err, r, "cannot remove neighbour '%s'", port->address_text);
	return 0;
}

int net_port_link_remove(struct net_base *b, const struct net_port *port, struct err *err) {
	int r = net_sockets(b, err);

	return r < 0 ? r : link_remove(b, port, err);
}

/* Each step although the one before failed; the first failure is reported. */
static int undo_locked(struct net_base *b, const struct net_port *port, struct err *err) {
	int first = link_remove(b, port, err);
	int r = rules_remove_locked(b, port, first < 0 ? NULL : err);

	first = first < 0 ? first : r;
	r = net_port_conntrack_flush(b, port, first < 0 ? NULL : err);
	first = first < 0 ? first : r;
	/* A claim stays while anything of it does. */
	return first < 0 ? first : release_locked(b, port->name, err);
}

/*
 * Deleting a link and looking through the connections take the kernel tens of
 * milliseconds; others need the lock meanwhile, and the claim keeps the
 * address until the end.
 */
int net_port_undo(struct net_base *b, const char *name, struct err *err) {
	struct net_port port;
	int first, r = net_sockets(b, err);

	if (r == 0)
		r = net_port_find(b, name, &port, err);
	if (r <= 0)
		return r;
	first = link_remove(b, &port, err);
	r = net_port_rules_remove(b, &port, first < 0 ? NULL : err);
	first = first < 0 ? first : r;
	r = net_port_conntrack_flush(b, &port, first < 0 ? NULL : err);
	first = first < 0 ? first : r;
	/* A claim stays while anything of it does. */
	return first < 0 ? first : net_port_release(b, name, err);
}

static void mark_index(bool *seen, uint32_t index) {
	if (index >= NET_INDEX_FIRST && index <= 0xffff)
		seen[index] = true;
}

/* Every index of which the kernel has something. */
static int find_indexes(struct net_base *b, bool *seen, struct err *err) {
	autofree struct link_info *links = NULL;
	autofree uint32_t *neighbours = NULL;
	size_t count = 0;
	unsigned bridge = if_nametoindex(b->bridge);
	int r = link_list(b->route, &links, &count);

	if (r < 0)
		return err_sys(err, r, "cannot list the links");
	for (size_t i = 0; i < count; i++) {
		if (strcmp(links[i].kind, "veth") != 0)
			continue;
		mark_index(seen, net_index_of_link(links[i].name, b->link_prefix));
	}
	count = 0;
	r = bridge ? neighbour_list(b->route, (int)bridge, &neighbours, &count) : 0;
	if (r < 0)
		return err_sys(err, r, "cannot list the neighbours on '%s'", b->bridge);
	for (size_t i = 0; i < count; i++)
		mark_index(seen, neighbours[i] - b->range.address);
	return net_table_indexes(b, seen, err);
}

int net_leftovers_remove(struct net_base *b, bool (*is_known)(const char *name, void *data),
			 void *data, struct err *err) {
	autoclose int lock = net_lock(b, err);
	auto_claims struct claims c = { 0 };
	autofree bool *seen = xcalloc(0x10000, sizeof(*seen));
	int r = lock < 0 ? lock : claims_load(b, &c, err);
	int removed = 0, first = 0;

	if (r == 0)
		r = find_indexes(b, seen, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c.count; i++) {
		seen[c.ports[i].index] = !is_known(c.ports[i].name, data);
	}
	for (uint32_t i = NET_INDEX_FIRST; i <= 0xffff; i++) {
		const struct net_port *claim;
		struct net_port port;

		if (!seen[i])
			continue;
		claim = claims_find_index(&c, i);
		net_port_fill(b, claim ? claim->name : "", i, &port);
		port.set_count = claim ? claim->set_count : NET_PORT_LISTS_MAX;
		port.chains = claim ? claim->chains : (1u << NET_CHAIN_COUNT) - 1;
		port.dns_port = claim ? claim->dns_port : 0;
		r = undo_locked(b, &port, first < 0 ? NULL : err);
		first = first < 0 ? first : r;
		removed += r == 0;
	}
	return first < 0 ? first : removed;
}
