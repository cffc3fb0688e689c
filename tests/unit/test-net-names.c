/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The names of mode allowlist inside the name service: what is asked again and when,
 * what is asked ahead. Time, the loop, the upstream side and the supervisor are this
 * test's own (--wrap).
 */
#include <ldns/ldns.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "net/resolver/protocol.h"
#include "net/resolver/server.h"

#define REFRESH_MS 5000 /* between two looks at what is to be asked again */

static uint64_t now_ms;
static void (*refresh_fn)(void *data);
static void (*ahead_fn)(void *data);
static struct {
	char name[DNS_NAME_TEXT];
	int asker;
	uint64_t at_ms;
} asked[2048];
static size_t asked_count;
static struct {
	char type[16], name[DNS_NAME_TEXT], why[16];
} told[64];
static size_t told_count;
static struct server *server;

uint64_t __wrap_clock_mono_ms(void);
uint64_t __wrap_clock_mono_ms(void) {
	return now_ms;
}

struct loop_source *__wrap_loop_add_timer(struct loop *l, uint64_t ms, uint64_t every_ms,
					  void (*fn)(void *data), void *data);
struct loop_source *__wrap_loop_add_timer(struct loop *l, uint64_t ms, uint64_t every_ms,
					  void (*fn)(void *data), void *data) {
	(void)l;
	(void)data;
	assert_int_equal(every_ms, 0);
	if (ms == REFRESH_MS)
		refresh_fn = fn;
	else
		ahead_fn = fn;
	return (struct loop_source *)fn;
}

int __wrap_msg_send(int sock, const char *type, json_t *body, const int *fds, size_t fd_count);
int __wrap_msg_send(int sock, const char *type, json_t *body, const int *fds, size_t fd_count) {
	(void)sock;
	(void)fds;
	(void)fd_count;
	if (told_count < ARRAY_SIZE(told)) {
		(void)snprintf(told[told_count].type, sizeof(told[0].type), "%s", type);
		(void)snprintf(told[told_count].name, sizeof(told[0].name), "%s",
			       json_get_str(body, "name", ""));
		(void)snprintf(told[told_count].why, sizeof(told[0].why), "%s",
			       json_get_str(body, "why", ""));
	}
	told_count++;
	json_decref(body);
	return 0;
}

void upstream_ask(struct server *s, const struct dns_query *q, const struct asker *a) {
	(void)s;
	assert_true(asked_count < ARRAY_SIZE(asked));
	assert_true(dns_query_name(q, asked[asked_count].name));
	asked[asked_count].asker = a->conn;
	asked[asked_count++].at_ms = now_ms;
}

bool upstream_asks(const struct server *s, const struct dns_query *q, int asker) {
	(void)s;
	(void)q;
	(void)asker;
	return false;
}

void refusals_note(struct server *s, const char *name, const struct dns_addresses *a) {
	(void)s;
	(void)name;
	(void)a;
}

static int begin(void **state) {
	server = xcalloc(1, sizeof(*server));
	server->is_listed = true;
	server->refresh_s = 1800;
	now_ms = 1000000;
	asked_count = told_count = 0;
	ahead_fn = refresh_fn = NULL;
	*state = server;
	return 0;
}

static int end(void **state) {
	(void)state;
	net_allowed_done(&server->allowed);
	free(server);
	return 0;
}

static void allow(const char *name) {
	struct err err = { 0 };

	assert_int_equal(net_allowed_add(&server->allowed, name, &err), 1);
}

/* The supervisor has let the addresses of @name through, for a client or one of ASKER_…. */
static void learnt(const char *name, uint32_t ttl, int asker) {
	struct flight f = { .asker.conn = asker,
			    .addresses = { .list = { 0x01020304 }, .count = 1, .ttl = ttl } };

	dns_query_for(name, &f.query);
	names_known(server, &f);
}

/* So many seconds pass. */
static void pass(unsigned seconds) {
	for (unsigned i = 0; i < seconds; i += REFRESH_MS / 1000) {
		void (*fn)(void *data) = refresh_fn;

		now_ms += REFRESH_MS;
		refresh_fn = NULL;
		if (fn)
			fn(server);
	}
}

