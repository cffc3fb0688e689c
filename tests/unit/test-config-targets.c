/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Places of mounts and sockets in the container that are none for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"
#include "config/load.h"
#include "unit/config-fixture.h"

#define RO "readonly = true"
#define RW "readonly = false"

/* Two mounts, in this order: how many stay, and what is said of the other. */
static const struct {
	const char *first;
	const char *first_mode;
	const char *second;
	const char *second_mode;
	size_t stay;
	const char *words;
} pairs[] = {
	{ "/a", RW, "/b", RW, 2, NULL },
	{ "/a", RW, "/ab", RW, 2, NULL },
	{ "/a", RW, "/a", RW, 1, "there is another one" },
	{ "/a", RO, "/a", RW, 1, "there is another one" },
	{ "/a", RO, "/a", RO, 2, NULL },
	{ "/a", RW, "/a/b", RW, 1, "it lies in the mount at '/a'" },
	{ "/a", RO, "/a/b/c", RW, 1, "it lies in the mount at '/a'" },
	{ "/a", RW, "/a/b", RO, 2, NULL },
	{ "/a/b", RW, "/a", RW, 1, "the mount at '/a/b'" },
	{ "/a/b", RO, "/a", RW, 2, NULL },
	{ "/a/b", RW, "/a", RO, 1, "the mount at '/a/b'" },
	/* However they are spelled. */
	{ "/a", RW, "//a/./b/..", RW, 1, "there is another one" },
	{ "/a", RW, "/../a", RW, 1, "there is another one" },
};

static void mounts_do_not_lie_in_each_other(void **state) {
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		autofree char *text = xasprintf(
			"[[mounts.default]]\nhost = \"/one\"\ncontainer = \"%s\"\n%s\n"
			"[[mounts.default]]\nhost = \"/two\"\ncontainer = \"%s\"\n%s\n",
			pairs[i].first, pairs[i].first_mode, pairs[i].second, pairs[i].second_mode);
		const struct config_note *n;

		fixture_user(f, text);
		f->is_strict = false;
		if (fixture_settings(f)->mounts.count != pairs[i].stay)
			fail_msg("%s %s: %zu stay", pairs[i].first, pairs[i].second,
				 config_settings(f->config)->mounts.count);
		assert_string_equal(config_settings(f->config)->mounts.items[0].host, "/one");
		n = fixture_note(f, NOTE_BAD_VALUE, "mounts.default");
		assert_int_equal(n != NULL, pairs[i].words != NULL);
		f->is_strict = true;
		assert_int_equal(fixture_load(f) < 0, n != NULL);
		if (!pairs[i].words)
			continue;
		if (!strstr(f->err.msg, pairs[i].words) || !strstr(f->err.msg, "config.toml:5:1:"))
			fail_msg("%s", f->err.msg);
	}
}

static void places_of_the_container_and_the_workspace(void **state) {
	static const struct {
		const char *path;
		bool ok;
	} list[] = {
		{ "/", false },	      { "/proc", false },	{ "/proc/sys/kernel", false },
		{ "/sys/fs", false }, { "/dev/shm", false },	{ "/run", false },
		{ "/run/coi", false }, { "/run/coi/sockets/x", false }, { "/etc", false },
		{ "/usr", false },    { "/workspace", false },	{ "/workspace/.", false },
		{ "/x/../proc", false }, { "/./", false },
		{ "/etc/ssl", true }, { "/usr/local/x", true }, { "/run/user/1000/x", true },
		{ "/workspace/sub", true }, { "/workspaces", true }, { "/home/code/.cargo", true },
		{ "/srv", true },     { "/procfs", true },
	};
	static const char *const kinds[] = { "mounts.default", "sockets" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(list) * ARRAY_SIZE(kinds); i++) {
		const char *path = list[i / 2].path, *kind = kinds[i % 2];
		autofree char *text = xasprintf("[[%s]]\nhost = \"/x\"\ncontainer = \"%s\"\n", kind,
						path);
		size_t count;

		fixture_user(f, text);
		fixture_settings(f);
		count = i % 2 ? config_settings(f->config)->sockets.count
			      : config_settings(f->config)->mounts.count;
		if ((count == 1) != list[i / 2].ok)
			fail_msg("%s at %s: %zu", kind, path, count);
		assert_int_equal(fixture_note(f, NOTE_BAD_VALUE, kind) != NULL, !list[i / 2].ok);
	}
	/* A workspace that keeps its path is hidden by what lies above it. */
	for (int kept = 0; kept < 2; kept++) {
		autofree char *text =
			xasprintf("paths.preserve_workspace_path = %s\n[[mounts.default]]\n"
				  "host = \"/x\"\ncontainer = \"%s\"\n",
				  kept ? "true" : "false", f->base);

		fixture_user(f, text);
		assert_int_equal(fixture_settings(f)->mounts.count, !kept);
	}
}

