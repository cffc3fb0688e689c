/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking at what the kernel has of our tables. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/allowed.h"
#include "net/internal.h"
#include "net/names.h"
#include "net/nl.h"
#include "net/ranges.h"
#include "net/rules.h"

#define REQUEST 1024
#define TRAITS_MAX 8

static struct nlmsghdr *request(char *buf, uint16_t type, uint16_t family) {
	return nftnl_nlmsg_build_hdr(buf, type, family, 0, 0);
}

struct table_seen {
	char comment[NET_COMMENT_SIZE];
	uint32_t flags;
};

static int find_comment(const struct nftnl_udata *attr, void *data) {
	struct table_seen *t = data;

	if (nftnl_udata_type(attr) == NFTNL_UDATA_TABLE_COMMENT)
		snprintf(t->comment, sizeof(t->comment), "%.*s", (int)nftnl_udata_len(attr),
			 (const char *)nftnl_udata_get(attr));
	return 0;
}

static int parse_table(const struct nlmsghdr *nlh, void *data) {
	struct table_seen *t = data;
	struct nftnl_table *table = nftnl_table_alloc();
	const void *udata;
	uint32_t len = 0;

	if (!table || nftnl_table_nlmsg_parse(nlh, table) < 0) {
		nftnl_table_free(table);
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	t->flags = nftnl_table_get_u32(table, NFTNL_TABLE_FLAGS);
	udata = nftnl_table_get_data(table, NFTNL_TABLE_USERDATA, &len);
	if (udata)
		(void)nftnl_udata_parse(udata, len, find_comment, t);
	nftnl_table_free(table);
	return MNL_CB_OK;
}

static int table_is_ours(struct net_base *b, uint16_t family, const char *comment) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = request(buf, NFT_MSG_GETTABLE, family);
	struct table_seen t = { 0 };
	int r;

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, b->table);
	r = nl_get(b->nft, nlh, parse_table, &t);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	return !strcmp(t.comment, comment) && !(t.flags & NFT_TABLE_F_DORMANT);
}

static int count_message(const struct nlmsghdr *nlh, void *data) {
	(void)nlh;
	++*(unsigned *)data;
	return MNL_CB_OK;
}

static void restart_count(void *data) {
	*(unsigned *)data = 0;
}

/* Rules in a chain; a missing chain has none. */
static int count_rules(struct net_base *b, uint16_t family, const char *chain, unsigned *ret) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = request(buf, NFT_MSG_GETRULE, family);
	int r;

	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, b->table);
	mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, chain);
	r = nl_dump(b->nft, nlh, count_message, restart_count, ret);
	return r == -ENOENT ? 0 : r;
}

static int count_elems(const struct nlmsghdr *nlh, void *data) {
	const struct nlattr *a, *e;

	mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(a) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		mnl_attr_for_each_nested(e, a)
			++*(unsigned *)data;
	}
	return MNL_CB_OK;
}

/* The fixed sets of ranges: two ends each, but for the range that has no end. */
static int ranges_intact(struct net_base *b, const char *set, size_t ranges, bool open_end) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = request(buf, NFT_MSG_GETSETELEM, NFPROTO_INET);
	unsigned count = 0;
	int r;

	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, b->table);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
	r = nl_dump(b->nft, nlh, count_elems, restart_count, &count);
	if (r < 0 && r != -ENOENT)
		return r;
	return count >= 2 * ranges - (open_end ? 1 : 0);
}

static int special_intact(struct net_base *b) {
	autofree struct net_range *special = NULL;
	size_t count = net_special_ranges(&special);

	return ranges_intact(b, "special4", count, true);
}

static int intact(struct net_base *b) {
	static const uint16_t families[] = { NFPROTO_BRIDGE, NFPROTO_INET };
	char comment[NET_COMMENT_SIZE];
	int r;

	net_rules_comment(b, comment);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		r = table_is_ours(b, families[i], comment);
		if (r <= 0)
			return r;
	}
	for (size_t i = 0; i < net_base_chains_count; i++) {
		const struct net_base_chain *c = &net_base_chains[i];
		unsigned count = 0;

		r = count_rules(b, c->family, c->name, &count);
		if (r < 0)
			return r;
		if (count != c->rules) {
			log_debug("chain '%s' has %u rules instead of %u", c->name, count,
				  c->rules);
			return 0;
		}
	}
	r = ranges_intact(b, "private4", net_private_ranges_count, true);
	if (r > 0)
		r = ranges_intact(b, "metadata4", net_metadata_ranges_count, false);
	if (r > 0)
		r = ranges_intact(b, "endpoints4", net_endpoint_ranges_count, false);
	if (r > 0)
		r = ranges_intact(b, "local4", net_local_ranges_count, false);
	if (r > 0)
		r = special_intact(b);
	return r;
}

