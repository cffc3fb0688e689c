/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which addresses are taken on this host, and a free range among private ones. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/record.h"
#include "net/internal.h"
#include "net/link.h"
#include "net/names.h"

#define REQUEST 512
#define FILE_NAME "network.ini"
#define FORMAT 1
#define RANGE_BITS 16

struct range_list {
	struct net_cidr *ranges;
	size_t count;
	int except;
};

static void add_range(struct range_list *list, uint32_t address, unsigned bits) {
	uint32_t mask = bits ? ~UINT32_C(0) << (32 - bits) : 0;

	list->ranges = xreallocarray(list->ranges, list->count + 1, sizeof(*list->ranges));
	list->ranges[list->count++] =
		(struct net_cidr){ .address = address & mask, .bits = (uint8_t)bits };
}

static int collect_address(const struct nlmsghdr *nlh, void *data) {
	struct range_list *list = data;
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;

	if (nlh->nlmsg_type != RTM_NEWADDR || (int)ifa->ifa_index == list->except)
		return MNL_CB_OK;
	mnl_attr_for_each(a, nlh, sizeof(*ifa)) {
		if (mnl_attr_get_type(a) == IFA_LOCAL && mnl_attr_get_payload_len(a) == 4)
			add_range(list, ntohl(mnl_attr_get_u32(a)), ifa->ifa_prefixlen);
	}
	return MNL_CB_OK;
}

static int collect_route(const struct nlmsghdr *nlh, void *data) {
	struct range_list *list = data;
	const struct rtmsg *rt = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;
	uint32_t address = 0;
	bool is_ours = false;

	if (nlh->nlmsg_type != RTM_NEWROUTE || rt->rtm_dst_len == 0 ||
	    rt->rtm_table == RT_TABLE_LOCAL)
		return MNL_CB_OK;
	mnl_attr_for_each(a, nlh, sizeof(*rt)) {
		if (mnl_attr_get_payload_len(a) != 4)
			continue;
		if (mnl_attr_get_type(a) == RTA_DST)
			address = ntohl(mnl_attr_get_u32(a));
		if (mnl_attr_get_type(a) == RTA_OIF)
			is_ours = (int)mnl_attr_get_u32(a) == list->except;
	}
	if (!is_ours)
		add_range(list, address, rt->rtm_dst_len);
	return MNL_CB_OK;
}

static void keep_ranges(void *data) {
	/* A repeated dump may name a range twice, which does no harm. */
	(void)data;
}

/*
 * Ranges that the host's addresses and routes take (default routes do not
 * count), without those of link @except. Newly allocated.
 */
static int host_ranges(struct nl_sock *s, int except, struct net_cidr **ret, size_t *ret_count) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct range_list list = { .except = except };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *ifa;
	struct rtmsg *rt;
	int r;

	nlh->nlmsg_type = RTM_GETADDR;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = AF_INET;
	r = nl_dump(s, nlh, collect_address, keep_ranges, &list);
	if (r == 0) {
		nlh = mnl_nlmsg_put_header(buf);
		nlh->nlmsg_type = RTM_GETROUTE;
		rt = mnl_nlmsg_put_extra_header(nlh, sizeof(*rt));
		rt->rtm_family = AF_INET;
		r = nl_dump(s, nlh, collect_route, keep_ranges, &list);
	}
	if (r < 0) {
		free(list.ranges);
		return r;
	}
	*ret = list.ranges;
	*ret_count = list.count;
	return 0;
}

static int taken_ranges(struct net_base *b, struct net_cidr **ret, size_t *ret_count,
			struct err *err) {
	struct link_info l;
	int r = link_get(b->route, b->bridge, &l);

	if (r == 0 || r == -ENODEV)
		r = host_ranges(b->route, r == 0 ? l.index : 0, ret, ret_count);
	return r < 0 ? err_sys(err, r, "cannot read the host's addresses and routes") : 0;
}

static const struct net_cidr *find_overlap(const struct net_cidr *range,
					   const struct net_cidr *taken, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (net_cidr_overlap(range, &taken[i]))
			return &taken[i];
	return NULL;
}

