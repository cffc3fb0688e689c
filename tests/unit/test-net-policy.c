/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Modes, ranges, names and claims: what needs no kernel. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"
#include "net/claims.h"
#include "net/names.h"
#include "net/policy.h"
#include "net/ranges.h"

static void modes_round_trip(void **state) {
	for (int i = 0; i < NET_MODE_COUNT; i++)
		assert_int_equal(net_mode_from_string(net_mode_to_string((enum net_mode)i)), i);
	assert_int_equal(net_mode_from_string("Open"), -EINVAL);
	assert_int_equal(net_mode_from_string(""), -EINVAL);
	assert_null(net_mode_to_string(NET_MODE_COUNT));
}

static void cidr_texts(void **state) {
	static const char *const good[] = { "0.0.0.0/0", "10.0.0.0/8", "10.77.0.0/16", "1.2.3.4",
					    "255.255.255.255", "128.0.0.0/1", "10.77.0.2/31" };
	static const char *const bad[] = {
		"",	   "10",	"10.0.0",    "10.0.0.0.0", "256.0.0.0", "10.0.0.0/33",
		"10.0.0.1/8", "01.2.3.4", "1.2.3.4/",  "1.2.3.4/08", "1.2.3.4 ",  " 1.2.3.4",
		"1..2.3",  "-1.2.3.4",	"1.2.3.4/8x", "1.2.3.0004", "a.b.c.d",	 "1.2.3.4/-1",
	};
	char text[NET_CIDR_TEXT];
	struct net_cidr c;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(net_cidr_parse(good[i], &c), 0);
		assert_string_equal(net_cidr_text(&c, text), good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (net_cidr_parse(bad[i], &c) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
}

static void cidr_overlaps(void **state) {
	static const struct {
		const char *a, *b;
		bool overlap;
	} all[] = {
		{ "10.0.0.0/8", "10.77.0.0/16", true },	  { "10.77.0.0/16", "10.78.0.0/16", false },
		{ "0.0.0.0/0", "1.2.3.4", true },	  { "1.2.3.4", "1.2.3.4", true },
		{ "1.2.3.4", "1.2.3.5", false },	  { "10.77.0.0/17", "10.77.128.0/17", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct net_cidr a, b;

		assert_int_equal(net_cidr_parse(all[i].a, &a), 0);
		assert_int_equal(net_cidr_parse(all[i].b, &b), 0);
		assert_int_equal(net_cidr_overlap(&a, &b), all[i].overlap);
		assert_int_equal(net_cidr_overlap(&b, &a), all[i].overlap);
	}
}

/* Sets with intervals want them so. */
static void ranges_are_sorted(void **state) {
	for (size_t i = 1; i < net_private_ranges_count; i++) {
		assert_true(net_private_ranges[i - 1].address < net_private_ranges[i].address);
		assert_false(net_cidr_overlap(&net_private_ranges[i - 1], &net_private_ranges[i]));
	}
	for (size_t i = 1; i < net_metadata_ranges_count; i++)
		assert_true(net_metadata_ranges[i - 1].address < net_metadata_ranges[i].address);
	/* What answers is a part of what is closed with it. */
	for (size_t i = 0; i < net_endpoint_ranges_count; i++) {
		assert_true(net_is_metadata(net_endpoint_ranges[i].address));
		assert_true(!i || net_endpoint_ranges[i - 1].address < net_endpoint_ranges[i].address);
	}
}

static uint32_t ip(const char *text) {
	struct net_cidr c;

	assert_int_equal(net_cidr_parse(text, &c), 0);
	return c.address;
}

/* mode × block_private × block_metadata, and what lies on the edges of the ranges. */
static void judgements(void **state) {
	static const struct {
		const char *address;
		const char *verdicts; /* open, then restricted with "pm", "p", "m", "" */
	} all[] = {
		{ "8.8.8.8", "aaaaa" },		{ "9.255.255.255", "aaaaa" },
		{ "10.0.0.0", "addaa" },	{ "10.255.255.255", "addaa" },
		{ "11.0.0.0", "aaaaa" },	{ "100.63.255.255", "aaaaa" },
		{ "100.64.0.0", "addaa" },	{ "100.127.255.255", "addaa" },
		{ "100.128.0.0", "aaaaa" },	{ "100.100.100.200", "adada" },
		{ "127.0.0.1", "addaa" },	{ "169.253.255.255", "aaaaa" },
		{ "169.254.0.0", "addda" },	{ "169.254.169.254", "adada" },
		{ "169.254.170.2", "adada" },
		{ "169.254.170.23", "adada" },	{ "169.254.169.253", "addda" },
		{ "192.0.0.191", "addaa" }, { "169.255.0.0", "aaaaa" },
		{ "168.63.129.16", "adada" },
		{ "172.15.255.255", "aaaaa" },	{ "172.16.0.0", "addaa" },
		{ "172.31.255.255", "addaa" },	{ "172.32.0.0", "aaaaa" },
		{ "192.0.0.192", "adada" },	{ "192.0.1.0", "aaaaa" },
		{ "192.168.0.1", "addaa" },	{ "192.169.0.0", "aaaaa" },
		{ "198.17.255.255", "aaaaa" },	{ "198.18.0.0", "addaa" },
		{ "198.19.255.255", "addaa" },	{ "198.20.0.0", "aaaaa" },
		{ "0.0.0.0", "addaa" },		{ "223.255.255.255", "aaaaa" },
		{ "224.0.0.1", "addaa" },	{ "255.255.255.255", "addaa" },
	};
	static const struct net_policy policies[] = {
		{ .mode = NET_OPEN, .block_private = true, .block_metadata = true },
		{ .mode = NET_RESTRICTED, .block_private = true, .block_metadata = true },
		{ .mode = NET_RESTRICTED, .block_private = true },
		{ .mode = NET_RESTRICTED, .block_metadata = true },
		{ .mode = NET_RESTRICTED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		for (size_t p = 0; p < ARRAY_SIZE(policies); p++) {
			enum net_verdict want =
				all[i].verdicts[p] == 'a' ? NET_ACCEPT : NET_DENY;

			if (net_policy_judge(&policies[p], ip(all[i].address)) != want)
				fail_msg("%s under policy %zu", all[i].address, p);
		}
}

static void policies_that_are_refused(void **state) {
	struct net_policy p = net_policy_default();
	struct err err = { 0 };

	assert_int_equal(net_policy_check(&p, &err), 0);
	assert_int_equal(p.mode, NET_RESTRICTED);
	assert_true(p.block_private && p.block_metadata);
	p.allow_local_network = true;
	for (int mode = 0; mode < NET_MODE_COUNT; mode++) {
		p.mode = (enum net_mode)mode;
		assert_int_equal(net_policy_check(&p, &err), 0);
	}
	p.mode = (enum net_mode)77;
	assert_int_equal(net_policy_check(&p, &err), -EINVAL);
	assert_int_equal(net_policy_judge(&p, 0x08080808), NET_DENY);
}

static struct net_base base_of(const char *tag) {
	struct net_base b = { 0 };
	const struct net_cidr range = { .address = 0x0a4d0000, .bits = 16 };

	net_names_fill(&b, tag);
	net_range_set(&b, &range);
	return b;
}

/* No wildcard of one root is the beginning of a name of another one. */
static void names_of_roots_do_not_meet(void **state) {
	static const char *const tags[] = { "", "000000", "ffffff", "c01c01", "a1b2c3", "0a1b2c" };

	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		struct net_base a = base_of(tags[i]);

		for (size_t j = 0; j < ARRAY_SIZE(tags); j++) {
			struct net_base b = base_of(tags[j]);
			struct net_port p;

			net_port_fill(&b, "x", net_index_last(&b), &p);
			assert_true(strlen(p.host_link) < NET_LINK_SIZE - 1);
			assert_int_equal(net_index_of_link(p.host_link, b.link_prefix), p.index);
			assert_true(strncmp(b.bridge, a.link_prefix, strlen(a.link_prefix)) != 0);
			if (i == j)
				continue;
			assert_true(strncmp(p.host_link, a.link_prefix, strlen(a.link_prefix)) != 0);
			assert_true(strcmp(a.bridge, b.bridge) && strcmp(a.table, b.table) &&
				    strcmp(a.guard_table, b.guard_table));
			assert_string_not_equal(a.table, b.guard_table);
		}
	}
}

static void links_and_keys(void **state) {
	static const struct {
		const char *link;
		uint32_t index;
	} all[] = {
		{ "coi-2", 2 },	    { "coi-65533", 65533 }, { "coi-", 0 },	  { "coi-x", 0 },
		{ "coi-2x", 0 },    { "coi-02", 0 },	    { "coi-70000", 0 },	  { "co", 0 },
		{ "coi-655350", 0 }, { "veth2", 0 },	    { "coi--2", 0 },
	};
	struct net_base b = base_of("");
	char name[NET_LINK_SIZE + 12] = "coi-77";
	uint32_t address = htonl(0x0a4d0009), strange = htonl(0x0a4e0009);
	uint8_t with_port[8];

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		assert_int_equal(net_index_of_link(all[i].link, "coi-"), all[i].index);
	assert_int_equal(net_index_of_key(&b, name, sizeof(name)), 77);
	assert_int_equal(net_index_of_key(&b, &address, sizeof(address)), 9);
	memcpy(with_port, &address, sizeof(address));
	assert_int_equal(net_index_of_key(&b, with_port, sizeof(with_port)), 9);
	assert_int_equal(net_index_of_key(&b, &strange, sizeof(strange)), 0);
	assert_int_equal(net_index_of_key(&b, name, 7), 0);
}

static void port_names(void **state) {
	assert_true(net_name_ok("coi-abc-1"));
	assert_true(net_name_ok("A.b_c"));
	assert_false(net_name_ok(""));
	assert_false(net_name_ok("a b"));
	assert_false(net_name_ok("a\nb"));
	assert_false(net_name_ok("a/b"));
	assert_false(net_name_ok("0123456789012345678901234567890123456789012345678901234567890123"));
}

static void port_numbers(void **state) {
	struct net_base b = base_of("");
	struct net_port p;

	net_port_fill(&b, "demo", 258, &p);
	assert_string_equal(p.host_link, "coi-258");
	assert_string_equal(p.address_text, "10.77.1.2");
	assert_string_equal(p.gateway_text, "10.77.0.1");
	assert_string_equal(p.mac_text, "02:c0:0a:4d:01:02");
	assert_int_equal(p.prefix_bits, 16);
}

/* --- claims */

struct place {
	struct layout layout;
	struct net_base base;
	char dir[40];
};

static int place_make(void **state) {
	struct place *p = xcalloc(1, sizeof(*p));

	(void)snprintf(p->dir, sizeof(p->dir), "/var/tmp/coi-test-net-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->base = base_of("");
	p->layout.run = p->dir;
	p->layout.run_fd = open(p->dir, O_DIRECTORY | O_CLOEXEC);
	p->base.layout = &p->layout;
	*state = p;
	return 0;
}

static int place_end(void **state) {
	struct place *p = *state;

	autoclose int parent = open("/var/tmp", O_DIRECTORY | O_CLOEXEC);

	close(p->layout.run_fd);
	assert_int_equal(tree_remove_at(parent, p->dir + strlen("/var/tmp/")), 0);
	free(p);
	return 0;
}

static void claims_round_trip(void **state) {
	struct place *p = *state;
	auto_claims struct claims c = { 0 };
	auto_claims struct claims back = { 0 };
	struct net_port *port;
	struct err err = { 0 };

	assert_int_equal(claims_load(&p->base, &c, &err), 0);
	assert_int_equal(c.count, 0);
	(void)claims_add(&c, &p->base, "second", 3);
	port = claims_add(&c, &p->base, "first", 2);
	port->policy = (struct net_policy){ .mode = NET_OPEN, .block_metadata = true,
					    .is_capped = true };
	port->dns_port = 61002;
	port->rules_put = true;
	(void)claims_add(&c, &p->base, "gone", 9);
	claims_remove(&c, "gone", 1000);
	assert_int_equal(claims_store(&p->base, &c, &err), 0);
	assert_int_equal(claims_load(&p->base, &back, &err), 0);
	assert_int_equal(back.count, 2);
	assert_int_equal(back.resting_count, 1);
	assert_string_equal(back.ports[0].name, "first");
	assert_int_equal(back.ports[0].policy.mode, NET_OPEN);
	assert_true(back.ports[0].policy.block_metadata && !back.ports[0].policy.block_private);
	/* Which ports is not kept, so none passes until somebody knows. */
	assert_true(back.ports[0].policy.is_capped && !back.ports[1].policy.is_capped);
	assert_false(net_policy_port(&back.ports[0].policy, 443));
	assert_int_equal(back.ports[0].dns_port, 61002);
	assert_true(back.ports[0].rules_put && !back.ports[1].rules_put);
	assert_non_null(claims_find(&back, "second"));
	assert_null(claims_find(&back, "gone"));
	assert_ptr_equal(claims_find_index(&back, 3), claims_find(&back, "second"));
}

static void claims_are_picked_low_and_rest(void **state) {
	struct place *p = *state;
	auto_claims struct claims c = { 0 };

	for (uint32_t i = 2; i < 6; i++) {
		char name[8];

		(void)snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(claims_pick(&c, &p->base, 100), i);
		(void)claims_add(&c, &p->base, name, i);
	}
	claims_remove(&c, "n3", 100);
	assert_int_equal(claims_pick(&c, &p->base, 101), 6);
	assert_int_equal(claims_pick(&c, &p->base, 100 + NET_REST_SECONDS), 3);
	assert_int_equal(claims_pick_resting(&c), 3);
	(void)claims_add(&c, &p->base, "new", 3);
	assert_int_equal(c.resting_count, 0);
	assert_int_equal(c.count, 4);
	/* Those that have rested are forgotten. */
	claims_remove(&c, "n2", 200);
	claims_remove(&c, "n4", 300);
	assert_int_equal(c.resting_count, 1);
}

/* A small range runs out, and then those that rest are taken. */
static void claims_run_out(void **state) {
	struct place *p = *state;
	const struct net_cidr small = { .address = 0x0a4d0000, .bits = 29 };
	auto_claims struct claims c = { 0 };

	net_range_set(&p->base, &small);
	assert_int_equal(net_index_last(&p->base), 6);
	for (uint32_t i = 2; i <= 6; i++)
		(void)claims_add(&c, &p->base, "x", claims_pick(&c, &p->base, 0));
	assert_int_equal(claims_pick(&c, &p->base, 0), 0);
	assert_int_equal(claims_pick_resting(&c), 0);
}

/* Of another version: what is missing is nothing, what is unknown is passed over. */
static void claims_of_other_versions(void **state) {
	static const char text[] = "format = 1\n[ports]\n2 = old restricted -pm 61002 1\n"
				   "3 = new open - 61003 0 8195 2 more\n";
	struct place *p = *state;
	auto_claims struct claims c = { 0 };
	struct err err = { 0 };

	assert_int_equal(file_write_quick_at(p->layout.run_fd, "network-ports.ini", text,
					     strlen(text), 0600), 0);
	assert_int_equal(claims_load(&p->base, &c, &err), 0);
	assert_int_equal(c.count, 2);
	assert_true(c.ports[0].rules_put && c.ports[0].policy.block_private);
	assert_int_equal(c.ports[0].log_group, 0);
	assert_int_equal(c.ports[1].log_group, 8195);
	assert_int_equal(c.ports[1].set_count, 2);
}

static void damaged_claims(void **state) {
	static const char *const bad[] = {
		"format = 1\n[ports]\n1 = a restricted - 0 0\n",
		"format = 1\n[ports]\n99999 = a restricted - 0 0\n",
		"format = 1\n[ports]\n2 = a nothing - 0 0\n",
		"format = 1\n[ports]\n2 = a restricted - 70000 0\n",
		"format = 1\n[ports]\n2 = a/b restricted - 0 0\n",
		"format = 1\n[ports]\n2 = a\n",
		"format = 1\n[ports]\n+2 = a restricted - 0 0\n",
		"format = 1\n[ports]\n2 = a restricted - -1 0\n",
		"format = 1\n[ports]\n2 = a restricted - 4294967297 0\n",
		"format = 1\n[ports]\n2 = a restricted - 61002x 0\n",
		"format = 1\n[ports]\n2 = a restricted - 61002 2\n",
		"format = 1\n[ports]\n2 = a restricted - 61002 1 65536\n",
		"format = 1\n[ports]\n2 = a restricted - 61002 1 8192 17\n",
		"format = 1\n[ports]\n2 = "
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
		"restricted - 0 0\n",
		"format = 1\n[ports]\n2 = a restricted - 0 0\n2 = b restricted - 0 0\n",
		"format = 1\n[ports]\n3 = a restricted - 0 0\n2 = b open - 0 0\n3 = c open - 0 0\n",
		"format = 1\n[ports]\n2\n",
		"format = 1\n[resting]\n1 = 5\n",
		"format = 1\n[resting]\n2 = x\n",
		"[ports]\n2 = a restricted - 0 0\n",
		"format = x\n",
		"format = 0\n",
		"format = 2\n",
		"",
	};
	struct place *p = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct claims c = { .count = 77 };
		struct err err = { 0 };

		assert_int_equal(file_write_quick_at(p->layout.run_fd, "network-ports.ini", bad[i],
						     strlen(bad[i]), 0600), 0);
		if (claims_load(&p->base, &c, &err) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(c.count, 77);
		assert_true(err.msg[0] != '\0');
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_round_trip),
		cmocka_unit_test(cidr_texts),
		cmocka_unit_test(cidr_overlaps),
		cmocka_unit_test(ranges_are_sorted),
		cmocka_unit_test(judgements),
		cmocka_unit_test(policies_that_are_refused),
		cmocka_unit_test(names_of_roots_do_not_meet),
		cmocka_unit_test(links_and_keys),
		cmocka_unit_test(port_names),
		cmocka_unit_test(port_numbers),
		cmocka_unit_test_setup_teardown(claims_round_trip, place_make, place_end),
		cmocka_unit_test_setup_teardown(claims_are_picked_low_and_rest, place_make, place_end),
		cmocka_unit_test_setup_teardown(claims_run_out, place_make, place_end),
		cmocka_unit_test_setup_teardown(claims_of_other_versions, place_make, place_end),
		cmocka_unit_test_setup_teardown(damaged_claims, place_make, place_end),
	};

	return cmocka_run_group_tests_name("net-policy", tests, NULL, NULL);
}
