/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/layer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/linux.h"
#include "base/mem.h"
#include "image/store.h"

int layer_new_id(char out[IMAGE_FINGERPRINT_SIZE], struct err *err) {
	unsigned char random[(IMAGE_FINGERPRINT_SIZE - 1) / 2];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_set(err, ERR_SYSTEM, -EIO, "no random numbers");
	for (size_t i = 0; i < sizeof(random); i++)
		(void)snprintf(out + 2 * i, 3, "%02x", random[i]);
	return 0;
}

static int write_record(int dir_fd, const char *id, struct err *err) {
	auto_record struct record *r = record_new(IMAGE_FORMAT);

	record_set(r, "", "id", id);
	record_set(r, "", "source", "snapshot");
	return record_store(r, dir_fd, "layer.ini", 0600, err);
}

int layer_make(const struct layout *l, const struct image_layer *layer, struct err *err) {
	auto_stage struct stage s = STAGE_NONE;
	const char *id = layer->id;
	const struct pool *pool;
	autoclose int lock = -1;
	int r = pool_find(l, layer->pool, &pool, err);

	if (r == 0)
		r = stage_begin(l, pool->layers_fd, &s, err);
	if (r < 0)
		return r;
	if (mkdirat(s.dir_fd, "fs", 0755) < 0 || fchmodat(s.dir_fd, "fs", 0755, 0) < 0)
		return err_sys(err, -errno, "cannot make the new layer");
	r = write_record(s.dir_fd, id, err);
	if (r < 0)
		return r;
	lock = image_lock(l, false, err);
	return lock < 0 ? lock : stage_commit(&s, id, err);
}

/* An overlay's root is as its uppermost directory is. */
static int same_attributes(int from_parent, const char *from, int to_parent, const char *to) {
	struct stat st;

	if (fstatat(from_parent, from, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (fchownat(to_parent, to, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(to_parent, to, st.st_mode & 07777, 0) < 0)
		return -errno;
	return 0;
}

int layer_exchange(const struct layout *l, const struct image_layer *layer, int parent_fd,
		   const char *name, struct err *err) {
	autoclose int dir = store_open_layer_dir(l, layer, err);
	int r;

	if (dir < 0)
		return dir;
	r = same_attributes(parent_fd, name, dir, "fs");
	if (r == 0 && renameat2(parent_fd, name, dir, "fs", RENAME_EXCHANGE) < 0)
		r = -errno;
	if (r == 0 && (fsync(dir) < 0 || fsync(parent_fd) < 0))
		r = -errno;
	return r < 0 ? err_sys(err, r, "cannot freeze '%s' as a layer", name) : 0;
}

int layer_fill(const struct layout *l, const struct image_layer *layer, int from_fd,
	       const struct image_progress *progress, struct err *err) {
	autoclose int to = store_open_layer(l, layer, err);
	int r;

	if (to < 0)
		return to;
	r = image_copy_tree(from_fd, to, progress, err);
	if (r == 0 && syncfs(to) < 0)
		r = err_sys(err, -errno, "cannot write the new layer to the disk");
	return r;
}

int layer_squash(const struct layout *l, const struct layers_squash *what,
		 const struct image_layer *layer, struct err *err) {
	autoclose int to = store_open_layer(l, layer, err);

	return to < 0 ? to : layers_squash(l, what, to, err);
}

int layer_exists(const struct layout *l, const struct image_layer *layer) {
	const struct pool *pool;
	int r = pool_find(l, layer->pool, &pool, NULL);

	return r < 0 ? r : exists_at(pool->layers_fd, layer->id);
}

uint64_t layer_size(const struct layout *l, const struct image_layer *layer) {
	autofree char *name = xasprintf("%s/fs", layer->id);
	const struct pool *pool;
	int64_t size = pool_find(l, layer->pool, &pool, NULL);

	if (size == 0)
		size = tree_size_at(pool->layers_fd, name);
	return size > 0 ? (uint64_t)size : 0;
}

/* ---- in records ---- */

void layers_to_record(struct record *r, const struct image_layer *layers, size_t count) {
	char key[24];
	int64_t before = record_get_int(r, "layers", "count", 0);

	record_setf(r, "layers", "count", "%zu", count);
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(key, sizeof(key), "%zu", i);
		record_setf(r, "layers", key, "%s:%s", layers[i].pool, layers[i].id);
	}
	for (int64_t i = (int64_t)count; i < before && i < IMAGE_LAYERS_MAX; i++) {
		(void)snprintf(key, sizeof(key), "%" PRId64, i);
		record_unset(r, "layers", key);
	}
}

int layers_from_record(const struct record *r, const char *name, struct image_layer **ret,
		       size_t *ret_count, struct err *err) {
	int64_t count = record_get_int(r, "layers", "count", 0);
	struct image_layer *layers;
	char key[24];

	if (count < 0 || count > IMAGE_LAYERS_MAX)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "the record of '%s' is damaged: layers",
			       name);
	layers = xcalloc((size_t)count + 1, sizeof(*layers));
	for (int64_t i = 0; i < count; i++) {
		const char *text, *colon;

		(void)snprintf(key, sizeof(key), "%" PRId64, i);
		text = record_get(r, "layers", key);
		colon = text ? strchr(text, ':') : NULL;
		if (!colon || !image_fingerprint_is_valid(colon + 1)) {
			image_layers_free(layers, (size_t)i);
			return err_set(err, ERR_SYSTEM, -EBADMSG,
				       "the record of '%s' is damaged: layer %s", name, key);
		}
		layers[i].pool = xstrndup(text, (size_t)(colon - text));
		memcpy(layers[i].id, colon + 1, IMAGE_FINGERPRINT_SIZE);
	}
	*ret = layers;
	*ret_count = (size_t)count;
	return 0;
}
