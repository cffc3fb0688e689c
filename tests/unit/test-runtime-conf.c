/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "runtime/apparmor-profile.h"
#include "runtime/caps.h"
#include "runtime/etchosts.h"
#include "runtime/limits.h"
#include "runtime/lxcconf.h"

static struct cgroup_trees hybrid(void) {
	return (struct cgroup_trees){
		.v = { { .controllers = (char *)"pids", .mount = (char *)"/x", .base = (char *)"" },
		       { .controllers = (char *)"cpu,cpuacct",
			 .mount = (char *)"/x",
			 .base = (char *)"" },
		       { .controllers = (char *)"memory",
			 .mount = (char *)"/x",
			 .base = (char *)"" },
		       { .controllers = (char *)"",
			 .mount = (char *)"/nowhere",
			 .base = (char *)"",
			 .unified = true } },
		.count = 4,
	};
}

/* How often @key comes, and its last value. */
static unsigned find(char **conf, const char *key, const char **ret_value) {
	unsigned count = 0;

	for (size_t i = 0; conf[i] && conf[i + 1]; i += 2)
		if (!strcmp(conf[i], key)) {
			count++;
			*ret_value = conf[i + 1];
		}
	return count;
}

static void test_build(void **state) {
	const struct id_range ids = { 1000000, 131072 };
	char *env[] = { (char *)"A=b", NULL };
	struct runtime_spec spec = {
		.hostname = "host",
		.env = env,
		.nesting = true,
		.net = { .link = "coi-1", .address = "10.77.0.5/16", .gateway = "10.77.0.1" },
		.limits = { .pids_max = 100, .memory_max = 4096, .cpu_quota_us = 5 },
	};
	const struct lxcconf_paths paths = { .rootfs = "/m", .seccomp = "/s", .log = "/l" };
	struct cgroup_trees trees = hybrid();
	autostrv char **conf = NULL;
	const char *v = NULL;
	struct idset set;
	struct err err;

	(void)state;
	idset_init(&set, &ids, 1000, 1000);
	assert_int_equal(idset_hole(&set, 1234, 0), 0);
	conf = lxcconf_build(&spec, &set, &trees, &paths, &err);
	assert_non_null(conf);
	assert_int_equal(find(conf, "lxc.idmap", &v), 3 + 1);
	assert_string_equal(v, "g 0 1000000 131072");
	assert_int_equal(find(conf, "lxc.rootfs.path", &v), 1);
	assert_string_equal(v, "dir:/m");
	assert_int_equal(find(conf, "lxc.cap.keep", &v), __builtin_popcountll(caps_bounding()));
	assert_int_equal(find(conf, "lxc.cap.drop", &v), 0);
	assert_int_equal(find(conf, "lxc.net.0.type", &v), 1);
	assert_string_equal(v, "phys");
	assert_int_equal(find(conf, "lxc.environment", &v), 1);
	/* Shared memory, and what engines of containers want. */
	assert_int_equal(find(conf, "lxc.mount.entry", &v), 1 + 4);
	assert_int_equal(find(conf, "lxc.mount.auto", &v), 1);
	assert_non_null(strstr(v, "cgroup:mixed:force"));
	assert_int_equal(find(conf, "lxc.sysctl.net.ipv4.ip_unprivileged_port_start", &v), 1);
	/* Version 1 where the controller is there, whatever else is mounted. */
	assert_int_equal(find(conf, "lxc.cgroup.pids.max", &v), 1);
	assert_int_equal(find(conf, "lxc.cgroup.memory.limit_in_bytes", &v), 1);
	assert_string_equal(v, "4096");
	assert_int_equal(find(conf, "lxc.cgroup.cpu.cfs_quota_us", &v), 1);
	assert_int_equal(find(conf, "lxc.cgroup2.pids.max", &v), 0);
	assert_int_equal(find(conf, "lxc.apparmor.profile", &v), 1);
	assert_string_equal(v, "unconfined");
	assert_int_equal(find(conf, "lxc.selinux.context", &v), 0);
}

