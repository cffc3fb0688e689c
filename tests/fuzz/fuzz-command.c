/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command lines as a container may have them: any bytes, taken apart and judged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/strv.h"
#include "fuzz/fuzz.h"
#include "monitor/command.h"
#include "monitor/detect.h"
#include "unit/monitor/corpus.h"

#define BYTES_MAX 16384

/* NUL bytes end words; the first byte is what the standard streams are. */
static void one(const uint8_t *data, size_t size) {
	static const struct detect_settings set = { 0 };
	struct watch_event e = { .kind = WATCH_EXEC, .comm = "x" };
	auto_commands struct commands read = { 0 };
	struct findings all = { 0 };
	autostrv char **argv = NULL;

	for (size_t i = 1; i < size;) {
		const char *word = (const char *)data + i;
		size_t n = strnlen(word, size - i);

		strv_take(&argv, xstrndup(word, n));
		i += n + 1;
	}
	for (int fd = 0; fd < 3; fd++)
		e.exec.streams[fd] = (enum watch_stream)(size ? data[0] % WATCH_STREAM_COUNT : 0);
	e.exec.exe = argv ? argv[0] : "";
	e.exec.file = size && data[0] & 64 ? "" : e.exec.exe;
	e.exec.argv = argv;
	e.exec.argc = strv_len(argv);
	commands_read(&e.exec, &read);
	detect_exec(&e, &read, &set, &all);
	assert_true(all.count <= FINDINGS_MAX);
	for (size_t i = 0; i < all.count; i++) {
		assert_true(all.items[i].level < AUDIT_LEVEL_COUNT);
		assert_true(strnlen(all.items[i].indicator, FINDING_INDICATOR_MAX) <
		            FINDING_INDICATOR_MAX);
	}
}

static bool make(size_t number, struct buf *out) {
	size_t each = ARRAY_SIZE(attacks[0].samples), i = number - ordinary_count;
	const struct sample *s = number < ordinary_count ? &ordinary[number] :
							   &attacks[i / each].samples[i % each];

	if (number == ordinary_count + attack_count * each)
		return false;
	buf_addc(out, 0);
	for (i = 0; i < SAMPLE_WORDS && s->words[i]; i++)
		buf_add(out, s->words[i], strlen(s->words[i]) + 1);
	return true;
}

/* The signs that mean something, more often than others. */
static void mutate(struct buf *b) {
	static const char signs[] = "'\"`$(){}<>|&;\\ \n=,*#~!@0123-e\0";

	for (size_t n = 1 + fuzz_chance(12); n > 0; n--)
		fuzz_change(b, signs, sizeof(signs));
}

const struct fuzz fuzz = {
	.name = "fuzz command",
	.max = BYTES_MAX,
	.runs = 20000,
	.one = one,
	.make = make,
	.mutate = mutate,
};
