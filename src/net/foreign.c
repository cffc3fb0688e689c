/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Other people's forward chains.
 *
 * A verdict of ours to accept is only ours: a chain behind it that drops by
 * policy (as ufw's and docker's do) has the last word. Into such chains go two
 * rules at their head, for what comes from our bridge and for what goes there,
 * which our own chain has judged before. They carry a comment, by which they
 * are found and removed, and look like rules of iptables(8), so that it can
 * still list its tables.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/internal.h"
#include "net/nl.h"

#define REQUEST 1024
#define TABLES_MAX 64
#define CHAINS_MAX 64
#define NAME_MAX_LEN 256 /* NFT_NAME_MAXLEN */
#define RULES 2

struct foreign_chain {
	uint16_t family;
	char table[NAME_MAX_LEN];
	char chain[NAME_MAX_LEN];
};

struct foreign_table {
	uint16_t family;
	char name[NAME_MAX_LEN];
};

struct table_list {
	struct foreign_table *tables;
	size_t count;
};

struct chain_list {
	const struct foreign_table *table; /* whose chains are read */
	struct foreign_chain *chains;
	size_t count;
	bool any_policy; /* for removal: the policy may have changed since */
};

/* Ours and those of other roots: none of them drops by policy, and they have many chains. */
static bool is_ours(const char *table) {
	return !strcmp(table, "coi") || !strncmp(table, "coi-", 4);
}

static int collect_table(const struct nlmsghdr *nlh, void *data) {
	struct table_list *list = data;
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;

	if (g->nfgen_family != NFPROTO_IPV4 && g->nfgen_family != NFPROTO_INET)
		return MNL_CB_OK;
	mnl_attr_for_each(a, nlh, sizeof(*g)) {
		struct foreign_table *t;

		if (mnl_attr_get_type(a) != NFTA_TABLE_NAME || is_ours(mnl_attr_get_str(a)) ||
		    list->count >= TABLES_MAX)
			continue;
		list->tables = xreallocarray(list->tables, list->count + 1, sizeof(*t));
		t = &list->tables[list->count++];
		t->family = g->nfgen_family;
		snprintf(t->name, sizeof(t->name), "%s", mnl_attr_get_str(a));
	}
	return MNL_CB_OK;
}

static void restart_tables(void *data) {
	((struct table_list *)data)->count = 0;
}

/* A filter at the forward hook into *@ret: 1; another chain: 0; -EBADMSG. */
static int parse_forward(const struct nlmsghdr *nlh, struct foreign_chain *ret, uint32_t *policy) {
	struct nftnl_chain *c = nftnl_chain_alloc();
	const char *type;
	int r = 0;

	if (!c || nftnl_chain_nlmsg_parse(nlh, c) < 0) {
		nftnl_chain_free(c);
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	ret->family = (uint16_t)nftnl_chain_get_u32(c, NFTNL_CHAIN_FAMILY);
	type = nftnl_chain_get_str(c, NFTNL_CHAIN_TYPE);
	if (nftnl_chain_is_set(c, NFTNL_CHAIN_HOOKNUM) &&
	    nftnl_chain_get_u32(c, NFTNL_CHAIN_HOOKNUM) == NF_INET_FORWARD && type &&
	    !strcmp(type, "filter") &&
	    (ret->family == NFPROTO_IPV4 || ret->family == NFPROTO_INET)) {
		snprintf(ret->table, sizeof(ret->table), "%s",
			 nftnl_chain_get_str(c, NFTNL_CHAIN_TABLE));
		snprintf(ret->chain, sizeof(ret->chain), "%s",
			 nftnl_chain_get_str(c, NFTNL_CHAIN_NAME));
		*policy = nftnl_chain_get_u32(c, NFTNL_CHAIN_POLICY);
		r = 1;
	}
	nftnl_chain_free(c);
	return r;
}

static int collect_chain(const struct nlmsghdr *nlh, void *data) {
	struct chain_list *list = data;
	struct foreign_chain f;
	uint32_t policy = NF_ACCEPT;
	int r = parse_forward(nlh, &f, &policy);

	if (r < 0)
		return r;
	if (r == 0 || f.family != list->table->family || strcmp(f.table, list->table->name) != 0 ||
	    (!list->any_policy && policy != NF_DROP) || list->count >= CHAINS_MAX)
		return MNL_CB_OK;
	list->chains = xreallocarray(list->chains, list->count + 1, sizeof(f));
	list->chains[list->count++] = f;
	return MNL_CB_OK;
}

static void keep_chains(void *data) {
	/* One that is found twice is changed once: it has its rules then. */
	(void)data;
}

/* Older kernels tell the chains of all tables, which are left out above. */
static int find_chains(struct net_base *b, struct chain_list *list, struct err *err) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct table_list all = { 0 };
	autofree struct foreign_table *owned = NULL;
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETTABLE, NFPROTO_UNSPEC, 0, 0);
	int r = nl_dump(b->nft, nlh, collect_table, restart_tables, &all);

	owned = all.tables;
	for (size_t i = 0; r == 0 && i < all.count; i++) {
		list->table = &all.tables[i];
		nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETCHAIN, list->table->family, 0, 0);
		mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, list->table->name);
		r = nl_dump(b->nft, nlh, collect_chain, keep_chains, list);
		if (r == -ENOENT)
			r = 0;
	}
	return r < 0 ? err_sys(err, r, "cannot list the chains of this host") : 0;
}

