/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is kept below a person's home: aliases and saved sessions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cli/aliases.h"
#include "session/saved.h"

static char home[64];
static struct privilege who = { .user = (char *)"me", .home = home };

static int make_home(void **state) {
	(void)snprintf(home, sizeof(home), "/tmp/test-cli-files-%d", (int)getpid());
	who.uid = getuid();
	who.gid = getgid();
	return mkdir(home, 0700);
}

static int remove_home(void **state) {
	autoclose int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return tmp < 0 ? -errno : tree_remove_at(tmp, home + strlen("/tmp/"));
}

static void put(const char *name, const char *text) {
	autofree char *path = xasprintf("%s/%s", home, name);
	autofclose FILE *f = fopen(path, "we");

	assert_non_null(f);
	(void)fputs(text, f);
}

static void make_dir(const char *name) {
	autofree char *path = xasprintf("%s/%s", home, name);

	assert_int_equal(mkdir_parents(path, 0700), 0);
}

static char *get(const char *name) {
	autofree char *path = xasprintf("%s/%s", home, name);
	autobuf struct buf b;

	assert_int_equal(file_read_at(AT_FDCWD, path, 65536, &b), 0);
	return xstrdup(b.data);
}

#define EXPECT_ALIAS(word_, workspace_, slot_)                            \
	do {                                                              \
		auto_alias struct alias_entry e_ = { 0 };                 \
		struct err err_ = { 0 };                                  \
		assert_int_equal(alias_find(&who, word_, &e_, &err_), 1); \
		assert_string_equal(e_.workspace, workspace_);            \
		assert_int_equal(e_.slot, slot_);                         \
	} while (0)

static void keeps_aliases(void **state) {
	auto_alias struct alias_entry e = { 0 };
	struct err err = { 0 };
	autofree char *before = NULL, *after = NULL;

	assert_int_equal(alias_find(&who, "web", &e, &err), 0);
	assert_int_equal(alias_register(&who, "web", home, "fast", &err), 0);
	assert_int_equal(alias_register(&who, "web-2", "/tmp", NULL, &err), 0);
	EXPECT_ALIAS("web", home, 0);
	EXPECT_ALIAS("web-3", home, 3);
	/* The whole word first. */
	EXPECT_ALIAS("web-2", "/tmp", 0);
	assert_int_equal(alias_find(&who, "web-x", &e, &err), 0);
	assert_int_equal(alias_find(&who, "we", &e, &err), 0);
	assert_int_equal(alias_find(&who, "web", &e, &err), 1);
	assert_string_equal(e.profile, "fast");

	/* Again is nothing; another workspace is refused as long as the first one is there. */
	before = get(".coi/aliases.json");
	assert_int_equal(alias_register(&who, "web", home, "fast", &err), 0);
	assert_int_equal(alias_register(&who, "web", "/usr", NULL, &err), -EEXIST);
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_non_null(strstr(err.msg, home));
	after = get(".coi/aliases.json");
	assert_string_equal(before, after);
	assert_int_equal(alias_register(&who, "gone", "/no/such/place", NULL, &err), 0);
	assert_int_equal(alias_register(&who, "gone", "/usr", NULL, &err), 0);
	EXPECT_ALIAS("gone", "/usr", 0);
}

static void refuses_what_is_no_registry(void **state) {
	static const char *const broken[] = { "", "[]", "{", "{\"web\": {}, \"web\": {}}", "\xff" };
	struct err err = { 0 };
	autofree char *path = xasprintf("%s/.coi/aliases.json", home);
	auto_alias struct alias_entry e = { 0 };

	make_dir(".coi");
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		autofree char *after = NULL;

		put(".coi/aliases.json", broken[i]);
		assert_int_equal(alias_find(&who, "web", &e, &err), -EBADMSG);
		assert_int_equal(alias_register(&who, "web", "/usr", NULL, &err), -EBADMSG);
		/* What cannot be read is not overwritten either. */
		after = get(".coi/aliases.json");
		assert_string_equal(after, broken[i]);
	}
	put(".coi/aliases.json", "{\"web\": 5, \"a\": {\"workspace\": \"relative\"}, \"b\": {}}");
	assert_int_equal(alias_find(&who, "web", &e, &err), 0);
	assert_int_equal(alias_find(&who, "a", &e, &err), 0);
	assert_int_equal(alias_find(&who, "b", &e, &err), 0);
	/* A link leads nowhere. */
	put("elsewhere", "{\"web\": {\"workspace\": \"/usr\"}}");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("../elsewhere", path), 0);
	assert_int_equal(alias_find(&who, "web", &e, &err), -ELOOP);
}

static void lists_saved_sessions(void **state) {
	auto_saved_list struct saved_list list = { 0 };
	struct err err = { 0 };

	assert_int_equal(saved_list_load(&who, "claude", &list, &err), 0);
	assert_int_equal(list.count, 0);
	make_dir(".coi/sessions-claude/old");
	make_dir(".coi/sessions-claude/new");
	make_dir(".coi/sessions-claude/bare");
	make_dir(".coi/sessions-claude/linked");
	make_dir(".coi/sessions-pi/other");
	put(".coi/sessions-claude/old/metadata.json",
	    "{\"saved_at\": \"2026-01-01T00:00:00Z\", \"workspace\": \"/a\"}");
	put(".coi/sessions-claude/new/metadata.json",
	    "{\"saved_at\": \"2026-02-01T00:00:00Z\", \"workspace\": \"/b\"}");
	{
		autofree char *path = xasprintf("%s/.coi/sessions-claude/linked/metadata.json", home);

		assert_int_equal(symlink("../old/metadata.json", path), 0);
	}
	assert_int_equal(saved_list_load(&who, "claude", &list, &err), 0);
	assert_int_equal(list.count, 4);
	assert_string_equal(list.items[0].id, "new");
	assert_string_equal(list.items[0].workspace, "/b");
	assert_string_equal(list.items[1].id, "old");
	assert_string_equal(list.items[2].workspace, "");
	assert_string_equal(list.items[3].workspace, "");
	saved_list_done(&list);
	assert_int_equal(saved_remove(&who, "claude", "old", &err), 0);
	assert_int_equal(saved_list_load(&who, "claude", &list, &err), 0);
	assert_int_equal(list.count, 3);
}

#define WITH_HOME(test_) cmocka_unit_test_setup_teardown(test_, make_home, remove_home)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_HOME(keeps_aliases),
		WITH_HOME(refuses_what_is_no_registry),
		WITH_HOME(lists_saved_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
