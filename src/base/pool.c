/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/record.h"
#include "base/strv.h"

#define FORMAT 1
#define MARK "coi-pool.ini"

struct pool_list {
	struct pool **items;
	size_t count;
};

static void pool_free(struct pool *p) {
	if (!p)
		return;
	mem_close_ptr(&p->fd);
	mem_close_ptr(&p->layers_fd);
	mem_close_ptr(&p->containers_fd);
	free(p->name);
	free(p->path);
	free(p);
}

static void pool_free_ptr(struct pool **p) {
	pool_free(*p);
}
#define auto_pool __attribute__((cleanup(pool_free_ptr)))

struct pool_list *pool_list_new(void) {
	return xcalloc(1, sizeof(struct pool_list));
}

void pool_list_free(struct pool_list *list) {
	if (!list)
		return;
	for (size_t i = 0; i < list->count; i++)
		pool_free(list->items[i]);
	free(list->items);
	free(list);
}

/* Letters, digits and . _ -, the first a letter or digit: a pool that has a name of its own. */
static bool pool_name_is_valid(const char *name) {
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	static const char all[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len = strlen(name);

	return len > 0 && len <= POOL_NAME_MAX && strchr(first, *name) && strspn(name, all) == len &&
	       (len < 4 || strcmp(name + len - 4, ".ini") != 0);
}

bool pool_is_disk(const char *name) {
	return name[0] == '@';
}

static const struct pool *known(const struct layout *l, const char *name) {
	for (size_t i = 0; i < l->pools->count; i++)
		if (!strcmp(l->pools->items[i]->name, name))
			return l->pools->items[i];
	return NULL;
}

static const struct pool *keep(const struct layout *l, struct pool *p) {
	l->pools->items = xreallocarray(l->pools->items, l->pools->count + 1, sizeof(struct pool *));
	l->pools->items[l->pools->count++] = p;
	return p;
}

static struct pool *pool_new(const char *name, const char *path) {
	struct pool *p = xcalloc(1, sizeof(*p));

	*p = (struct pool){ xstrdup(name), xstrdup(path), -1, -1, -1 };
	return p;
}

static int open_part(struct pool *p, const char *name, int *ret, struct err *err) {
	int fd = open_mkdir_beneath(p->fd, name, 0700);

	if (fd < 0)
		return err_sys(err, fd, "cannot use '%s/%s'", p->path, name);
	*ret = fd;
	return 0;
}

/* ---- the mark ---- */

static int mark_read(int dir, const char *file, struct record **ret, struct err *err) {
	int r = exists_at(dir, file);

	if (r == 0)
		return 0;
	if (r > 0)
		r = record_load(dir, file, FORMAT, ret, err);
	else
		r = err_sys(err, r, "cannot read '%s' of a storage pool", file);
	return r < 0 ? r : 1;
}

static int mark_write(const struct layout *l, const struct pool *p, int pools_fd, struct err *err) {
	auto_record struct record *mark = record_new(FORMAT), *beside = record_new(FORMAT);
	autofree char *file = xasprintf("%s.ini", p->name);
	uint64_t random[2];
	int r;

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_set(err, ERR_SYSTEM, -EIO, "no random numbers");
	record_setf(mark, "", "id", "%016" PRIx64 "%016" PRIx64, random[0], random[1]);
	record_set(mark, "", "root", l->root);
	record_set(beside, "", "id", record_get(mark, "", "id"));
	/* In this order: one without the other is taken over, below. */
	r = record_store(mark, p->fd, MARK, 0600, err);
	if (r == 0)
		r = record_store(beside, pools_fd, file, 0600, err);
	return r < 0 ? err_wrap(err, "storage pool '%s'", p->name) : 0;
}

static int not_there(const struct pool *p, const char *why, struct err *err) {
	(void)err_set(err, ERR_CONFLICT, -ENODEV, "storage pool '%s' is not at '%s': %s", p->name,
		      p->path, why);
	return err_hint(err, "Is its file system mounted? Its containers are kept as they are.");
}

static int mark_adopt(const struct layout *l, const struct pool *p, int pools_fd,
		      const struct record *mark, struct err *err) {
	const char *root = record_get(mark, "", "root"), *id = record_get(mark, "", "id");
	auto_record struct record *beside = record_new(FORMAT);
	autofree char *file = xasprintf("%s.ini", p->name);

	if (!id || !root || strcmp(root, l->root) != 0) {
		(void)err_set(err, ERR_CONFLICT, -EBUSY,
			      "storage pool '%s' ('%s') belongs to the state directory '%s'", p->name,
			      p->path, root ? root : "?");
		return err_hint(err, "each state directory wants a directory of its own; if it has "
				     "moved here, change 'root' in '%s/" MARK "'.", p->path);
	}
	record_set(beside, "", "id", id);
	return record_store(beside, pools_fd, file, 0600, err);
}

/* 1: it is marked as ours, 0: nobody has used it yet. */
static int mark_check(const struct layout *l, const struct pool *p, int pools_fd, struct err *err) {
	auto_record struct record *mark = NULL, *beside = NULL;
	autofree char *file = xasprintf("%s.ini", p->name);
	int here = mark_read(p->fd, MARK, &mark, err);
	int there = here < 0 ? here : mark_read(pools_fd, file, &beside, err);
	const char *a, *b;

	if (here < 0 || there < 0)
		return here < 0 ? here : there;
	if (!here)
		return there ? not_there(p, "nothing of it is there", err) : 0;
	if (!there) {
		int r = mark_adopt(l, p, pools_fd, mark, err);

		return r < 0 ? r : 1;
	}
	a = record_get(mark, "", "id");
	b = record_get(beside, "", "id");
	if (!a || !b || strcmp(a, b) != 0)
		return not_there(p, "what is there is another one", err);
	return 1;
}

/* ---- opening ---- */

/* -ENOENT without a message when there are none. */
static int open_pools(const struct layout *l, struct err *err) {
	int fd = open_beneath(l->root_fd, "pools", O_RDONLY | O_DIRECTORY, 0);

	return fd < 0 && fd != -ENOENT ? err_sys(err, fd, "cannot use '%s/pools'", l->root) : fd;
}

static int no_pool(const struct layout *l, const char *name, int pools_fd, struct err *err) {
	autofree char *file = xasprintf("%s.ini", name);

	if (pools_fd >= 0 && exists_at(pools_fd, file) == 1) {
		(void)err_set(err, ERR_CONFLICT, -ENODEV,
			      "storage pool '%s' is gone: '%s/pools/%s' is no directory", name, l->root,
			      name);
		return err_hint(err, "Its containers are kept as they are until it is back.");
	}
	(void)err_set(err, ERR_MISSING, -ENOENT, "there is no storage pool '%s'", name);
	return err_hint(err, "a pool is a directory: 'mkdir -p %s/pools/%s', mount a file system there "
			     "or make it a link to a directory elsewhere", l->root, name);
}

/* Whoever could write there would have a way into containers. */
static int check_owner(const struct pool *p, struct err *err) {
	struct stat st;

	if (fstat(p->fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at '%s'", p->path);
	if (st.st_uid == 0 && !(st.st_mode & 022))
		return 0;
	(void)err_set(err, ERR_CONFLICT, -EPERM,
		      "storage pool '%s' ('%s') can be written to by others than root", p->name,
		      p->path);
	return err_hint(err, "'chown root: %s && chmod go-w %s' closes it.", p->path, p->path);
}

static int open_named(const struct layout *l, const char *name, bool make, struct pool **ret,
		      struct err *err) {
	autofree char *path = xasprintf("%s/pools/%s", l->root, name);
	auto_pool struct pool *p = pool_new(name, path);
	autoclose int pools = -1, lock = -1;
	int r;

	if (!pool_name_is_valid(name))
		return err_set(err, ERR_MISSING, -ENOENT, "'%s' cannot be the name of a storage pool: "
			       "letters, digits and . _ -, at most %d", name, POOL_NAME_MAX);
	pools = open_pools(l, err);
	if (pools < 0)
		return pools == -ENOENT ? no_pool(l, name, -1, err) : pools;
	p->fd = openat(pools, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->fd < 0)
		return errno == ENOENT || errno == ENOTDIR ?
			       no_pool(l, name, pools, err) :
			       err_sys(err, -errno, "cannot open storage pool '%s'", name);
	lock = lock_take(l->run_fd, "pools.lock", 0, err);
	if (lock < 0)
		return lock;
	r = mark_check(l, p, pools, err);
	if (r >= 0 && check_owner(p, err) < 0)
		return -EPERM;
	if (r == 0 && !make)
		return err_set(err, ERR_MISSING, -ENOENT, "storage pool '%s' was never used", name);
	if (r == 0)
		r = mark_write(l, p, pools, err);
	if (r >= 0)
		r = open_part(p, "layers", &p->layers_fd, err);
	if (r >= 0)
		r = open_part(p, "containers", &p->containers_fd, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(p);
	return 0;
}

static int dup_fd(int fd) {
	return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static struct pool *open_default(const struct layout *l) {
	struct pool *p = pool_new(POOL_DEFAULT, l->root);

	p->fd = dup_fd(l->root_fd);
	p->layers_fd = dup_fd(l->layers_fd);
	p->containers_fd = dup_fd(l->containers_fd);
	return p;
}

static int find(const struct layout *l, const char *name, bool make, const struct pool **ret,
		struct err *err) {
	struct pool *p = NULL;
	int r = 0;

	*ret = known(l, name);
	if (*ret)
		return 0;
	if (!strcmp(name, POOL_DEFAULT))
		p = open_default(l);
	else if (pool_is_disk(name) && !make)
		r = err_set(err, ERR_MISSING, -ENOENT, "the disk of container '%s' is not mounted here",
			    name + 1);
	else
		r = open_named(l, name, make, &p, err);
	if (r == 0)
		*ret = keep(l, p);
	return r;
}

int pool_find(const struct layout *l, const char *name, const struct pool **ret, struct err *err) {
	return find(l, name, false, ret, err);
}

int pool_use(const struct layout *l, const char *name, const struct pool **ret, struct err *err) {
	return find(l, name, true, ret, err);
}

int pool_names(const struct layout *l, char ***ret, struct err *err) {
	autoclose int pools = open_pools(l, err);
	autostrv char **files = NULL, **names = NULL;
	int r = pools < 0 ? pools : dir_names(pools, &files);

	if (r < 0 && pools != -ENOENT)
		return pools < 0 ? r : err_sys(err, r, "cannot list the storage pools");
	for (size_t i = 0; files && files[i]; i++) {
		size_t len = strlen(files[i]);

		if (len > 4 && !strcmp(files[i] + len - 4, ".ini"))
			files[i][len - 4] = '\0';
		if (pool_name_is_valid(files[i]) && strcmp(files[i], POOL_DEFAULT) != 0 &&
		    !strv_contains(names, files[i]))
			strv_add(&names, files[i]);
	}
	strv_sort(names);
	strv_add(ret, POOL_DEFAULT);
	strv_add_all(ret, names);
	return 0;
}

/* ---- the disk of a container ---- */

int pool_attach(const struct layout *l, const char *name, const char *path, struct err *err) {
	auto_pool struct pool *p = pool_new(name, path);
	int r;

	p->fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (p->fd < 0)
		return err_sys(err, -errno, "cannot open '%s'", path);
	r = open_part(p, "layers", &p->layers_fd, err);
	if (r < 0)
		return r;
	pool_detach(l, name);
	(void)keep(l, steal_ptr(p));
	return 0;
}

void pool_detach(const struct layout *l, const char *name) {
	for (size_t i = 0; i < l->pools->count; i++) {
		if (strcmp(l->pools->items[i]->name, name) != 0)
			continue;
		pool_free(l->pools->items[i]);
		l->pools->items[i] = l->pools->items[--l->pools->count];
		return;
	}
}
