/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "update/index.h"
#include "update/version.h"

static void versions_are_told_from_other_texts(void **state) {
	static const char *const good[] = { "0.9.0", "1.0.0-rc.1", "10.20.300", "1.2.3-0",
					    "1.2.3-a-b.c" };
	static const char *const bad[] = { "", "1", "1.2", "1.2.3.4", "v1.2.3", "01.2.3", "1.2.3-",
					   "1.2.3-a..b",
					   "1.2.3/..", "../1.2.3", "1.2.3 ", "1.2.3-\x1b", "1.2.x",
					   "1.2.1234567890",
					   "1.2.3-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(version_is(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(version_is(bad[i]));
	assert_string_equal(version_bare("v1.2.3"), "1.2.3");
	assert_string_equal(version_bare("1.2.3"), "1.2.3");
	assert_true(version_is_early("1.2.3-dev"));
	assert_false(version_is_early("1.2.3"));
}

/* The order that semver.org gives as its example, and numbers as numbers. */
static void versions_have_an_order(void **state) {
	static const char *const order[] = { "0.9.0", "0.9.9", "0.10.0", "1.0.0-alpha", "1.0.0-alpha.1",
					     "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
					     "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1",
					     "1.1.0", "2.0.0", "10.0.0" };

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		for (size_t n = 0; n < ARRAY_SIZE(order); n++) {
			int r = version_compare(order[i], order[n]);

			assert_int_equal((r > 0) - (r < 0), (i > n) - (i < n));
		}
}

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"
#define INDEX(releases)                                                    \
	"{ \"format\": \"coi-releases-1\", \"made\": 5, \"latest\": \"1.0.0\"," \
	" \"releases\": [" releases "] }"
#define EXPIRES(expires)                                                              \
	"{ \"format\": \"coi-releases-1\", \"made\": 5, \"expires\": " expires ", " \
	"\"latest\": \"1.0.0\", \"releases\": [] }"
#define RELEASE(version, arch, file)                                       \
	"{ \"version\": \"" version "\", \"archives\": { \"" arch            \
	"\": { \"file\": \"" file "\", \"sha256\": \"" HASH "\", \"size\": 7 } } }"

static int parse(const char *text, struct release_index *ret) {
	struct err err = { 0 };
	int r = index_parse(text, strlen(text), "amd64", ret, &err);

	assert_true(r == 0 || err.msg[0]);
	return r;
}

static void a_list_has_what_is_for_this_machine(void **state) {
	auto_index struct release_index index = { 0 };

	assert_int_equal(parse(INDEX(RELEASE("1.0.0", "amd64", "a/b.tar.xz") ","
				     RELEASE("2.0.0", "arm64", "c")), &index), 0);
	assert_int_equal(index.count, 1);
	assert_int_equal(index.made, 5);
	assert_int_equal(index.expires, 0);
	assert_string_equal(index_find(&index, "1.0.0")->file, "a/b.tar.xz");
	assert_int_equal(index_find(&index, "1.0.0")->size, 7);
	assert_string_equal(index_find(&index, "1.0.0")->sha256 + 56, "89abcdef");
	assert_null(index_find(&index, "2.0.0"));
	index_done(&index);
	assert_int_equal(parse(EXPIRES("6"), &index), 0);
	assert_int_equal(index.expires, 6);
}

static void lists_that_lead_elsewhere_are_refused(void **state) {
	static const char *const bad[] = {
		"", "[]", "null", "{}", "{ \"format\": \"coi-releases-1\" }",
		INDEX(RELEASE("1.0.0", "amd64", "../x")), INDEX(RELEASE("1.0.0", "amd64", "/x")),
		INDEX(RELEASE("1.0.0", "amd64", "x?y")), INDEX(RELEASE("1.0.0", "amd64", "")),
		INDEX(RELEASE("../1", "amd64", "x")), INDEX("7"), INDEX("{}"),
		INDEX("{ \"version\": \"1.0.0\", \"archives\": { \"amd64\": 7 } }"),
		EXPIRES("0"), EXPIRES("5"), EXPIRES("-1"), EXPIRES("6.5"), EXPIRES("\"6\""),
		EXPIRES("null"), EXPIRES("[]"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct release_index index = { 0 };

		assert_true(parse(bad[i], &index) < 0);
		assert_int_equal(index.count, 0);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_told_from_other_texts),
		cmocka_unit_test(versions_have_an_order),
		cmocka_unit_test(a_list_has_what_is_for_this_machine),
		cmocka_unit_test(lists_that_lead_elsewhere_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
