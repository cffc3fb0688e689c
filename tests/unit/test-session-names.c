/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names, slots and limits: what users of coi 0.9 have in their scripts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/layout.h"
#include "session/limits.h"
#include "session/session.h"
#include "session/names.h"

static void test_workspace_name(void **state) {
	autofree char *name = name_for("coi-", "/home/ann/project", 3);

	(void)state;
	/* printf %s /home/ann/project | sha256sum */
	assert_string_equal(name, "coi-78a036e7-3");
	assert_int_equal(name_slot(name), 3);
}

static void test_slot(void **state) {
	(void)state;
	assert_int_equal(name_slot("coi-1a2b3c4d-10"), 10);
	assert_int_equal(name_slot("plain"), 0);
	assert_int_equal(name_slot("coi-"), 0);
	assert_int_equal(name_slot("coi-x1"), 0);
	assert_int_equal(name_slot("coi-99999"), 0);
}

static void test_check(void **state) {
	static const char *const good[] = { "coi-1a2b3c4d-1", "a", "Test9", "a-b-c" };
	static const char *const bad[] = { "", "-a", "a-", "1a", "a/b", "a.b", "a b", "..", "a\n",
					   "\x1b[31m", "a_b", "ä" };
	char long_name[NAME_MAX_BYTES + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(name_check(good[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(name_check(bad[i], NULL) < 0);
	memset(long_name, 'a', sizeof(long_name));
	long_name[NAME_MAX_BYTES] = '\0';
	assert_int_equal(name_check(long_name, NULL), 0);
	long_name[NAME_MAX_BYTES] = 'a';
	long_name[NAME_MAX_BYTES + 1] = '\0';
	assert_true(name_check(long_name, NULL) < 0);
}

static void test_other_names(void **state) {
	autofree char *tmux = name_tmux_session("coi-1-1"), *plain = name_lxc("", "coi-1-1");
	autofree char *tagged = name_lxc("a1b2c3", "coi-1-1");

	(void)state;
	assert_string_equal(tmux, "coi-coi-1-1");
	assert_string_equal(plain, "coi-1-1");
	assert_string_equal(tagged, "a1b2c3-coi-1-1");
}

/* Only what limits.c reads is set; the rest is zero. */
static struct settings base_settings(void) {
	struct settings set;

	memset(&set, 0, sizeof(set));
	set.limits.cpu.count = set.limits.cpu.allowance = (char *)"";
	set.limits.memory.swap = (char *)"true";
	set.limits.disk.read = set.limits.disk.write = set.limits.disk.max = (char *)"";
	set.network.mode = MODE_RESTRICTED;
	return set;
}

static int make_limits(const struct settings *set, struct limits_plan *ret, struct err *err) {
	*ret = (struct limits_plan){ 0 };
	return limits_from_settings(set, "/", ret, err);
}

static void test_limits(void **state) {
	static const struct {
		const char *count, *allowance, *cpuset;
		uint64_t quota, period;
		unsigned weight;
	} rows[] = {
		{ "", "", NULL, 0, 0, 0 },
		{ "1", "", "0", 0, 0, 0 },
		/* A percentage is a share, as in 0.9; a part of a time is all that it gets. */
		{ "4", "50%", "0-3", 0, 0, 50 },
		{ "0-2", "25ms/100ms", "0-2", 25000, 100000, 0 },
		{ "0,2", "200%", "0,2", 0, 0, 200 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct settings set = base_settings();
		struct limits_plan l;
		struct err err = { 0 };

		set.limits.cpu.count = (char *)rows[i].count;
		set.limits.cpu.allowance = (char *)rows[i].allowance;
		assert_int_equal(make_limits(&set, &l, &err), 0);
		assert_int_equal(l.runtime.cpu_quota_us, rows[i].quota);
		assert_int_equal(l.runtime.cpu_period_us, rows[i].period);
		assert_int_equal(l.runtime.cpu_weight, rows[i].weight);
		if (rows[i].cpuset)
			assert_string_equal(l.runtime.cpuset_cpus, rows[i].cpuset);
		else
			assert_null(l.runtime.cpuset_cpus);
		limits_done(&l);
	}
}

static void test_bad_allowance(void **state) {
	static const char *const bad[] = { "50", "0%", "50%x", "10ms", "0ms/100ms", "10ms/0ms" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct settings set = base_settings();
		struct limits_plan l;
		struct err err = { 0 };

		set.limits.cpu.allowance = (char *)bad[i];
		assert_int_equal(make_limits(&set, &l, &err), -EINVAL);
		assert_int_equal(err.kind, ERR_CONFIG);
		assert_non_null(strstr(err.msg, bad[i]));
	}
}

static void test_memory_and_policy(void **state) {
	struct settings set = base_settings();
	struct limits_plan l;
	struct net_policy p;
	struct err err = { 0 };

	(void)state;
	set.limits.memory.limit.bytes = 1 << 20;
	set.limits.memory.enforce = ENFORCE_SOFT;
	set.limits.runtime.max_processes = 9;
	assert_int_equal(make_limits(&set, &l, &err), 0);
	assert_int_equal(l.runtime.memory_high, 1 << 20);
	assert_int_equal(l.runtime.memory_max, 0);
	assert_int_equal(l.runtime.pids_max, 9);
	set.limits.memory.enforce = ENFORCE_HARD;
	assert_int_equal(make_limits(&set, &l, &err), 0);
	assert_int_equal(l.runtime.memory_max, 1 << 20);
	assert_int_equal(l.runtime.memory_high, 0);

	set.network.mode = MODE_OPEN;
	set.network.refresh_interval_minutes = 7;
	for (int i = 0; i < 3; i++) {
		set.network.block_private_networks = i == 0;
		set.network.block_metadata_endpoint = i == 1;
		set.network.allow_local_network_access = i == 2;
		p = limits_policy(&set);
		assert_int_equal(p.mode, NET_OPEN);
		assert_int_equal(p.block_private, i == 0);
		assert_int_equal(p.block_metadata, i == 1);
		assert_int_equal(p.allow_local_network, i == 2);
		assert_int_equal(p.refresh_s, 7 * 60);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_workspace_name),
		cmocka_unit_test(test_slot),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_other_names),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_bad_allowance),
		cmocka_unit_test(test_memory_and_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
