/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNS messages: what is passed on, what is answered, and that no bytes do harm. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/resolver/packet.h"
#include "net/resolver/resolvconf.h"

#define ID 0x1234
#define TYPE_A 1
#define TYPE_TXT 16
#define TYPE_AAAA 28
#define TYPE_AXFR 252
#define TYPE_ANY 255
#define ROUNDS 200000

static void put16(struct buf *b, unsigned v) {
	buf_addc(b, (char)(v >> 8));
	buf_addc(b, (char)v);
}

static void put_name(struct buf *b, const char *name) {
	while (*name) {
		size_t n = strcspn(name, ".");

		buf_addc(b, (char)n);
		buf_add(b, name, n);
		name += n + (name[n] == '.');
	}
	buf_addc(b, '\0');
}

/* Header and one question. */
static void message(struct buf *b, unsigned id, unsigned flags, const char *name, unsigned type) {
	buf_reset(b);
	put16(b, id);
	put16(b, flags);
	put16(b, 1);
	put16(b, 0);
	put16(b, 0);
	put16(b, 0);
	put_name(b, name);
	put16(b, type);
	put16(b, 1);
}

/* One more record, in the section whose count stands at @count_at. */
static void record(struct buf *b, size_t count_at, unsigned type, const void *data, size_t len) {
	uint8_t *count = (uint8_t *)b->data + count_at + 1;

	++*count;
	put16(b, 0xc00c);
	put16(b, type);
	put16(b, 1);
	put16(b, 0);
	put16(b, 60);
	put16(b, (unsigned)len);
	buf_add(b, data, len);
}

static void address(struct buf *b, size_t count_at, const char *text) {
	struct in_addr a;

	assert_int_equal(inet_pton(AF_INET, text, &a), 1);
	record(b, count_at, TYPE_A, &a, 4);
}

static void edns(struct buf *b, unsigned size) {
	++((uint8_t *)b->data)[11];
	buf_addc(b, '\0');
	put16(b, 41);
	put16(b, size);
	put16(b, 0);
	put16(b, 0x8000);
	put16(b, 0);
}

static const uint8_t *bytes(const struct buf *b) {
	return (const uint8_t *)b->data;
}

static unsigned at16(const struct buf *b, size_t at) {
	return (unsigned)(bytes(b)[at] << 8 | bytes(b)[at + 1]);
}

struct bufs {
	struct buf in, out;
	struct dns_query q;
};

static int bufs_make(void **state) {
	struct bufs *b = xcalloc(1, sizeof(*b));

	buf_init(&b->in, DNS_MESSAGE_MAX + 100);
	buf_init(&b->out, DNS_MESSAGE_MAX);
	*state = b;
	return 0;
}

static int bufs_end(void **state) {
	struct bufs *b = *state;

	buf_done(&b->in);
	buf_done(&b->out);
	free(b);
	return 0;
}

static enum dns_action ask(struct bufs *b, bool tcp) {
	return dns_query_read(bytes(&b->in), b->in.len, tcp, &b->q, &b->out);
}

static void a_query_is_written_anew(void **state) {
	struct bufs *b = *state;

	message(&b->in, ID, 0x0110, "Www.Example.COM", TYPE_A);
	assert_int_equal(ask(b, false), DNS_FORWARD);
	assert_int_equal(b->q.id, ID);
	assert_int_equal(b->q.type, TYPE_A);
	assert_int_equal(b->q.udp_size, 512);
	assert_false(b->q.edns);
	dns_query_write(&b->q, 0x9999, true, &b->out);
	assert_int_equal(at16(&b->out, 0), 0x9999);
	assert_int_equal(at16(&b->out, 2), 0x0110);
	assert_int_equal(at16(&b->out, 4), 1);
	assert_int_equal(at16(&b->out, 10), 1);
	assert_memory_equal(b->out.data + 12, b->in.data + 12, b->in.len - 12);
}

static void sizes_are_bounded(void **state) {
	static const struct {
		unsigned said, meant;
	} all[] = { { 0, 512 }, { 100, 512 }, { 1000, 1000 }, { 4096, 1232 }, { 65535, 1232 } };
	struct bufs *b = *state;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		message(&b->in, ID, 0x0100, "a.test", TYPE_A);
		edns(&b->in, all[i].said);
		assert_int_equal(ask(b, false), DNS_FORWARD);
		assert_int_equal(b->q.udp_size, all[i].meant);
		assert_true(b->q.edns && b->q.dnssec_ok);
	}
}