int net_range_check(struct net_base *b, struct err *err) {
	autofree struct net_cidr *taken = NULL;
	const struct net_cidr *other;
	char ours[NET_CIDR_TEXT], theirs[NET_CIDR_TEXT];
	size_t count = 0;
	int r = taken_ranges(b, &taken, &count, err);

	if (r < 0)
		return r;
	other = find_overlap(&b->range, taken, count);
	if (!other)
		return 0;
	return err_set(err, ERR_CONFLICT, -EADDRINUSE,
		       "the containers' range '%s' is in use on this host by '%s'",
		       net_cidr_text(&b->range, ours), net_cidr_text(other, theirs));
}

/* 10.77 first, then its neighbours, the rest of 10.x from above, and 172.31 down to 172.16. */
static bool candidate(unsigned i, struct net_cidr *ret) {
	uint32_t high;

	if (i < 178)
		high = 0x0a00 + (77 + i);
	else if (i < 178 + 76)
		high = 0x0a00 + (76 - (i - 178));
	else if (i < 178 + 76 + 16)
		high = 0xac1f - (i - 178 - 76);
	else
		return false;
	*ret = (struct net_cidr){ .address = high << 16, .bits = RANGE_BITS };
	return true;
}

static int range_record(const struct net_base *b, struct err *err) {
	auto_record struct record *rec = record_new(FORMAT);
	char text[NET_CIDR_TEXT];

	record_set(rec, "", "range", net_cidr_text(&b->range, text));
	return record_store(rec, b->layout->root_fd, FILE_NAME, 0600, err);
}

static int range_free(struct net_base *b, struct err *err) {
	autofree struct net_cidr *taken = NULL;
	struct net_cidr range;
	size_t count = 0;
	int r = taken_ranges(b, &taken, &count, err);

	if (r < 0)
		return r;
	for (unsigned i = 0; candidate(i, &range); i++) {
		if (find_overlap(&range, taken, count))
			continue;
		net_range_set(b, &range);
		return 0;
	}
	return err_set(err, ERR_CONFLICT, -EADDRINUSE,
		       "every private range is in use on this host: none is left for containers");
}

/*
 * The range must differ from those of other roots on this machine, which do not
 * know our lock: one more lock, for all roots, until the bridge has its address.
 */
int net_range_choose(struct net_base *b, bool has_claims, int *ret_lock, struct err *err) {
	autoclose int dir = -1;
	autoclose int lock = -1;
	bool fixed = false;
	int r;

	dir = open_dir_make(AT_FDCWD, "/run/coi", 0700);
	if (dir < 0)
		return err_sys(err, dir, "cannot open '/run/coi'");
	lock = lock_take(dir, "network-choice.lock", 0, err);
	if (lock < 0)
		return lock;
	if (b->range_is_fixed) {
		r = net_range_check(b, err);
		fixed = r == 0;
		if (r != 0 && (r != -EADDRINUSE || has_claims))
			return r;
	}
	r = fixed ? 0 : range_free(b, err);
	if (r == 0 && !fixed)
		r = range_record(b, err);
	if (r < 0)
		return r;
	b->range_is_fixed = true;
	*ret_lock = steal_fd(&lock);
	return 0;
}

int net_range_load(struct net_base *b, struct err *err) {
	auto_record struct record *rec = NULL;
	struct net_cidr range = { .address = 0x0a4d0000, .bits = RANGE_BITS };
	const char *text;
	int r = record_load(b->layout->root_fd, FILE_NAME, FORMAT, &rec, err);

	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0) {
		text = record_get(rec, "", "range");
		if (!text || net_cidr_parse(text, &range) < 0 || range.bits < 8 ||
		    range.bits > 28)
			return err_set(err, ERR_SYSTEM, -EBADMSG, "'%s/%s' is damaged",
				       b->layout->root, FILE_NAME);
		b->range_is_fixed = true;
	}
	net_range_set(b, &range);
	return 0;
}
