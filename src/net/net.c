/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The base as a whole: what is made in which order, and taken away. */
#include "net/net.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/claims.h"
#include "net/internal.h"
#include "net/link.h"
#include "net/names.h"
#include "net/nl.h"
#include "net/rules.h"

int net_base_open(const struct layout *layout, struct net_base **ret, struct err *err) {
	auto_net_base struct net_base *b = xcalloc(1, sizeof(*b));
	int r;

	b->layout = layout;
	net_names_fill(b, layout->tag);
	r = net_range_load(b, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(b);
	return 0;
}

void net_base_free(struct net_base *b) {
	if (!b)
		return;
	nl_close(b->nft);
	nl_close(b->route);
	free(b);
}

void net_base_free_ptr(struct net_base **b) {
	net_base_free(*b);
}

int net_sockets(struct net_base *b, struct err *err) {
	int r = 0;

	if (!b->nft)
		r = nl_open(NETLINK_NETFILTER, &b->nft, err);
	if (r == 0 && !b->route)
		r = nl_open(NETLINK_ROUTE, &b->route, err);
	return r;
}

int net_lock(struct net_base *b, struct err *err) {
	int r = net_sockets(b, err);

	if (r < 0)
		return r;
	r = lock_take(b->layout->run_fd, "network.lock", 0, err);
	/* Another process may have chosen the range meanwhile. */
	if (r >= 0 && !b->range_is_fixed) {
		int loaded = net_range_load(b, err);

		if (loaded < 0) {
			close(r);
			return loaded;
		}
	}
	return r;
}

int net_send_quiet(struct net_base *b, struct nft_batch *batch) {
	uint32_t failed;
	int r;

	nft_batch_end(batch);
	if (batch->bytes.overflow)
		return -EMSGSIZE;
	r = nl_batch(b->nft, batch->bytes.data, batch->bytes.len, batch->first, batch->seq - 1,
		     &failed);
	if (r < 0)
		log_debug("transaction of %u messages failed at number %u: %s",
			  batch->seq - batch->first, failed - batch->first, strerror(-r));
	return r;
}

int net_send(struct net_base *b, struct nft_batch *batch, const char *what, struct err *err) {
	int r = net_send_quiet(b, batch);

	if (r == 0)
		return 0;
	err_sys(err, r, "cannot %s", what);
	if (r == -EOPNOTSUPP || r == -ENOENT || r == -EAFNOSUPPORT)
		err_hint(err, "the kernel needs nf_tables for the families bridge and inet, with "
			      "conntrack, nat, masq, redir, reject, limit and ct");
	return r;
}

/* Both tables anew and, in the same transaction, all ports that had their rules. */
static int tables_replace(struct net_base *b, struct err *err) {
	auto_claims struct claims c = { 0 };
	auto_nft_batch struct nft_batch batch = { 0 };
	size_t ports = 0;
	int r = claims_load(b, &c, err);

	if (r < 0)
		return r;
	nft_batch_init(&batch, 1, NULL);
	nft_batch_begin(&batch);
	net_rules_base_replace(&batch, b);
	for (size_t i = 0; i < c.count; i++) {
		if (!c.ports[i].rules_put)
			continue;
		net_rules_port_put(&batch, b, &c.ports[i], 0);
		ports++;
	}
	log_debug("tables '%s' are made anew, with %zu ports", b->table, ports);
	return net_send(b, &batch, "put the network's base rules", err);
}

/*
 * Without a bridge the range may have been taken by somebody else. *@ret_lock is
 * to be closed when the bridge shows to all what was chosen.
 */
static int range_ensure(struct net_base *b, int *ret_lock, struct err *err) {
	auto_claims struct claims c = { 0 };
	struct link_info l;
	int r = link_get(b->route, b->bridge, &l);

	if (r == 0)
		return 0;
	if (r != -ENODEV)
		return err_sys(err, r, "cannot look for bridge '%s'", b->bridge);
	r = claims_load(b, &c, err);
	return r < 0 ? r : net_range_choose(b, c.count > 0, ret_lock, err);
}

/*
 * What drops comes before what carries: tables, then the bridge with its
 * barrier, then forwarding.
 */
int net_ensure_locked(struct net_base *b, struct err *err) {
	autoclose int choice = -1;
	int made = 0, r = range_ensure(b, &choice, err);

	if (r < 0)
		return r;
	r = net_tables_intact(b, err);
	if (r == 0) {
		made = 1;
		r = tables_replace(b, err);
	}
	if (r < 0)
		return r;
	r = bridge_ensure(b, err);
	if (r < 0)
		return r;
	made |= r;
	r = foreign_ensure(b, err);
	if (r < 0)
		return r;
	made |= r;
	r = forwarding_ensure(b, err);
	return r < 0 ? r : made | r;
}

int net_base_ensure(struct net_base *b, struct err *err) {
	autoclose int lock = net_lock(b, err);
	int r = lock < 0 ? lock : net_ensure_locked(b, err);

	return r < 0 ? err_wrap(err, "setting up the network") : r;
}

static int table_delete(struct net_base *b, uint16_t family, const char *table) {
	auto_nft_batch struct nft_batch batch;
	int r;

	nft_batch_init(&batch, 1, NULL);
	nft_batch_begin(&batch);
	nft_table(&batch, family, table);
	nft_table_delete(&batch);
	r = net_send_quiet(b, &batch);
	return r == -ENOENT ? 0 : r;
}

static int guard_delete(struct net_base *b, int guard_fd, struct err *err) {
	int r;

	if (guard_fd >= 0)
		close(guard_fd);
	r = table_delete(b, NFPROTO_INET, b->guard_table);
	/* Its owner is there and will take it along, or hand it on. */
	if (r == -EPERM && guard_fd < 0)
		return 0;
	return r < 0 ? err_sys(err, r, "cannot remove table '%s'", b->guard_table) : 0;
}

/* The bridge goes first: its absence tells everybody that the base is not whole. */
static int remove_locked(struct net_base *b, int guard_fd, struct err *err) {
	int r = bridge_remove(b, err);

	if (r < 0)
		return r;
	r = foreign_remove(b, err);
	if (r < 0)
		return r;
	r = table_delete(b, NFPROTO_INET, b->table);
	if (r == 0)
		r = table_delete(b, NFPROTO_BRIDGE, b->table);
	if (r < 0)
		return err_sys(err, r, "cannot remove table '%s'", b->table);
	r = guard_delete(b, guard_fd, err);
	if (r < 0)
		return r;
	return forwarding_restore(b, err);
}

int net_base_remove(struct net_base *b, int guard_fd, struct err *err) {
	auto_claims struct claims c = { 0 };
	autoclose int lock = net_lock(b, err);
	int r;

	if (lock < 0)
		return err_wrap(err, "removing the network");
	r = claims_load(b, &c, err);
	if (r == 0 && c.count > 0) {
		/*
		 * Given up while the lock is held: who is the last after us must not find it
		 * ours, and leave it to us, who have been here already.
		 */
		if (guard_fd >= 0)
			close(guard_fd);
		return 0;
	}
	if (r == 0)
		r = remove_locked(b, guard_fd, err);
	return r < 0 ? err_wrap(err, "removing the network") : 1;
}
