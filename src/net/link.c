/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/names.h"

#define REQUEST 1024

/*
 * A port of the bridge: nothing is learnt from it and nothing is flooded to it,
 * it talks to no other isolated port, and no bridge protocol is listened to.
 */
static const struct port_setting {
	uint16_t attr;
	uint8_t value;
	const char *name;
} port_settings[] = {
	{ IFLA_BRPORT_ISOLATED, 1, "isolated" },
	{ IFLA_BRPORT_LEARNING, 0, "learning" },
	{ IFLA_BRPORT_UNICAST_FLOOD, 0, "flood" },
	{ IFLA_BRPORT_MCAST_FLOOD, 0, "mcast_flood" },
	{ IFLA_BRPORT_BCAST_FLOOD, 0, "bcast_flood" },
	{ IFLA_BRPORT_GUARD, 1, "guard" },
	{ IFLA_BRPORT_PROTECT, 1, "root_block" },
	{ IFLA_BRPORT_MULTICAST_ROUTER, 0, "multicast_router" },
	{ IFLA_BRPORT_PROXYARP, 0, "proxy_arp" },
};

/*
 * Frames to the link-local group addresses (01:80:c2:00:00:0X) take the way of
 * all others, where they are dropped: a bridge hands them to programs at the port
 * itself otherwise, and LLDP's without asking any filter. The second bit is not
 * to be set; the kernel drops PAUSE itself.
 */
#define GROUP_FORWARD 0xfffd

_Static_assert(ARRAY_SIZE(port_settings) <= sizeof(((struct link_info *)0)->port), "too many");

static struct nlmsghdr *link_request(char *buf, uint16_t type, uint16_t flags, uint8_t family,
				     int index) {
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = family;
	ifi->ifi_index = index;
	return nlh;
}

static void parse_port(struct link_info *l, const struct nlattr *nest) {
	const struct nlattr *a;

	l->has_port = true;
	mnl_attr_for_each_nested(a, nest) {
		if (mnl_attr_get_type(a) == IFLA_BRPORT_GROUP_FWD_MASK &&
		    mnl_attr_get_payload_len(a) == 2)
			l->group_forward = mnl_attr_get_u16(a);
		for (size_t i = 0; i < ARRAY_SIZE(port_settings); i++)
			if (mnl_attr_get_type(a) == port_settings[i].attr &&
			    mnl_attr_get_payload_len(a) == 1)
				l->port[i] = mnl_attr_get_u8(a);
	}
}

static void parse_linkinfo(struct link_info *l, const struct nlattr *nest) {
	const struct nlattr *a, *slave = NULL;
	bool in_bridge = false;

	mnl_attr_for_each_nested(a, nest) {
		switch (mnl_attr_get_type(a)) {
		case IFLA_INFO_KIND:
			snprintf(l->kind, sizeof(l->kind), "%s", mnl_attr_get_str(a));
			break;
		case IFLA_INFO_SLAVE_KIND:
			in_bridge = !strcmp(mnl_attr_get_str(a), "bridge");
			break;
		case IFLA_INFO_SLAVE_DATA:
			slave = a;
			break;
		}
	}
	if (in_bridge && slave)
		parse_port(l, slave);
}

static int parse_link(const struct nlmsghdr *nlh, void *data) {
	struct link_info *l = data;
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	memset(l, 0, sizeof(*l));
	l->index = ifi->ifi_index;
	l->flags = ifi->ifi_flags;
	mnl_attr_for_each(a, nlh, sizeof(*ifi)) {
		switch (mnl_attr_get_type(a)) {
		case IFLA_IFNAME:
			snprintf(l->name, sizeof(l->name), "%s", mnl_attr_get_str(a));
			break;
		case IFLA_MASTER:
			l->master = (int)mnl_attr_get_u32(a);
			break;
		case IFLA_LINKINFO:
			parse_linkinfo(l, a);
			break;
		}
	}
	return MNL_CB_OK;
}

