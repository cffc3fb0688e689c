/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is told of src/base: err, log, json, hash, clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"

static void err_kinds_round_trip(void **state) {
	for (int k = 0; k < ERR_KIND_COUNT; k++)
		assert_int_equal(err_kind_from_string(err_kind_to_string((enum err_kind)k)), k);
	assert_int_equal(err_kind_from_string("nonsense"), ERR_BUG);
	assert_int_equal(err_kind_from_string(NULL), ERR_BUG);
	assert_string_equal(err_kind_to_string((enum err_kind)99), "bug");
}

static void err_is_set_wrapped_and_hinted(void **state) {
	struct err e = { 0 };

	assert_int_equal(err_set(&e, ERR_CONFLICT, -EEXIST, "'%s' is taken", "a"), -EEXIST);
	assert_int_equal(err_hint(&e, "take another"), -EEXIST);
	assert_int_equal(err_wrap(&e, "starting '%s'", "b"), -EEXIST);
	assert_string_equal(e.msg, "starting 'b': 'a' is taken");
	assert_string_equal(e.hint, "take another");
	assert_int_equal(e.kind, ERR_CONFLICT);
	/* A new error has no old hint. */
	assert_int_equal(err_sys(&e, -ENOENT, "cannot open '%s'", "x"), -ENOENT);
	assert_int_equal(e.kind, ERR_MISSING);
	assert_string_equal(e.hint, "");
	assert_string_equal(e.msg, "cannot open 'x': No such file or directory");
	(void)err_sys(&e, -EACCES, "x");
	assert_int_equal(e.kind, ERR_PERMISSION);
	(void)err_sys(&e, -EIO, "x");
	assert_int_equal(e.kind, ERR_SYSTEM);
}

static void err_without_a_record_or_code(void **state) {
	assert_int_equal(err_set(NULL, ERR_BUG, -EIO, "x"), -EIO);
	assert_int_equal(err_sys(NULL, -EIO, "x"), -EIO);
	assert_true(err_wrap(NULL, "x") < 0);
	assert_true(err_hint(NULL, "x") < 0);
	assert_int_equal(err_set(NULL, ERR_BUG, 0, "x"), -EINVAL);
	assert_int_equal(err_set(NULL, ERR_BUG, 5, "x"), -EINVAL);
}

static void err_keeps_its_size(void **state) {
	struct err e = { 0 };
	char *longest = xmalloc(5000);

	memset(longest, 'a', 4999);
	longest[4999] = '\0';
	(void)err_sys(&e, -EIO, "%s", longest);
	assert_non_null(strstr(e.msg, ": Input/output error"));
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	(void)err_wrap(&e, "%s", longest);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	(void)err_hint(&e, "%s", longest);
	assert_int_equal(strlen(e.hint), sizeof(e.hint) - 1);
	free(longest);
}

/* What the log wrote since the last call. */
static char *logged(FILE *f) {
	struct buf b;
	int fd = fileno(f);

	(void)fflush(f);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	buf_init(&b, 1 << 20);
	assert_int_equal(fd_read_all(fd, &b), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return b.data;
}

static void expect_logged(FILE *f, const char *expected) {
	autofree char *text = logged(f);

	assert_string_equal(text, expected);
}

static void log_lines(void **state) {
	int fd = memfd_create("log", MFD_CLOEXEC);
	FILE *f = fdopen(fd, "w+");
	struct err e = { 0 };
	autofree char *stamped = NULL;

	assert_non_null(f);
	log_set_file(f);
	log_info("one %d", 1);
	log_warn("name '%s'", "a\033[0m");
	expect_logged(f, "one 1\nWarning: name 'a\\x1b[0m'\n");
	(void)err_set(&e, ERR_USAGE, -EINVAL, "no\rgood");
	log_error(&e);
	expect_logged(f, "Error: no\\x0dgood\n");
	(void)err_hint(&e, "do\nthat");
	log_error(&e);
	expect_logged(f, "Error: no\\x0dgood\n  do\nthat\n");
	/* In a log file a line is a line, whatever is in it. */
	log_set_stamped("supervisor");
	log_info("two\nFake line");
	stamped = logged(f);
	assert_non_null(strstr(stamped, "supervisor["));
	assert_non_null(strstr(stamped, "] two\\x0aFake line\n"));
	log_set_stamped(NULL);
	log_set_file(NULL);
	(void)fclose(f);
}

static void log_debug_by_category(void **state) {
	unsetenv("COI_DEBUG");
	assert_false(log_debug_enabled("net"));
	setenv("COI_DEBUG", "net, runtime", 1);
	assert_true(log_debug_enabled("net"));
	assert_true(log_debug_enabled("runtime"));
	assert_false(log_debug_enabled("base"));
	setenv("COI_DEBUG", "all", 1);
	assert_true(log_debug_enabled("base"));
	unsetenv("COI_DEBUG");
}

static void json_from_foreign_bytes(void **state) {
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "plain", "plain" },
		{ "gr\303\274n", "gr\303\274n" },
		{ "a\377b", "a\357\277\275b" },
		{ "\303", "\357\277\275" },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_json json_t *j = json_text(rows[i].text);

		assert_non_null(j);
		assert_string_equal(json_string_value(j), rows[i].expected);
	}
}

