/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people write into allowed_domains, what it lets through, and what is learnt for it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/strv.h"
#include "net/allowed.h"
#include "net/hosts.h"
#include "net/learnt.h"

static uint32_t ip(const char *text) {
	struct net_cidr c;

	assert_int_equal(net_cidr_parse(text, &c), 0);
	return c.address;
}

static void good_entries(void **state) {
	static const char *const all[][2] = {
		{ "example.org", "example.org" },
		{ "Example.ORG.", "example.org" },
		{ "*.example.org", "*.example.org" },
		{ "a_b-c.d1:443", "a_b-c.d1:443" },
		{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
		{ "localhost", "localhost" },
		{ "example.org:80,443", "example.org:80,443" },
		{ "example.org:443,80,443", "example.org:80,443" },
		{ "example.org:8000-8100", "example.org:8000-8100" },
		{ "example.org:8050-8100,8000-8051,8101", "example.org:8000-8101" },
		{ "example.org:1-65535", "example.org" },
		{ "192.0.2.7", "192.0.2.7" },
		{ "192.0.2.7/32", "192.0.2.7" },
		{ "192.0.2.0/24:53", "192.0.2.0/24:53" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "1.example", "1.example" },
		{ "example.org:65535", "example.org:65535" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		auto_net_allowed struct net_allowed a = { 0 };
		struct err err = { 0 };
		autofree char *text = NULL;

		if (net_allowed_add(&a, all[i][0], &err) != 1)
			fail_msg("%s: %s", all[i][0], err.msg);
		text = net_entry_text(&a, &a.entries[0]);
		assert_string_equal(text, all[i][1]);
		/* Its own text is the same entry. */
		assert_int_equal(net_allowed_add(&a, text, &err), 0);
		assert_int_equal(net_allowed_remove(&a, all[i][0], &err), 1);
		assert_int_equal(a.count, 0);
	}
}

static void bad_entries(void **state) {
	static const struct {
		const char *text, *why;
	} all[] = {
		{ "", "there is no name" },
		{ "*", "a wildcard stands at the beginning only" },
		{ "*.", "there is no name" },
		{ "*example.org", "a wildcard stands at the beginning only" },
		{ "a.*.example", "a wildcard stands at the beginning only" },
		{ "*.*.example", "a wildcard stands at the beginning only" },
		{ "example.*", "a wildcard stands at the beginning only" },
		{ ".example", "an empty part between dots" },
		{ "a..example", "an empty part between dots" },
		{ "example..", "an empty part between dots" },
		{ "exa mple", "a name has letters, digits" },
		{ "b\xc3\xbc" "cher.example", "a name has letters, digits" },
		{ "http://example.org", "a port is a number" },
		{ "example.org/path", "that is no IPv4 network" },
		{ "10.1.2.3/8", "the network is written 10.0.0.0/8" },
		{ "10.1.2.3/33", "that is no IPv4 network" },
		{ "10.1.2.3/", "that is no IPv4 network" },
		{ "10.1.2.3/-1", "that is no IPv4 network" },
		{ "10.1.2/24", "that is no IPv4 network" },
		{ "10.1.2", "that is no IPv4 address" },
		{ "10.1.2.256", "that is no IPv4 address" },
		{ "010.1.2.3", "that is no IPv4 address" },
		{ "2130706433", "that is no IPv4 address" },
		{ "example.org:", "a port is a number from 1 to 65535" },
		{ "example.org:0", "a port is a number from 1 to 65535" },
		{ "example.org:70000", "a port is a number from 1 to 65535" },
		{ "example.org:65536", "a port is a number from 1 to 65535" },
		{ "example.org:99999999999", "a port is a number from 1 to 65535" },
		{ "example.org:http", "a port is a number from 1 to 65535" },
		{ "example.org:-80", "a port is a number from 1 to 65535" },
		{ "example.org:80-", "a port is a number from 1 to 65535" },
		{ "example.org:100-80", "a range of ports begins with the lower one" },
		{ "example.org:80,", "a port is a number from 1 to 65535" },
		{ "example.org:80;81", "ports are written 443, or 80,443" },
		{ "example.org:1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31,33", "more than 16" },
		{ "::1", "containers have no IPv6" },
		{ "[2001:db8::1]:443", "containers have no IPv6" },
		{ "@nobody", "there is no such set" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		auto_net_allowed struct net_allowed a = { 0 };
		struct err err = { 0 };

		if (net_allowed_add(&a, all[i].text, &err) != -EINVAL)
			fail_msg("'%s' was taken", all[i].text);
		assert_int_equal(err.kind, ERR_CONFIG);
		assert_int_equal(a.count, 0);
		if (!strstr(err.msg, all[i].why))
			fail_msg("'%s': %s", all[i].text, err.msg);
	}
}

static void long_names(void **state) {
	auto_net_allowed struct net_allowed a = { 0 };
	struct err err = { 0 };
	autobuf struct buf name;
	char label[65] = { 0 };

	buf_init(&name, 4096);
	memset(label, 'a', 63);
	for (int i = 0; i < 3; i++)
		buf_addf(&name, "%s.", label);
	assert_int_equal(net_allowed_add(&a, name.data, &err), 1);
	buf_adds(&name, label);
	assert_int_equal(net_allowed_add(&a, name.data, &err), -EINVAL); /* 255 */
	memset(label, 'a', 64);
	assert_int_equal(net_allowed_add(&a, label, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "63"));
	for (int i = 0; i < 8; i++)
		buf_addf(&name, ".%s", label);
	assert_int_equal(net_allowed_add(&a, name.data, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "too long"));
}

/* Each maximum is a message of its own, and the list is as before. */
static void maxima(void **state) {
	auto_net_allowed struct net_allowed a = { 0 };
	autostrv char **many = NULL;
	struct err err = { 0 };
	char text[64];

	assert_int_equal(net_allowed_parse(&a, NULL, &err), 0);
	for (int i = 0; i < 10000; i++)
		strv_addf(&many, "h%d.example", i);
	assert_int_equal(net_allowed_parse(&a, many, &err), -E2BIG);
	assert_non_null(strstr(err.msg, "more than 1024"));
	assert_int_equal(a.count, 0);
	for (int i = 0; i < NET_PORT_LISTS_MAX; i++) {
		snprintf(text, sizeof(text), "example.org:%d", i + 1);
		assert_int_equal(net_allowed_add(&a, text, &err), 1);
	}
	assert_int_equal(net_allowed_add(&a, "example.org:99", &err), -E2BIG);
	assert_non_null(strstr(err.msg, "17th different list of ports"));
	/* One of them again costs nothing; one that went makes room. */
	assert_int_equal(net_allowed_add(&a, "example.net:3", &err), 1);
	assert_int_equal(net_allowed_remove(&a, "example.org:1", &err), 1);
	assert_int_equal(net_allowed_remove(&a, "example.org:1", &err), 0);
	assert_int_equal(net_allowed_add(&a, "example.org:99", &err), 1);
	net_allowed_done(&a);
	for (int i = 0; net_allowed_add(&a, text, &err) >= 0; i++)
		snprintf(text, sizeof(text), "%050d.example", i);
	assert_true(a.text_len <= NET_ALLOWED_TEXT_MAX);
	assert_non_null(strstr(err.msg, "together"));
}

static void names(void **state) {
	auto_net_allowed struct net_allowed a = { 0 };
	struct net_allowed none = { 0 };
	struct err err = { 0 };

	assert_int_equal(net_allowed_add(&a, "example.org", &err), 1);
	assert_int_equal(net_allowed_add(&a, "*.example.net:443", &err), 1);
	assert_int_equal(net_allowed_add(&a, "www.example.net", &err), 1);
	assert_int_equal(net_allowed_name(&a, "example.org"), 1);
	assert_int_equal(net_allowed_name(&a, "EXAMPLE.org."), 1);
	assert_int_equal(net_allowed_name(&a, "www.example.org"), 0);
	assert_int_equal(net_allowed_name(&a, "xexample.org"), 0);
	assert_int_equal(net_allowed_name(&a, "example.net"), 0);
	assert_int_equal(net_allowed_name(&a, "x.example.net"), 2);
	assert_int_equal(net_allowed_name(&a, "a.b.example.net"), 2);
	assert_int_equal(net_allowed_name(&a, ".example.net"), 0);
	assert_int_equal(net_allowed_name(&a, "xexample.net"), 0);
	assert_int_equal(net_allowed_name(&a, "www.example.net"), 3);
	assert_int_equal(net_allowed_name(&a, ""), 0);
	assert_int_equal(net_allowed_name(&a, "."), 0);
	assert_int_equal(net_allowed_name(&none, "example.org"), 0);
	assert_int_equal(net_allowed_name(NULL, "example.org"), 0);
}

static void expect_ranges(const struct net_allowed *a, unsigned list, const char *want) {
	autofree struct net_range *r = NULL;
	size_t n = net_allowed_ranges(a, list, &r);
	autobuf struct buf have;
	char one[NET_CIDR_TEXT];

	buf_init(&have, 512);
	for (size_t i = 0; i < n; i++) {
		struct net_cidr c = { r[i].first, 32 };

		buf_addf(&have, "%s-", net_cidr_text(&c, one));
		c.address = r[i].last;
		buf_addf(&have, "%s ", net_cidr_text(&c, one));
	}
	assert_string_equal(have.data, want);
}

static void ranges(void **state) {
	auto_net_allowed struct net_allowed a = { 0 };
	struct err err = { 0 };
	static const char *const list[] = { "203.0.113.0/25", "203.0.113.128/26", "203.0.113.7",
					    "10.1.0.0/16", "example.org", "8.0.0.0/6:443",
					    "169.254.169.254:80", "255.255.255.255:80", NULL };

	assert_int_equal(net_allowed_parse(&a, (char *const *)list, &err), 0);
	expect_ranges(&a, 0, "10.1.0.0-10.1.255.255 203.0.113.0-203.0.113.191 ");
	/* A wider network does not open the private one in it. */
	expect_ranges(&a, 1, "8.0.0.0-9.255.255.255 11.0.0.0-11.255.255.255 ");
	expect_ranges(&a, 2, "169.254.169.254-169.254.169.254 255.255.255.255-255.255.255.255 ");
	expect_ranges(&a, 3, "");
	assert_int_equal(net_allowed_address(&a, ip("203.0.113.191")), 1);
	assert_int_equal(net_allowed_address(&a, ip("203.0.113.192")), 0);
	assert_int_equal(net_allowed_address(&a, ip("10.1.2.3")), 1);
	assert_int_equal(net_allowed_address(&a, ip("10.2.2.3")), 0);
	assert_int_equal(net_allowed_address(&a, ip("9.1.1.1")), 2);
	assert_int_equal(net_allowed_address(&a, ip("169.254.169.254")), 4);
}

/* Ranges and the judgement of single addresses say the same, all over the internet. */
static void everything_is_the_public_internet(void **state) {
	auto_net_allowed struct net_allowed a = { 0 };
	autofree struct net_range *r = NULL;
	struct err err = { 0 };
	size_t n, at = 0;

	assert_int_equal(net_allowed_add(&a, "0.0.0.0/0", &err), 1);
	n = net_allowed_ranges(&a, 0, &r);
	assert_true(n > 5);
	for (uint64_t address = 0; address <= UINT32_MAX; address += 4099) {
		bool is_in;

		while (at < n && r[at].last < address)
			at++;
		is_in = at < n && r[at].first <= address;
		if (is_in != (net_allowed_address(&a, (uint32_t)address) != 0))
			fail_msg("%llx", (unsigned long long)address);
	}
	assert_int_equal(net_allowed_address(&a, ip("127.0.0.1")), 0);
	assert_int_equal(net_allowed_address(&a, ip("168.63.129.16")), 0);
}

static void ports(void **state) {
	auto_net_allowed struct net_allowed a = { 0 };
	struct err err = { 0 };

	assert_int_equal(net_allowed_add(&a, "example.org:80,8000-8100", &err), 1);
	assert_int_equal(net_allowed_add(&a, "example.net", &err), 1);
	assert_true(net_ports_have(&a.ports[0], 80));
	assert_true(net_ports_have(&a.ports[0], 8100));
	assert_false(net_ports_have(&a.ports[0], 8101));
	assert_true(net_ports_have(&a.ports[0], 0));
	assert_true(net_ports_have(&a.ports[1], 1));
}

static void lists_of_ports(void **state) {
	static const struct {
		const char *text, *is;
	} good[] = {
		{ "443", "443" },
		{ "8000-8100,80,443,8050-8200,81", "80-81,443,8000-8200" },
		{ "1-65535", "" },
		{ "1-80,81-65535", "" },
		{ "2-65535", "2-65535" },
		{ "65535,1", "1,65535" },
		{ "100-100", "100" },
	};
	static const char *const bad[] = { "", "0", "70000", "80-", "-80", "90-80", "http", "80,,81",
					   "80 81", "+80", "0x50", "1-65536" };
	struct net_ports longest = { .count = NET_PORT_RANGES_MAX }, a = { 0 }, b = { 0 };
	struct err err = { 0 };
	char text[NET_PORTS_TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(net_ports_parse(good[i].text, "it", &a, &err), 0);
		assert_string_equal(net_ports_text(&a, text), good[i].is);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		b = a;
		if (net_ports_parse(bad[i], "it", &b, &err) == 0)
			fail_msg("taken: '%s'", bad[i]);
		assert_int_equal(b.count, a.count);
		assert_non_null(strstr(err.msg, "'it'"));
	}
	for (size_t i = 0; i < NET_PORT_RANGES_MAX; i++)
		longest.ranges[i] = (struct net_port_range){ 65000, 65001 };
	assert_int_equal(strlen(net_ports_text(&longest, text)), NET_PORTS_TEXT - 1);
	assert_int_equal(net_ports_parse("80,8000-8100", "it", &a, &err), 0);
	assert_int_equal(net_ports_parse("8100-9000", "it", &b, &err), 0);
	assert_true(net_ports_overlap(&a, &b) && net_ports_overlap(&b, &a));
	assert_int_equal(net_ports_parse("81-7999,8101", "it", &b, &err), 0);
	assert_false(net_ports_overlap(&a, &b) || net_ports_overlap(&b, &a));
	assert_true(net_ports_overlap(&(struct net_ports){ 0 }, &b));
}

/* The ports that a policy keeps to count ahead of all that opens something. */
static void capped_policies(void **state) {
	auto_net_allowed struct net_allowed a = { 0 };
	auto_net_hosts struct net_hosts hosts = { 0 };
	char *const names[] = { (char *)"db.lan", NULL };
	struct net_policy p = net_policy_default();
	struct net_learnt l = { 0 };
	struct err err = { 0 };

	assert_int_equal(net_allowed_add(&a, "1.2.3.4", &err), 1);
	assert_int_equal(net_allowed_add(&a, "example.org", &err), 1);
	assert_int_equal(net_hosts_add(&hosts, "10.0.0.5", names, NULL, &err), 1);
	assert_int_equal(net_learnt_add(&l, "example.org", 1, ip("1.2.3.5"), 1000, 0), 0);
	p.allowed = &a;
	p.hosts = &hosts;
	for (int mode = 0; mode < NET_MODE_COUNT; mode++) {
		static const char *const reached[] = { "1.2.3.4", "1.2.3.5", "10.0.0.5" };

		p.mode = (enum net_mode)mode;
		for (size_t i = 0; i < ARRAY_SIZE(reached); i++) {
			p.is_capped = false;
			assert_true(net_learnt_passes(&p, &l, ip(reached[i]), 80, 0));
			p.is_capped = true;
			assert_int_equal(net_ports_parse("443,8000-8100", "it", &p.ports, &err), 0);
			assert_true(net_learnt_passes(&p, &l, ip(reached[i]), 443, 0));
			assert_true(net_learnt_passes(&p, &l, ip(reached[i]), 8050, 0));
			assert_true(net_learnt_passes(&p, &l, ip(reached[i]), 0, 0));
			assert_false(net_learnt_passes(&p, &l, ip(reached[i]), 80, 0));
			/* Capped, but to what is not known: nothing. */
			p.ports.count = 0;
			assert_false(net_learnt_passes(&p, &l, ip(reached[i]), 443, 0));
		}
	}
	net_learnt_done(&l);
}

static void learning(void **state) {
	auto_net_allowed struct net_allowed a = { 0 };
	struct net_learnt l = { 0 };
	struct err err = { 0 };
	char name[32];
	int r = 0;

	assert_int_equal(net_allowed_add(&a, "example.org", &err), 1);
	assert_int_equal(net_allowed_add(&a, "*.example:443", &err), 1);
	assert_int_equal(net_learnt_add(&l, "example.org", 1, 7, 1000, 0), 0);
	assert_int_equal(net_learnt_add(&l, "a.example", 2, 7, 3000, 0), 0);
	/* Never shorter than it was. */
	assert_int_equal(net_learnt_add(&l, "example.org", 1, 7, 500, 0), 0);
	assert_int_equal(net_learnt_until(&l, 7, 0), 1000);
	assert_int_equal(net_learnt_until(&l, 7, 1), 3000);
	assert_int_equal(net_learnt_until(&l, 8, 1), 0);
	assert_int_equal(net_learnt_lists(&l, 7, 999), 3);
	assert_int_equal(net_learnt_lists(&l, 7, 1000), 2);
	net_learnt_expire(&l, 1000);
	assert_int_equal(l.count, 1);
	assert_int_equal(l.total, 1);
	/* The list changes: the one gets other ports, the other goes. */
	assert_int_equal(net_allowed_remove(&a, "*.example:443", &err), 1);
	net_learnt_relist(&l, &a);
	assert_int_equal(l.count, 0);
	for (int i = 0; i < NET_LEARNT_MAX + 10 && r == 0; i++) {
		snprintf(name, sizeof(name), "h%d.example", i / 8);
		r = net_learnt_add(&l, name, 2, (uint32_t)i, i < 100 ? 10 : 1000, 5);
	}
	assert_int_equal(r, -ENOSPC);
	/* Those that have run out make room. */
	assert_int_equal(net_learnt_add(&l, "new.example", 2, 1, 1000, 11), 0);
	r = 0;
	/* Where nothing has: an eighth of them, those that run out soonest. */
	while (net_learnt_add(&l, "fill.example", 2, (uint32_t)r + 100000, 5000 + (uint64_t)r, 11) == 0)
		r++;
	assert_int_equal(l.total, NET_LEARNT_MAX);
	assert_false(net_learnt_make_room(&l, "new.example", 0, 11));
	assert_true(net_learnt_make_room(&l, "new.example", 64, 11));
	assert_int_equal(l.total, NET_LEARNT_MAX - NET_LEARNT_MAX / 8);
	assert_true(net_learnt_until(&l, (uint32_t)r - 1 + 100000, 1) > 0);
	assert_false(net_learnt_make_room(&l, "new.example", 64, 11));
	/* And of names. */
	net_learnt_done(&l);
	for (int i = 0; i < NET_LEARNT_NAMES_MAX; i++) {
		snprintf(name, sizeof(name), "h%d.example", i);
		assert_int_equal(net_learnt_add(&l, name, 2, (uint32_t)i, 1000 + (uint64_t)i, 0), 0);
	}
	assert_false(net_learnt_make_room(&l, "h5.example", 1, 0));
	assert_true(net_learnt_make_room(&l, "new.example", 1, 0));
	assert_int_equal(l.count, NET_LEARNT_NAMES_MAX - NET_LEARNT_NAMES_MAX / 8);
	assert_int_equal(net_learnt_until(&l, 127, 1), 0);
	assert_int_equal(net_learnt_until(&l, 128, 1), 1128);
	net_learnt_done(&l);
	assert_int_equal(net_learnt_life_ms(0), 120000);
	assert_int_equal(net_learnt_life_ms(300), 360000);
	assert_int_equal(net_learnt_life_ms(UINT32_MAX), (86400 + 60) * UINT64_C(1000));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_entries),
		cmocka_unit_test(bad_entries),
		cmocka_unit_test(long_names),
		cmocka_unit_test(maxima),
		cmocka_unit_test(names),
		cmocka_unit_test(ranges),
		cmocka_unit_test(everything_is_the_public_internet),
		cmocka_unit_test(ports),
		cmocka_unit_test(lists_of_ports),
		cmocka_unit_test(capped_policies),
		cmocka_unit_test(learning),
	};

	return cmocka_run_group_tests_name("net-allowed", tests, NULL, NULL);
}
