/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store on disk: finding, listing and naming images, and adding one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "image/store.h"

#define ALIASES_FILE "aliases.ini"
#define ALIASES "aliases"
#define PREFIX_MIN 4

int image_lock(const struct layout *l, bool shared, struct err *err) {
	return lock_take(l->run_fd, IMAGE_LOCK, shared ? LOCK_SHARED : 0, err);
}

bool image_alias_is_valid(const char *alias) {
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	static const char more[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/+";

	return *alias && strchr(first, *alias) && strlen(alias) <= IMAGE_ALIAS_MAX &&
	       strspn(alias, more) == strlen(alias);
}

/* It will not be better the next time: what a newer one has made is no damage. */
static bool is_damage(int code) {
	return code == -EBADMSG || code == -ENOENT || code == -EFBIG || code == -EISDIR ||
	       code == -ENOTDIR || code == -ENXIO || code == -ELOOP;
}

/* ---- aliases ---- */

int store_load_aliases(const struct layout *l, struct record **ret, struct err *err) {
	int r = exists_at(l->images_fd, ALIASES_FILE);

	if (r < 0)
		return err_sys(err, r, "cannot read the aliases of images");
	if (r == 0) {
		*ret = record_new(IMAGE_FORMAT);
		return 0;
	}
	r = record_load(l->images_fd, ALIASES_FILE, IMAGE_FORMAT, ret, err);
	if (is_damage(r))
		(void)err_hint(err, "it holds the names of all images; without it they are there by "
			       "their fingerprints: mv %s/images/" ALIASES_FILE " DIRECTORY", l->root);
	return r;
}

int store_save_aliases(const struct layout *l, const struct record *aliases, struct err *err) {
	return record_store(aliases, l->images_fd, ALIASES_FILE, 0600, err);
}

struct alias_search {
	const char *fingerprint;
	char **found;
};

static int collect_alias(const char *key, const char *value, void *data) {
	struct alias_search *s = data;

	if (strcmp(value, s->fingerprint) == 0)
		strv_add(&s->found, key);
	return 0;
}

/* ---- records ---- */

/* Without the lock: the caller holds it. Aliases are filled in. */
static int store_load_image(const struct layout *l, const char *fingerprint,
			    const struct record *aliases,
			    struct image_info **ret, struct err *err) {
	autofree char *name = xasprintf("%s/image.ini", fingerprint);
	auto_record struct record *r = NULL;
	auto_image_info struct image_info *info = NULL;
	struct alias_search search = { 0 };
	int code = record_load(l->images_fd, name, IMAGE_FORMAT, &r, err);

	if (code == 0)
		code = image_from_record(r, name, &info, err);
	if (code == 0 && strcmp(info->fingerprint, fingerprint) != 0)
		code = err_set(err, ERR_SYSTEM, -EBADMSG, "'%s' is the record of another image",
			       name);
	if (is_damage(code))
		(void)err_hint(err, "which layers it has is not known, so nothing can be removed; to "
			       "be without that image: rm -r %s/images/%s", l->root, fingerprint);
	if (code < 0)
		return code;
	search.fingerprint = fingerprint;
	(void)record_each(aliases, ALIASES, collect_alias, &search);
	strv_sort(search.found);
	info->aliases = search.found;
	*ret = steal_ptr(info);
	return 0;
}

/* The fingerprints that have a directory. */
static int list_fingerprints(const struct layout *l, char ***ret, struct err *err) {
	autostrv char **names = NULL;
	int r = dir_names(l->images_fd, &names);

	/* With one left out its layers would be nobody's, and go. */
	if (r < 0)
		return err_sys(err, r, "cannot list the images in '%s'", l->root);
	for (size_t i = 0; names && names[i]; i++)
		if (image_fingerprint_is_valid(names[i]))
			strv_add(ret, names[i]);
	return 0;
}

/*
 * Whoever adds an image writes the file of aliases first, and nobody removes it. Layers beside a
 * directory that has neither that nor an image belong to another one, whose file system is not
 * mounted: which of them are in use is not known then, and the next image would hide that.
 */
static int check_is_ours(const struct layout *l, char *const *fingerprints, struct err *err) {
	autostrv char **layers = NULL;
	int r = strv_len(fingerprints) ? 1 : exists_at(l->images_fd, ALIASES_FILE);
	bool has_layers = false;

	if (r == 0)
		r = dir_names(l->layers_fd, &layers);
	if (r < 0)
		return err_sys(err, r, "cannot look for images and layers in '%s'", l->root);
	for (size_t i = 0; layers && layers[i]; i++)
		has_layers |= image_fingerprint_is_valid(layers[i]);
	if (!has_layers)
		return 0;
	(void)err_set(err, ERR_CONFLICT, -ENOENT, "'%s/images' is empty, and there are layers of images "
		      "beside it: nobody knows which of them are in use", l->root);
	return err_hint(err, "is its file system mounted?");
}

static int newest_first(const void *a, const void *b) {
	const struct image_info *x = *(struct image_info *const *)a;
	const struct image_info *y = *(struct image_info *const *)b;

	if (x->created != y->created)
		return x->created > y->created ? -1 : 1;
	return strcmp(x->fingerprint, y->fingerprint);
}

int store_load_all(const struct layout *l, struct image_list *ret, struct err *err) {
	auto_record struct record *aliases = NULL;
	autostrv char **names = NULL;
	auto_image_list struct image_list list = { 0 };
	int r = store_load_aliases(l, &aliases, err);

	if (r == 0)
		r = list_fingerprints(l, &names, err);
	if (r == 0)
		r = check_is_ours(l, names, err);
	if (r < 0)
		return r;
	list.items = xcalloc(strv_len(names) + 1, sizeof(list.items[0]));
	for (size_t i = 0; names && names[i]; i++) {
		r = store_load_image(l, names[i], aliases, &list.items[list.count], err);
		if (r < 0)
			return r;
		list.count++;
	}
	if (list.count)
		qsort(list.items, list.count, sizeof(list.items[0]), newest_first);
	*ret = list;
	list = (struct image_list){ 0 };
	return 0;
}

int image_list_load(const struct layout *l, struct image_list *ret, struct err *err) {
	autoclose int lock = image_lock(l, true, err);

	return lock < 0 ? lock : store_load_all(l, ret, err);
}

static int find_by_prefix(const struct layout *l, const char *ref, const struct record *aliases,
			  struct image_info **ret, struct err *err) {
	autostrv char **names = NULL;
	const char *match = NULL;
	int r = list_fingerprints(l, &names, err);

	if (r < 0)
		return r;
	for (size_t i = 0; names && names[i]; i++) {
		if (strncmp(names[i], ref, strlen(ref)) != 0)
			continue;
		if (match)
			return err_set(err, ERR_USAGE, -EINVAL,
				       "more than one image has a fingerprint that starts with '%s'",
				       ref);
		match = names[i];
	}
	if (!match)
		return err_set(err, ERR_MISSING, -ENOENT, "image '%s' not found", ref);
	return store_load_image(l, match, aliases, ret, err);
}

int store_find(const struct layout *l, const char *ref, struct image_info **ret, struct err *err) {
	auto_record struct record *aliases = NULL;
	const char *fingerprint;
	int r = store_load_aliases(l, &aliases, err);

	if (r < 0)
		return r;
	fingerprint = image_alias_is_valid(ref) ? record_get(aliases, ALIASES, ref) : NULL;
	if (fingerprint && !image_fingerprint_is_valid(fingerprint))
		return err_set(err, ERR_SYSTEM, -EBADMSG, "the alias '%s' names no image", ref);
	/* An alias whose image a crash has kept from being added, or taken away. */
	if (fingerprint && exists_at(l->images_fd, fingerprint) == 1)
		return store_load_image(l, fingerprint, aliases, ret, err);
	if (strlen(ref) >= PREFIX_MIN && strlen(ref) < IMAGE_FINGERPRINT_SIZE &&
	    strspn(ref, "0123456789abcdef") == strlen(ref))
		return find_by_prefix(l, ref, aliases, ret, err);
	return err_set(err, ERR_MISSING, -ENOENT, "image '%s' not found", ref);
}

int image_find(const struct layout *l, const char *ref, struct image_info **ret, struct err *err) {
	return store_find(l, ref, ret, err);
}

int image_exists(const struct layout *l, const char *ref, struct err *err) {
	auto_image_info struct image_info *info = NULL;
	int r = store_find(l, ref, &info, err);

	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : 1;
}

static int check_alias(const char *alias, struct err *err) {
	if (image_alias_is_valid(alias))
		return 0;
	return err_set(err, ERR_USAGE, -EINVAL,
		       "'%s' is no valid name for an image: letters, digits, '.', '_', '-', '/', '+', "
		       "at most %d, and a letter or digit first", alias, IMAGE_ALIAS_MAX);
}

int image_alias_set(const struct layout *l, const char *alias, const char *ref, struct err *err) {
	auto_image_info struct image_info *info = NULL;
	auto_record struct record *aliases = NULL;
	autoclose int lock = -1;
	int r = check_alias(alias, err);

	if (r < 0)
		return r;
	lock = image_lock(l, false, err);
	if (lock < 0)
		return lock;
	r = store_find(l, ref, &info, err);
	if (r == 0)
		r = store_load_aliases(l, &aliases, err);
	if (r < 0)
		return r;
	record_set(aliases, ALIASES, alias, info->fingerprint);
	return store_save_aliases(l, aliases, err);
}

int image_alias_remove(const struct layout *l, const char *alias, struct err *err) {
	auto_record struct record *aliases = NULL;
	autoclose int lock = image_lock(l, false, err);
	int r;

	if (lock < 0)
		return lock;
	r = store_load_aliases(l, &aliases, err);
	if (r < 0 || !record_get(aliases, ALIASES, alias))
		return r;
	record_unset(aliases, ALIASES, alias);
	return store_save_aliases(l, aliases, err);
}

/* ---- layers ---- */

/* Links have no place there, whoever made them. */
static int open_part(const struct layout *l, const struct image_layer *layer, const char *part,
		     struct err *err) {
	const struct pool *pool;
	int fd, r = pool_find(l, layer->pool, &pool, err);

	if (r < 0)
		return r;
	fd = open_beneath(pool->layers_fd, part, O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0)
		return fd;
	(void)err_sys(err, fd, "cannot open layer '%.12s'", layer->id);
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		(void)err_hint(err, "Something else than coi has changed '%s/layers/%s'.", pool->path,
			       part);
	return fd;
}

int store_open_layer_dir(const struct layout *l, const struct image_layer *layer,
			 struct err *err) {
	return open_part(l, layer, layer->id, err);
}

int store_open_layer(const struct layout *l, const struct image_layer *layer, struct err *err) {
	autofree char *tree = xasprintf("%s/fs", layer->id);

	return open_part(l, layer, tree, err);
}

int image_layer_paths(const struct layout *l, const struct image_layer *layers, size_t count,
		      char ***ret, struct err *err) {
	autostrv char **paths = NULL;

	for (size_t i = count; i > 0; i--) {
		const struct image_layer *layer = &layers[i - 1];
		autoclose int fd = store_open_layer(l, layer, err);
		const struct pool *pool;

		if (fd < 0 || pool_find(l, layer->pool, &pool, err) < 0)
			return err ? err->code : -ENOENT;
		strv_addf(&paths, "%s/layers/%s/fs", pool->path, layer->id);
	}
	*ret = steal_ptr(paths);
	return 0;
}

/* ---- adding ---- */

static int commit_record(const struct layout *l, struct stage *image, const struct image_info *info,
			 struct err *err) {
	auto_record struct record *record = image_to_record(info);
	int r = record_store(record, image->dir_fd, "image.ini", 0600, err);

	return r < 0 ? r : stage_commit(image, info->fingerprint, err);
}

static int commit_aliases(const struct layout *l, const struct image_info *info,
			  const char *const names[2], struct err *err) {
	auto_record struct record *aliases = NULL;
	int r;

	if (!names[0] && !names[1])
		return 0;
	r = store_load_aliases(l, &aliases, err);
	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++)
		if (names[i])
			record_set(aliases, ALIASES, names[i], info->fingerprint);
	return store_save_aliases(l, aliases, err);
}

