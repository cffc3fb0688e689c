/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the name service reads: any bytes as a query of a container, as the
 * answer of a server, as what the kernel tells of refused packets, and as what the
 * service itself tells the supervisor.
 */
#include <ldns/ldns.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "net/ranges.h"
#include "net/resolver.h"
#include "net/resolver/packet.h"

#define BYTES_MAX 8192

static const struct dns_filter filters[] = {
	{ .chain_only = true },
	{ 0 },
	{ .allow_private = true, .allow_metadata = true, .allow_local = true },
};

/* An answer of ours: it parses, is no longer than the client takes, and has nothing private. */
static void check_answer(const struct buf *out, const struct dns_query *q,
			 const struct dns_filter *filter) {
	ldns_pkt *pkt = NULL;
	ldns_rr_list *list;

	assert_false(out->overflow);
	assert_true(out->len >= DNS_HEADER);
	assert_true(q->tcp || out->len <= q->udp_size);
	assert_int_equal(ldns_wire2pkt(&pkt, (const uint8_t *)out->data, out->len),
			 LDNS_STATUS_OK);
	assert_true(ldns_pkt_qr(pkt));
	assert_int_equal(ldns_pkt_id(pkt), q->id);
	list = ldns_pkt_answer(pkt);
	for (size_t i = 0; list && i < ldns_rr_list_rr_count(list); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(list, i);
		const uint8_t *p;

		assert_int_not_equal(ldns_rr_get_type(rr), LDNS_RR_TYPE_AAAA);
		if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_A || filter->allow_private ||
		    ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN)
			continue;
		p = ldns_rdf_data(ldns_rr_rdf(rr, 0));
		assert_false(net_is_private((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
					    (uint32_t)p[2] << 8 | p[3]));
	}
	ldns_pkt_free(pkt);
}

static void as_answer(const uint8_t *data, size_t size, const struct dns_query *q) {
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		autobuf struct buf out;
		struct dns_addresses addresses;

		buf_init(&out, DNS_MESSAGE_MAX);
		if (dns_answer_write(data, size, q, &filters[i], &out, &addresses) < 0)
			continue;
		check_answer(&out, q, &filters[i]);
		assert_true(addresses.count <= DNS_ADDRESSES_MAX);
		for (size_t k = 0; k < addresses.count; k++)
			assert_true(filters[i].allow_private ||
				    !net_is_private(addresses.list[k]));
	}
}

static void as_query(const uint8_t *data, size_t size, bool tcp) {
	autobuf struct buf out;
	char name[DNS_NAME_TEXT];
	struct dns_query q;
	enum dns_action action;
	bool truncated;
	unsigned rcode;

	buf_init(&out, DNS_MESSAGE_MAX);
	action = dns_query_read(data, size, tcp, &q, &out);
	assert_true(action == DNS_DROP || action == DNS_ANSWER || action == DNS_FORWARD);
	if (action == DNS_ANSWER)
		assert_true(out.len >= DNS_HEADER && !out.overflow);
	if (q.question_len) {
		dns_query_text(&q, name);
		assert_true(*name && strlen(name) < DNS_NAME_TEXT);
		for (const char *c = name; *c; c++)
			assert_true(*c > ' ' && *c < 127);
	}
	if (action != DNS_FORWARD)
		return;
	if (dns_query_name(&q, name))
		assert_true(strlen(name) < DNS_NAME_TEXT);
	dns_blocked_write(&q, &out);
	check_answer(&out, &q, &filters[0]);
	dns_query_write(&q, 7, true, &out);
	assert_false(out.overflow);
	(void)dns_answer_match(data, size, &q, q.id, &truncated, &rcode);
	as_answer(data, size, &q);
}

/* The supervisor's reader: what it lets through is in bounds. */
static void as_wish(const uint8_t *data, size_t size) {
	struct net_resolver r = NET_RESOLVER_INIT;
	struct net_resolver_event e = { 0 };
	int pair[2], got;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(send(pair[1], data, size, 0), (ssize_t)size);
	r.control_fd = pair[0];
	got = size ? net_resolver_read(&r, &e) : 0;
	if (got == 1) {
		assert_true(strlen(e.name) <= NET_ALLOWED_NAME_MAX);
		assert_true(e.count <= NET_RESOLVER_ADDRESSES_MAX);
		for (const char *p = e.name; *p; p++)
			assert_true(*p > ' ' && *p < 127);
	}
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* A packet of the container's, or all that the kernel says around it. */
static void as_log(const uint8_t *data, size_t size) {
	struct net_denied all[8];

	assert_true(net_denied_parse(data, size, all, 8) <= 8);
}

static void one(const uint8_t *data, size_t size) {
	struct dns_query fixed;

	dns_query_for("public.test", &fixed);
	as_query(data, size, false);
	as_query(data, size, true);
	as_answer(data, size, &fixed);
	as_wish(data, size);
	as_log(data, size);
}

static void mutate(struct buf *b) {
	for (size_t n = 1 + fuzz_chance(6); n > 0 && b->len; n--) {
		if (fuzz_chance(5) == 0) /* a pointer to somewhere */
			b->data[fuzz_chance(b->len)] = (char)(0xc0 | fuzz_chance(64));
		else
			fuzz_change(b, NULL, 0);
	}
}

const struct fuzz fuzz = {
	.name = "fuzz dns",
	.max = BYTES_MAX,
	.runs = 20000,
	.one = one,
	.corpus = "dns",
	.mutate = mutate,
};
