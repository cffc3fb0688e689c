/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections of one address, found by the kernel's own filter (Linux 5.8) and
 * deleted one by one: deleting by filter alone came much later.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/internal.h"
#include "net/learnt.h"
#include "net/nl.h"
#include "net/ranges.h"

#define REQUEST 512
#define ENTRY_MAX 256
#define FEW 256
#define COUNT_FILE "/proc/sys/net/netfilter/nf_conntrack_count"

/* Newer than some kernel headers. */
#define FILTER_ATTR 25       /* CTA_FILTER */
#define FILTER_ORIG_FLAGS 1  /* CTA_FILTER_ORIG_FLAGS */
#define FILTER_F_SRC (1 << 0)
#define FILTER_F_DST (1 << 1)

static struct nlmsghdr *request(char *buf, uint8_t type) {
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *g;

	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | type;
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->nfgen_family = AF_INET;
	g->version = NFNETLINK_V0;
	return nlh;
}

struct entry {
	uint16_t len; /* of the tuple, as it came */
	uint8_t tuple[ENTRY_MAX] __attribute__((aligned(4)));
	uint32_t id;
};

struct entries {
	uint32_t address; /* network byte order */
	struct entry *list;
	size_t count;
};

static bool tuple_has(const struct nlattr *tuple, uint32_t address) {
	const struct nlattr *part, *a;

	mnl_attr_for_each_nested(part, tuple) {
		if (mnl_attr_get_type(part) != CTA_TUPLE_IP)
			continue;
		mnl_attr_for_each_nested(a, part)
			if (mnl_attr_get_payload_len(a) == 4 && mnl_attr_get_u32(a) == address)
				return true;
	}
	return false;
}

static int collect_entry(const struct nlmsghdr *nlh, void *data) {
	struct entries *all = data;
	const struct nlattr *a, *tuple = NULL;
	struct entry e = { 0 };
	bool match = false;

	mnl_attr_for_each(a, nlh, sizeof(struct nfgenmsg)) {
		uint16_t type = mnl_attr_get_type(a);

		if (type == CTA_TUPLE_ORIG)
			tuple = a;
		if (type == CTA_TUPLE_ORIG || type == CTA_TUPLE_REPLY)
			match = match || tuple_has(a, all->address);
		if (type == CTA_ID)
			e.id = mnl_attr_get_u32(a);
	}
	/* A kernel that knows no filter tells all. */
	if (!match || !tuple || mnl_attr_get_payload_len(tuple) > ENTRY_MAX)
		return MNL_CB_OK;
	e.len = mnl_attr_get_payload_len(tuple);
	memcpy(e.tuple, mnl_attr_get_payload(tuple), e.len);
	all->list = xreallocarray(all->list, all->count + 1, sizeof(*all->list));
	all->list[all->count++] = e;
	return MNL_CB_OK;
}

static void keep_entries(void *data) {
	/* An entry that is found twice is deleted once. */
	(void)data;
}

static int find_entries(struct net_base *b, struct entries *all, bool source) {
	char buf[REQUEST] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = request(buf, IPCTNL_MSG_CT_GET);
	struct nlattr *tuple, *ip, *filter;
	int r;

	tuple = mnl_attr_nest_start(nlh, CTA_TUPLE_ORIG);
	ip = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
	mnl_attr_put_u32(nlh, source ? CTA_IP_V4_SRC : CTA_IP_V4_DST, all->address);
	mnl_attr_nest_end(nlh, ip);
	mnl_attr_nest_end(nlh, tuple);
	filter = mnl_attr_nest_start(nlh, FILTER_ATTR);
	mnl_attr_put_u32(nlh, FILTER_ORIG_FLAGS, source ? FILTER_F_SRC : FILTER_F_DST);
	mnl_attr_nest_end(nlh, filter);
	r = nl_dump(b->nft, nlh, collect_entry, keep_entries, all);
	if (r != -EOPNOTSUPP && r != -EINVAL)
		return r;
	return nl_dump(b->nft, request(buf, IPCTNL_MSG_CT_GET), collect_entry, keep_entries, all);
}

/* How many there are in this namespace; -1 when that is not told. */
static long entries_count(void) {
	autofree char *text = NULL;

	if (file_read_line_at(AT_FDCWD, COUNT_FILE, &text) < 0)
		return -1;
	return strtol(text, NULL, 10);
}

/*
 * Each look through the kernel's table takes milliseconds, however few entries
 * there are; so when there are few, one look at all of them is enough.
 */
