/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What src/base keeps on disk and who may: record, layout, lock, privilege. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/layout.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/privilege.h"
#include "base/record.h"

static char top_path[64];
static int top;

static int make_top(void **state) {
	(void)snprintf(top_path, sizeof(top_path), "/tmp/coi-test-st.XXXXXX");
	if (!mkdtemp(top_path))
		return -1;
	top = open(top_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return top < 0 ? -1 : 0;
}

static int remove_top(void **state) {
	autoclose int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)close(top);
	return tree_remove_at(tmp, top_path + strlen("/tmp/")) < 0 ? -1 : 0;
}

static void expect_round_trip(const char *value) {
	auto_record struct record *r = record_new(1), *back = NULL;
	autofree char *text = NULL, *again = NULL;
	struct err err = { 0 };

	record_set(r, "", "before", "1");
	record_set(r, "s", "key", value);
	record_set(r, "s", "after", "2");
	text = record_text(r);
	if (record_parse(text, "x", 1, &back, &err) < 0)
		fail_msg("%s for:\n%s", err.msg, text);
	assert_string_equal(record_get(back, "s", "key"), value);
	assert_string_equal(record_get(back, "s", "after"), "2");
	assert_string_equal(record_get(back, "", "before"), "1");
	again = record_text(back);
	assert_string_equal(text, again);
}