static void what_is_answered_at_once(void **state) {
	static const struct {
		unsigned type, rcode;
	} all[] = { { TYPE_AAAA, 0 }, { TYPE_AXFR, 4 }, { 251, 4 }, { 41, 4 }, { 0, 4 } };
	struct bufs *b = *state;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		message(&b->in, ID, 0x0100, "a.test", all[i].type);
		assert_int_equal(ask(b, true), DNS_ANSWER);
		assert_int_equal(at16(&b->out, 0), ID);
		assert_int_equal(at16(&b->out, 2), 0x8180 | all[i].rcode);
		assert_int_equal(at16(&b->out, 6), 0);
	}
	/* Another class than the internet's. */
	message(&b->in, ID, 0x0100, "version.bind", TYPE_TXT);
	b->in.data[b->in.len - 1] = 3;
	assert_int_equal(ask(b, false), DNS_ANSWER);
	assert_int_equal(at16(&b->out, 2) & 15, 5);
	message(&b->in, ID, 0x0100, "a.test", TYPE_ANY);
	assert_int_equal(ask(b, false), DNS_FORWARD);
}

static void what_is_no_query(void **state) {
	struct bufs *b = *state;

	message(&b->in, ID, 0x8100, "a.test", TYPE_A); /* an answer */
	assert_int_equal(ask(b, false), DNS_DROP);
	message(&b->in, ID, 0x0100, "a.test", TYPE_A);
	b->in.len = 11;
	assert_int_equal(ask(b, false), DNS_DROP);
	message(&b->in, ID, 0x2900, "a.test", TYPE_A); /* an update */
	assert_int_equal(ask(b, false), DNS_ANSWER);
	assert_int_equal(at16(&b->out, 2) & 15, 4);
	assert_int_equal(b->out.len, 12);
	message(&b->in, ID, 0x0100, "a.test", TYPE_A);
	b->in.data[5] = 2; /* two questions */
	assert_int_equal(ask(b, false), DNS_ANSWER);
	assert_int_equal(at16(&b->out, 2) & 15, 1);
	message(&b->in, ID, 0x0100, "a.test", TYPE_A);
	b->in.data[12] = (char)0xc0; /* a pointer where the name is */
	assert_int_equal(ask(b, false), DNS_ANSWER);
	assert_int_equal(at16(&b->out, 2) & 15, 1);
	message(&b->in, ID, 0x0100, "a.test", TYPE_A);
	b->in.len -= 2; /* cut off */
	assert_int_equal(ask(b, false), DNS_ANSWER);
	assert_int_equal(at16(&b->out, 2) & 15, 1);
}

static void long_names(void **state) {
	struct bufs *b = *state;
	char name[400];

	memset(name, 'a', sizeof(name));
	for (int i = 50; i < 399; i += 51)
		name[i] = '.';
	name[252] = '\0'; /* 254 bytes as labels */
	message(&b->in, ID, 0x0100, name, TYPE_A);
	assert_int_equal(ask(b, false), DNS_FORWARD);
	name[252] = 'a';
	name[260] = '\0';
	message(&b->in, ID, 0x0100, name, TYPE_A);
	assert_int_equal(ask(b, false), DNS_ANSWER);
	assert_int_equal(at16(&b->out, 2) & 15, 1);
}

