/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each outcome of the rows of "coi health" that numbers decide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "session/health/checks.h"
#include "session/health/verdict.h"

#define DAY 86400

static struct health_result r;

/* The outcome, with this in its message; what is not well says what can be done. Empties it. */
static void expect(enum health_status status, const char *text) {
	if (r.status != status || !r.message || !strstr(r.message, text))
		fail_msg("is %s: '%s'; should be %s: '%s'", health_status_to_string(r.status),
			 r.message ? r.message : "", health_status_to_string(status), text);
	free(r.message);
	free(r.remedy);
	json_decref(r.details);
	r = (struct health_result){ 0 };
}

static void expect_remedy(enum health_status status, const char *text, const char *remedy) {
	if (!r.remedy || !strstr(r.remedy, remedy))
		fail_msg("'%s' is not helped by '%s'", r.message, r.remedy ? r.remedy : "");
	expect(status, text);
}

static void test_machine(void **state) {
	(void)state;
	verdict_kernel("6.1.0-25-amd64", &r);
	expect(HEALTH_OK, "6.1.0-25-amd64");
	verdict_kernel("5.19.0", &r);
	expect(HEALTH_OK, "5.19");
	verdict_kernel("5.18.19", &r);
	expect_remedy(HEALTH_FAILED, "before Linux 5.19", "5.19");
	verdict_kernel("4.19", &r);
	expect(HEALTH_FAILED, "4.19");
	verdict_kernel("strange", &r);
	expect(HEALTH_OK, "strange");

	verdict_kernel_age(-1, 0, &r);
	expect(HEALTH_OK, "unknown");
	verdict_kernel_age(1000 * DAY, 1180 * DAY, &r);
	expect(HEALTH_OK, "180 days");
	/* A clock that is behind. */
	verdict_kernel_age(1000 * DAY, 900 * DAY, &r);
	expect(HEALTH_OK, "built 0 days");
	verdict_kernel_age(1000 * DAY, 1181 * DAY, &r);
	expect_remedy(HEALTH_WARNING, "181 days", "reboot");

	verdict_support(-1, NULL, 0, &r);
	expect(HEALTH_OK, "not known");
	verdict_support(181 * DAY, "2030-01-01", 0, &r);
	expect(HEALTH_OK, "until 2030-01-01");
	verdict_support(179 * DAY, "2030-01-01", 0, &r);
	expect_remedy(HEALTH_WARNING, "ends on", "upgrade");
	verdict_support(1, "2030-01-01", DAY, &r);
	expect_remedy(HEALTH_WARNING, "ended on", "upgrade");
}

