/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What changed between two trees. In two overlays that share a layer a file has
 * the same inode number, and the copy that a change makes keeps that number:
 * so a file counts as unchanged only when the time of its inode is the same
 * too. All else is compared byte by byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/layer.h"

#define DEPTH_MAX 400
#define BLOCK 65536
#define XATTRS_MAX 65536

struct compare {
	int (*fn)(const struct layer_change *change, void *data, struct err *err);
	void *data;
	struct buf path;
	int depth;
	char a[BLOCK], b[BLOCK];
};

const char *layer_change_to_string(enum layer_change_kind kind) {
	static const char *const words[] = {
		[CHANGE_ADDED] = "added",
		[CHANGE_MODIFIED] = "modified",
		[CHANGE_MODE] = "mode",
		[CHANGE_DELETED] = "deleted",
	};

	return words[kind];
}

static int failed(struct compare *c, struct err *err, int code) {
	return err_sys(err, code, "cannot compare '%.300s'", c->path.data);
}

static int tell(struct compare *c, enum layer_change_kind kind, const char *name, int new_parent,
		const struct stat *st, struct err *err) {
	struct layer_change change = { kind, c->path.data, name, new_parent, st };
	int r = c->fn(&change, c->data, err);

	return r > 0 ? err_set(err, ERR_SYSTEM, -ECANCELED, "stopped") : r;
}

/* ---- one object ---- */