static void only_the_right_answer_matches(void **state) {
	struct bufs *b = *state;
	unsigned rcode;
	bool tc;

	message(&b->in, ID, 0x0100, "a.test", TYPE_A);
	assert_int_equal(ask(b, false), DNS_FORWARD);
	message(&b->in, 7, 0x8180, "A.tEST", TYPE_A);
	assert_int_equal(dns_answer_match(bytes(&b->in), b->in.len, &b->q, 7, &tc, &rcode), 1);
	assert_false(tc);
	assert_int_equal(dns_answer_match(bytes(&b->in), b->in.len, &b->q, 8, &tc, &rcode), 0);
	assert_int_equal(dns_answer_match(bytes(&b->in), 12, &b->q, 7, &tc, &rcode), 0);
	message(&b->in, 7, 0x0180, "a.test", TYPE_A);
	assert_int_equal(dns_answer_match(bytes(&b->in), b->in.len, &b->q, 7, &tc, &rcode), 0);
	message(&b->in, 7, 0x8180, "b.test", TYPE_A);
	assert_int_equal(dns_answer_match(bytes(&b->in), b->in.len, &b->q, 7, &tc, &rcode), 0);
	message(&b->in, 7, 0x8180, "a.test", TYPE_TXT);
	assert_int_equal(dns_answer_match(bytes(&b->in), b->in.len, &b->q, 7, &tc, &rcode), 0);
	message(&b->in, 7, 0x8383, "a.test", TYPE_A);
	assert_int_equal(dns_answer_match(bytes(&b->in), b->in.len, &b->q, 7, &tc, &rcode), 1);
	assert_true(tc);
	assert_int_equal(rcode, 3);
}

/* Is this address anywhere in the message? */
static bool holds(const struct buf *b, const char *text) {
	struct in_addr a;

	inet_pton(AF_INET, text, &a);
	return memmem(b->data, b->len, &a, 4) != NULL;
}

static void addresses_are_filtered(void **state) {
	static const uint8_t six[16] = { 0x20, 1, 0xd, 0xb8, [15] = 0x77 };
	static const struct dns_filter none = { false, false }, all = { true, true },
				       private = { true, false }, metadata = { false, true };
	struct bufs *b = *state;

	message(&b->in, ID, 0x0100, "a.test", TYPE_A);
	edns(&b->in, 1232);
	assert_int_equal(ask(b, false), DNS_FORWARD);
	message(&b->in, 7, 0x81a0, "a.test", TYPE_A);
	address(&b->in, 6, "198.51.100.1");
	address(&b->in, 6, "10.1.2.3");
	address(&b->in, 6, "169.254.169.254");
	record(&b->in, 6, TYPE_AAAA, six, 16);
	address(&b->in, 8, "192.168.9.9");
	address(&b->in, 10, "127.9.9.9");
	address(&b->in, 10, "198.51.100.2");

	assert_int_equal(dns_answer_write(bytes(&b->in), b->in.len, &b->q, &none, &b->out, NULL), 0);
	assert_int_equal(at16(&b->out, 0), ID);
	assert_int_equal(at16(&b->out, 2), 0x8180); /* no AD: it is not what was checked */
	assert_int_equal(at16(&b->out, 6), 1);
	assert_int_equal(at16(&b->out, 8), 0);
	assert_int_equal(at16(&b->out, 10), 2); /* one address, and ours of EDNS */
	assert_true(holds(&b->out, "198.51.100.1") && holds(&b->out, "198.51.100.2"));
	assert_false(holds(&b->out, "10.1.2.3") || holds(&b->out, "169.254.169.254") ||
		     holds(&b->out, "192.168.9.9") || holds(&b->out, "127.9.9.9"));

	assert_int_equal(dns_answer_write(bytes(&b->in), b->in.len, &b->q, &private, &b->out, NULL), 0);
	assert_true(holds(&b->out, "10.1.2.3") && !holds(&b->out, "169.254.169.254"));
	assert_int_equal(dns_answer_write(bytes(&b->in), b->in.len, &b->q, &metadata, &b->out, NULL), 0);
	assert_true(!holds(&b->out, "10.1.2.3") && holds(&b->out, "169.254.169.254"));
	assert_int_equal(dns_answer_write(bytes(&b->in), b->in.len, &b->q, &all, &b->out, NULL), 0);
	assert_true(holds(&b->out, "10.1.2.3") && holds(&b->out, "127.9.9.9"));
	assert_null(memmem(b->out.data, b->out.len, six, 16));
}

static void long_answers_are_cut_off(void **state) {
	static const struct dns_filter none = { false, false };
	struct bufs *b = *state;

	for (int tcp = 0; tcp < 2; tcp++) {
		message(&b->in, ID, 0x0100, "a.test", TYPE_A);
		assert_int_equal(ask(b, tcp), DNS_FORWARD);
		message(&b->in, 7, 0x8180, "a.test", TYPE_A);
		for (int i = 0; i < 100; i++)
			address(&b->in, 6, "198.51.100.1");
		assert_int_equal(dns_answer_write(bytes(&b->in), b->in.len, &b->q, &none, &b->out,
						  NULL), 0);
		assert_int_equal(at16(&b->out, 2), tcp ? 0x8180 : 0x8380);
		assert_int_equal(at16(&b->out, 6), tcp ? 100 : 0);
		assert_true(tcp || b->out.len <= 512);
	}
}