int net_tables_intact(struct net_base *b, struct err *err) {
	int r = intact(b);

	return r < 0 ? err_sys(err, r, "cannot read the tables '%s'", b->table) : r;
}

struct index_search {
	const struct net_base *base;
	bool *seen;
};

static void restart_indexes(void *data) {
	/* What was seen once is looked at, whether or not it has gone since. */
	(void)data;
}

static int match_chain(const struct nlmsghdr *nlh, void *data) {
	struct index_search *q = data;
	const struct nlattr *a;
	const char *table = "", *name = "";
	uint32_t index;

	mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(a) == NFTA_CHAIN_TABLE)
			table = mnl_attr_get_str(a);
		if (mnl_attr_get_type(a) == NFTA_CHAIN_NAME)
			name = mnl_attr_get_str(a);
	}
	if (strcmp(table, q->base->table) != 0 || !name[0] || !strchr(NET_CHAIN_LETTERS, name[0]))
		return MNL_CB_OK;
	index = net_index_of_link(name + 1, "");
	if (index >= NET_INDEX_FIRST)
		q->seen[index] = true;
	return MNL_CB_OK;
}

static int match_elem(const struct nlmsghdr *nlh, void *data) {
	struct index_search *q = data;
	const struct nlattr *list, *elem, *part, *value;

	mnl_attr_for_each(list, nlh, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(list) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		mnl_attr_for_each_nested(elem, list) {
			mnl_attr_for_each_nested(part, elem) {
				if (mnl_attr_get_type(part) != NFTA_SET_ELEM_KEY)
					continue;
				mnl_attr_for_each_nested(value, part) {
					uint32_t index = net_index_of_key(
						q->base, mnl_attr_get_payload(value),
						mnl_attr_get_payload_len(value));

					if (index >= NET_INDEX_FIRST)
						q->seen[index] = true;
				}
			}
		}
	}
	return MNL_CB_OK;
}

static int sets_indexes(struct net_base *b, uint16_t family, const char *set,
			struct index_search *q) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = request(buf, NFT_MSG_GETSETELEM, family);
	int r;

	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, b->table);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
	r = nl_dump(b->nft, nlh, match_elem, restart_indexes, q);
	return r == -ENOENT ? 0 : r;
}

int net_table_indexes(struct net_base *b, bool *seen, struct err *err) {
	static const struct {
		uint16_t family;
		const char *set;
	} sets[] = {
		{ NFPROTO_BRIDGE, "bind4" },
		{ NFPROTO_BRIDGE, "bindarp" },
		{ NFPROTO_INET, "dns4" },
		{ NFPROTO_INET, "in4" },
	};
	struct index_search q = { .base = b, .seen = seen };
	char buf[REQUEST] __attribute__((aligned(8)));
	int r = nl_dump(b->nft, request(buf, NFT_MSG_GETCHAIN, NFPROTO_INET), match_chain,
			restart_indexes, &q);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(sets); i++)
		r = sets_indexes(b, sets[i].family, sets[i].set, &q);
	for (size_t i = 0; r == 0 && i < net_port_traits_count; i++)
		r = sets_indexes(b, NFPROTO_INET, net_port_traits[i].set, &q);
	for (size_t i = 0; r == 0 && i < NET_CHAIN_COUNT; i++)
		r = sets_indexes(b, NFPROTO_INET, net_port_maps[i], &q);
	return r < 0 ? err_sys(err, r, "cannot list what is in the tables '%s'", b->table) : 0;
}

/* The two bytes of an element's value, if it has one. */
static int find_value(const struct nlmsghdr *nlh, void *data) {
	const struct nlattr *list, *elem, *part, *value;

	mnl_attr_for_each(list, nlh, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(list) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		mnl_attr_for_each_nested(elem, list)
			mnl_attr_for_each_nested(part, elem) {
				if (mnl_attr_get_type(part) != NFTA_SET_ELEM_DATA)
					continue;
				mnl_attr_for_each_nested(value, part)
					if (mnl_attr_get_payload_len(value) >= 2)
						memcpy(data, mnl_attr_get_payload(value), 2);
			}
	}
	return MNL_CB_OK;
}