static int commit_layer(struct stage *stage, const struct store_part *part, struct err *err) {
	return *part->name ? stage_commit_part(stage, part->name, part->id, err)
			   : stage_commit(stage, part->id, err);
}

static void uncommit_layer(const struct layout *l, struct stage *stage,
			   const struct store_part *part) {
	if (*part->name)
		(void)stage_uncommit_part(stage, part->name, part->id);
	else
		(void)stage_uncommit(stage, l->layers_fd, part->id);
}

static int begin_aliases(const struct layout *l, struct err *err) {
	auto_record struct record *none = NULL;
	autostrv char **names = NULL;
	int r = list_fingerprints(l, &names, err);

	if (r == 0)
		r = check_is_ours(l, names, err);
	if (r < 0 || exists_at(l->images_fd, ALIASES_FILE) == 1)
		return r;
	none = record_new(IMAGE_FORMAT);
	return store_save_aliases(l, none, err);
}

struct commit {
	const struct layout *l;
	struct stage *stage, *image;
	const struct store_part *parts;
	size_t count;
	bool *is_new; /* of each part: it was put in place now */
	bool has_image, new_image;
};

static int commit_layers(struct commit *c, const struct image_info *info, struct err *err) {
	for (size_t i = 0; i < c->count; i++) {
		int r;

		/* Somebody else was quicker with the same. */
		if (exists_at(c->l->layers_fd, c->parts[i].id) == 1)
			continue;
		r = commit_layer(c->stage, &c->parts[i], err);
		if (r < 0)
			return r;
		c->is_new[i] = true;
	}
	for (size_t i = 0; i < info->layer_count; i++)
		if (exists_at(c->l->layers_fd, info->layers[i].id) != 1)
			return err_set(err, ERR_CONFLICT, -EAGAIN, "layer '%.12s' of the image was "
				       "deleted meanwhile; do it again", info->layers[i].id);
	return 0;
}

