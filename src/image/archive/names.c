/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/archive/names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"

/* FNV-1a, from a start that an archive cannot know: no names are made to collide. */
static size_t hash(const char *name) {
	static uint64_t seed;
	uint64_t h;

	if (!seed && getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
		seed = UINT64_C(0xcbf29ce484222325);
	h = seed;
	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ h >> 32);
}

/* Where @name is, or would be. */
static struct name_entry **slot(const struct names *n, const char *name) {
	size_t i = hash(name) & (n->size - 1);

	while (n->slots[i] && strcmp(n->slots[i]->name, name) != 0)
		i = (i + 1) & (n->size - 1);
	return &n->slots[i];
}

static void grow(struct names *n) {
	struct names bigger = { .count = n->count, .size = n->size ? 2 * n->size : 1024 };

	bigger.slots = xcalloc(bigger.size, sizeof(bigger.slots[0]));
	for (size_t i = 0; i < n->size; i++)
		if (n->slots[i])
			*slot(&bigger, n->slots[i]->name) = n->slots[i];
	free(n->slots);
	*n = bigger;
}

struct name_entry *names_find(const struct names *n, const char *name) {
	return n->size ? *slot(n, name) : NULL;
}

struct name_entry *names_get(struct names *n, const char *name) {
	struct name_entry *e = names_find(n, name);

	if (e)
		return e;
	if (2 * (n->count + 1) > n->size)
		grow(n);
	e = xcalloc(1, sizeof(*e));
	e->name = xstrdup(name);
	*slot(n, name) = e;
	n->count++;
	return e;
}

void names_done(struct names *n) {
	for (size_t i = 0; i < n->size; i++) {
		if (!n->slots[i])
			continue;
		free(n->slots[i]->name);
		free(n->slots[i]);
	}
	free(n->slots);
	*n = (struct names){ 0 };
}
