/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel's log group says: packets of a container, whole and in every way broken. */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/denied.h"

static void pad(struct buf *b) {
	while (b->len % 4)
		buf_addc(b, '\0');
}

static void attr(struct buf *b, uint16_t type, const void *data, size_t len) {
	const struct nlattr a = { .nla_len = (uint16_t)(sizeof(a) + len), .nla_type = type };

	buf_add(b, &a, sizeof(a));
	buf_add(b, data, len);
	pad(b);
}

/* One message with a packet; @hook: where it was refused. */
static void message(struct buf *b, uint8_t hook, const void *packet, size_t len) {
	const struct nfulnl_msg_packet_hdr head = { .hook = hook };
	const struct nfgenmsg gen = { .nfgen_family = AF_INET };
	struct nlmsghdr h = { .nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET };
	size_t at = b->len;

	buf_add(b, &h, sizeof(h));
	buf_add(b, &gen, sizeof(gen));
	attr(b, NFULA_PACKET_HDR, &head, sizeof(head));
	attr(b, NFULA_PREFIX, "x", 2);
	attr(b, NFULA_PAYLOAD, packet, len);
	h.nlmsg_len = (uint32_t)(b->len - at);
	memcpy(b->data + at, &h, sizeof(h));
}

/* IPv4 to 1.2.3.4 with so many words of header, and what is behind it. */
static size_t ipv4(uint8_t *p, uint8_t proto, unsigned words, const void *rest, size_t len) {
	memset(p, 0, 60);
	p[0] = (uint8_t)(0x40 | words);
	p[9] = proto;
	memcpy(p + 16, "\1\2\3\4", 4);
	memcpy(p + words * 4u, rest, len);
	return words * 4u + len;
}

static const uint8_t ports[] = { 0x30, 0x39, 0, 80 }; /* 12345 to 80 */

static void packets(void **state) {
	static const struct {
		uint8_t proto;
		unsigned words;
		const char *rest;
		size_t len;
		struct net_denied is;
	} all[] = {
		{ IPPROTO_TCP, 5, "\x30\x39\0\x50", 4, { .port = 80, .source = 12345 } },
		{ IPPROTO_UDP, 5, "\x30\x39\0\x35" "abcd", 8, { .port = 53, .source = 12345 } },
		{ IPPROTO_TCP, 15, "\x30\x39\0\x50", 4, { .port = 80, .source = 12345 } },
		{ IPPROTO_TCP, 5, "\x30\x39\0", 3, { 0 } },
		{ IPPROTO_TCP, 5, "", 0, { 0 } },
		{ IPPROTO_GRE, 5, "\x30\x39\0\x50", 4, { 0 } },
		{ IPPROTO_ICMP, 5, "\10\0\0\0\x12\x34\0\1", 8, { .is_echo = true, .source = 0x1234 } },
		{ IPPROTO_ICMP, 5, "\10", 1, { .is_echo = true } },
		{ IPPROTO_ICMP, 5, "\15\0\0\0\x12\x34\0\1", 8, { 0 } },
		{ IPPROTO_ICMP, 5, "", 0, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		autobuf struct buf b;
		struct net_denied d;
		uint8_t p[80];
		size_t len = ipv4(p, all[i].proto, all[i].words, all[i].rest, all[i].len);

		buf_init(&b, 1024);
		message(&b, i % 2 ? NF_INET_LOCAL_IN : NF_INET_FORWARD, p, len);
		assert_int_equal(net_denied_parse(b.data, b.len, &d, 1), 1);
		assert_int_equal(d.address, 0x01020304);
		assert_int_equal(d.protocol, all[i].proto);
		assert_int_equal(d.port, all[i].is.port);
		assert_int_equal(d.source, all[i].is.source);
		assert_int_equal(d.is_echo, all[i].is.is_echo);
		assert_int_equal(d.to_host, i % 2);
	}
}

static void fragments_have_no_ports(void **state) {
	autobuf struct buf b;
	struct net_denied d;
	uint8_t p[80];
	size_t len = ipv4(p, IPPROTO_UDP, 5, ports, sizeof(ports));

	(void)state;
	p[7] = 1;
	buf_init(&b, 1024);
	message(&b, NF_INET_FORWARD, p, len);
	assert_int_equal(net_denied_parse(b.data, b.len, &d, 1), 1);
	assert_int_equal(d.port, 0);
}

static void what_is_no_packet(void **state) {
	static const struct {
		const char *bytes;
		size_t len;
	} all[] = {
		{ "", 0 },
		{ "\x45", 1 },
		{ "\x45\0\0\0\0\0\0\0\0\6\0\0\0\0\0\0\1\2\3", 19 },
		{ "\x44\0\0\0\0\0\0\0\0\6\0\0\0\0\0\0\1\2\3\4\0\0\0\0", 24 },
		{ "\x65\0\0\0\0\0\0\0\0\6\0\0\0\0\0\0\1\2\3\4\0\0\0\0", 24 },
	};
	struct net_denied d = { .port = 7 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		autobuf struct buf b;

		buf_init(&b, 1024);
		message(&b, NF_INET_FORWARD, all[i].bytes, all[i].len);
		assert_int_equal(net_denied_parse(b.data, b.len, &d, 1), 0);
	}
}

static void several_in_one_datagram(void **state) {
	autobuf struct buf b;
	struct net_denied d[4] = { 0 };
	uint8_t p[80];
	size_t len = ipv4(p, IPPROTO_TCP, 5, ports, sizeof(ports)), two;

	(void)state;
	buf_init(&b, 4096);
	message(&b, NF_INET_FORWARD, p, len);
	p[19] = 5;
	message(&b, NF_INET_FORWARD, p, len);
	two = b.len;
	p[19] = 6;
	message(&b, NF_INET_FORWARD, p, len);
	assert_int_equal(net_denied_parse(b.data, b.len, d, 4), 3);
	assert_int_equal(d[2].address, 0x01020306);
	assert_int_equal(net_denied_parse(b.data, b.len, d, 2), 2);
	/* The last one is cut off, wherever. */
	for (size_t n = two; n < b.len; n++)
		assert_int_equal(net_denied_parse(b.data, n, d, 4), 2);
}

/* Each byte of a good datagram changed to each value: nothing is read beyond its end. */
static void damage(void **state) {
	autobuf struct buf b;
	struct net_denied d[4];
	uint8_t p[80];
	size_t len = ipv4(p, IPPROTO_TCP, 5, ports, sizeof(ports));

	(void)state;
	buf_init(&b, 1024);
	message(&b, NF_INET_FORWARD, p, len);
	for (size_t i = 0; i < b.len; i++)
		for (unsigned v = 0; v < 256; v++) {
			/* Of its own size, so that a sanitizer sees every step beyond it. */
			autofree char *copy = xmemdup(b.data, b.len);

			copy[i] = (char)v;
			assert_true(net_denied_parse(copy, b.len, d, 4) <= 4);
		}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets),
		cmocka_unit_test(fragments_have_no_ports),
		cmocka_unit_test(what_is_no_packet),
		cmocka_unit_test(several_in_one_datagram),
		cmocka_unit_test(damage),
	};

	return cmocka_run_group_tests_name("net-denied", tests, NULL, NULL);
}