static int commit_all(struct commit *c, const struct image_info *info,
		      const char *const aliases[2], struct err *err) {
	int r = begin_aliases(c->l, err);

	if (r == 0)
		r = commit_layers(c, info, err);
	if (r == 0 && !c->has_image) {
		r = commit_record(c->l, c->image, info, err);
		c->new_image = r == 0;
	}
	return r < 0 ? r : commit_aliases(c->l, info, aliases, err);
}

/* What was put in place before something failed goes out again. */
static void undo_commit(struct commit *c, const struct image_info *info) {
	if (c->new_image)
		(void)stage_uncommit(c->image, c->l->images_fd, info->fingerprint);
	for (size_t i = 0; i < c->count; i++)
		if (c->is_new[i])
			uncommit_layer(c->l, c->stage, &c->parts[i]);
}

int store_commit(const struct layout *l, struct stage *stage, const struct store_part *parts,
		 size_t count, const struct image_info *info, const char *const aliases[2],
		 bool *ret_existed, struct err *err) {
	auto_stage struct stage image = STAGE_NONE; /* removed after the lock is gone */
	autofree bool *is_new = xcalloc(count + 1, sizeof(*is_new));
	struct commit c = { .l = l, .stage = stage, .image = &image, .parts = parts,
			    .count = count, .is_new = is_new };
	autoclose int lock = -1;
	int r = 0;

	for (int i = 0; i < 2 && r == 0; i++)
		r = aliases[i] ? check_alias(aliases[i], err) : 0;
	if (r == 0)
		r = stage_begin(l, l->images_fd, &image, err);
	if (r < 0)
		return r;
	lock = image_lock(l, false, err);
	if (lock < 0)
		return lock;
	c.has_image = exists_at(l->images_fd, info->fingerprint) == 1;
	r = commit_all(&c, info, aliases, err);
	if (r < 0)
		undo_commit(&c, info);
	else
		*ret_existed = c.has_image;
	return r;
}

void store_part_whole(struct store_part *part, const char *id) {
	*part = (struct store_part){ .name = "" };
	memcpy(part->id, id, strnlen(id, sizeof(part->id) - 1));
}
