/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which chains of others have the last word against what nobody has spoken of. Names
 * and rules are whatever somebody put there: bounded, and compared only.
 */
#include "net/foreign.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/names.h"
#include "net/nl.h"

#define REQUEST 1024
#define TABLES_MAX 64
#define CHAINS_MAX 64
#define DEPTH_MAX 8  /* of jumps */
#define STEPS_MAX 64 /* rules without a condition in one chain */
#define LOOKS_MAX 64 /* chains that are read for one */

struct foreign_table {
	uint16_t family;
	bool is_owned;
	char name[FOREIGN_NAME_SIZE];
};

struct table_list {
	struct foreign_table *tables;
	size_t count;
};

struct chain_search {
	const struct foreign_table *table; /* whose chains are read */
	struct foreign_chains *ret;
};

struct root_search {
	const struct net_base *base;
	bool found;
};

void foreign_chains_done(struct foreign_chains *all) {
	free(all->list);
	*all = (struct foreign_chains){ 0 };
}

static int collect_table(const struct nlmsghdr *nlh, void *data) {
	struct table_list *list = data;
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(nlh);
	struct foreign_table t = { .family = g->nfgen_family };
	const struct nlattr *a;

	if (g->nfgen_family != NFPROTO_IPV4 && g->nfgen_family != NFPROTO_INET)
		return MNL_CB_OK;
	mnl_attr_for_each(a, nlh, sizeof(*g)) {
		if (mnl_attr_get_type(a) == NFTA_TABLE_NAME &&
		    mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
			snprintf(t.name, sizeof(t.name), "%s", mnl_attr_get_str(a));
		else if (mnl_attr_get_type(a) == NFTA_TABLE_FLAGS && mnl_attr_get_payload_len(a) == 4)
			t.is_owned = ntohl(mnl_attr_get_u32(a)) & NFT_TABLE_F_OWNER;
	}
	if (!t.name[0] || net_table_is_ours(t.name) || list->count >= TABLES_MAX)
		return MNL_CB_OK;
	list->tables = xreallocarray(list->tables, list->count + 1, sizeof(t));
	list->tables[list->count++] = t;
	return MNL_CB_OK;
}

static void restart_tables(void *data) {
	((struct table_list *)data)->count = 0;
}

/* A filter at one of the two hooks into *@ret: 1; another chain: 0; -EBADMSG. */
static int parse_filter(const struct nlmsghdr *nlh, struct foreign_chain *ret) {
	struct nftnl_chain *c = nftnl_chain_alloc();
	const char *type, *table, *name;
	int r = 0;

	if (!c || nftnl_chain_nlmsg_parse(nlh, c) < 0) {
		nftnl_chain_free(c);
		return -EBADMSG;
	}
	ret->family = (uint16_t)nftnl_chain_get_u32(c, NFTNL_CHAIN_FAMILY);
	type = nftnl_chain_get_str(c, NFTNL_CHAIN_TYPE);
	table = nftnl_chain_get_str(c, NFTNL_CHAIN_TABLE);
	name = nftnl_chain_get_str(c, NFTNL_CHAIN_NAME);
	if (table && name && type && !strcmp(type, "filter") &&
	    nftnl_chain_is_set(c, NFTNL_CHAIN_HOOKNUM)) {
		ret->hook = nftnl_chain_get_u32(c, NFTNL_CHAIN_HOOKNUM);
		snprintf(ret->table, sizeof(ret->table), "%s", table);
		snprintf(ret->chain, sizeof(ret->chain), "%s", name);
		ret->priority = nftnl_chain_get_s32(c, NFTNL_CHAIN_PRIO);
		ret->drops = nftnl_chain_is_set(c, NFTNL_CHAIN_POLICY) &&
			     nftnl_chain_get_u32(c, NFTNL_CHAIN_POLICY) == NF_DROP;
		r = ret->hook == NF_INET_FORWARD || ret->hook == NF_INET_LOCAL_IN;
	}
	nftnl_chain_free(c);
	return r;
}

static int collect_chain(const struct nlmsghdr *nlh, void *data) {
	struct chain_search *q = data;
	struct foreign_chains *all = q->ret;
	struct foreign_chain f;
	int r = parse_filter(nlh, &f);

	if (r < 0) {
		errno = -r;
		return MNL_CB_ERROR;
	}
	/* Older kernels tell the chains of all tables. */
	if (r == 0 || f.family != q->table->family || strcmp(f.table, q->table->name) != 0 ||
	    all->count >= CHAINS_MAX)
		return MNL_CB_OK;
	f.is_owned = q->table->is_owned;
	all->list = xreallocarray(all->list, all->count + 1, sizeof(f));
	all->list[all->count++] = f;
	return MNL_CB_OK;
}

static void keep_chains(void *data) {
	/* One that is found twice is changed once: it has its rules then. */
	(void)data;
}

int foreign_chains_find(struct net_base *b, struct foreign_chains *ret) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct table_list all = { 0 };
	autofree struct foreign_table *owned = NULL;
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETTABLE, NFPROTO_UNSPEC, 0, 0);
	struct chain_search q = { .ret = ret };
	int r = nl_dump(b->nft, nlh, collect_table, restart_tables, &all);

	owned = all.tables;
	for (size_t i = 0; r == 0 && i < all.count; i++) {
		q.table = &all.tables[i];
		nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETCHAIN, q.table->family, 0, 0);
		mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, q.table->name);
		r = nl_dump(b->nft, nlh, collect_chain, keep_chains, &q);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