static void test_confinement(void **state) {
	struct nested_facts f = { -1, -1, APPARMOR_OFF };
	char user[] = "me";

	(void)state;
	verdict_permissions(&(struct privilege){ .user = user }, false, &r);
	expect_remedy(HEALTH_FAILED, "this is 'me'", "sudo");
	verdict_permissions(&(struct privilege){ .is_root = true, .user = user }, false, &r);
	expect(HEALTH_OK, "root");
	verdict_permissions(&(struct privilege){ .is_root = true, .via_sudo = true, .user = user },
			    false, &r);
	expect(HEALTH_OK, "root, for 'me'");
	verdict_permissions(&(struct privilege){ .is_root = true, .user = user }, true, &r);
	expect_remedy(HEALTH_WARNING, "user namespace only", "machine itself");

	verdict_namespaces(true, 1000, &r);
	expect(HEALTH_OK, "available");
	verdict_namespaces(true, -1, &r);
	expect(HEALTH_OK, "available");
	verdict_namespaces(false, -1, &r);
	expect_remedy(HEALTH_FAILED, "no user namespaces", "CONFIG_USER_NS");
	verdict_namespaces(true, 0, &r);
	expect_remedy(HEALTH_FAILED, "max_user_namespaces is 0", "sysctl -w");

	verdict_nested(&f, &r);
	expect(HEALTH_OK, "allowed");
	f.debian_switch = 1;
	verdict_nested(&f, &r);
	expect(HEALTH_OK, "allowed");
	f.debian_switch = 0;
	verdict_nested(&f, &r);
	expect_remedy(HEALTH_WARNING, "unprivileged_userns_clone is 0", "sysctl -w");
	f = (struct nested_facts){ 1, 1, APPARMOR_NAMESPACES };
	verdict_nested(&f, &r);
	expect(HEALTH_OK, "own profiles allow it");
	f.apparmor = APPARMOR_ON;
	verdict_nested(&f, &r);
	expect_remedy(HEALTH_WARNING, "restricts", "apparmor 4.0");
	f.apparmor = APPARMOR_NO_PARSER;
	verdict_nested(&f, &r);
	expect(HEALTH_WARNING, "restricts");
	f.apparmor_switch = 0;
	verdict_nested(&f, &r);
	expect(HEALTH_OK, "allowed");

	verdict_posture(true, APPARMOR_OFF, SELINUX_OFF, "/m", &r);
	expect(HEALTH_OK, "system call filter");
	verdict_posture(true, APPARMOR_ON, SELINUX_OFF, "/m", &r);
	expect(HEALTH_OK, "filter, AppArmor");
	verdict_posture(true, APPARMOR_OFF, SELINUX_ON, "/m", &r);
	expect(HEALTH_OK, "filter, SELinux");
	verdict_posture(true, APPARMOR_OFF, SELINUX_NO_TYPE, "/m", &r);
	expect_remedy(HEALTH_WARNING, "they get no label", "semodule -i /m");
	verdict_posture(true, APPARMOR_OFF, -EACCES, "/m", &r);
	expect(HEALTH_FAILED, "does not say whether its policy knows containers: Permission");
	verdict_posture(true, APPARMOR_NO_PARSER, SELINUX_OFF, "/m", &r);
	expect_remedy(HEALTH_WARNING, "no apparmor_parser", "install apparmor");
	verdict_posture(false, APPARMOR_ON, SELINUX_OFF, "/m", &r);
	expect_remedy(HEALTH_FAILED, "does not filter", "SECCOMP");

	verdict_immutable(false, false, &r);
	expect(HEALTH_OK, "not wanted");
	verdict_immutable(true, true, &r);
	expect(HEALTH_OK, "is there");
	verdict_immutable(true, false, &r);
	expect_remedy(HEALTH_WARNING, "missing", "capabilities");
}

static void test_image_and_workspace(void **state) {
	(void)state;
	verdict_image_age(0, 30 * DAY, &r);
	expect(HEALTH_OK, "30 days");
	verdict_image_age(DAY, 0, &r);
	expect(HEALTH_OK, "0 days");
	verdict_image_age(0, 31 * DAY, &r);
	expect_remedy(HEALTH_WARNING, "31 days", "coi build --force");
	verdict_workspace("/w", 1, &r);
	expect(HEALTH_OK, "id-mapped");
	verdict_workspace("/w", 0, &r);
	expect(HEALTH_WARNING, "no id-mapped mounts");
	verdict_workspace("/w", -EPERM, &r);
	expect(HEALTH_WARNING, "cannot be tried");
}

static void test_network(void **state) {
	struct net_look look = { 0 };

	(void)state;
	verdict_bridge("cb-1", "10.77.0.1", &look, &r);
	expect(HEALTH_OK, "comes with the first container");
	look.has_bridge = true;
	verdict_bridge("cb-1", "10.77.0.1", &look, &r);
	expect_remedy(HEALTH_WARNING, "not as they should be", "--fix");
	look.is_intact = true;
	verdict_bridge("cb-1", "10.77.0.1", &look, &r);
	expect(HEALTH_OK, "cb-1 (10.77.0.1)");

	verdict_forward_rules("cb-1", &look, &r);
	expect(HEALTH_OK, "nobody else");
	look.others_filter = true;
	verdict_forward_rules("cb-1", &look, &r);
	expect(HEALTH_OK, "others filter too");
	memcpy(look.refused_by, "theirs", sizeof("theirs"));
	verdict_forward_rules("cb-1", &look, &r);
	expect_remedy(HEALTH_WARNING, "'theirs' drops", "cb-1");
	look.legacy_closes = true;
	verdict_forward_rules("cb-1", &look, &r);
	expect_remedy(HEALTH_WARNING, "iptables-legacy drops", "iptables-nft");

	verdict_conntrack(-1, -1, &r);
	expect(HEALTH_OK, "not in use");
	verdict_conntrack(0, 0, &r);
	expect(HEALTH_OK, "not in use");
	verdict_conntrack(80, 100, &r);
	expect(HEALTH_OK, "80 of 100");
	verdict_conntrack(81, 100, &r);
	expect_remedy(HEALTH_WARNING, "81 of 100", "nf_conntrack_max=200");
}