/* What a project wants against what the person wants gives way, and blocks nobody. */
static void a_project_gives_way(void **state) {
	struct fixture *f = *state;
	const struct setting_mounts *mounts;

	f->is_strict = true;
	fixture_write(f, "ws/sub/x", "");
	fixture_env_file(f, "[[mounts.default]]\nhost = \"/mine\"\ncontainer = \"/m\"\n");
	fixture_project(f, "[[mounts.default]]\nhost = \"sub\"\ncontainer = \"/m\"\n"
			   "[[mounts.default]]\nhost = \"sub\"\ncontainer = \"/m/in\"\n"
			   "[[mounts.default]]\nhost = \"sub\"\ncontainer = \"/proc/sys\"\n"
			   "[[mounts.default]]\nhost = \"sub\"\ncontainer = \"/other\"\n"
			   "[[mounts.default]]\nhost = \"sub\"\ncontainer = \"/other\"\n");
	mounts = &fixture_settings(f)->mounts;
	assert_int_equal(mounts->count, 2);
	assert_string_equal(mounts->items[0].container, "/other");
	assert_string_equal(mounts->items[1].host, "/mine");
	assert_int_equal(fixture_count(f, NOTE_REFUSED), 3);
	assert_int_equal(fixture_note(f, NOTE_REFUSED, "mounts.default")->line, 1);
}

/* The same in two files is said once and no mistake. */
static void said_twice_is_there_once(void **state) {
	static const char text[] = "[[mounts.default]]\nhost = \"/m\"\ncontainer = \"/m\"\n"
				   "[[sockets]]\nhost = \"/s\"\ncontainer = \"/s\"\nenv = \"S\"\n";
	struct fixture *f = *state;
	size_t count;

	f->is_strict = true;
	fixture_user(f, text);
	fixture_env_file(f, text);
	assert_int_equal(fixture_settings(f)->mounts.count, 1);
	assert_int_equal(config_settings(f->config)->sockets.count, 1);
	(void)config_notes(f->config, &count);
	assert_int_equal(count, 0);
	fixture_env_file(f, "[[sockets]]\nhost = \"/t\"\ncontainer = \"/s\"\n");
	assert_true(fixture_load(f) < 0);
	assert_non_null(strstr(f->err.msg, "there is another one"));
}

/* Approvals of 0.9 are of cleaned places. */
static void places_are_clean_before_they_are_approved(void **state) {
	struct fixture *f = *state;
	size_t count;

	fixture_project(f, "[[mounts.default]]\nhost = \"/etc\"\ncontainer = \"/x/./y/..//z\"\n");
	fixture_settings(f);
	assert_string_equal(config_gated(f->config, &count)[0].canonical,
			    "mount:\"/etc\"|\"/x/z\"|false");
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void) {
	const struct CMUnitTest tests[] = {
		T(mounts_do_not_lie_in_each_other),
		T(places_of_the_container_and_the_workspace),
		T(a_project_gives_way),
		T(said_twice_is_there_once),
		T(places_are_clean_before_they_are_approved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