static void broken_answers(void **state) {
	static const struct dns_filter none = { false, false };
	struct bufs *b = *state;

	message(&b->in, ID, 0x0100, "a.test", TYPE_A);
	assert_int_equal(ask(b, false), DNS_FORWARD);
	message(&b->in, 7, 0x8180, "a.test", TYPE_A);
	b->in.data[7] = 9; /* records that are not there */
	assert_true(dns_answer_write(bytes(&b->in), b->in.len, &b->q, &none, &b->out, NULL) < 0);
	message(&b->in, 7, 0x8180, "a.test", TYPE_A);
	record(&b->in, 6, TYPE_A, "123", 3); /* an address of three bytes */
	if (dns_answer_write(bytes(&b->in), b->in.len, &b->q, &none, &b->out, NULL) == 0)
		assert_int_equal(at16(&b->out, 6), 0);
	/* A name that points to itself. */
	message(&b->in, 7, 0x8180, "a.test", TYPE_A);
	address(&b->in, 6, "198.51.100.1");
	b->in.data[24 + 1] = 24;
	assert_true(dns_answer_write(bytes(&b->in), b->in.len, &b->q, &none, &b->out, NULL) < 0);
}

static size_t after_name(const struct buf *b, size_t at) {
	while (at < b->len && bytes(b)[at] && bytes(b)[at] < 0xc0)
		at += 1u + bytes(b)[at];
	return at + (at < b->len && bytes(b)[at] >= 0xc0 ? 2 : 1);
}

/* Whole records to the very end, none of them an address record of @banned or of IPv6. */
static bool well_formed(const struct buf *b, const char *banned) {
	unsigned records = at16(b, 6) + at16(b, 8) + at16(b, 10);
	size_t at = after_name(b, 12) + 4;
	struct in_addr a;

	assert_int_equal(inet_pton(AF_INET, banned, &a), 1);
	for (; records > 0; records--) {
		unsigned type, class, len;

		at = after_name(b, at);
		if (at + 10 > b->len)
			return false;
		type = at16(b, at);
		class = at16(b, at + 2);
		len = at16(b, at + 8);
		at += 10;
		if (at + len > b->len || type == TYPE_AAAA)
			return false;
		if (type == TYPE_A && class == 1 && (len != 4 || !memcmp(bytes(b) + at, &a, 4)))
			return false;
		at += len;
	}
	return at == b->len;
}

/* A generator of its own, so that a failure can be repeated. */
static uint32_t seed = 1;

static uint32_t any(uint32_t below) {
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)(seed >> 8) * below) >> 24);
}

/* Flip, cut, grow or overwrite. */
static void damage(struct buf *b) {
	for (uint32_t n = 1 + any(4); n > 0 && b->len > 0; n--) {
		switch (any(5)) {
		case 0:
			b->data[any((uint32_t)b->len)] ^= (char)(1 << any(8));
			break;
		case 1:
			b->data[any((uint32_t)b->len)] = (char)any(256);
			break;
		case 2:
			b->len = any((uint32_t)b->len + 1);
			break;
		case 3:
			for (uint32_t i = any(40); i > 0; i--)
				buf_addc(b, (char)any(256));
			break;
		case 4:
			b->data[any((uint32_t)b->len)] = (char)(0xc0 | any(4));
			break;
		}
	}
}

/*
 * Whatever comes in: what goes out is well formed, within its size, and holds
 * no address that is filtered.
 */
