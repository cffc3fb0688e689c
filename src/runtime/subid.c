/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/subid.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* (uid_t)-1 is no id, so it can be in no range. */
#define ID_END UINT32_MAX

void id_ranges_done(struct id_ranges *r) {
	free(r->v);
	*r = (struct id_ranges){ 0 };
}

static void ranges_add(struct id_ranges *r, uint32_t base, uint32_t count) {
	if (count == 0 || r->count >= SUBID_RANGES_MAX)
		return;
	r->v = xreallocarray(r->v, r->count + 1, sizeof(*r->v));
	r->v[r->count++] = (struct id_range){ .base = base, .count = count };
}

static int by_base(const void *a, const void *b) {
	const struct id_range *x = a, *y = b;

	return x->base < y->base ? -1 : x->base > y->base;
}

static uint64_t range_end(const struct id_range *r) {
	return (uint64_t)r->base + r->count;
}

static void ranges_join(struct id_ranges *r) {
	size_t n = 0;

	if (r->count == 0)
		return;
	qsort(r->v, r->count, sizeof(*r->v), by_base);
	for (size_t i = 1; i < r->count; i++) {
		struct id_range *last = &r->v[n];

		if (r->v[i].base > range_end(last)) {
			r->v[++n] = r->v[i];
			continue;
		}
		if (range_end(&r->v[i]) > range_end(last))
			last->count = (uint32_t)(range_end(&r->v[i]) - last->base);
	}
	r->count = n + 1;
}

/* Digits to their end, at most 2^32 - 1. */
static bool number(const char *s, size_t len, uint32_t *ret) {
	uint64_t v = 0;

	if (len == 0 || len > 10)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	if (v > UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

struct subid_line {
	const char *owner; /* not terminated */
	size_t owner_len;
	struct id_range range;
};

/* "owner:base:count" up to @end; false when it is none or goes past the last id. */
static bool line_parse(const char *line, const char *end, struct subid_line *ret) {
	const char *a = memchr(line, ':', (size_t)(end - line));
	const char *b = a ? memchr(a + 1, ':', (size_t)(end - a - 1)) : NULL;

	if (!b || a == line)
		return false;
	ret->owner = line;
	ret->owner_len = (size_t)(a - line);
	return number(a + 1, (size_t)(b - a - 1), &ret->range.base) &&
	       number(b + 1, (size_t)(end - b - 1), &ret->range.count) && ret->range.count > 0 &&
	       range_end(&ret->range) <= ID_END;
}

/* The next good line of @*text, which moves behind it; false at the end. */
static bool line_next(const char **text, struct subid_line *ret) {
	while (**text) {
		const char *line = *text, *end = strchrnul(line, '\n');

		*text = *end ? end + 1 : end;
		if (line_parse(line, end, ret))
			return true;
	}
	return false;
}

void subid_parse(const char *text, const char *user, unsigned uid, struct id_ranges *ret) {
	struct id_ranges r = { 0 };
	struct subid_line l;
	char uid_text[16];
	int uid_len = snprintf(uid_text, sizeof(uid_text), "%u", uid);

	while (line_next(&text, &l)) {
		bool named = strlen(user) == l.owner_len && !memcmp(user, l.owner, l.owner_len);
		bool numbered = (size_t)uid_len == l.owner_len &&
				!memcmp(uid_text, l.owner, l.owner_len);

		if (named || numbered)
			ranges_add(&r, l.range.base, l.range.count);
	}
	ranges_join(&r);
	*ret = r;
}

void id_ranges_intersect(const struct id_ranges *a, const struct id_ranges *b,
			 struct id_ranges *ret) {
	struct id_ranges r = { 0 };

	for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
		uint64_t end_a = range_end(&a->v[i]), end_b = range_end(&b->v[j]);
		uint64_t end = end_a < end_b ? end_a : end_b;
		uint32_t base = a->v[i].base > b->v[j].base ? a->v[i].base : b->v[j].base;

		if (end > base)
			ranges_add(&r, base, (uint32_t)(end - base));
		if (end_a < end_b)
			i++;
		else
			j++;
	}
	*ret = r;
}

static bool touches(const struct id_range *r, const struct id_range *v, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (r->base < range_end(&v[i]) && v[i].base < range_end(r))
			return true;
	return false;
}

int id_ranges_place(const struct id_ranges *room, const struct id_range *taken, size_t taken_count,
		    uint32_t count, struct id_range *ret) {
	for (size_t i = 0; i < room->count; i++) {
		uint64_t end = range_end(&room->v[i]);

		for (uint64_t at = room->v[i].base; at + count <= end; at += count) {
			struct id_range r = { .base = (uint32_t)at, .count = count };

			/* Host root and the system's own users are never given away. */
			if (at < 65536 || touches(&r, taken, taken_count))
				continue;
			*ret = r;
			return 0;
		}
	}
	return -ENOSPC;
}

uint32_t subid_suggest(const char *text, uint32_t from, uint32_t count) {
	struct id_ranges all = { 0 };
	struct subid_line l;
	uint64_t at = from;

	while (line_next(&text, &l))
		ranges_add(&all, l.range.base, l.range.count);
	ranges_join(&all);
	for (size_t i = 0; i < all.count; i++)
		if (at < range_end(&all.v[i]) && all.v[i].base < at + count)
			at = (range_end(&all.v[i]) + 65535) / 65536 * 65536;
	id_ranges_done(&all);
	return at + count <= ID_END ? (uint32_t)at : from;
}
