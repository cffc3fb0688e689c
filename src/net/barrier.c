/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/barrier.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/nl.h"

#define REQUEST 1024
#define FIRST 1 /* the priority: ahead of all other filters */
#define HANDLE 1
#define INGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)

/* Other filters go on with what passes. */
static const struct sock_filter program[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_MARK)),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, NET_MARK_MASK),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NET_MARK, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, (uint32_t)TC_ACT_UNSPEC),
	BPF_STMT(BPF_RET | BPF_K, TC_ACT_SHOT),
};

static struct nlmsghdr *request(char *buf, uint16_t type, uint16_t flags, int index,
				uint32_t parent) {
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct tcmsg *t;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags;
	t = mnl_nlmsg_put_extra_header(nlh, sizeof(*t));
	t->tcm_family = AF_UNSPEC;
	t->tcm_ifindex = index;
	t->tcm_parent = parent;
	return nlh;
}

/* Where filters can be put, on the way in and on the way out. */
static int qdisc_request(struct nl_sock *s, uint16_t type, int index) {
	const uint16_t flags = type == RTM_NEWQDISC ? NLM_F_CREATE | NLM_F_EXCL : 0;
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = request(buf, type, flags, index, TC_H_CLSACT);
	struct tcmsg *t = mnl_nlmsg_get_payload(nlh);

	t->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	mnl_attr_put_strz(nlh, TCA_KIND, "clsact");
	return nl_request(s, nlh);
}

static struct nlmsghdr *filter_request(char *buf, uint16_t type, uint16_t flags, int index) {
	struct nlmsghdr *nlh = request(buf, type, flags, index, INGRESS);
	struct tcmsg *t = mnl_nlmsg_get_payload(nlh);

	t->tcm_info = TC_H_MAKE(FIRST << 16, htons(ETH_P_ALL));
	t->tcm_handle = HANDLE;
	mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	return nlh;
}

static int filter_put(struct nl_sock *s, int index) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = filter_request(buf, RTM_NEWTFILTER, NLM_F_CREATE, index);
	struct nlattr *options = mnl_attr_nest_start(nlh, TCA_OPTIONS);

	mnl_attr_put_u16(nlh, TCA_BPF_OPS_LEN, ARRAY_SIZE(program));
	mnl_attr_put(nlh, TCA_BPF_OPS, sizeof(program), program);
	/* What the program returns is what happens. */
	mnl_attr_put_u32(nlh, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(nlh, options);
	return nl_request(s, nlh);
}

static bool options_match(const struct nlattr *options) {
	const struct nlattr *a;
	bool same_program = false, is_direct = false;

	mnl_attr_for_each_nested(a, options) {
		uint16_t type = mnl_attr_get_type(a), len = mnl_attr_get_payload_len(a);

		if (type == TCA_BPF_OPS)
			same_program = len == sizeof(program) &&
				       !memcmp(mnl_attr_get_payload(a), program, len);
		if (type == TCA_BPF_FLAGS && len == sizeof(uint32_t))
			is_direct = mnl_attr_get_u32(a) & TCA_BPF_FLAG_ACT_DIRECT;
	}
	return same_program && is_direct;
}

static int parse_filter(const struct nlmsghdr *nlh, void *data) {
	const struct nlattr *a;
	bool *intact = data;

	if (nlh->nlmsg_type != RTM_NEWTFILTER)
		return MNL_CB_OK;
	mnl_attr_for_each(a, nlh, sizeof(struct tcmsg))
		if (mnl_attr_get_type(a) == TCA_OPTIONS)
			*intact = options_match(a);
	return MNL_CB_OK;
}

/* Whatever the kernel's objection is, what is not found there is put there. */
static bool filter_is_intact(struct nl_sock *s, int index) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = filter_request(buf, RTM_GETTFILTER, 0, index);
	bool intact = false;

	return nl_get(s, nlh, parse_filter, &intact) == 0 && intact;
}

int barrier_ensure(struct net_base *b, int bridge_index, struct err *err) {
	int r;

	if (filter_is_intact(b->route, bridge_index))
		return 0;
	r = qdisc_request(b->route, RTM_NEWQDISC, bridge_index);
	if (r == 0 || r == -EEXIST)
		r = filter_put(b->route, bridge_index);
	/* Something else stands in its place. */
	if (r < 0 && qdisc_request(b->route, RTM_DELQDISC, bridge_index) == 0) {
		r = qdisc_request(b->route, RTM_NEWQDISC, bridge_index);
		if (r == 0)
			r = filter_put(b->route, bridge_index);
	}
	if (r == 0 && !filter_is_intact(b->route, bridge_index))
		r = -EIO;
	if (r == 0)
		return 1;
	err_sys(err, r, "cannot put a filter on bridge '%s'", b->bridge);
	if (r == -ENOENT || r == -EOPNOTSUPP)
		err_hint(err, "the kernel needs the traffic control parts 'clsact' "
			      "(NET_SCH_INGRESS) and 'bpf' (NET_CLS_BPF)");
	return r;
}
