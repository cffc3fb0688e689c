/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of the kernel's connection tracking: whose, where to, and what is none of it. */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/mem.h"
#include "monitor/source/conntrack-record.h"

#define OURS 0x0a000002
#define PEER 0xcb00710a

/* What is not as in a connection of ours over TCP. */
struct say {
	uint32_t from; /* 0: ours */
	bool is_six, is_icmp, is_end, is_update;
	bool no_tuple, no_protocol, no_port, no_peer, twice, is_wide, is_narrow;
};

static uint32_t from(const struct say *s) {
	return htonl(s->from ? s->from : OURS);
}

static void put_ip(struct nlmsghdr *head, const struct say *s) {
	struct nlattr *part = mnl_attr_nest_start(head, CTA_TUPLE_IP);

	if (s->is_wide)
		mnl_attr_put_u64(head, CTA_IP_V4_SRC, from(s));
	else
		mnl_attr_put_u32(head, CTA_IP_V4_SRC, from(s));
	if (s->twice)
		mnl_attr_put_u32(head, CTA_IP_V4_SRC, htonl(OURS));
	if (!s->no_peer)
		mnl_attr_put_u32(head, CTA_IP_V4_DST, htonl(PEER));
	mnl_attr_nest_end(head, part);
}

static void put_protocol(struct nlmsghdr *head, const struct say *s) {
	struct nlattr *part = mnl_attr_nest_start(head, CTA_TUPLE_PROTO);

	mnl_attr_put_u8(head, CTA_PROTO_NUM, s->is_icmp ? IPPROTO_ICMP : IPPROTO_TCP);
	if (s->is_narrow)
		mnl_attr_put_u8(head, CTA_PROTO_DST_PORT, 80);
	else if (!s->no_port && !s->is_icmp)
		mnl_attr_put_u16(head, CTA_PROTO_DST_PORT, htons(80));
	mnl_attr_nest_end(head, part);
}

static struct nlmsghdr *message(char block[512], const struct say *s) {
	struct nlmsghdr *head = mnl_nlmsg_put_header(block);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(head, sizeof(*g));
	struct nlattr *tuple;

	head->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 |
	                   (s->is_end ? IPCTNL_MSG_CT_DELETE : IPCTNL_MSG_CT_NEW);
	head->nlmsg_flags = s->is_update ? 0 : NLM_F_CREATE | NLM_F_EXCL;
	g->nfgen_family = s->is_six ? AF_INET6 : AF_INET;
	if (!s->no_tuple) {
		tuple = mnl_attr_nest_start(head, CTA_TUPLE_ORIG);
		put_ip(head, s);
		if (!s->no_protocol)
			put_protocol(head, s);
		mnl_attr_nest_end(head, tuple);
	}
	mnl_attr_put_u32(head, CTA_ID, 1);
	return head;
}

static enum conntrack_what read_it(const struct say *s, struct watch_connect *ret) {
	char block[512] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *head = message(block, s);

	return conntrack_read(head, head->nlmsg_len, OURS, ret);
}

static void ours_is_told(void **state) {
	const uint32_t peer = htonl(PEER);
	struct watch_connect c;
	(void)state;

	assert_int_equal(read_it(&(struct say){ 0 }, &c), CONNTRACK_NEW);
	assert_int_equal(c.family, AF_INET);
	assert_int_equal(c.protocol, IPPROTO_TCP);
	assert_int_equal(c.port, 80);
	assert_memory_equal(c.address, &peer, sizeof(peer));
	assert_int_equal(c.verdict, WATCH_VERDICT_UNKNOWN);
	/* What has no ports, has none. */
	assert_int_equal(read_it(&(struct say){ .is_icmp = true }, &c),
	                 CONNTRACK_NEW);
	assert_int_equal(c.port, 0);
}

static void others_are_not(void **state) {
	static const struct say all[] = {
		{ .from = OURS + 1 },
		{ .from = PEER },
		{ .is_six = true },
		{ .is_end = true },
		{ .is_update = true },
	};
	struct watch_connect c;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		assert_int_equal(read_it(&all[i], &c), CONNTRACK_OTHER);
}

static void odd_ones_are_counted(void **state) {
	static const struct say all[] = {
		{ .no_tuple = true }, { .no_protocol = true },
		{ .no_port = true },  { .no_peer = true },
		{ .twice = true },    { .is_wide = true },
		{ .is_narrow = true },
	};
	struct watch_connect c;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		assert_int_equal(read_it(&all[i], &c), CONNTRACK_ODD);
}

/* Whatever is missing of it, it is never taken for another connection. */
static void cut_ones_are_counted(void **state) {
	char block[512] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *head = message(block, &(struct say){ 0 });
	const uint32_t whole = head->nlmsg_len;
	struct watch_connect c;
	(void)state;

	for (uint32_t n = 0; n < whole; n++)
		assert_int_equal(conntrack_read(head, n, OURS, &c), CONNTRACK_ODD);
	for (uint32_t n = 0; n < whole - 8; n++) { /* 8: an attribute that nobody needs */
		head->nlmsg_len = n;
		assert_int_equal(conntrack_read(head, n, OURS, &c), CONNTRACK_ODD);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ours_is_told),
		cmocka_unit_test(others_are_not),
		cmocka_unit_test(odd_ones_are_counted),
		cmocka_unit_test(cut_ones_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
