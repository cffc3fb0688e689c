/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text of src/base: buf, escape, strv, path, size, table, mem. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/size.h"
#include "base/strv.h"
#include "base/table.h"

static void buf_grows_and_is_terminated(void **state) {
	struct buf b;

	buf_init(&b, 1000);
	assert_string_equal(b.data, "");
	for (int i = 0; i < 100; i++)
		buf_addf(&b, "%02d", i);
	assert_int_equal(b.len, 200);
	assert_int_equal(b.data[200], '\0');
	assert_memory_equal(b.data + 198, "99", 3);
	assert_false(b.overflow);
	buf_done(&b);
	assert_null(b.data);
}

static void buf_keeps_its_maximum(void **state) {
	struct buf b;

	buf_init(&b, 4);
	buf_adds(&b, "abcd");
	assert_false(b.overflow);
	buf_addc(&b, 'e');
	assert_true(b.overflow);
	assert_string_equal(b.data, "abcd");
	/* What comes later is ignored even where it would fit. */
	buf_drop(&b, 3);
	buf_addc(&b, 'f');
	assert_string_equal(b.data, "d");
	buf_reset(&b);
	buf_addf(&b, "%s", "1234");
	assert_false(b.overflow);
	assert_string_equal(b.data, "1234");
	buf_addf(&b, "%d", 5);
	assert_true(b.overflow);
	assert_string_equal(b.data, "1234");
	buf_done(&b);
}

static void buf_takes_nothing_at_all(void **state) {
	struct buf b;

	buf_init(&b, 0);
	buf_adds(&b, "");
	assert_false(b.overflow);
	buf_addc(&b, 'x');
	assert_true(b.overflow);
	buf_reset(&b);
	/* A length that would overflow size_t must not wrap round. */
	buf_add(&b, "x", SIZE_MAX);
	assert_true(b.overflow);
	assert_int_equal(b.len, 0);
	buf_done(&b);
}

static void buf_steal_leaves_a_usable_buffer(void **state) {
	struct buf b;
	char *taken;

	buf_init(&b, 10);
	buf_adds(&b, "one");
	taken = buf_steal(&b);
	assert_string_equal(taken, "one");
	/* Nothing is held, so nothing is lost when nobody calls buf_done(). */
	assert_null(b.data);
	assert_int_equal(b.max, 10);
	buf_reset(&b);
	buf_drop(&b, 1);
	buf_adds(&b, "two");
	assert_string_equal(b.data, "two");
	buf_drop(&b, 100);
	assert_int_equal(b.len, 0);
	free(taken);
	buf_done(&b);
}

static void expect_escaped(const char *text, size_t len, const char *expected) {
	struct buf b;

	buf_init(&b, 4096);
	escape_append(&b, text, len, 0);
	assert_string_equal(b.data, expected);
	buf_done(&b);
}

static void escape_lets_plain_text_through(void **state) {
	expect_escaped("plain \\ text", 12, "plain \\ text");
	expect_escaped("grüße €, 𝄞", strlen("grüße €, 𝄞"), "grüße €, 𝄞");
	expect_escaped("", 0, "");
}

