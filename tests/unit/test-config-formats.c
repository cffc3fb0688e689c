/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "config/formats.h"

/* For each format: texts that are of it, and texts that are not. */
static const struct {
	enum setting_format format;
	const char *good[8];
	const char *bad[10];
} cases[] = {
	{ FORMAT_NAME, { "coi-default", "a.b_c:1", "" }, { "-a", "a b", "a\n", "ä" } },
	{ FORMAT_ALIAS, { "a", "A-b_9", "" }, { "9a", "-a", "a.b" } },
	{ FORMAT_SESSION_NAME, { "9a.b", "x" }, { ".x", "a/b", "..", "a b" } },
	{ FORMAT_USER, { "code", "_x" }, { "", "Root", "0a", "a b" } },
	{ FORMAT_ENV_NAME, { "PATH", "_x9" }, { "", "9A", "A-B", "A=B", "A\nB" } },
	{ FORMAT_COMPRESSION, { "zstd", "zstd-19", "" }, { "zstd -19", "-19", "z;x" } },
	{ FORMAT_DOMAIN, { "a.example.com", "*.example.com", "8.8.8.8", "1.2.0.0/16",
			   "@registries", "x.com:443,8000-8100", "localhost" },
	  { "", "*", "a b", "http://x.com", "x.com/y", "a..b", "x.com:", "@", "[::1]" } },
	{ FORMAT_IPV4, { "8.8.8.8" }, { "8.8.8", "256.1.1.1", "8.8.8.8.8", "a" } },
	{ FORMAT_PORTS, { "443", "8000-8100" }, { "", "-1", "1-", "a", "0", "65536", "9-1" } },
	{ FORMAT_BINARY, { "pi", "/usr/bin/x", "@a/b", "" }, { "a b", "a;b", "$x" } },
	{ FORMAT_MODEL, { "claude-1.5", "" }, { "-x", "a b" } },
	{ FORMAT_CPUS, { "2", "0-3", "0,2", "0-1,3", "" },
	  { "a", "-1", "0-", ",1", "1,,2", "0", "3-1", "99999999999999999999" } },
	{ FORMAT_ALLOWANCE, { "50%", "25ms/100ms", "" },
	  { "50", "25/100", "25ms", "1s/2s", "0%", "1ms/0ms" } },
	{ FORMAT_SIZE, { "512MiB", "2GB", "" }, { "50%", "512", "0MiB", "1XB", "999999999999TB" } },
	{ FORMAT_SIZE_OR_SHARE, { "512MiB", "50%", "" }, { "0%", "101%", "-1%" } },
	{ FORMAT_SWAP, { "true", "false", "1GB" }, { "", "yes", "50%" } },
	{ FORMAT_RATE, { "10MB/s", "10MiB", "100iops", "" }, { "10", "10/s", "10MB/h" } },
	{ FORMAT_DURATION, { "30s", "2h30m", "1.5h", "500ms", "0", "" },
	  { "30", "s", "1d", "-1s", "1h 2m", "100000000h" } },
	{ FORMAT_TIMEZONE, { "Europe/Berlin", "UTC", "Etc/GMT+1", "" },
	  { "/etc/passwd", "../x", "a//b", "a/" } },
	{ FORMAT_MODE, { "600", "0644", "" }, { "999", "1777", "6" } },
	{ FORMAT_ABSOLUTE, { "/a" }, { "", "a", "~/a" } },
	{ FORMAT_RELATIVE, { ".git/hooks", "a", "a/b", ".vscode/", "..a/b" },
	  { "", "/a", "..", "a/../b", "../a", ".", "a//b", "./a" } },
	{ FORMAT_INSIDE, { "/a", "~/a", "~/.ssh/id_*" }, { "", "a", "~", "~a/b", "/" } },
	{ FORMAT_PROGRAM, { "nmap", "/usr/bin/nmap", "nc.traditional" }, { "", "a/b", "/", "./x" } },
	{ FORMAT_AUDIT_SINK, { "journald", "syslog" }, { "", "file", "journald2" } },
	{ FORMAT_LABEL, { "a-b_9", "" }, { "a b", "a/b", "." } },
};

static void texts_are_told_apart(void **state) {
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t k = 0; k < 8 && cases[i].good[k]; k++)
			if (!format_matches(cases[i].format, cases[i].good[k]))
				fail_msg("format %d does not take '%s'", cases[i].format,
					 cases[i].good[k]);
		for (size_t k = 0; k < 10 && cases[i].bad[k]; k++)
			if (format_matches(cases[i].format, cases[i].bad[k]))
				fail_msg("format %d takes '%s'", cases[i].format, cases[i].bad[k]);
	}
}