static void test_without_engines(void **state) {
	const struct id_range ids = { 1000000, 65536 };
	struct runtime_spec spec = { .hostname = "h" };
	const struct lxcconf_paths paths = { .rootfs = "/m", .seccomp = "/s", .log = "/l",
					     .apparmor = "coi-x", .selinux = "u:r:t:s0" };
	struct cgroup_trees trees = hybrid();
	autostrv char **conf = NULL;
	const char *v = NULL;
	struct idset set;
	struct err err;

	(void)state;
	idset_init(&set, &ids, 1000, 1000);
	conf = lxcconf_build(&spec, &set, &trees, &paths, &err);
	assert_non_null(conf);
	assert_int_equal(find(conf, "lxc.mount.entry", &v), 1);
	assert_non_null(strstr(v, "dev/shm"));
	assert_int_equal(find(conf, "lxc.mount.auto", &v), 1);
	assert_null(strstr(v, "force"));
	assert_int_equal(find(conf, "lxc.sysctl.net.ipv4.ip_unprivileged_port_start", &v), 0);
	assert_int_equal(find(conf, "lxc.sysctl.net.ipv4.ping_group_range", &v), 1);
	assert_int_equal(find(conf, "lxc.apparmor.allow_nesting", &v), 0);
	assert_int_equal(find(conf, "lxc.selinux.context", &v), 1);
	assert_string_equal(v, "u:r:t:s0");
}

