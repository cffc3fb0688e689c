/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking images and layers away: by name, by age, and what a crash has left. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/layer.h"
#include "image/store.h"

struct image_use {
	char *by;
	char fingerprint[IMAGE_FINGERPRINT_SIZE];
	char layer[IMAGE_FINGERPRINT_SIZE];
};

struct image_uses {
	struct image_use *items;
	size_t count;
};

static void copy_id(char out[IMAGE_FINGERPRINT_SIZE], const char *id) {
	size_t len = id ? strnlen(id, IMAGE_FINGERPRINT_SIZE - 1) : 0;

	if (len)
		memcpy(out, id, len);
	out[len] = '\0';
}

void image_uses_add(struct image_uses *u, const char *by, const char *fingerprint,
		    const char *layer_id) {
	struct image_use *use;

	u->items = xreallocarray(u->items, u->count + 1, sizeof(u->items[0]));
	use = &u->items[u->count++];
	use->by = xstrdup(by);
	copy_id(use->fingerprint, fingerprint);
	copy_id(use->layer, layer_id);
}

static void uses_done(struct image_uses *u) {
	for (size_t i = 0; i < u->count; i++)
		free(u->items[i].by);
	free(u->items);
}
#define auto_uses __attribute__((cleanup(uses_done)))

static int collect(const struct image_users *users, struct image_uses *out, struct err *err) {
	return users && users->collect ? users->collect(out, users->data, err) : 0;
}

static const char *user_of_layer(const struct image_uses *u, const char *id) {
	for (size_t i = 0; i < u->count; i++)
		if (strcmp(u->items[i].layer, id) == 0)
			return u->items[i].by;
	return NULL;
}

static bool list_has_layer(const struct image_list *all, const char *id, const char *but_of) {
	for (size_t i = 0; i < all->count; i++) {
		const struct image_info *info = all->items[i];

		if (but_of && strcmp(info->fingerprint, but_of) == 0)
			continue;
		for (size_t n = 0; n < info->layer_count; n++)
			if (strcmp(info->layers[n].id, id) == 0)
				return true;
	}
	return false;
}

/*
 * Who keeps the image from going: a container made from it. What only stands on
 * one of its layers keeps the layer, not the image.
 */
static const char *user_of_image(const struct image_uses *u, const struct image_info *info) {
	for (size_t i = 0; i < u->count; i++)
		if (strcmp(u->items[i].fingerprint, info->fingerprint) == 0)
			return u->items[i].by;
	return NULL;
}

/* ---- what is out of sight, to be removed without the lock ---- */

struct trash {
	struct {
		int parent_fd; /* borrowed */
		char name[32];
	} *items;
	size_t count;
};

static int throw_away(struct trash *t, int parent_fd, const char *name, struct err *err) {
	int r;

	t->items = xreallocarray(t->items, t->count + 1, sizeof(*t->items));
	t->items[t->count].parent_fd = parent_fd;
	r = store_retire(parent_fd, name, t->items[t->count].name, err);
	if (r == 0)
		t->count++;
	return r;
}

static void empty_trash(struct trash *t) {
	for (size_t i = 0; i < t->count; i++)
		if (tree_remove_at(t->items[i].parent_fd, t->items[i].name) < 0)
			log_debug("%s stays until the next repair", t->items[i].name);
	free(t->items);
}

/* A layer of a pool that is not there stays, until it is and somebody looks for it. */
static int throw_layer(const struct layout *l, struct trash *t, const struct image_layer *layer,
		       struct err *err) {
	const struct pool *pool;

	if (pool_find(l, layer->pool, &pool, NULL) < 0 ||
	    exists_at(pool->layers_fd, layer->id) != 1)
		return 0;
	return throw_away(t, pool->layers_fd, layer->id, err);
}

/* ---- delete ---- */

static int drop_aliases(const struct layout *l, const struct image_info *info, struct err *err) {
	auto_record struct record *aliases = NULL;
	int r;

	if (!strv_len(info->aliases))
		return 0;
	r = store_load_aliases(l, &aliases, err);
	if (r < 0)
		return r;
	for (size_t i = 0; info->aliases[i]; i++)
		record_unset(aliases, "aliases", info->aliases[i]);
	return store_save_aliases(l, aliases, err);
}

