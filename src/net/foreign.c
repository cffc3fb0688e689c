/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Other people's filters.
 *
 * A verdict of ours to accept is only ours: a chain behind it that drops by policy
 * (as ufw's and docker's do) or in the end (firewalld's) has the last word. At the
 * head of such chains go rules that let through what our own chain has judged
 * before and marked so: what comes from our bridge and what goes there where it is
 * forwarded; what comes from there, which is a question to the name service, where
 * it comes to the host. They carry a comment, by which they are found and removed,
 * and look like rules of iptables(8), so that it can still list its tables.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/foreign.h"
#include "net/internal.h"
#include "net/legacy.h"
#include "net/nl.h"
#include "net/rules.h"

#define REQUEST 1024
#define RULES_MAX 2

struct rule_search {
	const char *comment;
	uint64_t handles[RULES_MAX * 4]; /* more than there should be */
	size_t count;
	size_t with_mark; /* of them ask for the mark; an older coi's do not */
	bool matches;
	bool has_mark;
};

static int compare_comment(const struct nftnl_udata *attr, void *data) {
	struct rule_search *q = data;
	size_t len = strlen(q->comment) + 1;

	if (nftnl_udata_type(attr) == NFTNL_UDATA_RULE_COMMENT && nftnl_udata_len(attr) == len &&
	    !memcmp(nftnl_udata_get(attr), q->comment, len))
		q->matches = true;
	return 0;
}

static int look_for_mark(struct nftnl_expr *e, void *data) {
	struct rule_search *q = data;

	q->has_mark |= !strcmp(nftnl_expr_get_str(e, NFTNL_EXPR_NAME), "meta") &&
		       nftnl_expr_get_u32(e, NFTNL_EXPR_META_KEY) == NFT_META_MARK;
	return 0;
}

static int collect_rule(const struct nlmsghdr *nlh, void *data) {
	struct rule_search *q = data;
	struct nftnl_rule *r = nftnl_rule_alloc();
	const void *udata;
	uint32_t len = 0;

	/* What libnftnl does not know is not ours. */
	if (!r || nftnl_rule_nlmsg_parse(nlh, r) < 0) {
		nftnl_rule_free(r);
		return MNL_CB_OK;
	}
	q->matches = q->has_mark = false;
	udata = nftnl_rule_get_data(r, NFTNL_RULE_USERDATA, &len);
	if (udata)
		(void)nftnl_udata_parse(udata, len, compare_comment, q);
	if (q->matches && q->count < ARRAY_SIZE(q->handles)) {
		q->handles[q->count++] = nftnl_rule_get_u64(r, NFTNL_RULE_HANDLE);
		(void)nftnl_expr_foreach(r, look_for_mark, q);
		q->with_mark += q->has_mark;
	}
	nftnl_rule_free(r);
	return MNL_CB_OK;
}

static void restart_rules(void *data) {
	struct rule_search *q = data;

	q->count = q->with_mark = 0;
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

static size_t rules_of(const struct foreign_chain *f) {
	return f->hook == NF_INET_FORWARD ? 2 : 1;
}

/*
 * Our own chain comes first and has marked what it lets through. Where theirs does, an
 * accept there is not the last word: ours is still to come.
 */
static bool wants_mark(const struct foreign_chain *f) {
	return f->priority > NET_PRIORITY_FILTER;
}

/* As "iptables -i coibr0 -m mark --mark …/… -j ACCEPT" makes it: the name with its NUL. */
static void accept_rule(struct nft_batch *batch, const struct net_base *b,
			const struct foreign_chain *f, uint32_t key) {
	nft_rule_begin(batch, f->chain);
	nft_meta(batch, key, NFT_REG_1);
	nft_cmp(batch, NFT_CMP_EQ, NFT_REG_1, b->bridge, strlen(b->bridge) + 1);
	if (wants_mark(f))
		nft_judged(batch);
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
		if (f->hook == NF_INET_FORWARD)
			accept_rule(&batch, b, f, NFT_META_OIFNAME);
		accept_rule(&batch, b, f, NFT_META_IIFNAME);
	}
	r = net_send_quiet(b, &batch);
	/* Gone in the meantime, which is as good. */
	return r == -ENOENT ? 0 : r;
}

/* All of them are there, as they are to be. */
static bool is_as_meant(const struct foreign_chain *f, const struct rule_search *q, bool insert) {
	return q->count == (insert ? rules_of(f) : 0) &&
	       q->with_mark == (wants_mark(f) ? q->count : 0);
}

static int one(struct net_base *b, const struct foreign_chain *f, bool insert) {
	struct rule_search q = { 0 };
	int r = f->is_owned ? 0 : find_rules(b, f, &q);

	if (r < 0 || f->is_owned || is_as_meant(f, &q, insert))
		return r;
	/* What it does is asked last, since that may be many dumps. */
	if (insert && !q.count) {
		r = foreign_chain_closes(b, f);
		if (r <= 0)
			return r;
	}
	log_debug("chain '%s' of table '%s' is changed", f->chain, f->table);
	r = change(b, f, &q, insert);
	/* It has got an owner meanwhile. */
	return r == -EPERM ? 0 : r < 0 ? r : 1;
}

/* What is wrong with one is no reason to leave the others. */
static int for_all(struct net_base *b, bool insert, struct err *err) {
	auto_foreign_chains struct foreign_chains all = { 0 };
	int r = foreign_chains_find(b, &all), changed = 0, failed = 0;

	if (r == 0 && insert)
		r = foreign_refuses(b, &all, b->refused_by, sizeof(b->refused_by));
	if (r < 0)
		return err_sys(err, r, "cannot list the chains of this host");
	b->legacy_closes = insert ? legacy_closes(b->bridge) : 0;
	for (size_t i = 0; i < all.count; i++) {
		r = one(b, &all.list[i], insert);
		if (r < 0 && !failed)
			failed = err_sys(err, r, "cannot change chain '%s' of table '%s'",
					 all.list[i].chain, all.list[i].table);
		changed |= r > 0;
	}
	return failed ? failed : changed;
}

int foreign_ensure(struct net_base *b, struct err *err) {
	return for_all(b, true, err);
}

int foreign_remove(struct net_base *b, struct err *err) {
	int r = for_all(b, false, err);

	return r < 0 ? r : 0;
}

int net_others_ensure(struct net_base *b, struct err *err) {
	autoclose int lock = net_lock(b, err);

	return lock < 0 ? lock : foreign_ensure(b, err);
}

/* Other roots forward too. */
int foreign_forwards(struct net_base *b, const struct foreign_chains *all, bool *ret,
		     struct err *err) {
	bool forwards = false;
	int r;

	for (size_t i = 0; i < all->count; i++)
		forwards |= all->list[i].hook == NF_INET_FORWARD;
	r = forwards ? 0 : foreign_roots(b);
	if (r < 0)
		return err_sys(err, r, "cannot list the chains of this host");
	*ret = r > 0 || forwards;
	return 0;
}