/* When the last question was, in seconds from the start; 0: there was none. */
static unsigned last_asked(void) {
	return asked_count ? (unsigned)((asked[asked_count - 1].at_ms - 1000000) / 1000) : 0;
}

static void names_are_asked_again_before_they_run_out(void **state) {
	(void)state;
	allow("example.org");
	learnt("example.org", 300, -1);
	pass(295);
	assert_int_equal(asked_count, 0);
	pass(5);
	assert_int_equal(asked_count, 1);
	assert_string_equal(asked[0].name, "example.org");
	assert_int_equal(asked[0].asker, ASKER_NONE);
	/* Nobody answers: once a minute from then on. */
	pass(55);
	assert_int_equal(asked_count, 1);
	pass(5);
	assert_int_equal(asked_count, 2);
	/* Answered, with another time. */
	learnt("example.org", 600, ASKER_NONE);
	pass(595);
	assert_int_equal(asked_count, 2);
	pass(5);
	assert_int_equal(asked_count, 3);
}

static void never_more_than_once_a_minute(void **state) {
	(void)state;
	allow("example.org");
	learnt("example.org", 0, -1);
	pass(55);
	assert_int_equal(asked_count, 0);
	pass(5);
	assert_int_equal(asked_count, 1);
}

static void and_at_least_at_the_interval(void **state) {
	(void)state;
	allow("example.org");
	server->refresh_s = 600;
	learnt("example.org", 86400, -1);
	pass(600);
	assert_int_equal(asked_count, 1);
	assert_int_equal(last_asked(), 600);
	/* One that is shorter than a minute is a minute. */
	server->refresh_s = 1;
	learnt("example.org", 86400, ASKER_NONE);
	pass(60);
	assert_int_equal(asked_count, 2);
	assert_int_equal(last_asked(), 660);
}

static void an_interval_of_zero_is_never(void **state) {
	(void)state;
	allow("example.org");
	server->refresh_s = 0;
	learnt("example.org", 60, -1);
	pass(100000);
	assert_int_equal(asked_count, 0);
}

/* Nobody is woken for nothing. */
static void without_a_known_name_there_is_no_timer(void **state) {
	struct err err = { 0 };

	(void)state;
	assert_null(refresh_fn);
	allow("example.org");
	learnt("example.org", 60, -1);
	assert_non_null(refresh_fn);
	pass(30);
	assert_non_null(refresh_fn);
	assert_int_equal(net_allowed_remove(&server->allowed, "example.org", &err), 1);
	names_relisted(server);
	pass(5);
	assert_null(refresh_fn);
	server->refresh_s = 0;
	allow("example.net");
	learnt("example.net", 60, -1);
	assert_null(refresh_fn);
	server->refresh_s = 600;
	names_relisted(server);
	assert_non_null(refresh_fn);
}

static void what_is_not_listed_any_more_is_not_asked(void **state) {
	struct err err = { 0 };

	(void)state;
	allow("example.org");
	learnt("example.org", 60, -1);
	assert_int_equal(net_allowed_remove(&server->allowed, "example.org", &err), 1);
	names_relisted(server);
	pass(600);
	assert_int_equal(asked_count, 0);
	/* Nor in another mode. */
	allow("example.net");
	learnt("example.net", 60, -1);
	server->is_listed = false;
	names_relisted(server);
	pass(600);
	assert_int_equal(asked_count, 0);
}

static void many_names_are_asked_again_a_few_at_a_time(void **state) {
	char name[32];

	(void)state;
	allow("*.example");
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "h%d.example", i);
		learnt(name, 60, -1);
	}
	pass(60);
	assert_int_equal(asked_count, 8);
	pass(55);
	assert_int_equal(asked_count, 96);
	for (size_t i = 0; i < asked_count; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(asked[i].name, asked[k].name);
}

