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
	bool links; /* LAYERS_COMPARE_LINKS */
	struct buf path;
	int depth;
	char a[BLOCK], b[BLOCK];
	char list[XATTRS_MAX];
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

static ssize_t read_block(int fd, char *to, int64_t at) {
	size_t got = 0;

	while (got < BLOCK) {
		ssize_t n = pread(fd, to + got, BLOCK - got, at + (int64_t)got);

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

/* Where the next byte may be that is none of a hole; -ENXIO: there is none. */
static int64_t next_data(int fd, int64_t at) {
	int64_t data = lseek(fd, at, SEEK_DATA);

	return data < 0 ? -errno : data;
}

/* Both may consist of nothing but holes, however large they say they are: those are skipped. */
static int same_bytes(struct compare *c, int a, int b, struct err *err) {
	for (int64_t at = 0;;) {
		int64_t in_a = next_data(a, at), in_b = next_data(b, at);
		ssize_t n, m;

		if (in_a == -ENXIO && in_b == -ENXIO)
			return 1;
		/* A file system that does not know holes has none. */
		if (in_a < 0 && in_a != -ENXIO)
			in_a = at;
		if (in_b < 0 && in_b != -ENXIO)
			in_b = at;
		at = in_a < 0 || (in_b >= 0 && in_b < in_a) ? in_b : in_a;
		n = read_block(a, c->a, at);
		m = read_block(b, c->b, at);
		if (n < 0 || m < 0)
			return failed(c, err, n < 0 ? (int)n : (int)m);
		if (n != m || memcmp(c->a, c->b, (size_t)n) != 0)
			return 0;
		if (n == 0)
			return 1;
		at += n;
	}
}

/* 1: the same. */
static int same_content(struct compare *c, int from, int to, const char *name, struct err *err) {
	autoclose int a = open_file(from, name), b = open_file(to, name);

	if (a < 0 || b < 0)
		return failed(c, err, a < 0 ? a : b);
	return same_bytes(c, a, b, err);
}

static int same_link(struct compare *c, int from, int to, const char *name, struct err *err) {
	ssize_t n = readlinkat(from, name, c->a, BLOCK), m = readlinkat(to, name, c->b, BLOCK);

	if (n < 0 || m < 0)
		return failed(c, err, -errno);
	return n == m && memcmp(c->a, c->b, (size_t)n) == 0;
}

/* By way of the directory: devices and symlinks cannot be opened. */
static char *object_path(int dir, const char *name) {
	char fd[32];

	return xasprintf("%s/%s", fd_proc_path(dir, fd), name);
}

static bool is_of_overlay(const char *attribute) {
	return strncmp(attribute, "trusted.overlay.", 16) == 0;
}

/* The names of the attributes of @path, each with its NUL, to c->list; how many, or -errno. */
static int list_xattrs(struct compare *c, const char *path, ssize_t *ret_len) {
	ssize_t len = llistxattr(path, c->list, sizeof(c->list));
	int count = 0;

	*ret_len = len < 0 ? 0 : len;
	if (len < 0)
		return errno == ENOTSUP ? 0 : -errno;
	for (const char *n = c->list; n < c->list + len; n += strlen(n) + 1)
		count += !is_of_overlay(n);
	return count;
}

/* As many on both sides, and each of the one with the same value on the other. */
static int same_xattrs(struct compare *c, int from, int to, const char *name, struct err *err) {
	autofree char *a = object_path(from, name), *b = object_path(to, name);
	ssize_t len;
	int in_b = list_xattrs(c, b, &len), in_a = in_b < 0 ? in_b : list_xattrs(c, a, &len);

	if (in_a < 0)
		return failed(c, err, in_a);
	if (in_a != in_b)
		return 0;
	for (const char *n = c->list; n < c->list + len; n += strlen(n) + 1) {
		ssize_t x, y;

		if (is_of_overlay(n))
			continue;
		x = lgetxattr(a, n, c->a, sizeof(c->a));
		x = x < 0 ? -errno : x;
		y = lgetxattr(b, n, c->b, sizeof(c->b));
		y = y < 0 ? -errno : y;
		if ((x < 0 && x != -ENODATA) || (y < 0 && y != -ENODATA))
			return failed(c, err, (int)(x < 0 && x != -ENODATA ? x : y));
		if (x != y || memcmp(c->a, c->b, x > 0 ? (size_t)x : 0) != 0)
			return 0;
	}
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
	/* Its other names may be new: whoever makes a layer of it has to have it. */
	if (same && c->links && b->st_nlink > 1)
		return tell(c, CHANGE_MODE, name, to, b, err);
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

static int visit_there(struct compare *c, int from, int to, const char *name, bool was, bool is,
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

/* What a tree that lives loses while it is looked at is no error. */
static int visit(struct compare *c, int from, int to, const char *name, bool was, bool is,
		 struct err *err) {
	struct stat st;
	int r = visit_there(c, from, to, name, was, is, err);

	if (r == -ENOENT && is && fstatat(to, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	return r;
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
		return err_set(err, ERR_SYSTEM, -ELOOP,
			       "'%.300s' is nested too deeply: there are more than %d "
			       "directories below each other",
			       c->path.data, DEPTH_MAX);
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

int layers_compare(int from, int to, unsigned int flags,
		   int (*fn)(const struct layer_change *change, void *data, struct err *err),
		   void *data, struct err *err) {
	struct compare *c = xcalloc(1, sizeof(*c));
	int r;

	c->links = flags & LAYERS_COMPARE_LINKS;
	c->fn = fn;
	c->data = data;
	buf_init(&c->path, 4095);
	r = walk(c, from, to, err);
	buf_done(&c->path);
	free(c);
	return r;
}