/* Under the exclusive lock. Aliases first: a name never leads to half an image. */
static int delete_one(const struct layout *l, const struct image_list *all,
		      const struct image_uses *uses, const struct image_info *info,
		      struct trash *trash, struct err *err) {
	int r = drop_aliases(l, info, err);

	if (r == 0)
		r = throw_away(trash, l->images_fd,
			       info->fingerprint, err);
	for (size_t n = 0; r == 0 && n < info->layer_count; n++) {
		const char *id = info->layers[n].id;

		if (!list_has_layer(all, id, info->fingerprint) && !user_of_layer(uses, id))
			r = throw_layer(l, trash, &info->layers[n], err);
	}
	return r;
}

static int delete_locked(const struct layout *l, const char *ref, const struct image_users *users,
			 struct trash *trash, struct err *err) {
	auto_uses struct image_uses uses = { 0 };
	auto_image_list struct image_list all = { 0 };
	auto_image_info struct image_info *info = NULL;
	const char *by;
	int r = store_find(l, ref, &info, err);

	if (r == 0)
		r = store_load_all(l, &all, err);
	if (r == 0)
		r = collect(users, &uses, err);
	if (r < 0)
		return r;
	by = user_of_image(&uses, info);
	if (by)
		return err_set(err, ERR_CONFLICT, -EBUSY, "image '%s' is used by container '%s'", ref,
			       by);
	return delete_one(l, &all, &uses, info, trash, err);
}

int image_delete(const struct layout *l, const char *ref, const struct image_users *users,
		 struct err *err) {
	struct trash trash = { 0 };
	int lock = image_lock(l, false, err), r;

	if (lock < 0)
		return lock;
	r = delete_locked(l, ref, users, &trash, err);
	mem_close_ptr(&lock);
	empty_trash(&trash);
	return r;
}

/* ---- cleanup ---- */

void image_cleanup_result_done(struct image_cleanup_result *r) {
	strv_free(r->deleted);
	strv_free(r->kept);
	strv_free(r->in_use);
	*r = (struct image_cleanup_result){ 0 };
}

struct candidate {
	const char *alias; /* borrowed */
	struct image_info *info;
};

static int newest_alias_first(const void *a, const void *b) {
	const struct candidate *x = a, *y = b;
	int by_time = strcmp(y->alias + strlen(y->alias) - 15, x->alias + strlen(x->alias) - 15);

	return by_time ? by_time : strcmp(x->alias, y->alias);
}

static size_t find_candidates(const struct image_list *all, const char *prefix,
			      struct candidate **ret) {
	size_t count = 0;

	for (size_t i = 0; i < all->count; i++) {
		char **aliases = all->items[i]->aliases;

		for (size_t n = 0; n < strv_len(aliases); n++) {
			if (strncmp(aliases[n], prefix, strlen(prefix)) != 0 ||
			    !image_alias_is_version(aliases[n]))
				continue;
			*ret = xreallocarray(*ret, count + 1, sizeof(**ret));
			(*ret)[count++] = (struct candidate){ aliases[n], all->items[i] };
		}
	}
	if (count)
		qsort(*ret, count, sizeof(**ret), newest_alias_first);
	return count;
}

/* Another alias that is no version of this prefix, say "coi-default" itself. */
static bool has_other_name(const struct candidate *c, const char *prefix) {
	for (size_t n = 0; n < strv_len(c->info->aliases); n++)
		if (strncmp(c->info->aliases[n], prefix, strlen(prefix)) != 0 ||
		    !image_alias_is_version(c->info->aliases[n]))
			return true;
	return false;
}

