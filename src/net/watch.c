/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What others delete of ours, as the kernel tells it. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "net/internal.h"
#include "net/names.h"
#include "net/nl.h"
#include "net/rules.h"

int net_watch_open(struct err *err) {
	const int group = NFNLGRP_NFTABLES, size = 1 << 20;
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	autoclose int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
				  NETLINK_NETFILTER);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0 ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return err_sys(err, -errno, "cannot watch the nftables rules");
	/* Too small only means that more is taken for lost. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return steal_fd(&fd);
}

/* The first three attributes that all these messages share: table, chain or set, name. */
struct watched {
	const char *table;
	const char *second; /* rules: chain; sets and elements: set */
	const char *third;  /* chains: name */
	const struct nlattr *elements;
};

static void parse(const struct nlmsghdr *nlh, struct watched *w, uint8_t type) {
	const struct nlattr *a;

	memset(w, 0, sizeof(*w));
	mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg)) {
		uint16_t n = mnl_attr_get_type(a);

		if (type == NFT_MSG_DELSETELEM && n == NFTA_SET_ELEM_LIST_ELEMENTS) {
			w->elements = a;
			continue;
		}
		if (n > 3 || mnl_attr_validate(a, MNL_TYPE_NUL_STRING) < 0)
			continue;
		if (n == 1)
			w->table = mnl_attr_get_str(a);
		else if (n == 2)
			w->second = mnl_attr_get_str(a);
		else
			w->third = mnl_attr_get_str(a);
	}
}

/* Chains d5, h5, a5 and l5 are the port 5's; all others are the base's (0). */
static uint32_t index_of_chain(const char *chain) {
	if (!chain || !chain[0] || !strchr(NET_CHAIN_LETTERS, chain[0]))
		return 0;
	return net_index_of_link(chain + 1, "");
}

/* The port in a set's name such as a5.0, or 0. */
static uint32_t index_of_set(const char *set) {
	char number[16];
	size_t n = set && strchr("al", set[0]) ? strspn(set + 1, "0123456789") : 0;

	if (!n || n >= sizeof(number) || set[1 + n] != '.')
		return 0;
	memcpy(number, set + 1, n);
	number[n] = '\0';
	return net_index_of_link(number, "");
}

/* Is there an element among them that is not another port's? */
static bool elements_concern(const struct net_base *b, const struct nlattr *list, uint32_t index) {
	const struct nlattr *elem, *part, *key;

	mnl_attr_for_each_nested(elem, list) {
		mnl_attr_for_each_nested(part, elem) {
			if (mnl_attr_get_type(part) != NFTA_SET_ELEM_KEY)
				continue;
			mnl_attr_for_each_nested(key, part) {
				uint32_t n = net_index_of_key(b, mnl_attr_get_payload(key),
							      mnl_attr_get_payload_len(key));

				if (n == 0 || n == index)
					return true;
			}
		}
	}
	return false;
}

/* A firewall was set up, changed or flushed; what we have put there ourselves does not count. */
static int others_changed(const struct net_base *b, const struct nlmsghdr *nlh, uint8_t type) {
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(nlh);
	const size_t len = strlen(b->bridge) + 1;
	const struct nlattr *a;

	if (g->nfgen_family != NFPROTO_IPV4 && g->nfgen_family != NFPROTO_INET)
		return 0;
	switch (type) {
	case NFT_MSG_NEWRULE:
		mnl_attr_for_each(a, nlh, sizeof(*g))
			if (mnl_attr_get_type(a) == NFTA_RULE_USERDATA &&
			    memmem(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a), b->bridge,
				   len))
				return 0;
		return NET_WATCH_OTHERS;
	case NFT_MSG_NEWTABLE:
	case NFT_MSG_NEWCHAIN:
	case NFT_MSG_DELRULE:
		return NET_WATCH_OTHERS;
	default:
		return 0;
	}
}

/* Whoever makes the base anew hears of it too, and finds it whole. */
static bool ours_changed(const struct net_base *b, uint32_t index, const struct watched *found,
			 uint8_t type) {
	const struct watched w = *found;
	uint32_t n;

	switch (type) {
	case NFT_MSG_NEWTABLE:
	case NFT_MSG_DELTABLE:
		return true;
	case NFT_MSG_NEWRULE:
		return index_of_chain(w.second) == 0;
	case NFT_MSG_DELSET:
		n = index_of_set(w.second);
		return n == 0 || n == index;
	case NFT_MSG_DELCHAIN:
	case NFT_MSG_DELRULE:
		n = index_of_chain(type == NFT_MSG_DELCHAIN ? w.third : w.second);
		return n == 0 || n == index;
	case NFT_MSG_DELSETELEM:
		/*
		 * Elements of a port's own sets come and go, most often by its own
		 * supervisor's hand. One that is missing closes, and a name that is
		 * asked for brings it back.
		 */
		if (index_of_set(w.second))
			return false;
		/* The kernel forgets these by itself. */
		if (w.second && !strcmp(w.second, "echoes"))
			return false;
		return w.elements && elements_concern(b, w.elements, index);
	default:
		return false;
	}
}

static int concerns(const struct net_base *b, uint32_t index, const struct nlmsghdr *nlh) {
	uint8_t type = nlh->nlmsg_type & 0xff;
	struct watched w;

	if (nlh->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES ||
	    nlh->nlmsg_len < mnl_nlmsg_size(sizeof(struct nfgenmsg)))
		return 0;
	parse(nlh, &w, type);
	if (!w.table)
		return 0;
	if (!strcmp(w.table, b->table) || !strcmp(w.table, b->guard_table))
		return ours_changed(b, index, &w, type) ? NET_WATCH_OURS : 0;
	return net_table_is_ours(w.table) ? 0 : others_changed(b, nlh, type);
}

int net_watch_read(const struct net_base *b, uint32_t index, int fd) {
	autofree char *buf = xmalloc(NL_BUF);
	int result = 0;

	for (;;) {
		ssize_t n = recv(fd, buf, NL_BUF, MSG_DONTWAIT);
		int len = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) {
			result = NET_WATCH_OURS | NET_WATCH_OTHERS;
			continue;
		}
		if (n < 0)
			return errno == EAGAIN ? result : -errno;
		for (struct nlmsghdr *h = (void *)buf; mnl_nlmsg_ok(h, len);
		     h = mnl_nlmsg_next(h, &len))
			result |= concerns(b, index, h);
	}
}