static void escape_stops_control_and_broken_bytes(void **state) {
	static const struct {
		const char *text;
		size_t len;
		const char *expected;
	} rows[] = {
		{ "\033[31mred", 8, "\\x1b[31mred" },
		{ "a\0b", 3, "a\\x00b" },
		{ "\r\n\t", 3, "\\x0d\\x0a\\x09" },
		{ "\177", 1, "\\x7f" },
		{ "\302\233", 2, "\\xc2\\x9b" },              /* C1 CSI */
		{ "\377\376", 2, "\\xff\\xfe" },              /* never UTF-8 */
		{ "\300\257", 2, "\\xc0\\xaf" },              /* overlong slash */
		{ "\355\240\200", 3, "\\xed\\xa0\\x80" },     /* surrogate */
		{ "\364\220\200\200", 4, "\\xf4\\x90\\x80\\x80" }, /* above U+10FFFF */
		{ "\342\202", 2, "\\xe2\\x82" },              /* cut off */
		{ "\342\202x", 3, "\\xe2\\x82x" },
		{ "\342\200\256gpj.exe", 10, "\\xe2\\x80\\xaegpj.exe" }, /* U+202E */
		{ "\342\200\213", 3, "\\xe2\\x80\\x8b" },     /* U+200B */
		{ "\342\200\250", 3, "\\xe2\\x80\\xa8" },     /* U+2028 */
		{ "\342\201\246", 3, "\\xe2\\x81\\xa6" },     /* U+2066 */
		{ "\357\273\277", 3, "\\xef\\xbb\\xbf" },     /* U+FEFF */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		expect_escaped(rows[i].text, rows[i].len, rows[i].expected);
}

static void escape_keeps_lines_when_told(void **state) {
	struct buf b;

	buf_init(&b, 100);
	escape_append(&b, "a\n\tb\r", 5, ESCAPE_KEEP_NEWLINE);
	assert_string_equal(b.data, "a\n\tb\\x0d");
	buf_done(&b);
}

/* Whatever the bytes are: no control byte comes out, and escaping twice changes nothing. */
static void escape_is_a_fixpoint(void **state) {
	unsigned seed = 12345;

	for (int round = 0; round < 2000; round++) {
		char text[32];
		struct buf once, twice;

		for (size_t i = 0; i < sizeof(text); i++) {
			seed = seed * 1103515245u + 12345u;
			text[i] = (char)(seed >> 16);
		}
		buf_init(&once, 4096);
		buf_init(&twice, 4096);
		escape_append(&once, text, sizeof(text), 0);
		escape_append(&twice, once.data, once.len, 0);
		for (size_t i = 0; i < once.len; i++)
			assert_false((unsigned char)once.data[i] < 0x20 || once.data[i] == 0x7f);
		assert_string_equal(once.data, twice.data);
		buf_done(&once);
		buf_done(&twice);
	}
}

static void escape_text_cuts_between_characters(void **state) {
	char *s = escape_text("abcdef", 4);

	assert_string_equal(s, "abcd…");
	free(s);
	s = escape_text("abcd", 4);
	assert_string_equal(s, "abcd");
	free(s);
	s = escape_text("aaa€€", 5); /* the sign takes bytes 3 to 5 */
	assert_string_equal(s, "aaa…");
	free(s);
	s = escape_text("", 0);
	assert_string_equal(s, "");
	free(s);
	s = escape_text("\033\033", 100);
	assert_string_equal(s, "\\x1b\\x1b");
	free(s);
}

static void escape_shell_is_one_word(void **state) {
	static const struct {
		const char *text;
		const char *word;
	} list[] = {
		{ "/home/ann/.coi", "/home/ann/.coi" },
		{ "", "''" },
		{ "a b", "'a b'" },
		{ "it's", "'it'\\''s'" },
		{ "$(x)`y`\\", "'$(x)`y`\\'" },
		{ "~/x", "'~/x'" },
		{ "gr\xc3\xbc\xc3\x9f", "'gr\xc3\xbc\xc3\x9f'" },
		{ "a\n'\\b", "$'a\\012\\'\\\\b'" },
		{ "\xff\xc3\xbc", "$'\\377\\303\\274'" },
		{ "\xe2\x80\xaey", "$'\\342\\200\\256y'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		autofree char *word = escape_shell(list[i].text);
		autofree char *shown = escape_text(word, 1000);

		assert_string_equal(word, list[i].word);
		assert_string_equal(shown, word);
	}
}

static void strv_builds_and_joins(void **state) {
	autostrv char **v = NULL, **copy = NULL, **parts = NULL;
	autofree char *joined = NULL, *empty = NULL;

	assert_int_equal(strv_len(NULL), 0);
	strv_add(&v, "b");
	strv_take(&v, xstrdup("a"));
	strv_addf(&v, "%d", 7);
	assert_int_equal(strv_len(v), 3);
	assert_true(strv_contains(v, "7"));
	assert_false(strv_contains(v, "c"));
	assert_false(strv_contains(NULL, "c"));
	copy = strv_copy(v);
	strv_sort(copy);
	assert_string_equal(copy[0], "7");
	assert_string_equal(copy[2], "b");
	joined = strv_join(v, ", ");
	assert_string_equal(joined, "b, a, 7");
	empty = strv_join(NULL, ",");
	assert_string_equal(empty, "");
	parts = strv_split(",,x, y ,", ", ");
	assert_int_equal(strv_len(parts), 2);
	assert_string_equal(parts[1], "y");
	assert_null(strv_split(" ,", ", "));
	strv_add_all(&parts, v);
	strv_add_all(&parts, NULL);
	assert_int_equal(strv_len(parts), 5);
	strv_sort(NULL);
	strv_free(NULL);
}

static void env_replaces_by_whole_name(void **state) {
	autostrv char **env = NULL;

	assert_null(env_get(NULL, "A"));
	env_set(&env, "AB", "1");
	env_set(&env, "A", "2");
	env_set(&env, "A", "3=4");
	env_set(&env, "EMPTY", "");
	assert_int_equal(strv_len(env), 3);
	assert_string_equal(env_get(env, "A"), "3=4");
	assert_string_equal(env_get(env, "AB"), "1");
	assert_string_equal(env_get(env, "EMPTY"), "");
	assert_null(env_get(env, "EMPT"));
}

static void expect_clean(const char *path, const char *expected) {
	autofree char *got = path_clean(path);

	assert_string_equal(got, expected);
}

static void path_cleans_by_text(void **state) {
	expect_clean("/", "/");
	expect_clean("//a///b/", "/a/b");
	expect_clean("/a/./b/../c", "/a/c");
	expect_clean("/..", "/");
	expect_clean("/../../etc", "/etc");
	expect_clean("a/..", ".");
	expect_clean("../a/../../b", "../../b");
	expect_clean("", ".");
	expect_clean("/a/..b/...", "/a/..b/...");
}

static void path_relations(void **state) {
	autofree char *joined = path_join("/a/", "/b"), *root = path_join("/", "b");
	autofree char *home = path_expand_home("~", "/h"), *in_home = path_expand_home("~/x", "/h");
	autofree char *other = path_expand_home("~user/x", "/h"), *here = path_absolute("x/../y");

	assert_string_equal(joined, "/a/b");
	assert_string_equal(root, "/b");
	assert_string_equal(home, "/h");
	assert_string_equal(in_home, "/h/x");
	assert_string_equal(other, "~user/x");
	assert_true(here[0] == '/');
	assert_string_equal(path_base(here), "y");
	assert_string_equal(path_base("/"), "");
	assert_true(path_is_below("/a/b", "/a"));
	assert_true(path_is_below("/a", "/a"));
	assert_false(path_is_below("/ab", "/a"));
	assert_false(path_is_below("/", "/a"));
	assert_true(path_is_below("/a", "/"));
}

static void sizes_as_people_write_them(void **state) {
	static const struct {
		uint64_t bytes;
		const char *text, *text_short;
	} rows[] = {
		{ 0, "0 B", "0B" },
		{ 512, "512 B", "512B" },
		{ 1536, "1.5 KB", "1.5KB" },
		{ 12897485, "12.3 MB", "12.3MB" },
		{ 4ull << 30, "4.0 GB", "4.0GB" },
		{ UINT64_MAX, "16384.0 PB", "16384.0PB" },
	};
	char out[SIZE_TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_string_equal(size_text(rows[i].bytes, out), rows[i].text);
		assert_string_equal(size_text_short(rows[i].bytes, out), rows[i].text_short);
	}
}

static void table_aligns_and_escapes(void **state) {
	static const char *const titles[] = { "NAME", "STATE", "NOTE", NULL };
	auto_table struct table *t = table_new(titles);
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	table_add(t, (const char *const[]){ "a", "running", "x" });
	table_add(t, (const char *const[]){ "longer-name", NULL, NULL });
	table_add(t, (const char *const[]){ "grüße", "\033[2J", "" });
	table_print(t, out);
	(void)fclose(out);
	assert_string_equal(text, "NAME         STATE    NOTE\n"
				  "a            running  x\n"
				  "longer-name\n"
				  "grüße        \\x1b[2J\n");
	free(text);
}

static void mem_helpers(void **state) {
	autofree char *a = xstrdup("x"), *b = NULL;
	int fd = 7;

	b = steal_ptr(a);
	assert_null(a);
	assert_string_equal(b, "x");
	assert_int_equal(steal_fd(&fd), 7);
	assert_int_equal(fd, -1);
	str_replace(&b, b); /* a string may be replaced by itself */
	assert_string_equal(b, "x");
	str_replace(&b, NULL);
	assert_null(b);
	assert_null(xstrdup(NULL));
	a = xstrndup("abc", 2);
	assert_string_equal(a, "ab");
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_grows_and_is_terminated),
		cmocka_unit_test(buf_keeps_its_maximum),
		cmocka_unit_test(buf_takes_nothing_at_all),
		cmocka_unit_test(buf_steal_leaves_a_usable_buffer),
		cmocka_unit_test(escape_lets_plain_text_through),
		cmocka_unit_test(escape_stops_control_and_broken_bytes),
		cmocka_unit_test(escape_keeps_lines_when_told),
		cmocka_unit_test(escape_is_a_fixpoint),
		cmocka_unit_test(escape_text_cuts_between_characters),
		cmocka_unit_test(escape_shell_is_one_word),
		cmocka_unit_test(strv_builds_and_joins),
		cmocka_unit_test(env_replaces_by_whole_name),
		cmocka_unit_test(path_cleans_by_text),
		cmocka_unit_test(path_relations),
		cmocka_unit_test(sizes_as_people_write_them),
		cmocka_unit_test(table_aligns_and_escapes),
		cmocka_unit_test(mem_helpers),
	};

	return cmocka_run_group_tests_name("base text", tests, NULL, NULL);
}