int link_get(struct nl_sock *s, const char *name, struct link_info *ret) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = link_request(buf, RTM_GETLINK, 0, AF_UNSPEC, 0);
	struct link_info l = { 0 };
	int r;

	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	r = nl_get(s, nlh, parse_link, &l);
	if (r == 0)
		*ret = l;
	return r;
}

struct link_list {
	struct link_info *links;
	size_t count;
};

static int collect_link(const struct nlmsghdr *nlh, void *data) {
	struct link_list *list = data;

	list->links = xreallocarray(list->links, list->count + 1, sizeof(*list->links));
	parse_link(nlh, &list->links[list->count++]);
	return MNL_CB_OK;
}

static void restart_links(void *data) {
	((struct link_list *)data)->count = 0;
}

int link_list(struct nl_sock *s, struct link_info **ret, size_t *ret_count) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = link_request(buf, RTM_GETLINK, 0, AF_UNSPEC, 0);
	struct link_list list = { 0 };
	int r = nl_dump(s, nlh, collect_link, restart_links, &list);

	if (r < 0) {
		free(list.links);
		return r;
	}
	*ret = list.links;
	*ret_count = list.count;
	return 0;
}

int link_delete(struct nl_sock *s, const char *name) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = link_request(buf, RTM_DELLINK, 0, AF_UNSPEC, 0);
	int r;

	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	r = nl_request(s, nlh);
	return r == -ENODEV ? 0 : r;
}

static int neighbour_request(struct nl_sock *s, uint16_t type, const struct ndmsg *nd,
			     const uint8_t *mac, const uint32_t *address) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ndmsg *out;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = type == RTM_NEWNEIGH ? NLM_F_CREATE | NLM_F_REPLACE : 0;
	out = mnl_nlmsg_put_extra_header(nlh, sizeof(*out));
	*out = *nd;
	if (address)
		mnl_attr_put_u32(nlh, NDA_DST, htonl(*address));
	if (mac)
		mnl_attr_put(nlh, NDA_LLADDR, 6, mac);
	return nl_request(s, nlh);
}

int neighbour_delete(struct nl_sock *s, int bridge_index, uint32_t address) {
	const struct ndmsg nd = { .ndm_family = AF_INET, .ndm_ifindex = bridge_index };

	return neighbour_request(s, RTM_DELNEIGH, &nd, NULL, &address);
}

struct address_list {
	int index;
	uint32_t *addresses;
	size_t count;
};

static int collect_neighbour(const struct nlmsghdr *nlh, void *data) {
	struct address_list *list = data;
	const struct ndmsg *nd = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;

	if (nlh->nlmsg_type != RTM_NEWNEIGH || nd->ndm_family != AF_INET ||
	    nd->ndm_ifindex != list->index || !(nd->ndm_state & NUD_PERMANENT))
		return MNL_CB_OK;
	mnl_attr_for_each(a, nlh, sizeof(*nd)) {
		if (mnl_attr_get_type(a) != NDA_DST || mnl_attr_get_payload_len(a) != 4)
			continue;
		list->addresses =
			xreallocarray(list->addresses, list->count + 1, sizeof(uint32_t));
		list->addresses[list->count++] = ntohl(mnl_attr_get_u32(a));
	}
	return MNL_CB_OK;
}

static void restart_neighbours(void *data) {
	((struct address_list *)data)->count = 0;
}

int neighbour_list(struct nl_sock *s, int bridge_index, uint32_t **ret, size_t *ret_count) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct address_list list = { .index = bridge_index };
	struct ndmsg *nd;
	int r;

	nlh->nlmsg_type = RTM_GETNEIGH;
	nd = mnl_nlmsg_put_extra_header(nlh, sizeof(*nd));
	nd->ndm_family = AF_INET;
	mnl_attr_put_u32(nlh, NDA_IFINDEX, (uint32_t)bridge_index);
	r = nl_dump(s, nlh, collect_neighbour, restart_neighbours, &list);
	if (r < 0) {
		free(list.addresses);
		return r;
	}
	*ret = list.addresses;
	*ret_count = list.count;
	return 0;
}

