/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The door to the TOML library: trees, positions, and inputs that break others. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "config/toml.h"

static struct toml_node *parse(const char *text) {
	struct toml_node *root = NULL;
	struct err err = { 0 };

	if (toml_parse(text, strlen(text), "t", &root, &err) < 0)
		fail_msg("%s", err.msg);
	return root;
}

static void values_and_their_places(void **state) {
	auto_toml struct toml_node *root = parse("# c\n"
						 "[b]\n"
						 "z = 1\n"
						 "a = \"\xc3\xa9\"\n"
						 "c.d = [1.5, {x = true}]\n"
						 "[[m.default]]\n"
						 "h = 1979-05-27\n");
	const struct toml_node *b = toml_get(root, "b"), *d = toml_get(toml_get(b, "c"), "d");
	const struct toml_node *m = toml_get(toml_get(root, "m"), "default");

	assert_int_equal(b->count, 3);
	/* In the order of the file, not of the alphabet. */
	assert_string_equal(b->items[0].key, "z");
	assert_string_equal(b->items[1].key, "a");
	assert_int_equal(toml_get(b, "z")->integer, 1);
	assert_int_equal(toml_get(b, "z")->line, 3);
	assert_int_equal(toml_get(b, "z")->column, 5);
	assert_int_equal(toml_get(b, "z")->key_column, 1);
	assert_string_equal(toml_get(b, "a")->text, "\xc3\xa9");
	assert_int_equal(d->type, TOML_ARRAY);
	assert_true(d->items[0].real == 1.5);
	assert_int_equal(d->items[1].line, 5);
	assert_int_equal(d->items[1].column, 13);
	assert_true(toml_get(&d->items[1], "x")->boolean);
	assert_int_equal(m->count, 1);
	assert_int_equal(toml_get(&m->items[0], "h")->type, TOML_TIME);
	assert_null(toml_get(root, "nothing"));
	assert_null(toml_get(d, "x"));
}

/* What TOML 1.0 refuses, and where. */
static const struct {
	const char *text;
	int line;
	int column;
} bad[] = {
	/* These two end the process in the library's shared build. */
	{ "[.a]", 1, 2 },
	{ "[[[", 1, 3 },
	{ "a = 1\na = 2\n", 2, 3 },
	{ "[a]\nb=1\n[a]\n", 3, 1 },
	{ "a = {b=1, b=2}", 1, 12 },
	{ "a.b = 1\na = 2\n", 2, 3 },
	{ "a = \"x\\u0000y\"", 1, 5 },
	{ "\"k\\u0000\" = 1", 1, 1 },
	{ "a = \"\n\"", 1, 6 },
	{ "a = 'x", 1, 7 },
	{ "a", 1, 2 },
	{ "= 1", 1, 1 },
	{ "a = ", 1, 5 },
	{ "a = 01", 1, 5 },
	{ "a = [1, 2", 1, 10 },
	{ "a = {\nb = 1}", 1, 6 },
	{ "a = 99999999999999999999", 1, 5 },
	{ "a = \"\\q\"", 1, 7 },
	{ "a = \"\x01\"", 1, 6 },
	{ "\xff", 1, 1 },
	{ "a = \"\xff\"", 1, 6 },
	{ "a = tru", 1, 8 },
	{ "[a", 1, 3 },
	{ "a = 1 b = 2", 1, 7 },
};

static void mistakes_are_placed(void **state) {
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct toml_node *root = NULL;
		struct err err = { 0 };
		autofree char *start = xasprintf("file:%d:", bad[i].line);

		assert_true(toml_parse(bad[i].text, strlen(bad[i].text), "file", &root, &err) < 0);
		assert_null(root);
		assert_int_equal(err.kind, ERR_CONFIG);
		if (strncmp(err.msg, start, strlen(start)) != 0)
			fail_msg("'%s': %s", bad[i].text, err.msg);
	}
}

static void embedded_nul_is_refused(void **state) {
	struct toml_node *root = NULL;
	struct err err;

	assert_true(toml_parse("a = 1\0b = 2", 11, "file", &root, &err) < 0);
	assert_true(toml_parse("\0", 1, "file", &root, &err) < 0);
}

