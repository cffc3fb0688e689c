/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changed between two snapshots, an image and a snapshot, and so on. */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "image/layer.h"
#include "session/repair.h"
#include "session/snapshot-private.h"
#include "session/storage.h"

static int view_snapshot(struct session *s, const char *container, const char *name,
			 struct err *err) {
	auto_snapshot struct snapshot *snapshot = NULL;
	int r = snapshot_load(s, container, name, &snapshot, err);

	return r < 0 ? r :
		       layers_view(s->layout, snapshot->layers, snapshot->layer_count, NULL, err);
}

static int view_image(struct session *s, const struct container *c, struct err *err) {
	auto_image_info struct image_info *image = NULL;
	int r = image_find(s->layout, c->fingerprint, &image, err);

	return r < 0 ? r : layers_view(s->layout, image->layers, image->layer_count, NULL, err);
}

/* Of a running one too: the overlay that is mounted and ours read the same files. */
static int view_now(struct session *s, const struct container *c, const struct storage *storage,
		    struct err *err) {
	autofree char *upper = xasprintf("%s/upper", storage->path);

	return layers_view(s->layout, c->layers, c->layer_count, upper, err);
}

int snapshot_diff(struct session *s, const char *container, const char *from, const char *to,
		  int (*fn)(const struct layer_change *change, void *data, struct err *err),
		  void *data, struct err *err) {
	auto_container struct container *c = NULL;
	auto_storage struct storage storage = STORAGE_INIT;
	autoclose int lock = snapshot_begin(s, container, &c, err);
	autoclose int before = -1, after = -1;
	int r = lock < 0 ? lock : storage_open(s, c, &storage, err);

	if (r < 0)
		return r;
	before = from ? view_snapshot(s, container, from, err) : view_image(s, c, err);
	if (before < 0)
		return before;
	after = to ? view_snapshot(s, container, to, err) : view_now(s, c, &storage, err);
	if (after < 0)
		return after;
	mem_close_ptr(&lock); /* the trees are held, whatever becomes of the records */
	return layers_compare(before, after, 0, fn, data, err);
}