/* Both ends get their names and addresses as they are made; both are down. */
static int veth_create(struct nl_sock *s, const struct net_port *port, int bridge_index,
		       int netns_fd) {
	/* A host end's own address is never used: the bridge has one of its own. */
	const uint8_t mac[6] = { 0x02, 0xc2, port->mac[2], port->mac[3], port->mac[4],
				 port->mac[5] };
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh =
		link_request(buf, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, AF_UNSPEC, 0);
	struct nlattr *info, *data, *peer;

	mnl_attr_put_strz(nlh, IFLA_IFNAME, port->host_link);
	mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(mac), mac);
	mnl_attr_put_u32(nlh, IFLA_MASTER, (uint32_t)bridge_index);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, NET_GUEST_LINK);
	mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(port->mac), port->mac);
	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return nl_request(s, nlh);
}

static int port_settings_put(struct nl_sock *s, int index) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = link_request(buf, RTM_SETLINK, 0, AF_BRIDGE, index);
	struct nlattr *nest = mnl_attr_nest_start(nlh, IFLA_PROTINFO);

	for (size_t i = 0; i < ARRAY_SIZE(port_settings); i++)
		mnl_attr_put_u8(nlh, port_settings[i].attr, port_settings[i].value);
	mnl_attr_put_u16(nlh, IFLA_BRPORT_GROUP_FWD_MASK, GROUP_FORWARD);
	mnl_attr_nest_end(nlh, nest);
	return nl_request(s, nlh);
}

static int link_set_up(struct nl_sock *s, int index) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = link_request(buf, RTM_NEWLINK, 0, AF_UNSPEC, index);
	struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	ifi->ifi_flags = ifi->ifi_change = IFF_UP;
	return nl_request(s, nlh);
}

/* No link-local IPv6 address of its own, and up. */
static int link_up(struct nl_sock *s, int index) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = link_request(buf, RTM_NEWLINK, 0, AF_UNSPEC, index);
	struct nlattr *spec, *inet6;
	int r;

	spec = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(nlh, AF_INET6);
	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, inet6);
	mnl_attr_nest_end(nlh, spec);
	r = nl_request(s, nlh);
	/* A kernel without IPv6 has nothing to switch off. */
	if (r < 0 && r != -EAFNOSUPPORT && r != -EOPNOTSUPP)
		return r;
	return link_set_up(s, index);
}

static int read_back(struct nl_sock *s, const struct net_port *port, int bridge_index,
		     struct err *err) {
	struct link_info l;
	int r = link_get(s, port->host_link, &l);

	if (r < 0)
		return err_sys(err, r, "cannot read link '%s' back", port->host_link);
	if (l.master != bridge_index || !l.has_port || !(l.flags & IFF_UP))
		return err_set(err, ERR_SYSTEM, -EIO, "link '%s' is not up on the bridge",
			       port->host_link);
	for (size_t i = 0; i < ARRAY_SIZE(port_settings); i++)
		if (l.port[i] != port_settings[i].value)
			return err_set(err, ERR_SYSTEM, -EIO,
				       "the kernel does not keep '%s %u' on link '%s'",
				       port_settings[i].name, port_settings[i].value,
				       port->host_link);
	if (l.group_forward != GROUP_FORWARD)
		return err_set(err, ERR_SYSTEM, -EIO,
			       "the kernel does not keep 'group_fwd_mask %#x' on link '%s'",
			       GROUP_FORWARD, port->host_link);
	return 0;
}

