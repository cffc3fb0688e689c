/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policies on their way to the supervisor, and what people are told of refusals. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "session/network-why.h"
#include "session/network.h"

static const struct net_cidr range = { 0x0a4d0000, 16 };

static uint32_t ip(const char *text) {
	struct net_cidr c;

	assert_int_equal(net_cidr_parse(text, &c), 0);
	return c.address;
}

static struct net_policy policy_of(enum net_mode mode, const char *ports) {
	struct net_policy p = net_policy_default();
	struct err err = { 0 };

	p.mode = mode;
	p.is_capped = ports != NULL;
	if (ports)
		assert_int_equal(net_ports_parse(ports, "it", &p.ports, &err), 0);
	return p;
}

/* Every reason, with the setting in it, and the command that helps. */
static void reasons(void **state) {
	static const struct {
		enum net_mode mode;
		const char *ports;
		const char *address;
		uint8_t protocol;
		uint16_t port;
		const char *name;
		const char *reason, *remedy; /* a part; NULL: none */
	} all[] = {
		{ NET_RESTRICTED, NULL, "10.9.8.7", IPPROTO_TCP, 80, NULL,
		  "network.block_private_networks",
		  "coi hosts add web 10.9.8.7 host-10-9-8-7 --ports 80" },
		{ NET_RESTRICTED, NULL, "169.254.169.254", IPPROTO_TCP, 80, NULL,
		  "network.block_metadata_endpoint", "coi hosts add web 169.254.169.254" },
		{ NET_RESTRICTED, NULL, "10.77.0.9", IPPROTO_TCP, 80, NULL, "in any mode", NULL },
		{ NET_OPEN, NULL, "255.255.255.255", IPPROTO_UDP, 80, NULL, "in any mode", NULL },
		{ NET_ALLOWLIST, NULL, "1.2.3.4", IPPROTO_TCP, 80, NULL, "network.allowed_domains",
		  "coi network allow web 1.2.3.4:80" },
		{ NET_ALLOWLIST, NULL, "1.2.3.4", IPPROTO_UDP, 53, "a.test",
		  "network.allowed_domains", "coi network allow web a.test:53" },
		{ NET_ALLOWLIST, NULL, "1.2.3.4", IPPROTO_GRE, 0, NULL, "network.mode", NULL },
		{ NET_ALLOWLIST, NULL, "1.2.3.4", IPPROTO_ICMP, 0, NULL, "network.mode", NULL },
		{ NET_RESTRICTED, "443,8000-8100", "1.2.3.4", IPPROTO_TCP, 80, NULL,
		  "network.allowed_ports", "coi network ports web 80,443,8000-8100" },
		{ NET_RESTRICTED, "443", "1.2.3.4", IPPROTO_UDP, 444, NULL, "network.allowed_ports",
		  "coi network ports web 443-444" },
		{ NET_OPEN, "443", "10.9.8.7", IPPROTO_TCP, 22, NULL, "network.allowed_ports",
		  "coi network ports web 22,443" },
		{ NET_OPEN, "443", "1.2.3.4", IPPROTO_GRE, 0, NULL, "network.allowed_ports",
		  "coi network ports web all" },
		{ NET_OPEN, "443", "1.2.3.4", IPPROTO_TCP, 0, NULL, "network.allowed_ports",
		  "coi network ports web all" },
		{ NET_OPEN, "1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31", "1.2.3.4", IPPROTO_TCP, 80,
		  NULL, "network.allowed_ports", "coi network ports web all" },
		/* An address that is closed for other reasons: ports are what is told first. */
		{ NET_ALLOWLIST, "443", "1.2.3.4", IPPROTO_TCP, 80, "a.test",
		  "network.allowed_ports", "coi network ports web 80,443" },
		{ NET_ALLOWLIST, "443", "1.2.3.4", IPPROTO_TCP, 443, "a.test",
		  "network.allowed_domains", "coi network allow web a.test:443" },
		{ NET_ALLOWLIST, "443", "1.2.3.4", IPPROTO_GRE, 0, NULL, "network.mode", NULL },
		{ NET_RESTRICTED, "443", "10.77.0.9", IPPROTO_TCP, 80, NULL, "in any mode", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const struct net_policy p = policy_of(all[i].mode, all[i].ports);
		const struct net_denied d = { .address = ip(all[i].address),
					      .protocol = all[i].protocol,
					      .port = all[i].port };
		auto_network_why struct network_why w = { 0 };

		network_why(&p, &range, "web", &d, all[i].name, &w);
		if (!strstr(w.reason, all[i].reason))
			fail_msg("%zu: %s", i, w.reason);
		if (!all[i].remedy != !w.remedy ||
		    (w.remedy && strncmp(w.remedy, all[i].remedy, strlen(all[i].remedy)) != 0))
			fail_msg("%zu: %s", i, w.remedy ? w.remedy : "none");
	}
}

static void reasons_of_others(void **state) {
	const struct net_policy p = policy_of(NET_ALLOWLIST, "443");
	struct net_denied d = { .address = ip("1.2.3.4"), .protocol = IPPROTO_ICMP, .is_echo = true };
	auto_network_why struct network_why echo = { 0 };
	auto_network_why struct network_why host = { 0 };
	auto_network_why struct network_why name = { 0 };

	network_why(&p, &range, "web", &d, NULL, &echo);
	assert_string_equal(echo.remedy, "coi network allow web 1.2.3.4");
	d.to_host = true;
	network_why(&p, &range, "web", &d, NULL, &host);
	assert_null(host.remedy);
	network_why_name("web", "a.test", &name);
	assert_string_equal(name.remedy, "coi network allow web a.test");
	assert_non_null(strstr(name.reason, "network.allowed_domains"));
}

/* What the supervisor, the one after it and `network show` get is what was decided. */
static void policies_round_trip(void **state) {
	auto_net_allowed struct net_allowed a = { 0 }, back_a = { 0 };
	auto_net_hosts struct net_hosts h = { 0 }, back_h = { 0 };
	char *const names[] = { (char *)"db.lan", NULL };
	char *const ports[] = { (char *)"5432", NULL };
	struct net_policy p = policy_of(NET_ALLOWLIST, "443,8000-8100"), back;
	struct err err = { 0 };
	char text[NET_PORTS_TEXT];

	assert_int_equal(net_allowed_add(&a, "example.org:80,8000-8100", &err), 1);
	assert_int_equal(net_hosts_add(&h, "10.9.8.7", names, ports, &err), 1);
	p.allowed = &a;
	p.hosts = &h;
	p.allow_local_network = true;
	p.block_metadata = false;
	p.refresh_s = 60;
	auto_json json_t *j = network_policy_to_json(&p);

	assert_int_equal(network_policy_from_json(j, &back, &back_a, &back_h, &err), 0);
	assert_int_equal(back.mode, NET_ALLOWLIST);
	assert_true(back.block_private && !back.block_metadata && back.allow_local_network);
	assert_int_equal(back.refresh_s, 60);
	assert_true(back.is_capped);
	assert_string_equal(net_ports_text(&back.ports, text), "443,8000-8100");
	assert_true(net_allowed_name(&back_a, "example.org") != 0);
	assert_true(net_hosts_pass(&back_h, ip("10.9.8.7"), 5432));
	assert_false(net_hosts_pass(&back_h, ip("10.9.8.7"), 80));
}

static void a_policy_without_ports_is_not_capped(void **state) {
	const struct net_policy p = policy_of(NET_OPEN, NULL);
	auto_net_allowed struct net_allowed a = { 0 };
	auto_net_hosts struct net_hosts h = { 0 };
	auto_json json_t *j = network_policy_to_json(&p);
	struct net_policy back;
	struct err err = { 0 };

	assert_int_equal(network_policy_from_json(j, &back, &a, &h, &err), 0);
	assert_false(back.is_capped);
	json_object_set_new(j, "allowed_ports", json_pack("[s]", "nonsense"));
	assert_true(network_policy_from_json(j, &back, &a, &h, &err) < 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasons),
		cmocka_unit_test(reasons_of_others),
		cmocka_unit_test(policies_round_trip),
		cmocka_unit_test(a_policy_without_ports_is_not_capped),
	};

	return cmocka_run_group_tests_name("session-network", tests, NULL, NULL);
}
