/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz/fuzz.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"

static uint64_t seed = 88172645463325252u;

size_t fuzz_chance(size_t below) {
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return below ? (size_t)(seed % below) : 0;
}

static void put_in(struct buf *b, size_t at, const char *what, size_t len) {
	autofree char *rest = xmemdup(b->data + at, b->len - at);
	size_t rest_len = b->len - at;
	autofree char *piece = xmemdup(what, len);

	if (b->len + len > b->max)
		return;
	b->len = at;
	buf_add(b, piece, len);
	buf_add(b, rest, rest_len);
}

void fuzz_change(struct buf *b, const char *signs, size_t count) {
	size_t at = fuzz_chance(b->len), n = fuzz_chance(64);
	char sign = signs ? signs[fuzz_chance(count)] : (char)fuzz_chance(256);

	n = n < b->len - at ? n : b->len - at;
	switch (b->len ? fuzz_chance(7) : 3) {
	case 0:
		b->data[at] = (char)fuzz_chance(256);
		break;
	case 1:
		b->data[at] = (char)(b->data[at] ^ (1 << fuzz_chance(8)));
		break;
	case 2:
		b->data[at] = sign;
		break;
	case 3:
		put_in(b, at, &sign, 1);
		break;
	case 4:
		b->len = at;
		break;
	case 5: /* a piece out */
		memmove(b->data + at, b->data + at + n, b->len - at - n);
		b->len -= n;
		break;
	default:
		put_in(b, at, b->data + at, n);
	}
}

#ifdef COI_FUZZ_LIBRARY
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static bool has_begun;

	if (!has_begun && fuzz.begin)
		fuzz.begin();
	has_begun = true;
	if (size <= fuzz.max)
		fuzz.one(data, size);
	return 0;
}
#else

static struct buf all[1024];
static size_t count;

static void begin_with_files(void) {
	const char *src = getenv("COI_TEST_SRC");
	autofree char *path = xasprintf("%s/tests/fuzz/%s", src ? src : ".", fuzz.corpus);
	autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autostrv char **names = NULL;

	assert_true(dir >= 0);
	assert_int_equal(dir_names(dir, &names), 0); /* sorted: the same everywhere */
	for (; names && names[count]; count++) {
		assert_true(count < ARRAY_SIZE(all));
		assert_int_equal(file_read_at(dir, names[count], fuzz.max, &all[count]), 0);
	}
}

static void begin_with_made(void) {
	for (;; count++) {
		struct buf b;

		buf_init(&b, fuzz.max);
		if (!fuzz.make(count, &b)) {
			buf_done(&b);
			return;
		}
		assert_true(count < ARRAY_SIZE(all) && !b.overflow);
		all[count] = b;
	}
}

/* Without a byte behind it, for those who look for readers that go too far. */
static void take(const struct buf *b) {
	autofree uint8_t *exact = b->len ? xmemdup(b->data, b->len) : NULL;

	/* Of no bytes, but somewhere: memcpy(3) wants no NULL. */
	fuzz.one(exact ? exact : (const uint8_t *)"", b->len);
}

static void run_by_chance(struct buf *chosen) {
	struct buf b;

	buf_init(&b, fuzz.max);
	buf_add(&b, chosen->data, chosen->len);
	fuzz.mutate(&b);
	if (!b.overflow)
		take(&b);
	if (fuzz.adds_up && fuzz_chance(3) == 0 && !b.overflow && b.len < fuzz.max / 16) {
		buf_done(chosen);
		*chosen = b;
	} else {
		buf_done(&b);
	}
}

static void as_they_are_and_by_chance(void **state) {
	const char *runs_text = getenv("COI_FUZZ_RUNS"), *seed_text = getenv("COI_FUZZ_SEED");
	size_t runs = runs_text ? (size_t)strtoul(runs_text, NULL, 10) : fuzz.runs;

	(void)state;
	if (fuzz.corpus)
		begin_with_files();
	else
		begin_with_made();
	assert_true(count > 0);
	seed += seed_text ? strtoul(seed_text, NULL, 10) : 0;
	if (fuzz.begin)
		fuzz.begin();
	for (size_t i = 0; i < count; i++) {
		take(&all[i]);
		if (fuzz.taken)
			fuzz.taken(i);
	}
	for (size_t i = 0; i < runs; i++)
		run_by_chance(&all[fuzz_chance(count)]);
	for (size_t i = 0; i < count; i++)
		buf_done(&all[i]);
	if (fuzz.end)
		fuzz.end();
}

int main(void) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(as_they_are_and_by_chance) };

	return cmocka_run_group_tests_name(fuzz.name, tests, NULL, NULL);
}
#endif