static int match_root(const struct nlmsghdr *nlh, void *data) {
	struct root_search *q = data;
	const struct nlattr *a;

	mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg)) {
		const char *name;

		if (mnl_attr_get_type(a) != NFTA_TABLE_NAME ||
		    mnl_attr_validate(a, MNL_TYPE_NUL_STRING) < 0)
			continue;
		name = mnl_attr_get_str(a);
		q->found |= net_table_is_ours(name) && strcmp(name, q->base->table) != 0 &&
			    strcmp(name, q->base->guard_table) != 0;
	}
	return MNL_CB_OK;
}

static void restart_roots(void *data) {
	((struct root_search *)data)->found = false;
}

int foreign_roots(struct net_base *b) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETTABLE, NFPROTO_INET, 0, 0);
	struct root_search q = { .base = b };
	int r = nl_dump(b->nft, nlh, match_root, restart_roots, &q);

	return r < 0 ? r : q.found;
}

/* --- rules */

/* What a rule does with what it is about. */
enum action { GOES_ON, ACCEPTS, CLOSES, LEADS, LEADS_AWAY, RETURNS };

/* What is followed through the rules. */
enum packet { ANY, FROM_BRIDGE, TO_BRIDGE };

struct step {
	enum action action;
	char chain[FOREIGN_NAME_SIZE]; /* it leads there, and back or not */
};

struct steps {
	const char *bridge;
	enum packet packet;
	struct step list[STEPS_MAX];
	size_t count;
};

struct rule_parse {
	const struct steps *all;
	uint32_t key; /* of the register that is compared next; 0: none */
	bool has_condition; /* but that it is our packet */
	struct step step;
};

/* A target of iptables that nf_tables has no word of its own for. */
static void parse_target(struct rule_parse *p, const struct nftnl_expr *e) {
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_TG_NAME);

	if (name && (!strcmp(name, "REJECT") || !strcmp(name, "DROP")))
		p->step.action = CLOSES;
}

static void parse_verdict(struct rule_parse *p, const struct nftnl_expr *e) {
	const char *chain = nftnl_expr_get_str(e, NFTNL_EXPR_IMM_CHAIN);
	int verdict;

	if (!nftnl_expr_is_set(e, NFTNL_EXPR_IMM_VERDICT))
		return;
	verdict = (int)nftnl_expr_get_u32(e, NFTNL_EXPR_IMM_VERDICT);
	switch (verdict) {
	case NF_DROP:
		p->step.action = CLOSES;
		break;
	case NF_ACCEPT:
		p->step.action = ACCEPTS;
		break;
	case NFT_RETURN:
		p->step.action = RETURNS;
		break;
	case NFT_JUMP:
	case NFT_GOTO:
		p->step.action = verdict == NFT_JUMP ? LEADS : LEADS_AWAY;
		snprintf(p->step.chain, sizeof(p->step.chain), "%s", chain ? chain : "");
		break;
	}
}

/* "iifname coibr0", which is no condition for what comes from there: the name with its NUL. */
static bool is_about_packet(const struct rule_parse *p, const struct nftnl_expr *e) {
	uint32_t len = 0;
	const void *name = nftnl_expr_get(e, NFTNL_EXPR_CMP_DATA, &len);
	size_t own = strlen(p->all->bridge) + 1;

	return ((p->all->packet == FROM_BRIDGE && p->key == NFT_META_IIFNAME) ||
		(p->all->packet == TO_BRIDGE && p->key == NFT_META_OIFNAME)) &&
	       nftnl_expr_get_u32(e, NFTNL_EXPR_CMP_OP) == NFT_CMP_EQ && name && len >= own &&
	       memcmp(name, p->all->bridge, own) == 0;
}

