/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plans: order, undo, what stops them; and the plan that goes over the wire. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "config/settings.h"
#include "session/monitoring.h"
#include "session/plan.h"
#include "session/wire.h"

struct trace {
	char text[256];
	const char *fail_act, *fail_undo;
	int troubles;
	int stop_before; /* on_step says stop at this count; 0: never */
	int steps;
};

static void note(struct trace *t, const char *what) {
	size_t len = strlen(t->text);

	(void)snprintf(t->text + len, sizeof(t->text) - len, "%s ", what);
}

#define STEP(name_)                                                                      \
	static int act_##name_(void *ctx, struct err *err) {                             \
		struct trace *t = ctx;                                                   \
		note(t, "+" #name_);                                                     \
		if (t->fail_act && !strcmp(t->fail_act, #name_))                         \
			return err_set(err, ERR_SYSTEM, -EIO, "act " #name_);            \
		return 0;                                                                \
	}                                                                                \
	static int undo_##name_(void *ctx, struct err *err) {                            \
		struct trace *t = ctx;                                                   \
		note(t, "-" #name_);                                                     \
		if (t->fail_undo && !strcmp(t->fail_undo, #name_))                       \
			return err_set(err, ERR_SYSTEM, -EBUSY, "undo " #name_);         \
		return 0;                                                                \
	}

STEP(a)
STEP(b)
STEP(c)

static const struct plan_step steps[] = {
	{ "a", "first", act_a, undo_a },
	{ "b", "second", act_b, undo_b },
	{ "c", "third", act_c, undo_c },
};

static int count_step(void *ctx, const struct plan_step *step) {
	struct trace *t = ctx;

	(void)step;
	return t->stop_before && ++t->steps >= t->stop_before;
}

static void on_trouble(void *ctx, const struct plan_step *step, const struct err *err) {
	struct trace *t = ctx;

	assert_non_null(step->what);
	assert_true(err->msg[0] != '\0');
	t->troubles++;
}

static const struct plan plan = { .name = "test", .steps = steps, .count = 3, .on_step = count_step };

static void test_forth_and_back(void **state) {
	struct trace t = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(plan_run(&plan, &t, on_trouble, &err), 0);
	assert_string_equal(t.text, "+a +b +c ");
	assert_int_equal(plan_undo(&plan, &t, plan.count, on_trouble, &err), 0);
	assert_string_equal(t.text, "+a +b +c -c -b -a ");
}

static void test_failure_undoes_what_was_begun(void **state) {
	struct trace t = { .fail_act = "b" };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(plan_run(&plan, &t, on_trouble, &err), -EIO);
	assert_string_equal(t.text, "+a +b -b -a ");
	assert_string_equal(err.msg, "act b");
}

static void test_failing_undo_goes_on(void **state) {
	struct trace t = { .fail_undo = "b" };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(plan_undo(&plan, &t, 3, on_trouble, &err), -EBUSY);
	assert_string_equal(t.text, "-c -b -a ");
	assert_int_equal(t.troubles, 1);
	assert_string_equal(err.msg, "undo b");
}

static void test_stop_at_failure(void **state) {
	struct plan careful = plan;
	struct trace t = { .fail_undo = "b" };
	struct err err = { 0 };

	(void)state;
	careful.stop_at_failure = true;
	assert_int_equal(plan_undo(&careful, &t, 3, NULL, &err), -EBUSY);
	assert_string_equal(t.text, "-c -b ");
}

static void test_keep_on_failure(void **state) {
	struct plan keeping = plan;
	struct trace t = { .fail_act = "c" };
	struct err err = { 0 };

	(void)state;
	keeping.keep_on_failure = true;
	assert_int_equal(plan_run(&keeping, &t, NULL, &err), -EIO);
	assert_string_equal(t.text, "+a +b +c ");
}

static void test_stopped_from_outside(void **state) {
	struct trace t = { .stop_before = 2 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(plan_run(&plan, &t, NULL, &err), -ECANCELED);
	/* The step that was not begun is undone too: undos are repeatable. */
	assert_string_equal(t.text, "+a -b -a ");
}

static void test_wire_round_trip(void **state) {
	struct wire_plan p = {
		.name = xstrdup("coi-12345678-1"),
		.prefix = xstrdup("coi-"),
		.who = { true, true, 1234, 1235, xstrdup("ann"), xstrdup("/home/ann") },
		.is_new = true,
		.is_lease = true,
		.ready_timeout_ms = 1000,
		.stop_timeout_ms = 2000,
		.policy = { .mode = NET_OPEN, .block_metadata = true },
		.limits = { .runtime = { .pids_max = 77,
					 .memory_max = 1ull << 40,
					 .swap_limited = true },
			    .cpuset = xstrdup("0-1"),
			    .device = xstrdup("8:0"),
			    .tmp_size = 1ull << 33,
			    .max_ms = 5000,
			    .graceful = true },
	};
	struct wire_plan q;
	struct err err = { 0 };
	json_t *j;

	(void)state;
	wire_add_bind(&p,
		      &(struct runtime_bind){ .source = "/home/ann/a \"b\"",
					      .target = "/workspace",
					      .readonly = true,
					      .ids = RUNTIME_BIND_OWNER,
					      .owner_uid = 1234,
					      .owner_gid = (gid_t)-1 },
		      -1);
	j = wire_plan_to_json(&p);
	assert_non_null(j);
	assert_int_equal(wire_plan_from_json(j, &q, &err), 0);
	assert_string_equal(q.name, p.name);
	assert_int_equal(q.who.uid, 1234);
	assert_true(q.who.via_sudo && q.is_new && q.is_lease && !q.adopt);
	assert_int_equal(q.policy.mode, NET_OPEN);
	assert_true(!q.policy.block_private && q.policy.block_metadata);
	assert_int_equal(q.limits.runtime.memory_max, 1ull << 40);
	assert_true(q.limits.runtime.swap_limited && q.limits.runtime.swap_max == 0);
	assert_string_equal(q.limits.runtime.cpuset_cpus, "0-1");
	assert_string_equal(q.limits.runtime.device, "8:0");
	assert_int_equal(q.limits.tmp_size, 1ull << 33);
	assert_int_equal(q.limits.max_ms, 5000);
	assert_true(q.limits.graceful && !q.limits.auto_stop);
	assert_int_equal(q.bind_count, 1);
	assert_string_equal(q.binds[0].source, "/home/ann/a \"b\"");
	assert_true(q.binds[0].readonly && q.binds[0].ids == RUNTIME_BIND_OWNER);
	assert_int_equal(q.binds[0].owner_gid, (gid_t)-1);
	json_decref(j);
	wire_plan_done(&p);
	wire_plan_done(&q);
}

static void test_wire_refuses(void **state) {
	static const char *const bad[] = { "{}", "{\"name\":\"x\"}", "[]",
					   "{\"name\":1,\"who\":{},\"policy\":{},\"binds\":[]}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		json_t *j = json_loads(bad[i], 0, NULL);
		struct wire_plan q;
		struct err err = { 0 };

		assert_non_null(j);
		assert_true(wire_plan_from_json(j, &q, &err) < 0);
		json_decref(j);
	}
}

/* Each number its own, so that none is taken for another. */
static void test_monitoring_is_as_the_settings_have_it(void **state) {
	(void)state;
	for (unsigned i = 0; i < 7; i++) {
		struct settings set;
		auto_monitoring_plan struct monitoring_plan p = { 0 };

		memset(&set, 0, sizeof(set));
		set.monitoring.enabled = i == 0;
		set.monitoring.auto_pause_on_high = i == 1;
		set.monitoring.auto_kill_on_critical = i == 2;
		set.monitoring.forensics_on_kill = i == 3;
		set.monitoring.block = i == 4;
		set.monitoring.nft.enabled = i == 5;
		set.monitoring.nft.log_dns_queries = i == 6;
		set.monitoring.poll_interval_sec = 3;
		set.monitoring.audit_log_retention_days = 45;
		set.monitoring.file_read_threshold_mb = 50.5;
		set.monitoring.file_read_rate_mb_per_sec = 10.25;
		set.monitoring.process_count_threshold = 321;
		set.monitoring.process_spawn_rate_threshold = i ? 654 : -1;
		set.monitoring.nft.rate_limit_per_second = 1234;
		set.monitoring.nft.dns_query_threshold = 77;
		set.detection.gtfobins_dir = (char *)"/gtfobins";
		set.detection.sigma_dir = (char *)"/sigma";
		monitoring_from_settings(&set, &p);
		assert_int_equal(p.is_enabled, i == 0);
		assert_int_equal(p.pauses, i == 1);
		assert_int_equal(p.kills, i == 2);
		assert_int_equal(p.keeps, i == 3);
		assert_int_equal(p.blocks, i == 4);
		assert_int_equal(p.watches_net, i == 5);
		assert_int_equal(p.logs_queries, i == 6);
		assert_int_equal(p.poll_ms, 3000);
		assert_int_equal(p.retention_days, 45);
		assert_true(p.detect.read_mb == 50.5 && p.detect.read_mb_per_s == 10.25);
		assert_int_equal(p.detect.processes, 321);
		assert_int_equal(p.detect.spawns_per_s, i ? 654 : MONITORING_SPAWNS_DEFAULT);
		assert_int_equal(p.net_rate, 1234);
		assert_int_equal(p.detect.queries_per_minute, 77);
		assert_string_equal(p.pattern_dirs[0], "/gtfobins");
		assert_string_equal(p.pattern_dirs[1], "/sigma");
	}
}

/* The same for what a supervisor is told. */
static void test_monitoring_goes_over_the_wire(void **state) {
	for (unsigned i = 0; i < 7; i++) {
		struct monitoring_plan p = { .is_enabled = i == 0,
					     .pauses = i == 1,
					     .kills = i == 2,
					     .keeps = i == 3,
					     .has_canaries = i == 4,
					     .watches_net = i == 5,
					     .logs_queries = i == 6,
					     .net_rate = 1234,
					     .poll_ms = 3000,
					     .retention_days = 45,
					     .detect = { .queries_per_minute = 77 } };
		auto_monitoring_plan struct monitoring_plan back = { 0 };
		auto_json json_t *j = NULL;
		(void)state;

		(void)strv_add(&p.sinks, "syslog");
		(void)snprintf(p.pattern_dirs[1], sizeof(p.pattern_dirs[1]), "/sigma");
		j = monitoring_to_json(&p);
		assert_non_null(j);
		monitoring_from_json(j, &back);
		assert_int_equal(back.is_enabled, i == 0);
		assert_int_equal(back.pauses, i == 1);
		assert_int_equal(back.kills, i == 2);
		assert_int_equal(back.keeps, i == 3);
		assert_int_equal(back.has_canaries, i == 4);
		assert_int_equal(back.watches_net, i == 5);
		assert_int_equal(back.logs_queries, i == 6);
		assert_int_equal(back.net_rate, 1234);
		assert_int_equal(back.poll_ms, 3000);
		assert_int_equal(back.retention_days, 45);
		assert_int_equal(back.detect.queries_per_minute, 77);
		assert_string_equal(back.sinks[0], "syslog");
		assert_string_equal(back.pattern_dirs[0], "");
		assert_string_equal(back.pattern_dirs[1], "/sigma");
		strv_free(p.sinks);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forth_and_back),
		cmocka_unit_test(test_monitoring_is_as_the_settings_have_it),
		cmocka_unit_test(test_monitoring_goes_over_the_wire),
		cmocka_unit_test(test_failure_undoes_what_was_begun),
		cmocka_unit_test(test_failing_undo_goes_on),
		cmocka_unit_test(test_stop_at_failure),
		cmocka_unit_test(test_keep_on_failure),
		cmocka_unit_test(test_stopped_from_outside),
		cmocka_unit_test(test_wire_round_trip),
		cmocka_unit_test(test_wire_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
