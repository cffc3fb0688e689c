/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bridge with its address, its settings and its barrier. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/mem.h"
#include "net/barrier.h"
#include "net/link.h"
#include "net/names.h"

#define REQUEST 1024

/*
 * The host answers on the bridge for the bridge's own address only, believes
 * no redirect and no source route there, and takes no packet whose answer
 * would go elsewhere.
 */
static const struct {
	const char *name;
	const char *value;
} ipv4_settings[] = {
	{ "arp_ignore", "1" },
	{ "arp_announce", "2" },
	{ "rp_filter", "1" },
	{ "accept_redirects", "0" },
	{ "secure_redirects", "0" },
	{ "send_redirects", "0" },
	{ "accept_source_route", "0" },
	{ "proxy_arp", "0" },
	{ "route_localnet", "0" },
};

static int settings_dir(const char *family, const char *link) {
	autofree char *path = xasprintf("/proc/sys/net/%s/conf/%s", family, link);
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int settings_write(const char *link, struct err *err) {
	autoclose int ipv4 = settings_dir("ipv4", link);
	autoclose int ipv6 = settings_dir("ipv6", link);
	int r;

	if (ipv4 < 0)
		return err_sys(err, ipv4, "cannot open the settings of link '%s'", link);
	for (size_t i = 0; i < ARRAY_SIZE(ipv4_settings); i++) {
		r = file_write_value_at(ipv4, ipv4_settings[i].name, ipv4_settings[i].value);
		if (r < 0)
			return err_sys(err, r, "cannot set '%s' of link '%s'",
				       ipv4_settings[i].name, link);
	}
	if (ipv6 == -ENOENT)
		return 0; /* no IPv6 in this kernel */
	r = ipv6 < 0 ? ipv6 : file_write_value_at(ipv6, "disable_ipv6", "1");
	if (r < 0)
		return err_sys(err, r, "cannot switch IPv6 off on link '%s'", link);
	return 0;
}

/* Spelled out where the default would do: the defaults are not ours. */
static int bridge_create(struct net_base *b) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nlattr *info, *data;
	uint8_t mac[6];

	nlh->nlmsg_type = RTM_NEWLINK;
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	net_bridge_mac(b, mac);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, b->bridge);
	mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(mac), mac);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put_u32(nlh, IFLA_BR_STP_STATE, 0);
	mnl_attr_put_u32(nlh, IFLA_BR_FORWARD_DELAY, 0);
	mnl_attr_put_u16(nlh, IFLA_BR_GROUP_FWD_MASK, 0);
	mnl_attr_put_u8(nlh, IFLA_BR_NF_CALL_IPTABLES, 0);
	mnl_attr_put_u8(nlh, IFLA_BR_NF_CALL_IP6TABLES, 0);
	mnl_attr_put_u8(nlh, IFLA_BR_NF_CALL_ARPTABLES, 0);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return nl_request(b->route, nlh);
}

/*
 * A kernel without multicast snooping refuses these two; it has neither a
 * querier nor a router port then, which is what they ask for.
 */
static int multicast_off(struct nl_sock *s, int index) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;
	struct nlattr *info, *data;
	int r;

	nlh->nlmsg_type = RTM_NEWLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = index;
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put_u8(nlh, IFLA_BR_MCAST_SNOOPING, 0);
	mnl_attr_put_u8(nlh, IFLA_BR_MCAST_ROUTER, 0);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	r = nl_request(s, nlh);
	return r == -EOPNOTSUPP ? 0 : r;
}

static int bridge_up(struct nl_sock *s, int index) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = RTM_NEWLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = index;
	ifi->ifi_flags = ifi->ifi_change = IFF_UP;
	return nl_request(s, nlh);
}

static int address_put(struct net_base *b, int index) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *ifa;

	nlh->nlmsg_type = RTM_NEWADDR;
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = AF_INET;
	ifa->ifa_prefixlen = b->range.bits;
	ifa->ifa_index = (uint32_t)index;
	mnl_attr_put_u32(nlh, IFA_LOCAL, htonl(b->gateway));
	mnl_attr_put_u32(nlh, IFA_ADDRESS, htonl(b->gateway));
	return nl_request(b->route, nlh);
}

struct address_search {
	const struct net_base *base;
	int index;
	bool found;
	bool other; /* an address that is not ours */
};

static int match_address(const struct nlmsghdr *nlh, void *data) {
	struct address_search *q = data;
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;

	if (nlh->nlmsg_type != RTM_NEWADDR || (int)ifa->ifa_index != q->index)
		return MNL_CB_OK;
	mnl_attr_for_each(a, nlh, sizeof(*ifa)) {
		if (mnl_attr_get_type(a) != IFA_LOCAL || mnl_attr_get_payload_len(a) != 4)
			continue;
		if (ntohl(mnl_attr_get_u32(a)) == q->base->gateway &&
		    ifa->ifa_prefixlen == q->base->range.bits)
			q->found = true;
		else
			q->other = true;
	}
	return MNL_CB_OK;
}

static void restart_addresses(void *data) {
	struct address_search *q = data;

	q->found = q->other = false;
}

static int address_find(struct net_base *b, int index, struct address_search *ret) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *ifa;

	*ret = (struct address_search){ .base = b, .index = index };
	nlh->nlmsg_type = RTM_GETADDR;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = AF_INET;
	ifa->ifa_index = (uint32_t)index;
	return nl_dump(b->route, nlh, match_address, restart_addresses, ret);
}

static int bridge_configure(struct net_base *b, int index, struct err *err) {
	int r = settings_write(b->bridge, err);

	if (r >= 0)
		r = barrier_ensure(b, index, err);
	if (r < 0)
		return r;
	r = multicast_off(b->route, index);
	if (r < 0)
		return err_sys(err, r, "cannot set up bridge '%s'", b->bridge);
	r = address_put(b, index);
	if (r < 0)
		return err_sys(err, r, "cannot give bridge '%s' its address", b->bridge);
	r = bridge_up(b->route, index);
	if (r < 0)
		return err_sys(err, r, "cannot bring bridge '%s' up", b->bridge);
	return 0;
}

int bridge_ensure(struct net_base *b, struct err *err) {
	struct address_search q;
	struct link_info l;
	int r = link_get(b->route, b->bridge, &l);

	if (r == 0 && strcmp(l.kind, "bridge") != 0)
		return err_set(err, ERR_CONFLICT, -EEXIST,
			       "link '%s' exists and is no bridge of ours", b->bridge);
	if (r == 0) {
		r = address_find(b, l.index, &q);
		if (r < 0)
			return err_sys(err, r, "cannot read the addresses of '%s'", b->bridge);
		if (q.other && !q.found)
			return err_set(err, ERR_CONFLICT, -EEXIST,
				       "bridge '%s' has an address that is not '%u.%u.%u.%u'",
				       b->bridge, b->gateway >> 24, b->gateway >> 16 & 255,
				       b->gateway >> 8 & 255, b->gateway & 255);
		if (q.found && (l.flags & IFF_UP))
			return barrier_ensure(b, l.index, err);
	}
	if (r == -ENODEV) {
		r = bridge_create(b);
		if (r == 0)
			r = link_get(b->route, b->bridge, &l);
	}
	if (r < 0)
		return err_sys(err, r, "cannot make bridge '%s'", b->bridge);
	r = bridge_configure(b, l.index, err);
	return r < 0 ? r : 1;
}

int bridge_remove(struct net_base *b, struct err *err) {
	int r = link_delete(b->route, b->bridge);

	return r < 0 ? err_sys(err, r, "cannot remove bridge '%s'", b->bridge) : 0;
}