static void parse_condition(struct rule_parse *p, const char *kind, const struct nftnl_expr *e) {
	const bool is_name = !strcmp(kind, "meta") && nftnl_expr_is_set(e, NFTNL_EXPR_META_DREG) &&
			     (nftnl_expr_get_u32(e, NFTNL_EXPR_META_KEY) == NFT_META_IIFNAME ||
			      nftnl_expr_get_u32(e, NFTNL_EXPR_META_KEY) == NFT_META_OIFNAME);

	if (is_name && !p->key)
		p->key = nftnl_expr_get_u32(e, NFTNL_EXPR_META_KEY);
	else if (p->key && !strcmp(kind, "cmp") && is_about_packet(p, e))
		p->key = 0;
	else
		p->has_condition = true;
}

static int parse_expr(struct nftnl_expr *e, void *data) {
	struct rule_parse *p = data;
	const char *kind = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);
	const char *match;

	if (!strcmp(kind, "immediate")) {
		parse_verdict(p, e);
	} else if (!strcmp(kind, "reject")) {
		p->step.action = CLOSES;
	} else if (!strcmp(kind, "target")) {
		parse_target(p, e);
	} else if (!strcmp(kind, "match")) {
		match = nftnl_expr_get_str(e, NFTNL_EXPR_MT_NAME);
		p->has_condition |= !match || strcmp(match, "comment") != 0;
	} else if (strcmp(kind, "counter") != 0 && strcmp(kind, "log") != 0) {
		parse_condition(p, kind, e);
	}
	return 0;
}

static int collect_step(const struct nlmsghdr *nlh, void *data) {
	struct steps *all = data;
	struct rule_parse p = { .all = all };
	struct nftnl_rule *r = nftnl_rule_alloc();

	/* What libnftnl does not know, of a newer kernel, is a condition. */
	if (!r || nftnl_rule_nlmsg_parse(nlh, r) < 0) {
		nftnl_rule_free(r);
		return MNL_CB_OK;
	}
	(void)nftnl_expr_foreach(r, parse_expr, &p);
	if (!p.has_condition && !p.key && p.step.action != GOES_ON && all->count < STEPS_MAX)
		all->list[all->count++] = p.step;
	nftnl_rule_free(r);
	return MNL_CB_OK;
}

static void restart_steps(void *data) {
	((struct steps *)data)->count = 0;
}

static int read_steps(struct net_base *b, const struct foreign_chain *f, const char *chain,
		      struct steps *ret) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETRULE, f->family, 0, 0);
	int r;

	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, f->table);
	mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, chain);
	r = nl_dump(b->nft, nlh, collect_step, restart_steps, ret);
	return r == -ENOENT ? 0 : r;
}

/* What becomes of a packet that no other condition in the chain is about: an action, or -errno. */
static int follow(struct net_base *b, const struct foreign_chain *f, const char *chain,
		  enum packet packet, unsigned depth, unsigned *looks) {
	autofree struct steps *steps = NULL;
	int r;

	if (depth > DEPTH_MAX || ++*looks > LOOKS_MAX)
		return GOES_ON;
	steps = xcalloc(1, sizeof(*steps));
	steps->bridge = b->bridge;
	steps->packet = packet;
	r = read_steps(b, f, chain, steps);
	if (r < 0)
		return r;
	for (size_t i = 0; i < steps->count; i++) {
		const struct step *s = &steps->list[i];

		r = s->action;
		if (r == LEADS || r == LEADS_AWAY)
			r = follow(b, f, s->chain, packet, depth + 1, looks);
		if (r != GOES_ON || s->action == LEADS_AWAY)
			return r == RETURNS ? GOES_ON : r;
	}
	return GOES_ON;
}

static int closes(struct net_base *b, const struct foreign_chain *f, enum packet packet) {
	unsigned looks = 0;
	int r = follow(b, f, f->chain, packet, 0, &looks);

	if (r < 0)
		return r;
	return r == CLOSES || (r == GOES_ON && f->drops);
}

int foreign_chain_closes(struct net_base *b, const struct foreign_chain *f) {
	return closes(b, f, ANY);
}

/* The same of what comes from our bridge or (forward) goes there: rules about it count. */
static int foreign_chain_closes_bridge(struct net_base *b, const struct foreign_chain *f) {
	int r = closes(b, f, FROM_BRIDGE);

	return r != 0 || f->hook != NF_INET_FORWARD ? r : closes(b, f, TO_BRIDGE);
}

int foreign_refuses(struct net_base *b, const struct foreign_chains *all, char *ret, size_t size) {
	*ret = '\0';
	for (size_t i = 0; i < all->count && !*ret; i++) {
		const struct foreign_chain *f = &all->list[i];
		int r = f->is_owned ? foreign_chain_closes_bridge(b, f) : 0;

		if (r < 0)
			return r;
		if (r > 0)
			snprintf(ret, size, "%.60s", f->table);
	}
	return 0;
}