static ssize_t read_block(int fd, char *to) {
	size_t got = 0;

	while (got < BLOCK) {
		ssize_t n = read(fd, to + got, BLOCK - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

static int open_file(int dir, const char *name) {
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* 1: the same. */
static int same_content(struct compare *c, int from, int to, const char *name, struct err *err) {
	autoclose int a = open_file(from, name), b = open_file(to, name);

	if (a < 0 || b < 0)
		return failed(c, err, a < 0 ? a : b);
	for (;;) {
		ssize_t n = read_block(a, c->a), m = read_block(b, c->b);

		if (n < 0 || m < 0)
			return failed(c, err, n < 0 ? (int)n : (int)m);
		if (n != m || memcmp(c->a, c->b, (size_t)n) != 0)
			return 0;
		if (n == 0)
			return 1;
	}
}

static int same_link(struct compare *c, int from, int to, const char *name, struct err *err) {
	ssize_t n = readlinkat(from, name, c->a, BLOCK), m = readlinkat(to, name, c->b, BLOCK);

	if (n < 0 || m < 0)
		return failed(c, err, -errno);
	return n == m && memcmp(c->a, c->b, (size_t)n) == 0;
}

static void add_xattr(char ***list, const char *name, const char *value, size_t size) {
	autobuf struct buf text;

	buf_init(&text, 3 * XATTRS_MAX);
	buf_addf(&text, "%s=", name);
	for (size_t i = 0; i < size; i++)
		buf_addf(&text, "%02x", (unsigned char)value[i]);
	strv_add(list, text.data);
}

/* By way of the directory: devices and symlinks cannot be opened. Sorted "name=value" pieces. */
static int read_xattrs(int dir, const char *name, char ***ret) {
	autofree char *path = NULL, *list = xmalloc(XATTRS_MAX), *value = xmalloc(XATTRS_MAX);
	char fd[32];
	ssize_t len;

	path = xasprintf("%s/%s", fd_proc_path(dir, fd), name);
	len = llistxattr(path, list, XATTRS_MAX);
	if (len < 0)
		return errno == ENOTSUP ? 0 : -errno;
	for (char *n = list; n < list + len; n += strlen(n) + 1) {
		ssize_t size = lgetxattr(path, n, value, XATTRS_MAX);

		if (strncmp(n, "trusted.overlay.", 16) != 0)
			add_xattr(ret, n, value, size < 0 ? 0 : (size_t)size);
	}
	if (*ret)
		strv_sort(*ret);
	return 0;
}

static int same_xattrs(struct compare *c, int from, int to, const char *name, struct err *err) {
	autostrv char **a = NULL, **b = NULL;
	int r = read_xattrs(from, name, &a);

	if (r == 0)
		r = read_xattrs(to, name, &b);
	if (r < 0)
		return failed(c, err, r);
	if (strv_len(a) != strv_len(b))
		return 0;
	for (size_t i = 0; a && a[i]; i++)
		if (strcmp(a[i], b[i]) != 0)
			return 0;
	return 1;
}

static bool is_untouched(const struct stat *a, const struct stat *b) {
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int compare_attributes(struct compare *c, int from, int to, const char *name,
			      const struct stat *a, const struct stat *b, struct err *err) {
	int same = a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid;

	if (same)
		same = same_xattrs(c, from, to, name, err);
	if (same < 0)
		return same;
	return same ? 0 : tell(c, CHANGE_MODE, name, to, b, err);
}

static int compare_object(struct compare *c, int from, int to, const char *name,
			  const struct stat *a, const struct stat *b, struct err *err) {
	int same = 1;

	if (is_untouched(a, b))
		return 0;
	if (S_ISREG(a->st_mode))
		same = a->st_size == b->st_size ? same_content(c, from, to, name, err) : 0;
	else if (S_ISLNK(a->st_mode))
		same = same_link(c, from, to, name, err);
	else
		same = a->st_rdev == b->st_rdev;
	if (same < 0)
		return same;
	return same ? compare_attributes(c, from, to, name, a, b, err) :
		      tell(c, CHANGE_MODIFIED, name, to, b, err);
}

/* ---- the walk ---- */

static int open_dir(int parent, const char *name) {
	return open_beneath(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

static int walk(struct compare *c, int from, int to, struct err *err);

/* Something that is only in the new tree, with all below it. */
static int added(struct compare *c, int to, const char *name, const struct stat *st,
		 struct err *err) {
	autoclose int dir = -1;
	int r = tell(c, CHANGE_ADDED, name, to, st, err);

	if (r < 0 || !S_ISDIR(st->st_mode))
		return r;
	dir = open_dir(to, name);
	return dir < 0 ? failed(c, err, dir) : walk(c, -1, dir, err);
}

static int both_dirs(struct compare *c, int from, int to, const char *name, const struct stat *a,
		     const struct stat *b, struct err *err) {
	autoclose int before = open_dir(from, name), now = open_dir(to, name);
	int r;

	if (before < 0 || now < 0)
		return failed(c, err, before < 0 ? before : now);
	r = compare_attributes(c, from, to, name, a, b, err);
	return r < 0 ? r : walk(c, before, now, err);
}

static int visit(struct compare *c, int from, int to, const char *name, bool was, bool is,
		 struct err *err) {
	struct stat a, b;

	if (was && fstatat(from, name, &a, AT_SYMLINK_NOFOLLOW) < 0)
		return failed(c, err, -errno);
	if (is && fstatat(to, name, &b, AT_SYMLINK_NOFOLLOW) < 0)
		/* A tree that lives may lose it meanwhile. */
		return errno == ENOENT ? 0 : failed(c, err, -errno);
	if (!is)
		return tell(c, CHANGE_DELETED, name, -1, &a, err);
	if (!was)
		return added(c, to, name, &b, err);
	if (S_ISDIR(a.st_mode) && S_ISDIR(b.st_mode))
		return both_dirs(c, from, to, name, &a, &b, err);
	if ((a.st_mode & S_IFMT) == (b.st_mode & S_IFMT))
		return compare_object(c, from, to, name, &a, &b, err);
	if (!S_ISDIR(b.st_mode))
		return tell(c, CHANGE_MODIFIED, name, to, &b, err);
	/* A directory in place of something else: as if that had been deleted. */
	{
		int r = tell(c, CHANGE_DELETED, name, -1, &a, err);

		return r < 0 ? r : added(c, to, name, &b, err);
	}
}

static int walk(struct compare *c, int from, int to, struct err *err) {
	autostrv char **a = NULL, **b = NULL;
	size_t len = c->path.len, i = 0, k = 0;
	int r = from < 0 ? 0 : dir_names(from, &a);

	if (r == 0)
		r = dir_names(to, &b);
	if (r < 0)
		return failed(c, err, r);
	if (++c->depth > DEPTH_MAX)
		return err_set(err, ERR_SYSTEM, -ELOOP, "'%.300s' is nested too deeply",
			       c->path.data);
	while (r == 0 && ((a && a[i]) || (b && b[k]))) {
		int order = !a || !a[i] ? 1 : !b || !b[k] ? -1 : strcmp(a[i], b[k]);
		const char *name = order <= 0 ? a[i] : b[k];

		if (len)
			buf_addc(&c->path, '/');
		buf_adds(&c->path, name);
		if (c->path.overflow)
			return err_set(err, ERR_SYSTEM, -ENAMETOOLONG,
				       "a name below '%.300s' is too long", c->path.data);
		r = visit(c, from, to, name, order <= 0, order >= 0, err);
		c->path.len = len;
		c->path.data[len] = '\0';
		i += order <= 0;
		k += order >= 0;
	}
	c->depth--;
	return r;
}

int layers_compare(int from, int to,
		   int (*fn)(const struct layer_change *change, void *data, struct err *err),
		   void *data, struct err *err) {
	struct compare *c = xcalloc(1, sizeof(*c));
	int r;

	c->fn = fn;
	c->data = data;
	buf_init(&c->path, 4095);
	r = walk(c, from, to, err);
	buf_done(&c->path);
	free(c);
	return r;
}
