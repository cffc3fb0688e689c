/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/idmap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

static void add(struct idmap *m, uint32_t inside, uint32_t outside, uint32_t count) {
	if (count && m->count < IDMAP_LINES_MAX)
		m->line[m->count++] = (struct idmap_line){ inside, outside, count };
}

void idmap_whole(const struct id_range *ids, struct idmap *ret) {
	struct idmap m = { 0 };

	add(&m, 0, ids->base, ids->count);
	*ret = m;
}

static bool in_range(const struct id_range *ids, uint32_t id) {
	return id >= ids->base && id - ids->base < ids->count;
}

int idmap_hole(const struct id_range *ids, uint32_t code, uint32_t owner, struct idmap *ret) {
	struct idmap m = { 0 };

	if (owner == 0 || code >= ids->count || in_range(ids, owner))
		return -EINVAL;
	add(&m, 0, ids->base, code);
	add(&m, code, owner, 1);
	add(&m, code + 1, ids->base + code + 1, ids->count - code - 1);
	*ret = m;
	return 0;
}

int idmap_owner(const struct id_range *ids, uint32_t code, uint32_t owner, uint32_t code_host,
		struct idmap *ret) {
	struct idmap m = { 0 };

	if (code >= ids->count || in_range(ids, owner))
		return -EINVAL;
	add(&m, owner, code_host, 1);
	add(&m, ids->base, ids->base, code);
	add(&m, ids->base + code + 1, ids->base + code + 1, ids->count - code - 1);
	*ret = m;
	return 0;
}

char *idmap_text(const struct idmap *m, char out[IDMAP_TEXT_SIZE]) {
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < m->count; i++)
		len += (size_t)snprintf(out + len, IDMAP_TEXT_SIZE - len,
					"%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", m->line[i].inside,
					m->line[i].outside, m->line[i].count);
	return out;
}
