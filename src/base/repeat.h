/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines that come again and again: each is told at once, and then as often as is bearable,
 * with how many were left out.
 */
#ifndef COI_BASE_REPEAT_H
#define COI_BASE_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

#define REPEAT_REMEMBERED 16

/* All zero in the beginning. */
struct repeat {
	struct repeat_line {
		char *text; /* NULL: free */
		uint64_t told_ms;
		unsigned silent; /* since then */
	} lines[REPEAT_REMEMBERED];
};

/*
 * Is @text to be told now, if at most every @every_ms? Then *@ret_silent is how often it came
 * since it was told last. One more than are remembered takes the place of the oldest.
 */
bool repeat_tells(struct repeat *r, const char *text, uint64_t now_ms, uint64_t every_ms,
		  unsigned *ret_silent);
void repeat_done(struct repeat *r);

#endif