static int find_all(struct net_base *b, struct entries *all) {
	char buf[REQUEST] __attribute__((aligned(8)));
	long count = entries_count();
	int r;

	if (count == 0)
		return 0;
	if (count > 0 && count <= FEW)
		return nl_dump(b->nft, request(buf, IPCTNL_MSG_CT_GET), collect_entry, keep_entries,
			       all);
	r = find_entries(b, all, true);
	return r < 0 ? r : find_entries(b, all, false);
}

static int delete_entry(struct net_base *b, const struct entry *e) {
	char buf[REQUEST + ENTRY_MAX] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = request(buf, IPCTNL_MSG_CT_DELETE);
	int r;

	mnl_attr_put(nlh, CTA_TUPLE_ORIG | NLA_F_NESTED, e->len, e->tuple);
	mnl_attr_put_u32(nlh, CTA_ID, e->id);
	r = nl_request(b->nft, nlh);
	return r == -ENOENT ? 0 : r;
}

int net_port_conntrack_flush(struct net_base *b, const struct net_port *port, struct err *err) {
	struct entries all = { .address = htonl(port->address) };
	autofree struct entry *owned = NULL;
	int r = net_sockets(b, err);

	if (r < 0)
		return r;
	r = find_all(b, &all);
	owned = all.list;
	/* Without connection tracking in the kernel there is nothing to forget. */
	if (r == -EINVAL || r == -EOPNOTSUPP || r == -ENOENT)
		return 0;
	for (size_t i = 0; r == 0 && i < all.count; i++)
		r = delete_entry(b, &all.list[i]);
	if (r < 0)
		return err_sys(err, r, "cannot forget the connections of '%s'", port->name);
	log_debug("%zu connections of '%s' forgotten", all.count, port->name);
	return 0;
}

/* Where a connection of the container's goes to, from the tuple as the kernel told it. */
struct flow {
	uint32_t from, to; /* host byte order */
	uint16_t port;
	bool has_port;
};

static void parse_part(const struct nlattr *part, struct flow *f) {
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, part) {
		uint16_t type = mnl_attr_get_type(a), len = mnl_attr_get_payload_len(a);

		if (mnl_attr_get_type(part) == CTA_TUPLE_IP && len == 4) {
			if (type == CTA_IP_V4_SRC)
				f->from = ntohl(mnl_attr_get_u32(a));
			if (type == CTA_IP_V4_DST)
				f->to = ntohl(mnl_attr_get_u32(a));
		}
		if (mnl_attr_get_type(part) == CTA_TUPLE_PROTO && type == CTA_PROTO_DST_PORT &&
		    len == 2) {
			f->port = ntohs(mnl_attr_get_u16(a));
			f->has_port = true;
		}
	}
}

static struct flow parse_flow(const struct entry *e) {
	struct flow f = { 0 };
	const struct nlattr *part = (const void *)e->tuple;
	int left = e->len;

	for (; mnl_attr_ok(part, left);
	     left -= MNL_ALIGN(part->nla_len), part = mnl_attr_next(part))
		parse_part(part, &f);
	return f;
}

/* The host's own connections and the name service have nothing to do with the policy. */
static bool is_allowed(const struct net_base *b, const struct net_port *port, const struct flow *f) {
	if (f->from != port->address)
		return f->from == b->gateway ||
		       (port->policy.allow_local_network && net_is_local(f->from));
	/* Port 0 stands for none in a policy, and nobody has a use for it. */
	if (f->has_port && !f->port)
		return false;
	return f->to == b->gateway || net_learnt_passes(&port->policy, port->learnt, f->to, f->port,
							 clock_mono_ms());
}

int net_port_cut(struct net_base *b, const struct net_port *port, struct err *err) {
	struct entries all = { .address = htonl(port->address) };
	autofree struct entry *owned = NULL;
	size_t cut = 0;
	int r = net_sockets(b, err);

	if (r < 0)
		return r;
	r = find_all(b, &all);
	owned = all.list;
	if (r == -EINVAL || r == -EOPNOTSUPP || r == -ENOENT)
		return 0;
	for (size_t i = 0; r == 0 && i < all.count; i++) {
		const struct flow f = parse_flow(&all.list[i]);

		if (is_allowed(b, port, &f))
			continue;
		r = delete_entry(b, &all.list[i]);
		cut++;
	}
	if (r < 0)
		return err_sys(err, r, "cannot cut the connections of '%s'", port->name);
	log_debug("%zu of %zu connections of '%s' cut", cut, all.count, port->name);
	return 0;
}