/* One element: 1 with its value in *@ret_value (network byte order), 0 when it is not there. */
static int elem_there(struct net_base *b, uint16_t family, const char *set, const void *key,
		      size_t len, uint16_t *ret_value) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = request(buf, NFT_MSG_GETSETELEM, family);
	struct nlattr *list, *elem, *value;
	int r;

	*ret_value = 0;
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, b->table);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
	list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	elem = mnl_attr_nest_start(nlh, 1);
	value = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);
	mnl_attr_put(nlh, NFTA_DATA_VALUE, len, key);
	mnl_attr_nest_end(nlh, value);
	mnl_attr_nest_end(nlh, elem);
	mnl_attr_nest_end(nlh, list);
	r = nl_get(b->nft, nlh, find_value, ret_value);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : 1;
}

int net_port_dns_before(struct net_base *b, const struct net_port *port, uint16_t *ret) {
	const uint32_t address = htonl(port->address);
	uint16_t value;
	int r = elem_there(b, NFPROTO_INET, "dns4", &address, sizeof(address), &value);

	*ret = r > 0 ? ntohs(value) : 0;
	return r < 0 ? r : 0;
}

/* 1 when what should be there is, and what should not is not. */
static int elems_intact(struct net_base *b, const struct net_port *port, const struct port_keys *k) {
	struct {
		uint16_t family;
		const char *set;
		const void *key;
		size_t len;
		bool wanted;
	} all[4 + NET_CHAIN_COUNT + TRAITS_MAX] = {
		{ NFPROTO_BRIDGE, "bind4", k->bind4, sizeof(k->bind4), true },
		{ NFPROTO_BRIDGE, "bindarp", k->bindarp, sizeof(k->bindarp), true },
	};
	uint8_t in4[8] = { 0 };
	uint16_t be = htons(port->dns_port), value;
	size_t n = 2;
	int r;

	assert(net_port_traits_count <= TRAITS_MAX);
	for (size_t i = 0; i < net_port_traits_count; i++, n++) {
		all[n].family = NFPROTO_INET;
		all[n].set = net_port_traits[i].set;
		all[n].key = &k->address;
		all[n].len = sizeof(k->address);
		all[n].wanted = net_port_traits[i].has(&port->policy);
	}
	for (size_t i = 0; i < NET_CHAIN_COUNT; i++, n++) {
		all[n].family = NFPROTO_INET;
		all[n].set = net_port_maps[i];
		all[n].key = &k->address;
		all[n].len = sizeof(k->address);
		all[n].wanted = net_port_chains(port) & 1u << i;
	}
	memcpy(in4, &k->address, sizeof(k->address));
	memcpy(in4 + 4, &be, sizeof(be));
	all[n].family = NFPROTO_INET;
	all[n].set = "in4";
	all[n].key = in4;
	all[n].len = sizeof(in4);
	all[n++].wanted = port->dns_port != 0;
	for (size_t i = 0; i < n; i++) {
		r = elem_there(b, all[i].family, all[i].set, all[i].key, all[i].len, &value);
		if (r < 0)
			return r;
		if ((r > 0) != all[i].wanted)
			return 0;
	}
	r = elem_there(b, NFPROTO_INET, "dns4", &k->address, sizeof(k->address), &value);
	return r < 0 ? r : value == be;
}

static int port_intact(struct net_base *b, const struct net_port *port) {
	unsigned want[NET_CHAIN_COUNT], n;
	struct port_keys k;
	int r;

	net_port_keys(&k, port);
	net_port_counts(want, port);
	r = elems_intact(b, port, &k);
	for (size_t i = 0; r > 0 && i < NET_CHAIN_COUNT; i++) {
		n = 0;
		r = want[i] ? count_rules(b, NFPROTO_INET, k.chains[i], &n) : 0;
		if (r < 0)
			return r;
		r = n == want[i];
	}
	return r;
}

int net_port_rules_intact(struct net_base *b, const struct net_port *port, struct err *err) {
	int r = port_intact(b, port);

	return r < 0 ? err_sys(err, r, "cannot read the rules of '%s'", port->name) : r;
}