static struct reach reached(char dns, const char *targets) {
	struct reach found = { .dns = dns };

	memcpy(found.targets, targets, REACH_COUNT);
	return found;
}

/* Targets: outside, 10.0.0.0/8, 192.168.0.0/16, metadata, host. */
static void test_reach(void **state) {
	static const struct {
		char dns;
		const char *targets;
		enum setting_network_mode mode;
		enum health_status status;
		const char *text;
	} out[] = {
		{ 'y', "ynnnn", MODE_RESTRICTED, HEALTH_OK, "is found and answers" },
		{ 'n', "nnnnn", MODE_ALLOWLIST, HEALTH_OK, "not in the list" },
		{ 'y', "-nnnn", MODE_RESTRICTED, HEALTH_WARNING, "does not answer" },
		{ 'y', "nnnnn", MODE_ALLOWLIST, HEALTH_WARNING, "does not answer" },
		{ 'n', "-nnnn", MODE_RESTRICTED, HEALTH_WARNING, "does not know" },
		{ '-', "-nnnn", MODE_RESTRICTED, HEALTH_FAILED, "name service does not answer" },
		{ 'f', "-nnnn", MODE_RESTRICTED, HEALTH_FAILED, "no server that the name service" },
		{ '-', "-nnnn", MODE_ALLOWLIST, HEALTH_FAILED, "not found" },
	}, in[] = {
		{ 'y', "ynn--", MODE_RESTRICTED, HEALTH_OK, "private networks and metadata are" },
		{ 'y', "yyynn", MODE_OPEN, HEALTH_OK, "the rest is open" },
		{ 'y', "yyyyy", MODE_OPEN, HEALTH_FAILED, "the host is reached" },
		{ 'y', "ynnny", MODE_ALLOWLIST, HEALTH_FAILED, "the host is reached" },
		{ 'y', "yynnn", MODE_RESTRICTED, HEALTH_FAILED, "10.0.0.0/8 is reached" },
		{ 'y', "ynynn", MODE_ALLOWLIST, HEALTH_FAILED, "192.168.0.0/16 is reached" },
		{ 'y', "ynnyn", MODE_RESTRICTED, HEALTH_FAILED, "169.254.169.254 is reached" },
	};
	struct settings set = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(out); i++) {
		struct reach found = reached(out[i].dns, out[i].targets);

		verdict_connectivity(&found, out[i].mode, &r);
		expect(out[i].status, out[i].text);
	}
	set.network.block_private_networks = set.network.block_metadata_endpoint = true;
	for (size_t i = 0; i < ARRAY_SIZE(in); i++) {
		struct reach found = reached(in[i].dns, in[i].targets);

		set.network.mode = in[i].mode;
		verdict_restriction(&found, &set, &r);
		expect(in[i].status, in[i].text);
	}
	/* What the settings leave open is no fault. */
	set.network.block_private_networks = false;
	set.network.mode = MODE_RESTRICTED;
	verdict_restriction(&(struct reach){ 'y', { 'y', 'y', 'y', 'n', 'n' } }, &set, &r);
	expect(HEALTH_OK, "the host is out of reach");
	verdict_restriction(&(struct reach){ 'y', { 'y', 'y', 'y', 'y', 'n' } }, &set, &r);
	expect_remedy(HEALTH_FAILED, "169.254.169.254", "--fix");
}

