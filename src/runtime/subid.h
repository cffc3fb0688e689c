/* SPDX-License-Identifier: GPL-2.0-or-later */
/* subuid(5) and subgid(5), read and computed with: pure text and numbers. */
#ifndef COI_RUNTIME_SUBID_H
#define COI_RUNTIME_SUBID_H

#include <stddef.h>

#include "runtime/ids.h"

/* A list of ranges, sorted by base, without overlaps. Zero-initialisable. */
struct id_ranges {
	struct id_range *v;
	size_t count;
};
#define SUBID_RANGES_MAX 256

void id_ranges_done(struct id_ranges *r);
#define auto_id_ranges __attribute__((cleanup(id_ranges_done)))

/*
 * The ranges that @text (a whole file) gives to @user or, by number, to @uid.
 * Lines that are not well formed, empty and past 2^32 - 2 are left out, as
 * newuidmap(1) does. Touching ones are joined.
 */
void subid_parse(const char *text, const char *user, unsigned uid, struct id_ranges *ret);
/* What both lists have. */
void id_ranges_intersect(const struct id_ranges *a, const struct id_ranges *b,
			 struct id_ranges *ret);
/*
 * The lowest place for @count ids in @room that touches none of @taken (in any
 * order). Places start at multiples of @count from the start of a range.
 * 0, or -ENOSPC.
 */
int id_ranges_place(const struct id_ranges *room, const struct id_range *taken, size_t taken_count,
		    uint32_t count, struct id_range *ret);

/*
 * The first base at or above @from where @count ids touch no line of @text,
 * whoever it belongs to: what a missing line should say.
 */
uint32_t subid_suggest(const char *text, uint32_t from, uint32_t count);

#endif
