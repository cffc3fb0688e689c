/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/links.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"

struct link_entry {
	struct link_entry *next;
	dev_t dev;
	ino_t ino;
	char *name;
};

static struct link_entry **bucket(const struct links *l, dev_t dev, ino_t ino) {
	uint64_t h = ((uint64_t)ino ^ (uint64_t)dev << 32) * UINT64_C(0x9e3779b97f4a7c15);

	return &l->buckets[(h >> 20) & (l->size - 1)];
}

static void grow(struct links *l) {
	struct links bigger = { .count = l->count, .size = l->size ? 4 * l->size : 1024 };

	bigger.buckets = xcalloc(bigger.size, sizeof(bigger.buckets[0]));
	for (size_t i = 0; i < l->size; i++)
		for (struct link_entry *e = l->buckets[i], *next; e; e = next) {
			struct link_entry **to = bucket(&bigger, e->dev, e->ino);

			next = e->next;
			e->next = *to;
			*to = e;
		}
	free(l->buckets);
	*l = bigger;
}

const char *links_find(const struct links *l, const struct stat *st) {
	struct link_entry *e = l->size ? *bucket(l, st->st_dev, st->st_ino) : NULL;

	while (e && (e->ino != st->st_ino || e->dev != st->st_dev))
		e = e->next;
	return e ? e->name : NULL;
}

void links_add(struct links *l, const struct stat *st, const char *name) {
	struct link_entry *e = xcalloc(1, sizeof(*e)), **to;

	if (l->count >= l->size)
		grow(l);
	e->dev = st->st_dev;
	e->ino = st->st_ino;
	e->name = xstrdup(name);
	to = bucket(l, st->st_dev, st->st_ino);
	e->next = *to;
	*to = e;
	l->count++;
}

void links_done(struct links *l) {
	for (size_t i = 0; i < l->size; i++)
		for (struct link_entry *e = l->buckets[i], *next; e; e = next) {
			next = e->next;
			free(e->name);
			free(e);
		}
	free(l->buckets);
	*l = (struct links){ 0 };
}