/* Layers are counted anew for each: the image before may have been the last that shared one. */
static int cleanup_one(const struct layout *l, const struct candidate *c, const char *prefix,
		       const struct image_uses *uses, struct trash *trash,
		       struct image_cleanup_result *result, struct err *err) {
	auto_image_list struct image_list all = { 0 };
	int r = store_load_all(l, &all, err);

	if (r < 0)
		return r;
	if (has_other_name(c, prefix) || user_of_image(uses, c->info)) {
		strv_add(&result->in_use, c->alias);
		return 0;
	}
	r = delete_one(l, &all, uses, c->info, trash, err);
	if (r == 0)
		strv_add(&result->deleted, c->alias);
	return r;
}

static bool is_kept(const struct candidate *list, size_t kept, const struct candidate *c) {
	for (size_t i = 0; i < kept; i++)
		if (list[i].info == c->info)
			return true;
	return false;
}

static int cleanup_locked(const struct layout *l, const char *prefix, size_t keep,
			  const struct image_users *users, struct trash *trash,
			  struct image_cleanup_result *result, struct err *err) {
	auto_uses struct image_uses uses = { 0 };
	auto_image_list struct image_list all = { 0 };
	autofree struct candidate *list = NULL;
	size_t count;
	int r = store_load_all(l, &all, err);

	if (r == 0)
		r = collect(users, &uses, err);
	if (r < 0)
		return r;
	count = find_candidates(&all, prefix, &list);
	for (size_t i = 0; i < count && i < keep; i++)
		strv_add(&result->kept, list[i].alias);
	for (size_t i = count; r == 0 && i > keep; i--) {
		struct candidate *c = &list[i - 1];

		/* Two versions of one image: kept or gone with the first of them. */
		if (is_kept(list, keep, c))
			strv_add(&result->in_use, c->alias);
		else if (exists_at(l->images_fd, c->info->fingerprint) == 1)
			r = cleanup_one(l, c, prefix, &uses, trash, result, err);
		else
			strv_add(&result->deleted, c->alias);
	}
	return r;
}

int image_cleanup(const struct layout *l, const char *prefix, size_t keep,
		  const struct image_users *users, struct image_cleanup_result *ret,
		  struct err *err) {
	struct image_cleanup_result result = { 0 };
	struct trash trash = { 0 };
	int lock, r;

	if (!keep)
		return err_set(err, ERR_USAGE, -EINVAL, "at least one image must be kept");
	lock = image_lock(l, false, err);
	if (lock < 0)
		return lock;
	r = cleanup_locked(l, prefix, keep, users, &trash, &result, err);
	mem_close_ptr(&lock);
	empty_trash(&trash);
	if (r < 0)
		image_cleanup_result_done(&result);
	else
		*ret = result;
	return r;
}

/* ---- layers of no image ---- */

static int drop_locked(const struct layout *l, const struct image_layer *layers, size_t count,
		       const struct image_users *users, struct trash *trash, struct err *err) {
	auto_uses struct image_uses uses = { 0 };
	auto_image_list struct image_list all = { 0 };
	int r = store_load_all(l, &all, err);

	if (r == 0)
		r = collect(users, &uses, err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const char *id = layers[i].id;

		if (!list_has_layer(&all, id, NULL) && !user_of_layer(&uses, id))
			r = throw_layer(l, trash, &layers[i], err);
	}
	return r;
}

int layers_drop(const struct layout *l, const struct image_layer *layers, size_t count,
		const struct image_users *users, struct err *err) {
	struct trash trash = { 0 };
	int lock = image_lock(l, false, err), r;

	if (lock < 0)
		return lock;
	r = drop_locked(l, layers, count, users, &trash, err);
	mem_close_ptr(&lock);
	empty_trash(&trash);
	return r;
}

/* ---- repair ---- */

struct dangling {
	const struct layout *l;
	char **names;
};

static int find_dangling(const char *key, const char *value, void *data) {
	struct dangling *d = data;

	if (!image_fingerprint_is_valid(value) || exists_at(d->l->images_fd, value) == 0)
		strv_add(&d->names, key);
	return 0;
}