struct rule_search {
	const char *comment;
	uint64_t handles[RULES * 4]; /* more than there should be */
	size_t count;
	bool matches;
};

static int compare_comment(const struct nftnl_udata *attr, void *data) {
	struct rule_search *q = data;
	size_t len = strlen(q->comment) + 1;

	if (nftnl_udata_type(attr) == NFTNL_UDATA_RULE_COMMENT && nftnl_udata_len(attr) == len &&
	    !memcmp(nftnl_udata_get(attr), q->comment, len))
		q->matches = true;
	return 0;
}

static int collect_rule(const struct nlmsghdr *nlh, void *data) {
	struct rule_search *q = data;
	struct nftnl_rule *r = nftnl_rule_alloc();
	const void *udata;
	uint32_t len = 0;

	if (!r || nftnl_rule_nlmsg_parse(nlh, r) < 0) {
		nftnl_rule_free(r);
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	q->matches = false;
	udata = nftnl_rule_get_data(r, NFTNL_RULE_USERDATA, &len);
	if (udata)
		(void)nftnl_udata_parse(udata, len, compare_comment, q);
	if (q->matches && q->count < ARRAY_SIZE(q->handles))
		q->handles[q->count++] = nftnl_rule_get_u64(r, NFTNL_RULE_HANDLE);
	nftnl_rule_free(r);
	return MNL_CB_OK;
}

static void restart_rules(void *data) {
	((struct rule_search *)data)->count = 0;
}

static int find_rules(struct net_base *b, const struct foreign_chain *f, struct rule_search *q) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETRULE, f->family, 0, 0);
	int r;

	q->comment = b->bridge;
	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, f->table);
	mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, f->chain);
	r = nl_dump(b->nft, nlh, collect_rule, restart_rules, q);
	return r == -ENOENT ? 0 : r;
}

/* As "iptables -i coibr0 -j ACCEPT" makes it: the name with its NUL, and a counter. */
static void accept_rule(struct nft_batch *batch, const struct net_base *b, const char *chain,
			uint32_t key) {
	nft_rule_begin(batch, chain);
	nft_meta(batch, key, NFT_REG_1);
	nft_cmp(batch, NFT_CMP_EQ, NFT_REG_1, b->bridge, strlen(b->bridge) + 1);
	nft_counter(batch);
	nft_verdict(batch, NF_ACCEPT, NULL);
	nft_rule_comment(batch, b->bridge);
	nft_rule_end_first(batch);
}

static int change(struct net_base *b, const struct foreign_chain *f, const struct rule_search *q,
		  bool insert) {
	auto_nft_batch struct nft_batch batch;
	int r;

	nft_batch_init(&batch, 1, NULL);
	nft_batch_begin(&batch);
	nft_table(&batch, f->family, f->table);
	for (size_t i = 0; i < q->count; i++)
		nft_rule_delete(&batch, f->chain, q->handles[i]);
	if (insert) {
		accept_rule(&batch, b, f->chain, NFT_META_OIFNAME);
		accept_rule(&batch, b, f->chain, NFT_META_IIFNAME);
	}
	r = net_send_quiet(b, &batch);
	/* Gone in the meantime, which is as good. */
	return r == -ENOENT ? 0 : r;
}

static int for_all(struct net_base *b, bool insert, struct err *err) {
	struct chain_list list = { .any_policy = !insert };
	autofree struct foreign_chain *owned = NULL;
	int r = find_chains(b, &list, err), changed = 0;

	owned = list.chains;
	if (r < 0)
		return r;
	for (size_t i = 0; i < list.count; i++) {
		const struct foreign_chain *f = &list.chains[i];
		struct rule_search q = { 0 };

		r = find_rules(b, f, &q);
		if (r == 0 && q.count != (insert ? RULES : 0)) {
			log_debug("chain '%s' of table '%s' is changed", f->chain, f->table);
			r = change(b, f, &q, insert);
			changed = 1;
		}
		if (r < 0)
			return err_sys(err, r, "cannot change chain '%s' of table '%s'", f->chain,
				       f->table);
	}
	return changed;
}

int foreign_ensure(struct net_base *b, struct err *err) {
	return for_all(b, true, err);
}

int foreign_remove(struct net_base *b, struct err *err) {
	int r = for_all(b, false, err);

	return r < 0 ? r : 0;
}

struct forward_search {
	const struct net_base *base;
	bool found;
};

/* Other roots forward too. */
static int match_forward(const struct nlmsghdr *nlh, void *data) {
	struct forward_search *q = data;
	struct foreign_chain f;
	uint32_t policy;
	int r = parse_forward(nlh, &f, &policy);

	if (r < 0)
		return r;
	if (r > 0 && strcmp(f.table, q->base->table) != 0 &&
	    strcmp(f.table, q->base->guard_table) != 0)
		q->found = true;
	return MNL_CB_OK;
}

static void restart_search(void *data) {
	((struct forward_search *)data)->found = false;
}

int foreign_forwards(struct net_base *b, bool *ret, struct err *err) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, 0, 0);
	struct forward_search q = { .base = b };
	int r = nl_dump(b->nft, nlh, match_forward, restart_search, &q);

	if (r < 0)
		return err_sys(err, r, "cannot list the chains of this host");
	*ret = q.found;
	return 0;
}