static void record_values_round_trip(void **state) {
	static const char *const values[] = {
		"", " ", "plain", " leading", "trailing ", "a = b", "a : b", "; no comment", "x ; y",
		"# no comment", "[section]", "\"quoted\"", "\"", "a\"b", "back\\slash", "\\n", "\\",
		"two\nlines", "\n", "\t", "\001\177", "gr\303\274\303\237e", "a\\\"", "key = \"x\"",
		"\\x41", "\357\273\277",
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		expect_round_trip(values[i]);
}

static void record_long_values_round_trip(void **state) {
	for (size_t len = 100; len < 2000; len += 37) {
		autofree char *value = xmalloc(len + 1);

		for (size_t i = 0; i < len; i++)
			value[i] = "ab \\\"\n;#=é"[i % 11];
		value[len] = '\0';
		expect_round_trip(value);
	}
}

static void record_random_values_round_trip(void **state) {
	unsigned seed = 4711;

	for (int round = 0; round < 500; round++) {
		char value[301];
		size_t len;

		seed = seed * 1103515245u + 12345u;
		len = (seed >> 16) % (sizeof(value) - 1);
		for (size_t i = 0; i < len; i++) {
			seed = seed * 1103515245u + 12345u;
			value[i] = (char)((seed >> 16) % 126 + 1);
		}
		value[len] = '\0';
		expect_round_trip(value);
	}
}

static void record_keeps_order_and_unknown_keys(void **state) {
	static const char text[] = "format = 1\nzeta = 1\nalpha = 2\n\n[later]\nx = 1\n\n"
				   "[first]\ny = 2\n";
	auto_record struct record *r = NULL;
	autofree char *out = NULL;
	struct err err;

	assert_int_equal(record_parse(text, "x", 1, &r, &err), 0);
	out = record_text(r);
	assert_string_equal(out, text);
	record_setf(r, "", "new", "%d", 3);
	record_set(r, "later", "z", "4");
	record_unset(r, "first", "y");
	record_unset(r, "first", "none");
	free(out);
	out = record_text(r);
	assert_string_equal(out, "format = 1\nzeta = 1\nalpha = 2\nnew = 3\n\n[later]\nx = 1\nz = 4\n");
}

/* One value that is all escaped, and very many short ones: neither could be read again. */
static void record_past_its_limits_is_not_written(void **state) {
	autofree char *value = xmalloc(70000 + 1);
	char key[16];
	struct err err = { 0 };

	memset(value, ';', 70000);
	value[70000] = '\0';
	for (int many = 0; many < 2; many++) {
		auto_record struct record *small = record_new(1), *large = record_new(1), *back = NULL;

		assert_int_equal(record_store(small, top, "limited", 0600, &err), 0);
		for (int i = 0; many && i < 4096; i++) {
			(void)snprintf(key, sizeof(key), "%d", i);
			record_set(large, "list", key, "x");
		}
		if (!many)
			record_set(large, "", "key", value);
		assert_null(record_text(large));
		assert_int_equal(record_store(large, top, "limited", 0600, &err), -EFBIG);
		assert_non_null(strstr(err.msg, "'limited'"));
		assert_int_equal(record_store_quick(large, top, "limited", 0600, &err), -EFBIG);
		/* What was there is there. */
		assert_int_equal(record_load(top, "limited", 1, &back, &err), 0);
		assert_null(record_get(back, "", "key"));
	}
	assert_int_equal(unlinkat(top, "limited", 0), 0);
}

/* The largest that is written comes back. */
static void record_at_its_limits_round_trips(void **state) {
	auto_record struct record *r = record_new(1), *back = NULL;
	struct err err = { 0 };
	char key[16];

	for (int i = 0; i < 4094; i++) {
		(void)snprintf(key, sizeof(key), "%d", i);
		record_set(r, "list", key, i == 4093 ? "a\nb\nc" : "x");
	}
	assert_int_equal(record_store(r, top, "limited", 0600, &err), 0);
	assert_int_equal(record_load(top, "limited", 1, &back, &err), 0);
	assert_string_equal(record_get(back, "list", "4093"), "a\nb\nc");
	assert_int_equal(unlinkat(top, "limited", 0), 0);
}

static void record_refuses_the_future_and_the_broken(void **state) {
	static const struct {
		const char *text;
		int code;
	} rows[] = {
		{ "format = 3\nx = 1\n", -EPROTO },
		{ "x = 1\n", -EBADMSG },
		{ "format = x\n", -EBADMSG },
		{ "format = 0\n", -EBADMSG },
		{ "format = 1\nno equals sign\n", -EBADMSG },
		{ "format = 1\n[unclosed\n", -EBADMSG },
		{ "", -EBADMSG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct record *r = NULL;
		struct err err = { 0 };

		assert_int_equal(record_parse(rows[i].text, "file.ini", 2, &r, &err), rows[i].code);
		assert_null(r);
		assert_non_null(strstr(err.msg, "file.ini"));
	}
}

static int count_key(const char *key, const char *value, void *data) {
	(void)value;
	*(int *)data += 1;
	return strcmp(key, "stop") ? 0 : 7;
}

static void record_getters(void **state) {
	auto_record struct record *r = record_new(0);
	int count = 0;

	record_set(r, "s", "n", "-12");
	record_set(r, "s", "bad", "12x");
	record_set(r, "s", "yes", "true");
	record_set(r, "s", "no", "false");
	record_set(r, "s", "odd", "maybe");
	assert_int_equal(record_get_int(r, "s", "n", 5), -12);
	assert_int_equal(record_get_int(r, "s", "bad", 5), 5);
	assert_int_equal(record_get_int(r, "s", "none", 5), 5);
	assert_int_equal(record_get_int(r, "", "n", 5), 5);
	assert_true(record_get_bool(r, "s", "yes", false));
	assert_false(record_get_bool(r, "s", "no", true));
	assert_true(record_get_bool(r, "s", "odd", true));
	assert_false(record_get_bool(r, "s", "none", false));
	assert_int_equal(record_each(r, "s", count_key, &count), 0);
	assert_int_equal(count, 5);
	record_set(r, "s", "stop", "");
	record_set(r, "s", "behind", "");
	count = 0;
	assert_int_equal(record_each(r, "s", count_key, &count), 7);
	assert_int_equal(count, 6);
}

static void record_files(void **state) {
	auto_record struct record *r = record_new(1), *back = NULL;
	struct err err = { 0 };
	struct stat st;
	char nul[] = "format = 1\0x = 1\n";

	record_set(r, "", "name", "a b");
	assert_int_equal(record_load(top, "r.ini", 1, &back, &err), -ENOENT);
	assert_int_equal(err.kind, ERR_MISSING);
	assert_int_equal(record_store(r, top, "r.ini", 0600, &err), 0);
	assert_int_equal(fstatat(top, "r.ini", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(record_load(top, "r.ini", 1, &back, &err), 0);
	assert_string_equal(record_get(back, "", "name"), "a b");
	assert_int_equal(file_write_quick_at(top, "n.ini", nul, sizeof(nul) - 1, 0600), 0);
	record_free(back);
	back = NULL;
	assert_int_equal(record_load(top, "n.ini", 1, &back, &err), -EBADMSG);
	assert_null(back);
}

static void layout_makes_a_root_of_its_own(void **state) {
	auto_layout struct layout *l = NULL, *again = NULL;
	autofree char *root = xasprintf("%s//state/", top_path), *program = NULL, *data = NULL;
	struct err err = { 0 };
	struct stat st;

	assert_int_equal(setenv("COI_ROOT", root, 1), 0);
	assert_int_equal(layout_open(&l, &err), 0);
	assert_int_equal(strlen(l->tag), 6);
	assert_int_equal(strspn(l->tag, "0123456789abcdef"), 6);
	assert_true(strstr(l->root, "//") == NULL);
	assert_int_equal(strncmp(l->run, l->root, strlen(l->root)), 0);
	assert_int_equal(fstatat(l->root_fd, "containers", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(layout_open(&again, &err), 0);
	assert_string_equal(again->tag, l->tag);
	layout_free(NULL);
	assert_int_equal(setenv("COI_LIBEXEC", "/x", 1), 0);
	program = layout_program("coi-supervisor");
	assert_string_equal(program, "/x/coi-supervisor");
	unsetenv("COI_LIBEXEC");
	data = layout_data("images");
	assert_true(data[0] == '/');
}

static void layout_names_what_it_cannot_use(void **state) {
	struct layout *l = NULL;
	autofree char *file = xasprintf("%s/file", top_path);
	struct err err = { 0 };

	assert_int_equal(setenv("COI_ROOT", "relative", 1), 0);
	assert_true(layout_open(&l, &err) < 0);
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_non_null(strstr(err.msg, "relative"));
	assert_int_equal(file_write_quick_at(top, "file", "x", 1, 0644), 0);
	assert_int_equal(setenv("COI_ROOT", file, 1), 0);
	assert_true(layout_open(&l, &err) < 0);
	assert_non_null(strstr(err.msg, file));
	assert_null(l);
	unsetenv("COI_ROOT");
}

static void lock_excludes_and_shares(void **state) {
	struct err err = { 0 };
	autoclose int a = lock_take(top, "l", 0, &err), b = -1, c = -1;

	assert_true(a >= 0);
	assert_true(fcntl(a, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(lock_take(top, "l", LOCK_TRY, &err), -EWOULDBLOCK);
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_int_equal(lock_take(top, "l", LOCK_TRY | LOCK_SHARED, &err), -EWOULDBLOCK);
	(void)close(steal_fd(&a));
	b = lock_take(top, "l", LOCK_SHARED, &err);
	c = lock_take(top, "l", LOCK_SHARED | LOCK_TRY, &err);
	assert_true(b >= 0 && c >= 0);
	assert_int_equal(lock_take(top, "l", LOCK_TRY, &err), -EWOULDBLOCK);
	assert_int_equal(symlinkat("l", top, "link"), 0);
	assert_true(lock_take(top, "link", LOCK_TRY, &err) < 0);
}

static void lock_waits_for_its_holder(void **state) {
	struct err err = { 0 };
	int go[2], status, fd;
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		int held = lock_take(top, "l", 0, NULL);

		(void)!write(go[1], "x", 1);
		/* The other side waits by now, or takes it at once: both are right. */
		_exit(held < 0 || close(held) < 0);
	}
	assert_int_equal(read(go[0], &byte, 1), 1);
	fd = lock_take(top, "l", 0, &err);
	assert_true(fd >= 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)close(fd);
	(void)close(go[0]);
	(void)close(go[1]);
}

static void privilege_of_root_and_of_a_person(void **state) {
	struct privilege *p = NULL;
	struct err err = { 0 };
	struct stat st;
	int fd;

	if (geteuid() != 0)
		skip();
	assert_int_equal(setenv("HOME", "/some/home", 1), 0);
	unsetenv("SUDO_UID");
	assert_int_equal(privilege_detect(&p, &err), 0);
	assert_false(p->via_sudo);
	assert_string_equal(p->home, "/some/home");
	assert_int_equal(p->uid, 0);
	privilege_free(p);

	/* A person without an entry in passwd(5): HOME counts then. */
	assert_int_equal(setenv("SUDO_UID", "54321", 1), 0);
	assert_int_equal(setenv("SUDO_GID", "54322", 1), 0);
	assert_int_equal(privilege_detect(&p, &err), 0);
	if (p->is_root) {
		assert_true(p->via_sudo);
		assert_int_equal(p->uid, 54321);
		assert_int_equal(p->gid, 54322);
		assert_string_equal(p->user, "54321");
		assert_int_equal(fchmod(top, 0777), 0);
		privilege_person_begin(p);
		fd = openat(top, "mine", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		privilege_person_end(p);
		assert_true(fd >= 0);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_uid, 54321);
		assert_int_equal(st.st_gid, 54322);
		(void)close(fd);
		fd = openat(top, "roots", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_uid, 0);
		(void)close(fd);
		assert_int_equal(privilege_need_root(p, "start", &err), 0);
	}
	privilege_free(p);
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
}

static void privilege_ignores_a_silly_sudo(void **state) {
	static const char *const silly[] = { "", "0", "-5", "12x", "99999999999", " 7" };
	struct err err = { 0 };

	assert_int_equal(setenv("HOME", "/h", 1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(silly); i++) {
		struct privilege *p = NULL;

		assert_int_equal(setenv("SUDO_UID", silly[i], 1), 0);
		assert_int_equal(privilege_detect(&p, &err), 0);
		assert_false(p->via_sudo);
		privilege_free(p);
	}
	unsetenv("SUDO_UID");
}

static void privilege_needs_root_says_what_for(void **state) {
	struct privilege nobody = { .user = (char *)"me" };
	struct err err = { 0 };

	assert_int_equal(privilege_need_root(&nobody, "start a container", &err), -EPERM);
	assert_int_equal(err.kind, ERR_PERMISSION);
	assert_non_null(strstr(err.msg, "start a container"));
	assert_non_null(strstr(err.hint, "sudo"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_top, remove_top)

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_values_round_trip),
		cmocka_unit_test(record_long_values_round_trip),
		cmocka_unit_test(record_random_values_round_trip),
		cmocka_unit_test(record_keeps_order_and_unknown_keys),
		cmocka_unit_test_setup_teardown(record_past_its_limits_is_not_written,
						make_top, remove_top),
		cmocka_unit_test_setup_teardown(record_at_its_limits_round_trips,
						make_top, remove_top),
		cmocka_unit_test(record_refuses_the_future_and_the_broken),
		cmocka_unit_test(record_getters),
		TEST(record_files),
		TEST(layout_makes_a_root_of_its_own),
		TEST(layout_names_what_it_cannot_use),
		TEST(lock_excludes_and_shares),
		TEST(lock_waits_for_its_holder),
		TEST(privilege_of_root_and_of_a_person),
		cmocka_unit_test(privilege_ignores_a_silly_sudo),
		cmocka_unit_test(privilege_needs_root_says_what_for),
	};

	return cmocka_run_group_tests_name("base state", tests, NULL, NULL);
}