static void json_getters_do_not_guess(void **state) {
	static const char text[] = "{\"s\":\"x\",\"n\":7,\"b\":true,\"l\":[\"a\",1,\"b\"]}";
	auto_json json_t *o = json_loads(text, 0, NULL);
	autostrv char **v = json_get_strv(o, "l");
	auto_json json_t *back = json_from_strv(v);

	assert_non_null(o);
	assert_string_equal(json_get_str(o, "s", "m"), "x");
	assert_string_equal(json_get_str(o, "n", "m"), "m");
	assert_string_equal(json_get_str(NULL, "n", "m"), "m");
	assert_int_equal(json_get_int(o, "n", -1), 7);
	assert_int_equal(json_get_int(o, "s", -1), -1);
	assert_true(json_get_bool(o, "b", false));
	assert_true(json_get_bool(o, "s", true));
	assert_int_equal(strv_len(v), 2);
	assert_null(json_get_strv(o, "s"));
	assert_int_equal(json_array_size(back), 2);
}

static void json_prints_to_standard_output(void **state) {
	auto_json json_t *o = json_loads("{\"b\":[1],\"a\":\"gr\303\274n/\"}", 0, NULL);
	int out = dup(STDOUT_FILENO), fd = memfd_create("out", MFD_CLOEXEC);
	struct buf b;

	(void)fflush(stdout);
	assert_true(dup2(fd, STDOUT_FILENO) >= 0);
	assert_int_equal(json_print(o, JSON_PRINT_SORTED | JSON_PRINT_LINE), 0);
	assert_int_equal(json_print(o, 0), 0);
	assert_int_equal(fflush(stdout), 0);
	assert_true(dup2(out, STDOUT_FILENO) >= 0);
	(void)close(out);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	buf_init(&b, 4096);
	assert_int_equal(fd_read_all(fd, &b), 0);
	assert_string_equal(b.data, "{\"a\":\"gr\303\274n/\",\"b\":[1]}\n"
				    "{\n  \"b\": [\n    1\n  ],\n  \"a\": \"gr\303\274n/\"\n}\n");
	buf_done(&b);
	(void)close(fd);
}

static void hash_of_known_texts(void **state) {
	char hex[HASH_HEX_SIZE];
	autoclose int fd = memfd_create("x", MFD_CLOEXEC);

	/* FIPS 180-4, the examples of one block and of none. */
	hash_hex("abc", 3, hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	hash_hex("", 0, hex);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_int_equal(write(fd, "-abc", 4), 4);
	assert_int_equal(lseek(fd, 1, SEEK_SET), 1);
	assert_int_equal(hash_fd_hex(fd, hex), 0);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(hash_fd_hex(-1, hex), -EBADF);
}

static void clock_round_trips(void **state) {
	static const char *const zones[] = { "UTC0", "CET-1", "XXX3:30" };
	char text[CLOCK_RFC3339_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(zones); i++) {
		setenv("TZ", zones[i], 1);
		tzset();
		for (time_t t = 0; t < 4000000000; t += 123456789)
			assert_int_equal(clock_parse_rfc3339(clock_rfc3339(t, text)), t);
		if (sizeof(time_t) < 8)
			continue;
		assert_int_equal(clock_parse_rfc3339(clock_rfc3339(CLOCK_RFC3339_LAST, text)),
				 CLOCK_RFC3339_LAST);
		/* A year of five digits would be a text that is none. */
		assert_int_equal(clock_parse_rfc3339(clock_rfc3339(INT64_C(900000000000), text)), 0);
		assert_int_equal(clock_parse_rfc3339(clock_rfc3339(INT64_MAX, text)), 0);
	}
	assert_string_equal(clock_rfc3339(0, text), "1969-12-31T20:30:00-03:30");
	unsetenv("TZ");
	tzset();
}

static void clock_refuses_what_is_no_time(void **state) {
	static const char *const bad[] = {
		"", "x", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00+",
		"2026-01-01 00:00:00Z",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-32T00:00:00Z",
		"2026-01-01T24:00:00Z", "2026-01-01T00:61:00Z", "2026-01-01T00:00:00Zx",
		"2026-01-01T00:00:00+01:00 ", "2026-01-01T00:00:00+01",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (clock_parse_rfc3339(bad[i]) != -1)
			fail_msg("'%s' was taken for a time", bad[i]);
	assert_int_equal(clock_parse_rfc3339(NULL), -1);
	assert_int_equal(clock_parse_rfc3339("1970-01-01T00:00:01.5Z"), 1);
	assert_int_equal(clock_parse_rfc3339("1970-01-01T01:00:01z"), 3601);
	assert_true(clock_mono_us() / 1000 <= clock_mono_ms());
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_kinds_round_trip),
		cmocka_unit_test(err_is_set_wrapped_and_hinted),
		cmocka_unit_test(err_without_a_record_or_code),
		cmocka_unit_test(err_keeps_its_size),
		cmocka_unit_test(log_lines),
		cmocka_unit_test(log_debug_by_category),
		cmocka_unit_test(json_from_foreign_bytes),
		cmocka_unit_test(json_getters_do_not_guess),
		cmocka_unit_test(json_prints_to_standard_output),
		cmocka_unit_test(hash_of_known_texts),
		cmocka_unit_test(clock_round_trips),
		cmocka_unit_test(clock_refuses_what_is_no_time),
	};

	return cmocka_run_group_tests_name("base err", tests, NULL, NULL);
}
