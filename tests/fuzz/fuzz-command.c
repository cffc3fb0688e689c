/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command lines as a container may have them: any bytes, taken apart and judged.
 *
 * Built with plain main() it takes the lines of the corpus of tests/unit/monitor, and
 * bytes that are made of them by chance (always the same ones; COI_FUZZ_RUNS says how
 * many). With -DCOI_FUZZ_LIBRARY a fuzzing engine brings the bytes.
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
#include "monitor/command.h"
#include "monitor/detect.h"
#include "unit/monitor/corpus.h"

#define BYTES_MAX 16384
#define RUNS_DEFAULT 20000

/* NUL bytes end words; the first byte is what the standard streams are. */
static void one(const uint8_t *data, size_t size) {
	static const struct detect_settings set = { 0 };
	struct watch_event e = { .kind = WATCH_EXEC, .comm = "x" };
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
	detect_exec(&e, &set, &all);
	assert_true(all.count <= FINDINGS_MAX);
	for (size_t i = 0; i < all.count; i++) {
		assert_true(all.items[i].level < AUDIT_LEVEL_COUNT);
		assert_true(strnlen(all.items[i].indicator, FINDING_INDICATOR_MAX) <
		            FINDING_INDICATOR_MAX);
	}
}

#ifdef COI_FUZZ_LIBRARY
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	one(data, size);
	return 0;
}
#else

static size_t put(uint8_t *out, const struct sample *s) {
	size_t n = 1;

	out[0] = 0;
	for (size_t i = 0; i < SAMPLE_WORDS && s->words[i]; i++) {
		size_t len = strlen(s->words[i]) + 1;

		if (n + len > BYTES_MAX)
			break;
		memcpy(out + n, s->words[i], len);
		n += len;
	}
	return n;
}

static const struct sample *sample(size_t i) {
	size_t each = ARRAY_SIZE(attacks[0].samples);

	i %= ordinary_count + attack_count * each;
	return i < ordinary_count
	               ? &ordinary[i]
	               : &attacks[(i - ordinary_count) / each].samples[(i - ordinary_count) % each];
}

static void the_corpus(void **state) {
	static uint8_t bytes[BYTES_MAX];

	(void)state;
	for (size_t i = 0; i < ordinary_count + attack_count * 6; i++)
		one(bytes, put(bytes, sample(i)));
}

/* The signs that mean something, more often than others. */
static void change(uint8_t *bytes, size_t *size, unsigned *seed) {
	static const char signs[] = "'\"`$(){}<>|&;\\ \n=,*#~!@0123-e\0";
	size_t at = (unsigned)rand_r(seed) % (*size ? *size : 1);
	char sign = signs[(unsigned)rand_r(seed) % sizeof(signs)];

	switch (rand_r(seed) % 5) {
	case 0:
		bytes[at] = (uint8_t)rand_r(seed);
		break;
	case 1:
		bytes[at] = (uint8_t)sign;
		break;
	case 2: /* one more */
		if (*size == BYTES_MAX)
			break;
		memmove(bytes + at + 1, bytes + at, *size - at);
		bytes[at] = (uint8_t)sign;
		++*size;
		break;
	case 3: /* cut */
		*size = at + 1;
		break;
	default: { /* a piece again */
		size_t n = (unsigned)rand_r(seed) % 64;

		if (n > *size - at || *size + n > BYTES_MAX)
			break;
		memmove(bytes + at + n, bytes + at, *size - at);
		*size += n;
	}
	}
}

static void bytes_by_chance(void **state) {
	static uint8_t bytes[BYTES_MAX];
	const char *runs_text = getenv("COI_FUZZ_RUNS");
	long runs = runs_text ? strtol(runs_text, NULL, 10) : RUNS_DEFAULT;
	unsigned seed = 1;

	(void)state;
	for (long i = 0; i < runs; i++) {
		size_t size = put(bytes, sample((size_t)rand_r(&seed)));

		for (int n = rand_r(&seed) % 12; n >= 0; n--)
			change(bytes, &size, &seed);
		one(bytes, size);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_corpus),
		cmocka_unit_test(bytes_by_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