/* More than there is room for: the name that nobody has asked for the longest goes. */
static void the_oldest_makes_room(void **state) {
	struct dns_query q;
	char name[32];

	(void)state;
	allow("*.example");
	for (int i = 0; i <= KNOWN_MAX; i++) {
		now_ms++;
		snprintf(name, sizeof(name), "h%d.example", i);
		learnt(name, 300, -1);
	}
	dns_query_for("h0.example", &q);
	assert_null(names_old(server, &q));
	dns_query_for("h1.example", &q);
	assert_non_null(names_old(server, &q));
	snprintf(name, sizeof(name), "h%d.example", KNOWN_MAX);
	dns_query_for(name, &q);
	assert_int_equal(names_old(server, &q)->list[0], 0x01020304);
	/* Other types than A have no old answer. */
	q.type = LDNS_RR_TYPE_TXT;
	assert_null(names_old(server, &q));
}

static void ahead(void) {
	void (*fn)(void *) = ahead_fn;

	assert_non_null(fn);
	ahead_fn = NULL;
	fn(server);
}

static void done_ahead(const char *name, unsigned rcode, unsigned answers) {
	autobuf struct buf answer;
	struct dns_query q;

	dns_query_for(name, &q);
	buf_init(&answer, 512);
	dns_error_write(&q, rcode, &answer);
	answer.data[7] = (char)answers;
	names_ahead_done(server, &q, &answer);
}

static void listed_names_are_asked_ahead_some_at_a_time(void **state) {
	char name[32];

	(void)state;
	server->asks_ahead = true;
	allow("192.0.2.0/24");
	allow("*.wild.example");
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "h%d.example", i);
		allow(name);
	}
	learnt("h1.example", 300, -1);
	names_ahead(server);
	ahead();
	assert_int_equal(asked_count, AHEAD_AT_ONCE);
	assert_string_equal(asked[0].name, "h0.example");
	assert_string_equal(asked[1].name, "h2.example");
	assert_int_equal(asked[0].asker, ASKER_AHEAD);
	done_ahead("h0.example", LDNS_RCODE_NOERROR, 1);
	assert_int_equal(told_count, 0);
	ahead();
	assert_int_equal(asked_count, AHEAD_AT_ONCE + 1);
	/* Those that lead nowhere are told. */
	done_ahead("h2.example", LDNS_RCODE_NXDOMAIN, 0);
	done_ahead("h3.example", LDNS_RCODE_NOERROR, 0);
	done_ahead("h4.example", LDNS_RCODE_SERVFAIL, 0);
	assert_int_equal(told_count, 3);
	assert_string_equal(told[0].type, RESOLVER_MSG_NOWHERE);
	assert_string_equal(told[0].name, "h2.example");
	assert_string_equal(told[0].why, "nx");
	assert_string_equal(told[1].why, "empty");
	assert_string_equal(told[2].why, "silent");
	ahead();
	assert_int_equal(asked_count, AHEAD_AT_ONCE + 4);
}

static void refusals_are_told_a_few_a_second(void **state) {
	autobuf struct buf out;
	struct dns_query q;
	char name[32];

	(void)state;
	buf_init(&out, 512);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "h%d.example", i);
		dns_query_for(name, &q);
		assert_int_equal(names_decide(server, &q, &out), DNS_ANSWER);
		assert_int_equal(out.data[3] & 15, LDNS_RCODE_NXDOMAIN);
	}
	assert_int_equal(told_count, 10);
	assert_string_equal(told[0].type, RESOLVER_MSG_REFUSED);
	now_ms += 1000;
	assert_int_equal(names_decide(server, &q, &out), DNS_ANSWER);
	assert_int_equal(told_count, 11);
	assert_int_equal(asked_count, 0);
}

int main(void) {
#define T(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		T(names_are_asked_again_before_they_run_out),
		T(never_more_than_once_a_minute),
		T(and_at_least_at_the_interval),
		T(an_interval_of_zero_is_never),
		T(without_a_known_name_there_is_no_timer),
		T(what_is_not_listed_any_more_is_not_asked),
		T(many_names_are_asked_again_a_few_at_a_time),
		T(the_oldest_makes_room),
		T(listed_names_are_asked_ahead_some_at_a_time),
		T(refusals_are_told_a_few_a_second),
	};

	return cmocka_run_group_tests_name("net-names", tests, NULL, NULL);
}
