/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/strv.h"
#include "image/layer.h"
#include "runtime/disk.h"

int storage_home(const struct session *s, const struct container *c, struct err *err) {
	const struct pool *pool;
	int fd = pool_find(s->layout, c->pool, &pool, err);

	if (fd < 0)
		return err_wrap(err, "container '%s'", c->name);
	/* In the default pool it has the record too: without it there is no container. */
	fd = strcmp(c->pool, POOL_DEFAULT) != 0 ?
		     open_mkdir_beneath(pool->containers_fd, c->name, 0711) :
		     open_beneath(pool->containers_fd, c->name, O_RDONLY | O_DIRECTORY, 0);
	return fd < 0 ? err_sys(err, fd, "cannot open the files of container '%s'", c->name) : fd;
}

char *storage_home_path(const struct session *s, const struct container *c, struct err *err) {
	const struct pool *pool;

	if (pool_find(s->layout, c->pool, &pool, err) < 0) {
		(void)err_wrap(err, "container '%s'", c->name);
		return NULL;
	}
	return xasprintf("%s/containers/%s", pool->path, c->name);
}

static int64_t disk_of(int home, const struct container *c, struct err *err) {
	int64_t size = disk_size(home, STORAGE_DISK);

	if (size == -ENOENT)
		return 0;
	return size < 0 ? err_sys(err, (int)size, "cannot look at the disk of container '%s'",
				  c->name) :
			  size;
}

int64_t storage_disk_size(const struct session *s, const struct container *c, struct err *err) {
	autoclose int home = storage_home(s, c, err);

	return home < 0 ? home : disk_of(home, c, err);
}

/* ---- for other processes than its supervisor ---- */