static char *repeat(const char *what, size_t times) {
	struct buf b;
	char *text;

	buf_init(&b, 64 * 1024 * 1024);
	for (size_t i = 0; i < times; i++)
		buf_adds(&b, what);
	text = buf_steal(&b);
	buf_done(&b);
	return text;
}

static void deep_things_are_refused(void **state) {
	static const char *const units[] = { "a.", "[", "{a=", "[[", "\"a\".", "'a'.", "a .\t",
					     "[a.", "{a.b.c.d=[" };

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		for (int form = 0; form < 3; form++) {
			autofree char *deep = repeat(units[i], 100000);
			autofree char *text = xasprintf(form == 0   ? "x = %s"
							: form == 1 ? "%sx = 1"
								    : "[%sx]\n", deep);
			struct toml_node *root = NULL;
			struct err err;

			assert_true(toml_parse(text, strlen(text), "deep", &root, &err) < 0);
			assert_null(root);
		}
	}
}

/* The deepest that passes: keys of 32 parts in 31 inline tables in a section of 32 parts. */
static void deepest_allowed_works(void **state) {
	autofree char *parts = repeat("a.", TOML_KEY_PARTS_MAX - 1);
	autofree char *key = xasprintf("%sa", parts);
	autofree char *open = NULL, *close = repeat("}", TOML_DEPTH_MAX - 2);
	autofree char *unit = xasprintf("{%s=", key);
	autofree char *text = NULL;

	open = repeat(unit, TOML_DEPTH_MAX - 2);
	text = xasprintf("[%s]\n%s = %s1%s\n", key, key, open, close);

	auto_toml struct toml_node *root = parse(text);

	assert_non_null(toml_get(root, "a"));
}

static void dots_in_texts_are_no_keys(void **state) {
	autofree char *dots = repeat(".", 1000);
	autofree char *text = xasprintf("a = \"%s\\\"%s\"\nb = '%s'\nc = \"\"\"%s\n%s\"\"\"\n"
					"d = '''%s'''\n# %s\n[\"%s\"]\n",
					dots, dots, dots, dots, dots, dots, dots, dots);
	auto_toml struct toml_node *root = parse(text);

	assert_int_equal(root->count, 5);
}

static void size_is_limited(void **state) {
	autofree char *text = repeat("# a comment that says nothing\n", TOML_TEXT_MAX / 30 + 2);
	struct toml_node *root = NULL;
	struct err err;

	assert_int_equal(toml_parse(text, strlen(text), "big", &root, &err), -EFBIG);
}

static uint32_t next_random(uint32_t *seed) {
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Whatever comes, an answer: pieces of TOML in any order, and bytes changed at random. */
static void noise_is_answered(void **state) {
	static const char *const pieces[] = {
		"[", "]", "{", "}", "=", ".", ",", "\"", "'", "\"\"\"", "'''", "\n", "#", "a", "b",
		"1", "-", "+", "inf", "nan", "0x", "1e", "\\", "\\u", "\\U0001F600", "1979-05-27",
		"T07:32:00", "Z", " ", "\t", "\r\n", "\xc3\xa9", "\xff", "\x7f", "true", "_",
	};
	uint32_t seed = 20261125;

	for (int round = 0; round < 20000; round++) {
		char text[256];
		size_t len = 0, count = next_random(&seed) % 24;
		struct toml_node *root = NULL;
		struct err err;

		for (size_t i = 0; i < count; i++) {
			const char *piece = pieces[next_random(&seed) % ARRAY_SIZE(pieces)];

			memcpy(text + len, piece, strlen(piece));
			len += strlen(piece);
		}
		if (len && next_random(&seed) % 4 == 0)
			text[next_random(&seed) % len] = (char)next_random(&seed);
		if (toml_parse(text, len, "noise", &root, &err) == 0)
			toml_free(root);
		else
			assert_null(root);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_their_places),
		cmocka_unit_test(mistakes_are_placed),
		cmocka_unit_test(embedded_nul_is_refused),
		cmocka_unit_test(deep_things_are_refused),
		cmocka_unit_test(deepest_allowed_works),
		cmocka_unit_test(dots_in_texts_are_no_keys),
		cmocka_unit_test(size_is_limited),
		cmocka_unit_test(noise_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