static void no_bytes_do_harm(void **state) {
	static const struct dns_filter none = { false, false };
	static const unsigned types[] = { TYPE_A, TYPE_TXT, TYPE_AAAA, TYPE_ANY, 65, 5, 15, 6 };
	struct bufs *b = *state;
	unsigned forwarded = 0, passed = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		enum dns_action action;
		struct dns_query q;
		unsigned rcode;
		bool tc;

		message(&b->in, ID, 0x0100, any(2) ? "some.name.test" : "x", types[any(8)]);
		if (any(2))
			edns(&b->in, any(5000));
		if (any(3))
			damage(&b->in);
		action = ask(b, any(2));
		if (action == DNS_ANSWER)
			assert_in_range(b->out.len, 12, DNS_UDP_MIN);
		if (action != DNS_FORWARD)
			continue;
		forwarded++;
		q = b->q;
		dns_query_write(&q, 7, true, &b->out);
		assert_in_range(b->out.len, 12 + 5 + 11, DNS_UDP_MIN);

		/* An answer to that very question, which then is spoilt. */
		buf_reset(&b->in);
		buf_add(&b->in, b->out.data, b->out.len - 11);
		b->in.data[2] = (char)0x81;
		b->in.data[11] = 0;
		for (uint32_t n = any(5); n > 0; n--)
			address(&b->in, 6 + 2 * any(3), any(2) ? "10.200.201.202" : "198.51.100.1");
		if (any(2))
			record(&b->in, 6, types[any(8)], "\3abc\xc0\x0c\0\1\2\3\4\5", any(13));
		if (any(4))
			damage(&b->in);
		if (dns_answer_match(bytes(&b->in), b->in.len, &q, 7, &tc, &rcode) != 1 ||
		    dns_answer_write(bytes(&b->in), b->in.len, &q, &none, &b->out, NULL) < 0)
			continue;
		passed++;
		assert_in_range(b->out.len, 12, q.tcp ? DNS_MESSAGE_MAX : q.udp_size);
		assert_int_equal(at16(&b->out, 0), q.id);
		assert_true(at16(&b->out, 2) & 0x8000);
		assert_true(well_formed(&b->out, "10.200.201.202"));
	}
	/* The generator must not have missed the point. */
	assert_true(forwarded > ROUNDS / 10);
	assert_true(passed > ROUNDS / 50);
}

static void resolv_confs(void **state) {
	static const struct {
		const char *text;
		const char *servers;
	} all[] = {
		{ "", "127.0.0.1" },
		{ "nameserver 1.2.3.4\n", "1.2.3.4" },
		{ "# nameserver 9.9.9.9\n;x\nsearch a b\nnameserver\t1.2.3.4  \nnameserver ::1\n",
		  "1.2.3.4 ::1" },
		{ "nameserver 1.1.1.1\r\nnameserver 2.2.2.2\r\nnameserver 3.3.3.3\r\n"
		  "nameserver 4.4.4.4\r\n", "1.1.1.1 2.2.2.2 3.3.3.3" },
		{ "nameserver nonsense\nnameserver 1.2.3\nnameserver\nnameserver 5.6.7.8 # x",
		  "5.6.7.8" },
		{ "nameserver fe80::1%lo\n", "fe80::1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct resolvconf c;
		char text[200] = "", one[INET6_ADDRSTRLEN];
		size_t len = 0;

		resolvconf_parse(all[i].text, &c);
		for (size_t n = 0; n < c.count; n++) {
			const struct sockaddr_in *four = (void *)&c.servers[n];
			const struct sockaddr_in6 *six = (void *)&c.servers[n];
			bool is4 = four->sin_family == AF_INET;

			assert_non_null(inet_ntop(is4 ? AF_INET : AF_INET6,
						  is4 ? (const void *)&four->sin_addr
						      : (const void *)&six->sin6_addr,
						  one, sizeof(one)));
			assert_int_equal(four->sin_port, htons(53));
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
						n ? " " : "", one);
		}
		assert_string_equal(text, all[i].servers);
	}
}

#define WITH_BUFS(test) cmocka_unit_test_setup_teardown(test, bufs_make, bufs_end)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_BUFS(a_query_is_written_anew),
		WITH_BUFS(sizes_are_bounded),
		WITH_BUFS(what_is_answered_at_once),
		WITH_BUFS(what_is_no_query),
		WITH_BUFS(long_names),
		WITH_BUFS(only_the_right_answer_matches),
		WITH_BUFS(addresses_are_filtered),
		WITH_BUFS(long_answers_are_cut_off),
		WITH_BUFS(broken_answers),
		WITH_BUFS(no_bytes_do_harm),
		cmocka_unit_test(resolv_confs),
	};

	return cmocka_run_group_tests_name("net-dns", tests, NULL, NULL);
}
