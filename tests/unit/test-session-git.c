/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Git's configuration format, well formed and not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "session/git-config.h"

static void tell(const struct git_setting *s, void *data) {
	buf_addf(data, "%s|%s|%s|%s\n", s->section, s->subsection, s->key, s->value);
}

static void parse_is(const char *text, int wanted, const char *settings) {
	struct buf out;

	buf_init(&out, 65536);
	assert_int_equal(git_config_parse(text, tell, &out), wanted);
	assert_string_equal(out.data, settings);
	buf_done(&out);
}

static void well_formed(void **state) {
	(void)state;
	parse_is("", 0, "");
	parse_is("[core]\n\tBare = false\n", 0, "core||bare|false\n");
	parse_is("[Core] bare\n", 0, "core||bare|\n");
	parse_is("\xef\xbb\xbf[a]b=c", 0, "a||b|c\n");
	parse_is("[include]\npath = \"a b\" c # no\n", 0, "include||path|a b c\n");
	parse_is("[includeIf \"gitdir:~/x\\\"y\"]\npath=../z ;x\n", 0,
		 "includeif|gitdir:~/x\"y|path|../z\n");
	parse_is("[a.B]\nk = v\\\n w\n", 0, "a|b|k|v w\n");
	parse_is("# c\n; d\n\n[a]\r\nk = v\r\n", 0, "a||k|v\n");
	parse_is("[a]\nk = \"  keep  \"  \n", 0, "a||k|  keep  \n");
	parse_is("[a]\nk = x\\ty\\\\z\n", 0, "a||k|x\ty\\z\n");
	parse_is("[a]\nk = \"#;\"\n", 0, "a||k|#;\n");
	/* What git takes too, and what comes after it counts. */
	parse_is("x = y\n[include]\npath = z\n", 0, "||x|y\ninclude||path|z\n");
	parse_is("[a]\nk = \\", 0, "a||k|\n");
	parse_is("[a]\nk = \\\n\tv \\\n\n", 0, "a||k|v \n");
	parse_is("[a]\nk = \v\n", 0, "a||k|\v\n");
	/* Of this there are two readings. */
	parse_is("[a]\nk = b\t c\n", 0, "a||k|b  c\na||k|b\t c\n");
}

static void malformed(void **state) {
	(void)state;
	parse_is("[a\nk = v\n", -EBADMSG, "");
	parse_is("[a \"b]\nk = v\n", -EBADMSG, "");
	parse_is("[a b]\n", -EBADMSG, "");
	parse_is("[a]\nk = \"v\n", -EBADMSG, "");
	parse_is("[a]\nk = \\q\n", -EBADMSG, "");
	parse_is("[a]\nk v\n", -EBADMSG, "");
	parse_is("[a]\nk = v\n[", -EBADMSG, "a||k|v\n");
}

static void count(const struct git_setting *s, void *data) {
	size_t *bytes = data;

	*bytes += strlen(s->section) + strlen(s->subsection) + strlen(s->key) + strlen(s->value);
}

/* Always the same ones; COI_FUZZ_RUNS says how many. */
static void bytes_by_chance(void **state) {
	static const char *const pieces[] = {
		"[", "]", "[core]\n", "[include]\npath=a b\n", "\"", "\\", "\\\n", "#", ";",
		"\n", "\r\n", "[a \"b\"]", "k=v\n", " ", "\t", "=", ".", "-", "\xc3\xa4", "\\n",
		"\\\"", "\x01", "\v", "x",
	};
	const char *runs_text = getenv("COI_FUZZ_RUNS");
	long runs = runs_text ? strtol(runs_text, NULL, 10) : 20000;
	unsigned seed = 1;

	(void)state;
	for (long i = 0; i < runs; i++) {
		autobuf struct buf text = { 0 };
		size_t told = 0;
		int r;

		buf_init(&text, 65536);
		for (int n = rand_r(&seed) % 40; n >= 0; n--)
			buf_adds(&text, pieces[(unsigned)rand_r(&seed) % ARRAY_SIZE(pieces)]);
		r = git_config_parse(text.data, count, &told);
		assert_true(r == 0 || r == -EBADMSG);
		assert_true(told <= (text.len + 1) * (text.len + 1) * 2);
	}
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(well_formed),
		cmocka_unit_test(malformed),
		cmocka_unit_test(bytes_by_chance),
	};

	return cmocka_run_group_tests_name("session-git", tests, NULL, NULL);
}
