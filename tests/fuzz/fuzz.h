/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs here have in common. Each has one `struct fuzz`; fuzz.c is the rest.
 *
 * Built as they are they take what they begin with as it is, and then what is made of it
 * by chance: always the same, unless COI_FUZZ_SEED says otherwise; COI_FUZZ_RUNS says how
 * much. With -DCOI_FUZZ_LIBRARY a fuzzing engine brings the bytes instead.
 */
#ifndef COI_TESTS_FUZZ_H
#define COI_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct fuzz {
	const char *name;
	size_t max;  /* longest input, bytes */
	size_t runs; /* how many by chance */
	/* Judges one input, or ends the program by a cmocka assertion. */
	void (*one)(const uint8_t *data, size_t size);
	/*
	 * What there is to begin with: the files of that directory below tests/fuzz, or
	 * inputs that are made into @out, which is empty, until it says false. Never none.
	 */
	const char *corpus;
	bool (*make)(size_t number, struct buf *out);
	/* Changes what was chosen by chance. */
	void (*mutate)(struct buf *b);
	bool adds_up; /* what was changed is at times kept, and changed again */
	void (*begin)(void); /* NULL, or before the first input */
	void (*end)(void);   /* NULL, or behind the last; not with an engine */
	void (*taken)(size_t number); /* NULL, or behind input @number as it is */
};

/* The one of the program. */
extern const struct fuzz fuzz;

/* A number below @below, and 0 for 0. */
size_t fuzz_chance(size_t below);
/*
 * One small change: a byte, a bit, a sign of @signs (of which there are @count, NULL: any
 * byte) put in, a piece away or there twice. Nothing grows past the maximum of @b.
 */
void fuzz_change(struct buf *b, const char *signs, size_t count);

#endif