static void test_monitoring(void **state) {
	struct settings set = { 0 };
	struct control_facts f = { .has_unified = true };

	(void)state;
	verdict_monitoring(&set, &r);
	assert_true(json_is_false(json_object_get(r.details, "auto_pause")));
	expect(HEALTH_OK, "off (monitoring.enabled is false), auto_pause: false");
	set.monitoring.enabled = set.monitoring.auto_pause_on_high = true;
	set.monitoring.poll_interval_sec = 2;
	set.monitoring.file_read_threshold_mb = 50;
	verdict_monitoring(&set, &r);
	assert_true(json_is_true(json_object_get(r.details, "auto_pause")));
	expect(HEALTH_OK, "on, auto_pause: true, auto_kill: false");
	set.monitoring.poll_interval_sec = 61;
	verdict_monitoring(&set, &r);
	expect_remedy(HEALTH_WARNING, "poll_interval_sec is 61", "config.toml");
	set.monitoring.poll_interval_sec = 60;
	set.monitoring.file_read_threshold_mb = 0.5;
	verdict_monitoring(&set, &r);
	expect_remedy(HEALTH_WARNING, "threshold_mb is 0.5", "config.toml");

	for (size_t i = 0; i < CONTROL_COUNT; i++)
		f.where[i] = CONTROL_V2;
	verdict_cgroups(&f, &r);
	assert_string_equal(json_get_str(r.details, "layout", ""), "unified");
	expect(HEALTH_OK, "version 2");
	f.has_legacy = true;
	f.where[CONTROL_IO] = CONTROL_V1;
	verdict_cgroups(&f, &r);
	assert_string_equal(json_get_str(json_object_get(r.details, "controllers"), "io", ""),
			    "version 1");
	expect(HEALTH_OK, "beside version 1");
	f.where[CONTROL_MEMORY] = f.where[CONTROL_PIDS] = CONTROL_MISSING;
	verdict_cgroups(&f, &r);
	expect(HEALTH_WARNING, "no controller for memory, pids");
	f = (struct control_facts){ .has_legacy = true, .where = { CONTROL_V1, CONTROL_V1, CONTROL_V1,
								   CONTROL_V1, CONTROL_V1 } };
	verdict_cgroups(&f, &r);
	assert_string_equal(json_get_str(r.details, "layout", ""), "legacy");
	expect(HEALTH_WARNING, "version 1 only");
}

static struct room room(uint64_t free_mib, unsigned percent) {
	return (struct room){
		.free = free_mib << 20, .total = HEALTH_GIB * 100, .used_percent = percent
	};
}

static void test_places(void **state) {
	struct room some = room(5120, 80);

	(void)state;
	verdict_disk(&some, &r);
	expect(HEALTH_OK, "free");
	verdict_state("/s", &some, &r);
	expect(HEALTH_OK, "/s");
	some = room(5119, 10);
	verdict_disk(&some, &r);
	expect_remedy(HEALTH_WARNING, "free", "coi clean --sessions");
	verdict_state("/s", &some, &r);
	expect_remedy(HEALTH_WARNING, "free", "coi clean");
	some = room(9000, 81);
	verdict_state("/s", &some, &r);
	expect(HEALTH_WARNING, "81 %");
	some = room(2047, 10);
	verdict_state("/s", &some, &r);
	expect(HEALTH_FAILED, "free");
	some = room(9000, 91);
	verdict_state("/s", &some, &r);
	expect(HEALTH_FAILED, "91 %");

	verdict_directory("/h/.coi", "me", 0, &r);
	expect(HEALTH_OK, "/h/.coi");
	verdict_directory("/h/.coi", "me", -ENOENT, &r);
	expect(HEALTH_OK, "made with the first session");
	verdict_directory("/h/.coi", "me", -EACCES, &r);
	expect_remedy(HEALTH_FAILED, "Permission denied", "chown me '/h/.coi'");
	verdict_directory("/h/.coi", "me", -ENOTDIR, &r);
	expect_remedy(HEALTH_FAILED, "Not a directory", "mv '/h/.coi'");
	verdict_directory("/h/.coi", "me", -EROFS, &r);
	expect_remedy(HEALTH_FAILED, "Read-only", "writable");

	verdict_processes(NULL, 0, &r);
	expect(HEALTH_OK, "nothing runs");
	verdict_processes("box", 0, &r);
	expect(HEALTH_OK, "'box' are seen");
	verdict_processes("box", -EACCES, &r);
	expect_remedy(HEALTH_FAILED, "'box'", "/proc");
}

/* Over a pipe an outcome is what it was. */
static void test_round_trip(void **state) {
	struct health_result back = { 0 };
	json_t *j;

	(void)state;
	health_warn(&back, "some%s", "thing");
	health_remedy(&back, "do");
	health_detail(&back, "n", json_integer(3));
	j = health_result_to_json(&back);
	assert_null(back.message);
	health_result_from_json(j, &r);
	json_decref(j);
	assert_int_equal(json_get_int(r.details, "n", 0), 3);
	expect_remedy(HEALTH_WARNING, "something", "do");
	/* Half of one is nothing good. */
	j = json_object();
	health_result_from_json(j, &r);
	json_decref(j);
	expect(HEALTH_FAILED, "");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_machine),	   cmocka_unit_test(test_confinement),
		cmocka_unit_test(test_image_and_workspace), cmocka_unit_test(test_network),
		cmocka_unit_test(test_reach),	   cmocka_unit_test(test_monitoring),
		cmocka_unit_test(test_places),	   cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
