/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flattening. A new layer is made that is worth several; then every record that
 * has these several in a row is written with the one in their place. Each such
 * write leaves a record that means the same, so a crash anywhere is harmless.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/layer.h"
#include "session/snapshot-private.h"
#include "session/storage.h"

struct flatten {
	struct session *s;
	struct container *c;
	struct snapshot_list snapshots;
	const struct image_progress *progress;
	size_t first, end; /* layers [first, end) of the container become one */
	struct image_layer layer;  /* this; its pool is borrowed */
};

/* Layers [0, end) of the container are what @layers begins with. */
static bool has_prefix(const struct container *c, const struct image_layer *layers, size_t count,
		       size_t end) {
	if (count < end)
		return false;
	for (size_t i = 0; i < end; i++)
		if (strcmp(c->layers[i].id, layers[i].id) != 0)
			return false;
	return true;
}

/* Does some snapshot end there, or branch off? Then layers before and after stay apart. */
static bool is_border(const struct flatten *f, size_t at) {
	for (size_t i = 0; i < f->snapshots.count; i++) {
		const struct snapshot *snapshot = f->snapshots.items[i];

		if (!has_prefix(f->c, snapshot->layers, snapshot->layer_count, at))
			continue;
		if (snapshot->layer_count == at || at >= f->c->layer_count ||
		    strcmp(snapshot->layers[at].id, f->c->layers[at].id) != 0)
			return true;
	}
	return false;
}

/* How many of the oldest layers are those of its image. */
static int image_layers(const struct flatten *f, size_t *ret, struct err *err) {
	auto_image_list struct image_list images = { 0 };
	size_t own = 0;
	int r = image_list_load(f->s->layout, &images, err);

	/* Any image's: a published one may stand on ours. */
	for (size_t i = 0; r == 0 && i < images.count; i++) {
		const struct image_info *info = images.items[i];
		size_t n = 0;

		while (n < info->layer_count && n < f->c->layer_count &&
		       strcmp(info->layers[n].id, f->c->layers[n].id) == 0)
			n++;
		if (n > own)
			own = n;
	}
	*ret = own ? own : 1;
	return r;
}

static bool next_group(struct flatten *f, size_t from) {
	for (size_t i = from; i + 1 < f->c->layer_count; i++) {
		size_t end = i + 1;

		while (end < f->c->layer_count && !is_border(f, end))
			end++;
		if (end - i >= 2) {
			f->first = i;
			f->end = end;
			return true;
		}
	}
	return false;
}

static void replace(const struct flatten *f, struct image_layer *layers, size_t *count) {
	for (size_t i = f->first; i < f->end; i++)
		free(layers[i].pool);
	layers[f->first] = f->layer;
	layers[f->first].pool = xstrdup(f->layer.pool);
	memmove(&layers[f->first + 1], &layers[f->end], (*count - f->end) * sizeof(*layers));
	*count -= f->end - f->first - 1;
}

static int merge(struct flatten *f, struct err *err) {
	struct session *s = f->s;
	struct layers_squash what = { .chain = f->c->layers, .below = f->first, .count = f->end,
				      .progress = f->progress };
	int r = layer_new_id(f->layer.id, err);

	if (r < 0)
		return r;
	/* Not on the disk of the container, which then has room again. */
	f->layer.pool = f->c->pool;
	record_set(f->c->record, PENDING, "layer", f->layer.id);
	record_set(f->c->record, PENDING, "pool", f->layer.pool);
	r = container_store_durably(s, f->c, err);
	plan_crash_point("flatten", "intent", "after");
	if (r == 0)
		r = layer_make(s->layout, &f->layer, err);
	if (r == 0)
		r = layer_squash(s->layout, &what, &f->layer, err);
	plan_crash_point("flatten", "layer", "after");
	for (size_t i = 0; r == 0 && i < f->snapshots.count; i++) {
		struct snapshot *snapshot = f->snapshots.items[i];

		if (!has_prefix(f->c, snapshot->layers, snapshot->layer_count, f->end))
			continue;
		replace(f, snapshot->layers, &snapshot->layer_count);
		r = snapshot_store(s, f->c->name, snapshot, err);
		plan_crash_point("flatten", "snapshot", "after");
	}
	if (r < 0)
		return r;
	replace(f, f->c->layers, &f->c->layer_count);
	snapshot_pending_clear(f->c);
	r = container_store_durably(s, f->c, err);
	plan_crash_point("flatten", "record", "after");
	return r;
}

static int flatten_all(struct flatten *f, size_t *ret_gone, struct err *err) {
	struct image_users users = container_image_users(f->s);
	struct image_layer *before = image_layers_copy(f->c->layers, f->c->layer_count);
	size_t count = f->c->layer_count, from = 0;
	struct err ignored = { 0 };
	int r = image_layers(f, &from, err);

	while (r == 0 && next_group(f, from)) {
		r = merge(f, err);
		if (r < 0)
			(void)snapshot_forget_merge(f->s, f->c, &f->layer, &ignored);
	}
	if (r == 0)
		r = layers_drop(f->s->layout, before, count, &users, err);
	*ret_gone = count - f->c->layer_count;
	image_layers_free(before, count);
	return r;
}

int snapshot_flatten(struct session *s, const char *container,
		     const struct image_progress *progress, size_t *ret_gone, struct err *err) {
	auto_container struct container *c = NULL;
	struct flatten f = { .s = s, .progress = progress };
	auto_storage struct storage storage = STORAGE_INIT;
	autoclose int lock = snapshot_begin(s, container, &c, err);
	int r;

	if (lock < 0)
		return lock;
	if (c->state != STATE_STOPPED) {
		(void)err_set(err, ERR_CONFLICT, -EBUSY,
			      "container '%s' must be stopped to merge its layers", container);
		return err_hint(err, "'coi container stop %s' stops it and keeps it.", container);
	}
	f.c = c;
	r = snapshot_list_load(s, container, &f.snapshots, err);
	if (r == 0)
		r = storage_open(s, c, &storage, err);
	if (r == 0)
		r = flatten_all(&f, ret_gone, err);
	snapshot_list_done(&f.snapshots);
	return r;
}