/* Only what kernel and parser both know, and never a rule that would stop the parser. */
static void test_apparmor_decision(void **state) {
	static const struct {
		struct apparmor_facts facts;
		enum apparmor is;
	} all[] = {
		{ { NULL, true, "userns_create", true, true }, APPARMOR_OFF },
		{ { "", true, "userns_create", true, true }, APPARMOR_OFF },
		{ { "N", true, "userns_create", true, true }, APPARMOR_OFF },
		{ { "Y", false, NULL, false, false }, APPARMOR_NO_PARSER },
		{ { "Y", false, "userns_create", true, true }, APPARMOR_NO_PARSER },
		{ { "Y", true, NULL, false, false }, APPARMOR_ON },
		{ { "Y", true, "userns_create", true, false }, APPARMOR_ON },
		{ { "Y", true, NULL, false, true }, APPARMOR_ON },
		{ { "Y", true, "", false, true }, APPARMOR_ON },
		{ { "Y", true, "userns_creates", false, true }, APPARMOR_ON },
		/* Debian 13's kernel, and Ubuntu's. */
		{ { "Y", true, "userns_create", false, true }, APPARMOR_NAMESPACES },
		{ { "Y", true, "other userns_create", false, true }, APPARMOR_NAMESPACES },
		{ { "Y", true, NULL, true, true }, APPARMOR_NAMESPACES },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		assert_int_equal(apparmor_decide(&all[i].facts), all[i].is);
}

static void test_profile_of_apparmor(void **state) {
	char name[APPARMOR_NAME_SIZE], older[APPARMOR_NAME_SIZE], list[128];
	const struct id_range ids = { 1000000, 65536 };
	struct runtime_spec spec = { .hostname = "h" };
	const struct lxcconf_paths paths = { .rootfs = "/m", .seccomp = "/s", .log = "/l",
					     .apparmor = name };
	struct cgroup_trees trees = hybrid();
	autofree char *text = apparmor_profile(APPARMOR_NAMESPACES, name);
	autofree char *old = apparmor_profile(APPARMOR_ON, older);
	autostrv char **conf = NULL;
	const char *v = NULL;
	struct idset set;
	struct err err;

	(void)state;
	idset_init(&set, &ids, 1000, 1000);
	conf = lxcconf_build(&spec, &set, &trees, &paths, &err);
	assert_non_null(conf);
	/* By its own name: what liblxc makes itself wants a configuration file, and stays. */
	assert_int_equal(find(conf, "lxc.apparmor.profile", &v), 1);
	assert_string_equal(v, name);
	assert_int_equal(find(conf, "lxc.apparmor.allow_nesting", &v), 0);
	/* Another text, another name; and nothing in it that would lead out of it. */
	assert_string_not_equal(name, older);
	assert_int_equal(strncmp(text + strlen("profile "), name, strlen(name)), 0);
	assert_null(strstr(text, "change_profile"));
	assert_null(strstr(text, "unconfined"));
	assert_non_null(strstr(text, "userns,"));
	assert_null(strstr(old, "userns,"));
	(void)snprintf(list, sizeof(list), "lxc (enforce)\n%s (enforce)\n", name);
	assert_true(apparmor_listed(list, name));
	assert_false(apparmor_listed(list, older));
	assert_false(apparmor_listed(list, "lx"));
	assert_false(apparmor_listed("", name));
}

static void test_missing_controller_is_named(void **state) {
	struct limit_file l[LIMIT_FILES_MAX];
	struct cgroup_trees trees = hybrid();
	struct err err;

	(void)state;
	assert_true(limits_files(&(struct runtime_limits){ .cpuset_cpus = "0" }, &trees, l,
				   &err) < 0);
	assert_non_null(strstr(err.msg, "'cpuset'"));
	assert_int_equal(limits_files(&(struct runtime_limits){ 0 }, &trees, l, &err), 0);
}

static void test_bad_sysctl(void **state) {
	const struct id_range ids = { 1000000, 65536 };
	char *sysctls[] = { (char *)"=x", NULL };
	struct runtime_spec spec = { .hostname = "h", .sysctls = sysctls };
	const struct lxcconf_paths paths = { .rootfs = "/m", .seccomp = "/s", .log = "/l" };
	struct cgroup_trees trees = hybrid();
	struct idset set;
	struct err err;

	(void)state;
	idset_init(&set, &ids, 1000, 1000);
	assert_null(lxcconf_build(&spec, &set, &trees, &paths, &err));
	assert_int_equal(err.kind, ERR_BUG);
}

static void test_log_reason(void **state) {
	static const char text[] =
		"lxc c 20261125 INFO     x - ../a.c:f:1 - fine\n"
		"lxc c 20261125 ERROR    conf - ../src/lxc/conf.c:g:2 - No such file - first - thing\n"
		"lxc 20261125 ERROR    confile - ../c.c:h:3 - Invalid argument - Unsupported config key "
		"\"lxc.seccomp\"\n"
		"lxc c 20261125 ERROR    start - ../s.c:i:4 - second\n"
		"lxc c 20261125 ERROR    start - ../s.c:j:5 - third\n"
		"garbage ERROR \n";
	autofree char *a = lxclog_reason(text), *b = lxclog_reason("");

	(void)state;
	assert_string_equal(a, "No such file - first - thing; second");
	assert_string_equal(b, "");
}

static void test_cgroup_line(void **state) {
	char *controllers = NULL, *path = NULL;

	(void)state;
	assert_true(cgroup_line_parse("4:cpu,cpuacct:/a:b/c", &controllers, &path));
	assert_string_equal(controllers, "cpu,cpuacct");
	assert_string_equal(path, "/a:b/c");
	free(controllers);
	free(path);
	assert_true(cgroup_line_parse("0::/", &controllers, &path));
	assert_string_equal(controllers, "");
	assert_string_equal(path, "/");
	free(controllers);
	free(path);
	assert_false(cgroup_line_parse("0:", &controllers, &path));
	assert_false(cgroup_line_parse("", &controllers, &path));
	assert_false(cgroup_line_parse("0::x", &controllers, &path));
}

/* All that this kernel's headers know, once each. */
static void test_caps_have_reasons(void **state) {
	uint64_t all = 0;

	(void)state;
	for (size_t i = 0; i < caps_count; i++) {
		assert_true(strlen(caps_rows[i].name) > 2);
		assert_true(strlen(caps_rows[i].why) > 10);
		assert_false(all & UINT64_C(1) << caps_rows[i].number);
		all |= UINT64_C(1) << caps_rows[i].number;
	}
	assert_true(all == (UINT64_C(2) << CAP_CHECKPOINT_RESTORE) - 1);
	assert_false(caps_bounding() & (UINT64_C(1) << CAP_SYS_MODULE));
	assert_true(caps_bounding() & (UINT64_C(1) << CAP_SETUID));
}

static void test_surface(void **state) {
	autofree char *usual = surface_policy(SURFACE_DEFAULT);
	autofree char *reduced = surface_policy(SURFACE_REDUCED);
	autofree char *strict = surface_policy(SURFACE_STRICT);

	(void)state;
	assert_ptr_equal(strstr(usual, "2\ndenylist\nreject_force_umount\n[all]\n"), usual);
	assert_non_null(strstr(usual, "\ninit_module errno 1\n"));
	assert_non_null(strstr(usual, "\nuselib errno 38\n"));
	assert_null(strstr(usual, "io_uring"));
	assert_non_null(strstr(reduced, "\nio_uring_setup errno 1\n"));
	assert_null(strstr(reduced, "perf_event_open"));
	assert_non_null(strstr(strict, "\nio_uring_setup errno 1\n"));
	assert_non_null(strstr(strict, "\nperf_event_open errno 1\n"));
	for (const struct surface_call *c = surface_calls; c->name; c++)
		for (const struct surface_call *d = surface_calls; d < c; d++)
			assert_string_not_equal(c->name, d->name);
	assert_int_equal(surface_from_string("default"), SURFACE_DEFAULT);
	assert_int_equal(surface_from_string("reduced"), SURFACE_REDUCED);
	assert_int_equal(surface_from_string("of a time to come"), SURFACE_STRICT);
	assert_true(surface_nests(SURFACE_DEFAULT));
	assert_false(surface_nests(SURFACE_REDUCED));
}

/* Lines of ours in a file that is somebody's own. */
static void test_etc_hosts(void **state) {
#define OURS(lines) ETC_HOSTS_BEGIN "\n" lines ETC_HOSTS_END "\n"
	static const struct {
		const char *before, *lines, *after;
	} all[] = {
		{ "", NULL, "" },
		{ "", "1.2.3.4\ta\n", OURS("1.2.3.4\ta\n") },
		{ "127.0.0.1 x\n", "1.2.3.4\ta\n", "127.0.0.1 x\n" OURS("1.2.3.4\ta\n") },
		{ "127.0.0.1 x", "1.2.3.4\ta\n", "127.0.0.1 x\n" OURS("1.2.3.4\ta\n") },
		/* Changed, and taken away; what is around it stays. */
		{ "a\n" OURS("1.2.3.4\ta\n") "b\n", "5.6.7.8\tc\n", "a\nb\n" OURS("5.6.7.8\tc\n") },
		{ "a\n" OURS("1.2.3.4\ta\n") "b\n", "", "a\nb\n" },
		{ OURS("1\n") "a\n" OURS("2\n"), NULL, "a\n" },
		{ "a\n" OURS(""), NULL, "a\n" },
		/* Without its end, without its beginning, only nearly a line of ours. */
		{ ETC_HOSTS_BEGIN "\na\n", NULL, ETC_HOSTS_BEGIN "\na\n" },
		{ "a\n" ETC_HOSTS_END "\nb\n", NULL, "a\n" ETC_HOSTS_END "\nb\n" },
		{ "x" ETC_HOSTS_BEGIN "\na\n" ETC_HOSTS_END "\n", NULL,
		  "x" ETC_HOSTS_BEGIN "\na\n" ETC_HOSTS_END "\n" },
		{ "a\n" ETC_HOSTS_BEGIN "\nb\n" ETC_HOSTS_END, NULL, "a\n" },
		{ "\n\n", "1\n", "\n\n" OURS("1\n") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		autofree char *once = etc_hosts_text(all[i].before, all[i].lines);
		autofree char *twice = etc_hosts_text(once, all[i].lines);

		assert_string_equal(once, all[i].after);
		assert_string_equal(twice, once);
	}
#undef OURS
}

/* What the group has used, and what it was asked to give back. */
static void test_make_room(void **state) {
	static const char *const files[] = { "memory.current", "memory.reclaim" };
	char path[] = "/tmp/coi-test-XXXXXX";
	struct err err = { 0 };
	autofree char *asked = NULL;
	int dir;

	(void)state;
	assert_non_null(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	assert_int_equal(limit_make_room(dir, 1 << 20, &err), -ENOENT);
	assert_int_equal(file_write_quick_at(dir, files[0], "50000000\n", 9, 0600), 0);
	assert_int_equal(file_write_quick_at(dir, files[1], "", 0, 0600), 0);
	assert_int_equal(limit_make_room(dir, 50000000, &err), 0);
	assert_int_equal(file_read_line_at(dir, files[1], &asked), 0);
	assert_string_equal(asked, "");
	/* Nobody here gives anything back. */
	assert_int_equal(limit_make_room(dir, 16 << 20, &err), -EBUSY);
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_non_null(strstr(err.msg, "limits.memory.limit: 48 MiB are used"));
	assert_non_null(strstr(err.msg, "limit of 16 MiB"));
	free(asked);
	assert_int_equal(file_read_line_at(dir, files[1], &asked), 0);
	assert_string_equal(asked, "33222784");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		(void)unlinkat(dir, files[i], 0);
	(void)close(dir);
	(void)rmdir(path);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_without_engines),
		cmocka_unit_test(test_apparmor_decision),
		cmocka_unit_test(test_profile_of_apparmor),
		cmocka_unit_test(test_missing_controller_is_named),
		cmocka_unit_test(test_bad_sysctl),
		cmocka_unit_test(test_log_reason),
		cmocka_unit_test(test_cgroup_line),
		cmocka_unit_test(test_make_room),
		cmocka_unit_test(test_caps_have_reasons),
		cmocka_unit_test(test_surface),
		cmocka_unit_test(test_etc_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