static int open_disk(struct storage *st, const struct container *c, int home, struct err *err) {
	const struct layout *l = st->session->layout;
	struct image_users users = container_image_users(st->session);
	struct err ignored = { 0 };
	int r = mountns_enter(&st->ns);

	if (r < 0)
		return err_sys(err, r, "cannot make a mount namespace");
	r = disk_attach(home, STORAGE_DISK, err);
	if (r < 0)
		return err_wrap(err, "container '%s'", c->name);
	st->path = xstrdup(DISK_MOUNT);
	st->fd = open(st->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (st->fd < 0)
		return err_sys(err, -errno, "cannot open the disk of container '%s'", c->name);
	st->pool = xasprintf("@%s", c->name);
	st->has_room = c->state == STATE_STOPPED; /* one that runs would take it */
	if (st->has_room)
		disk_room_use(st->fd);
	r = pool_attach(l, st->pool, st->path, err);
	/* Nobody else can see what a cut-off change of its layers has left there. */
	if (r == 0 && layers_sweep(l, st->pool, &users, &ignored) < 0)
		log_debug("%s", ignored.msg);
	return r;
}

int storage_open(const struct session *s, const struct container *c, struct storage *ret,
		 struct err *err) {
	auto_storage struct storage st = STORAGE_INIT;
	autoclose int home = storage_home(s, c, err);
	int64_t size = home < 0 ? home : disk_of(home, c, err);
	int r = 0;

	if (size < 0)
		return (int)size;
	st.session = s;
	if (size > 0) {
		r = open_disk(&st, c, home, err);
	} else {
		st.path = storage_home_path(s, c, err);
		st.pool = xstrdup(c->pool);
		st.fd = steal_fd(&home);
	}
	if (r < 0)
		return r;
	*ret = st;
	st = (struct storage)STORAGE_INIT;
	return 0;
}

void storage_close(struct storage *st) {
	int r;

	if (st->has_room)
		disk_room_keep(st->fd);
	mem_close_ptr(&st->fd);
	if (st->session && st->pool && pool_is_disk(st->pool))
		pool_detach(st->session->layout, st->pool);
	r = mountns_leave(&st->ns);
	if (r < 0)
		log_debug("cannot go back to the mount namespace: %s", strerror(-r));
	free(st->path);
	free(st->pool);
	*st = (struct storage)STORAGE_INIT;
}

/* ---- its pool ---- */

const char *storage_pool_wanted(const struct session *s, enum container_kind kind,
				const char *asked) {
	const char *set = s->settings->container.storage_pool;

	if (asked)
		return asked;
	return *set && kind != KIND_BUILD ? set : POOL_DEFAULT;
}

int storage_check_pool(const struct session *s, const struct container *c, struct err *err) {
	const struct pool *pool;

	return pool_find(s->layout, c->pool, &pool, err);
}

int storage_begin(const struct session *s, const struct container *c, struct err *err) {
	const struct pool *pool;
	int r = pool_find(s->layout, c->pool, &pool, err);

	if (r < 0 || !strcmp(c->pool, POOL_DEFAULT))
		return r;
	r = tree_remove_at(pool->containers_fd, c->name);
	return r < 0 ? err_sys(err, r, "cannot remove what storage pool '%s' has of an earlier '%s'",
			       c->pool, c->name) : 0;
}

/* No container of that name, or one whose files are elsewhere. Not known: it stays. */
static bool is_nobodys(const struct session *s, const struct pool *pool, const char *name) {
	auto_container struct container *c = NULL;
	struct err ignored = { 0 };
	int r = container_load(s, name, &c, &ignored);

	return r == -ENOENT || (r == 0 && strcmp(c->pool, pool->name) != 0);
}

static int sweep_pool(const struct session *s, const struct pool *pool, bool dry_run,
		      void (*found)(const char *pool, const char *name, void *data), void *data,
		      struct err *err) {
	autostrv char **names = NULL;
	int r = dir_names(pool->containers_fd, &names);

	if (r < 0)
		return err_sys(err, r, "cannot list storage pool '%s'", pool->name);
	for (size_t i = 0; r == 0 && names && names[i]; i++) {
		autoclose int lock = container_lock(s, names[i], LOCK_TRY, NULL);

		if (lock < 0 || !is_nobodys(s, pool, names[i]))
			continue;
		found(pool->name, names[i], data);
		if (!dry_run)
			r = tree_remove_at(pool->containers_fd, names[i]);
		if (exists_at(s->layout->containers_fd, names[i]) == 0)
			container_lock_remove(s, names[i], steal_fd(&lock));
	}
	return r < 0 ? err_sys(err, r, "cannot remove left-over files of storage pool '%s'",
			       pool->name) : 0;
}

int storage_sweep(const struct session *s, bool dry_run,
		  void (*found)(const char *pool, const char *name, void *data), void *data,
		  struct err *err) {
	autostrv char **pools = NULL;
	int r = pool_names(s->layout, &pools, err);

	for (size_t i = 0; r == 0 && pools[i]; i++) {
		const struct pool *pool;

		if (strcmp(pools[i], POOL_DEFAULT) != 0 &&
		    pool_find(s->layout, pools[i], &pool, NULL) == 0)
			r = sweep_pool(s, pool, dry_run, found, data, err);
	}
	return r;
}

/* ---- for its supervisor ---- */

int storage_layer_paths(const struct session *s, const struct container *c, char ***ret,
			struct err *err) {
	autostrv char **paths = NULL;

	for (size_t i = c->layer_count; i > 0; i--) {
		autostrv char **one = NULL;
		int r = 0;

		if (pool_is_disk(c->layers[i - 1].pool))
			strv_addf(&one, DISK_MOUNT "/layers/%s/fs", c->layers[i - 1].id);
		else
			r = image_layer_paths(s->layout, &c->layers[i - 1], 1, &one, err);
		if (r < 0)
			return r;
		strv_add_all(&paths, one);
	}
	*ret = steal_ptr(paths);
	return 0;
}

/* ---- the end ---- */

int storage_remove(const struct session *s, const struct container *c, struct err *err) {
	const struct pool *pool;
	int r = 0;

	/* One without a record never came to have files. */
	if (c->pool && strcmp(c->pool, POOL_DEFAULT) != 0) {
		r = pool_find(s->layout, c->pool, &pool, err);
		if (r < 0)
			return err_wrap(err, "cannot remove container '%s'", c->name);
		r = tree_remove_at(pool->containers_fd, c->name);
	}
	if (r == 0)
		r = tree_remove_at(s->layout->containers_fd, c->name);
	return r < 0 ? err_sys(err, r, "cannot remove the files of container '%s'", c->name) : 0;
}