static int veth_configure(struct nl_sock *s, const struct net_port *port, int bridge_index,
			  struct err *err) {
	/* As a static entry: a permanent one would mean an address of the bridge's own. */
	struct ndmsg forward = { .ndm_family = AF_BRIDGE,
				 .ndm_flags = NTF_MASTER,
				 .ndm_state = NUD_NOARP };
	const struct ndmsg neighbour = { .ndm_family = AF_INET,
					 .ndm_ifindex = bridge_index,
					 .ndm_state = NUD_PERMANENT };
	struct link_info l;
	int r = link_get(s, port->host_link, &l);

	if (r < 0)
		return err_sys(err, r, "cannot find link '%s'", port->host_link);
	r = port_settings_put(s, l.index);
	if (r < 0)
		return err_sys(err, r, "cannot isolate link '%s'", port->host_link);
	forward.ndm_ifindex = l.index;
	r = neighbour_request(s, RTM_NEWNEIGH, &forward, port->mac, NULL);
	if (r < 0)
		return err_sys(err, r, "cannot set the forwarding entry of '%s'", port->host_link);
	r = neighbour_request(s, RTM_NEWNEIGH, &neighbour, port->mac, &port->address);
	if (r < 0)
		return err_sys(err, r, "cannot set the neighbour '%s'", port->address_text);
	r = link_up(s, l.index);
	if (r < 0)
		return err_sys(err, r, "cannot bring link '%s' up", port->host_link);
	return read_back(s, port, bridge_index, err);
}

/* The pair, and everything of the host's end. */
static int host_end(struct net_base *b, const struct net_port *port, int netns_fd,
		    struct err *err) {
	struct nl_sock *s = b->route;
	struct link_info bridge;
	int r = link_get(s, b->bridge, &bridge);

	if (r < 0)
		return err_sys(err, r, "cannot find bridge '%s'", b->bridge);
	r = veth_create(s, port, bridge.index, netns_fd);
	if (r == -EEXIST) {
		r = link_delete(s, port->host_link);
		if (r == 0)
			r = veth_create(s, port, bridge.index, netns_fd);
	}
	if (r < 0)
		return err_sys(err, r, "cannot make link '%s' on bridge '%s'", port->host_link,
			       b->bridge);
	r = veth_configure(s, port, bridge.index, err);
	if (r < 0)
		(void)link_delete(s, port->host_link); /* the first failure is what counts */
	return r;
}

static int guest_address(struct nl_sock *s, const struct net_port *port, int index) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *ifa;

	nlh->nlmsg_type = RTM_NEWADDR;
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = AF_INET;
	ifa->ifa_prefixlen = port->prefix_bits;
	ifa->ifa_index = (uint32_t)index;
	mnl_attr_put_u32(nlh, IFA_LOCAL, htonl(port->address));
	mnl_attr_put_u32(nlh, IFA_ADDRESS, htonl(port->address));
	return nl_request(s, nlh);
}

static int guest_route(struct nl_sock *s, uint32_t gateway, int index) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtmsg *rt;

	nlh->nlmsg_type = RTM_NEWROUTE;
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	rt = mnl_nlmsg_put_extra_header(nlh, sizeof(*rt));
	rt->rtm_family = AF_INET;
	rt->rtm_table = RT_TABLE_MAIN;
	rt->rtm_protocol = RTPROT_STATIC;
	rt->rtm_scope = RT_SCOPE_UNIVERSE;
	rt->rtm_type = RTN_UNICAST;
	mnl_attr_put_u32(nlh, RTA_GATEWAY, htonl(gateway));
	mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)index);
	return nl_request(s, nlh);
}

/* Its loopback is brought up too, whoever was to do that. */
static int guest_end(struct nl_sock *s, const struct net_port *port, uint32_t gateway) {
	struct link_info l;
	int r = link_get(s, "lo", &l);

	if (r == 0 && !(l.flags & IFF_UP))
		r = link_set_up(s, l.index);
	if (r == 0)
		r = link_get(s, NET_GUEST_LINK, &l);
	if (r == 0)
		r = guest_address(s, port, l.index);
	if (r == 0)
		r = link_up(s, l.index);
	if (r == 0)
		r = guest_route(s, gateway, l.index);
	return r;
}

int veth_attach(struct net_base *b, const struct net_port *port, struct nl_sock *guest,
		int netns_fd, struct err *err) {
	int r = host_end(b, port, netns_fd, err);

	if (r < 0)
		return r;
	r = guest_end(guest, port, b->gateway);
	if (r < 0) {
		(void)link_delete(b->route, port->host_link);
		return err_sys(err, r, "cannot set up '" NET_GUEST_LINK "' in '%s'", port->name);
	}
	return 0;
}