static void lengths_end_somewhere(void **state) {
	static char text[70000];

	memset(text, 'a', sizeof(text) - 1);
	for (int f = 0; f < FORMAT_COUNT; f++)
		assert_false(format_matches((enum setting_format)f, text));
	text[64] = '\0';
	assert_true(format_matches(FORMAT_ALIAS, text));
	text[64] = 'a';
	text[65] = '\0';
	assert_false(format_matches(FORMAT_ALIAS, text));
}

static void every_format_has_words(void **state) {
	for (int f = 0; f < FORMAT_COUNT; f++) {
		assert_non_null(format_expected((enum setting_format)f));
		assert_true(*format_expected((enum setting_format)f));
		if (f != FORMAT_ANY)
			assert_int_equal(format_pattern((enum setting_format)f)[0], '^');
	}
}

static void sizes(void **state) {
	uint64_t bytes, percent;

	assert_int_equal(format_parse_size("512MiB", &bytes, &percent), 0);
	assert_true(bytes == 512ull << 20 && percent == 0);
	assert_int_equal(format_parse_size("2GB", &bytes, &percent), 0);
	assert_true(bytes == 2000000000ull);
	assert_int_equal(format_parse_size("50%", &bytes, &percent), 0);
	assert_true(bytes == 0 && percent == 50);
	assert_int_equal(format_parse_size("18446744073709551615TiB", &bytes, &percent), -ERANGE);
	assert_int_equal(format_parse_size("99999999999999999999KB", &bytes, &percent), -ERANGE);
	assert_int_equal(format_parse_size("1MBx", &bytes, &percent), -EINVAL);
	assert_int_equal(format_parse_size("", &bytes, &percent), -EINVAL);
}

static void durations(void **state) {
	static const struct {
		const char *text;
		int64_t ms;
		const char *canonical;
	} list[] = {
		{ "30s", 30000, "30s" },     { "2h30m", 9000000, "2h30m" },
		{ "1.5h", 5400000, "1h30m" }, { "90s", 90000, "1m30s" },
		{ "500ms", 500, "500ms" },   { "1s1ms", 1001, "1s1ms" },
		{ "0", 0, "0s" },	     { "1ns", 1, "1ms" },
	};
	int64_t ms;

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		char text[FORMAT_TEXT];

		assert_int_equal(format_parse_duration(list[i].text, &ms), 0);
		assert_true(ms == list[i].ms);
		assert_string_equal(format_duration(ms, text), list[i].canonical);
	}
	assert_int_equal(format_parse_duration("99999999999h", &ms), -ERANGE);
	assert_int_equal(format_parse_duration("1x", &ms), -EINVAL);
	assert_int_equal(format_parse_duration("5", &ms), -EINVAL);
}

static void size_texts_parse_back(void **state) {
	static const uint64_t list[] = { 1024, 1000, 512ull << 20, 3ull << 40, 1500000, 5000000000000 };

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		char text[FORMAT_TEXT];
		uint64_t bytes = 0, percent = 0;

		assert_int_equal(format_parse_size(format_size(list[i], 0, text), &bytes, &percent), 0);
		assert_true(bytes == list[i]);
	}
}

static void others(void **state) {
	autofree char *set = NULL;
	unsigned n;
	uint64_t a, b;

	assert_int_equal(format_parse_cpus("4", &n, &set), 0);
	assert_true(n == 4 && !set);
	assert_int_equal(format_parse_cpus("0-3,8", &n, &set), 0);
	assert_true(n == 5);
	assert_string_equal(set, "0-3,8");
	assert_int_equal(format_parse_cpus("3-1", &n, &set), -ERANGE);
	assert_int_equal(format_parse_cpus("0", &n, &set), -ERANGE);
	assert_int_equal(format_parse_allowance("25ms/100ms", &n, &a, &b), 0);
	assert_true(n == 0 && a == 25000 && b == 100000);
	assert_int_equal(format_parse_allowance("150%", &n, &a, &b), 0);
	assert_true(n == 150 && a == 0 && b == 0);
	assert_int_equal(format_parse_allowance("1ms/0ms", &n, &a, &b), -ERANGE);
	assert_int_equal(format_parse_rate("10MB/s", &a, &b), 0);
	assert_true(a == 10000000 && b == 0);
	assert_int_equal(format_parse_rate("100iops", &a, &b), 0);
	assert_true(a == 0 && b == 100);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_told_apart), cmocka_unit_test(lengths_end_somewhere),
		cmocka_unit_test(every_format_has_words),
		cmocka_unit_test(sizes),		cmocka_unit_test(durations),
		cmocka_unit_test(size_texts_parse_back), cmocka_unit_test(others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