static int repair_aliases(const struct layout *l, bool dry_run, size_t *removed,
			  struct err *err) {
	auto_record struct record *aliases = NULL;
	struct dangling d = { .l = l };
	int r = store_load_aliases(l, &aliases, err);

	if (r < 0)
		return r;
	(void)record_each(aliases, "aliases", find_dangling, &d);
	for (size_t i = 0; i < strv_len(d.names); i++)
		record_unset(aliases, "aliases", d.names[i]);
	if (strv_len(d.names) && !dry_run)
		r = store_save_aliases(l, aliases, err);
	*removed += strv_len(d.names);
	strv_free(d.names);
	return r;
}

/* Of one pool, under the exclusive lock. */
static int sweep_pool(const struct pool *pool, const struct image_list *all,
		      const struct image_uses *uses, bool dry_run, size_t *removed,
		      struct trash *trash, struct err *err) {
	autostrv char **names = NULL;
	int r = dir_names(pool->layers_fd, &names);

	if (r < 0)
		return err_sys(err, r, "cannot list the layers in '%s'", pool->path);
	for (size_t i = 0; r == 0 && names && names[i]; i++) {
		if (!image_fingerprint_is_valid(names[i]) ||
		    list_has_layer(all, names[i], NULL) || user_of_layer(uses, names[i]))
			continue;
		(*removed)++;
		if (!dry_run)
			r = throw_away(trash, pool->layers_fd, names[i], err);
	}
	return r;
}

/* Pools that are not there have what they have. */
static int repair_layers(const struct layout *l, const struct image_users *users, bool dry_run,
			 size_t *removed, struct trash *trash, struct err *err) {
	auto_uses struct image_uses uses = { 0 };
	auto_image_list struct image_list all = { 0 };
	autostrv char **pools = NULL;
	int r = store_load_all(l, &all, err);

	if (r == 0)
		r = collect(users, &uses, err);
	if (r == 0)
		r = pool_names(l, &pools, err);
	for (size_t i = 0; r == 0 && pools[i]; i++) {
		const struct pool *pool;

		if (pool_find(l, pools[i], &pool, NULL) < 0)
			continue;
		if (strcmp(pools[i], POOL_DEFAULT) != 0)
			r = stage_repair(pool->layers_fd, dry_run, removed, err);
		if (r == 0)
			r = sweep_pool(pool, &all, &uses, dry_run, removed, trash, err);
	}
	return r;
}

int layers_sweep(const struct layout *l, const char *pool, const struct image_users *users,
		 struct err *err) {
	auto_uses struct image_uses uses = { 0 };
	auto_image_list struct image_list all = { 0 };
	const struct pool *p = NULL;
	struct trash trash = { 0 };
	size_t removed = 0;
	int lock = image_lock(l, false, err), r;

	if (lock < 0)
		return lock;
	r = pool_find(l, pool, &p, err);
	if (r == 0)
		r = store_load_all(l, &all, err);
	if (r == 0)
		r = collect(users, &uses, err);
	if (r == 0)
		r = stage_repair(p->layers_fd, false, &removed, err);
	if (r == 0)
		r = sweep_pool(p, &all, &uses, false, &removed, &trash, err);
	mem_close_ptr(&lock);
	empty_trash(&trash);
	return r;
}

static int repair_cache(const struct layout *l, bool dry_run, size_t *removed, struct err *err) {
	autoclose int cache = openat(l->root_fd, STORE_CACHE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return cache < 0 ? 0 : stage_repair(cache, dry_run, removed, err);
}

int image_repair(const struct layout *l, const struct image_users *users, bool dry_run,
		 size_t *ret_removed, struct err *err) {
	struct trash trash = { 0 };
	size_t removed = 0;
	int lock = image_lock(l, false, err), r;

	if (lock < 0)
		return lock;
	r = stage_repair(l->layers_fd, dry_run, &removed, err);
	if (r == 0)
		r = stage_repair(l->images_fd, dry_run, &removed, err);
	if (r == 0)
		r = repair_cache(l, dry_run, &removed, err);
	if (r == 0)
		r = repair_aliases(l, dry_run, &removed, err);
	if (r == 0 && users)
		r = repair_layers(l, users, dry_run, &removed, &trash, err);
	mem_close_ptr(&lock);
	empty_trash(&trash);
	if (r == 0 && ret_removed)
		*ret_removed = removed;
	return r;
}
