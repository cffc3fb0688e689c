/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/iprule.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/nl.h"

#define REQUEST 512
#define RULES 4
#define PREF_END 32000 /* the main table's rule stands at 32766 */

/* One rule, wanted or found. */
struct rule {
	uint32_t pref;
	uint32_t source; /* host byte order */
	uint8_t source_bits;
	uint32_t mark, mask;
	uint8_t action;
	uint32_t target;
};

static void wanted_rules(const struct net_base *b, struct rule out[RULES]) {
	const uint32_t end = b->rule_pref + NET_RULE_STEP - 1;

	/* The end first: a rule that goes to nowhere is passed over. */
	out[0] = (struct rule){ .pref = end, .action = FR_ACT_NOP };
	out[1] = (struct rule){ .pref = b->rule_pref,
				.source = b->gateway,
				.source_bits = 32,
				.action = FR_ACT_GOTO,
				.target = end };
	out[2] = (struct rule){ .pref = b->rule_pref + 1,
				.source = b->range.address,
				.source_bits = b->range.bits,
				.mark = NET_MARK,
				.mask = NET_MARK_MASK,
				.action = FR_ACT_GOTO,
				.target = end };
	out[3] = (struct rule){ .pref = b->rule_pref + 2,
				.source = b->range.address,
				.source_bits = b->range.bits,
				.action = FR_ACT_PROHIBIT };
}

static int rule_request(struct nl_sock *s, uint16_t type, const struct rule *r) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct fib_rule_hdr *h;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = type == RTM_NEWRULE ? NLM_F_CREATE | NLM_F_EXCL : 0;
	h = mnl_nlmsg_put_extra_header(nlh, sizeof(*h));
	h->family = AF_INET;
	h->src_len = r->source_bits;
	h->action = r->action;
	mnl_attr_put_u32(nlh, FRA_PRIORITY, r->pref);
	if (r->source_bits)
		mnl_attr_put_u32(nlh, FRA_SRC, htonl(r->source));
	if (r->mask) {
		mnl_attr_put_u32(nlh, FRA_FWMARK, r->mark);
		mnl_attr_put_u32(nlh, FRA_FWMASK, r->mask);
	}
	if (r->action == FR_ACT_GOTO)
		mnl_attr_put_u32(nlh, FRA_GOTO, r->target);
	return nl_request(s, nlh);
}

struct rule_list {
	struct rule *rules;
	size_t count;
};

static int collect_rule(const struct nlmsghdr *nlh, void *data) {
	struct rule_list *list = data;
	const struct fib_rule_hdr *h = mnl_nlmsg_get_payload(nlh);
	struct rule r = { .source_bits = h->src_len, .action = h->action };
	const struct nlattr *a;

	if (nlh->nlmsg_type != RTM_NEWRULE)
		return MNL_CB_OK;
	mnl_attr_for_each(a, nlh, sizeof(*h)) {
		if (mnl_attr_get_payload_len(a) != 4)
			continue;
		switch (mnl_attr_get_type(a)) {
		case FRA_PRIORITY:
			r.pref = mnl_attr_get_u32(a);
			break;
		case FRA_SRC:
			r.source = ntohl(mnl_attr_get_u32(a));
			break;
		case FRA_FWMARK:
			r.mark = mnl_attr_get_u32(a);
			break;
		case FRA_FWMASK:
			r.mask = mnl_attr_get_u32(a);
			break;
		case FRA_GOTO:
			r.target = mnl_attr_get_u32(a);
			break;
		}
	}
	list->rules = xreallocarray(list->rules, list->count + 1, sizeof(*list->rules));
	list->rules[list->count++] = r;
	return MNL_CB_OK;
}

static void restart_rules(void *data) {
	((struct rule_list *)data)->count = 0;
}

static int rules_read(struct nl_sock *s, struct rule_list *list, struct err *err) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct fib_rule_hdr *h;
	int r;

	nlh->nlmsg_type = RTM_GETRULE;
	h = mnl_nlmsg_put_extra_header(nlh, sizeof(*h));
	h->family = AF_INET;
	r = nl_dump(s, nlh, collect_rule, restart_rules, list);
	return r < 0 ? err_sys(err, r, "cannot read the ip rules") : 0;
}

static bool rule_equal(const struct rule *a, const struct rule *b) {
	return a->pref == b->pref && a->source == b->source && a->source_bits == b->source_bits &&
	       a->mark == b->mark && a->mask == b->mask && a->action == b->action &&
	       a->target == b->target;
}

static bool has_rule(const struct rule_list *list, const struct rule *r) {
	for (size_t i = 0; i < list->count; i++)
		if (rule_equal(&list->rules[i], r))
			return true;
	return false;
}

int iprules_ensure(struct net_base *b, struct err *err) {
	struct rule_list list = { 0 };
	autofree struct rule *owned = NULL;
	struct rule wanted[RULES];
	int r = rules_read(b->route, &list, err);
	int made = 0;

	owned = list.rules;
	if (r < 0)
		return r;
	wanted_rules(b, wanted);
	for (size_t i = 0; i < RULES; i++) {
		if (has_rule(&list, &wanted[i]))
			continue;
		r = rule_request(b->route, RTM_NEWRULE, &wanted[i]);
		if (r < 0 && r != -EEXIST)
			return err_sys(err, r, "cannot add ip rule %u", wanted[i].pref);
		made = 1;
	}
	return made;
}

int iprules_remove(struct net_base *b, struct err *err) {
	struct rule wanted[RULES];

	wanted_rules(b, wanted);
	/* The prohibition goes last but one: while rules go away nothing is let through. */
	for (size_t i = 1; i <= RULES; i++) {
		int r = rule_request(b->route, RTM_DELRULE, &wanted[i % RULES]);

		if (r < 0 && r != -ENOENT)
			return err_sys(err, r, "cannot remove ip rule %u", wanted[i % RULES].pref);
	}
	return 0;
}

int iprules_free_pref(struct net_base *b, uint32_t *ret, struct err *err) {
	struct rule_list list = { 0 };
	autofree struct rule *owned = NULL;
	int r = rules_read(b->route, &list, err);

	owned = list.rules;
	if (r < 0)
		return r;
	for (uint32_t pref = NET_RULE_PREF; pref < PREF_END; pref += NET_RULE_STEP) {
		bool taken = false;

		for (size_t i = 0; i < list.count && !taken; i++)
			taken = list.rules[i].pref >= pref &&
				list.rules[i].pref < pref + NET_RULE_STEP;
		if (!taken) {
			*ret = pref;
			return 0;
		}
	}
	return err_set(err, ERR_CONFLICT, -ENOSPC, "no free numbers for our ip rules");
}
