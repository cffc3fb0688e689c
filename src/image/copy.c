/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copying a tree, exactly. It may have been made by a container: nothing is
 * opened but what fstatat() has shown to be a file or directory, no symlink is
 * followed, no mount entered.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/links.h"
#include "image/store.h"

#define DEPTH_MAX 400 /* two descriptors each */
#define XATTR_MAX 65536
#define TELL_STEP (4u << 20)

struct image_copier {
	int top; /* of the copy */
	const struct image_progress *progress;
	uint64_t bytes, told;
	int depth;
	struct buf path;
	bool no_clone; /* the file system has no shared blocks */
	struct links links; /* names below the top of the copy */
	char value[XATTR_MAX];
};

static int failed(struct image_copier *c, struct err *err, int code) {
	if (code == -ENOSPC || code == -EDQUOT)
		return err_set(err, ERR_SYSTEM, -ENOSPC,
			       "no space left on the disk while copying '%.300s'", c->path.data);
	return err_sys(err, code, "cannot copy '%.300s'", c->path.data);
}

/* ---- attributes ---- */

/* By way of the directory, since devices and symlinks cannot be opened. */
static void object_path(char out[320], int dir, const char *name) {
	(void)snprintf(out, 320, "/proc/self/fd/%d/%s", dir, name);
}

static int copy_xattrs(struct image_copier *c, int from, int to, const char *name, struct err *err) {
	char source[320], target[320];
	autofree char *list = NULL;
	ssize_t len;

	object_path(source, from, name);
	object_path(target, to, name);
	len = llistxattr(source, NULL, 0);
	if (len <= 0)
		return len == 0 || errno == ENOTSUP ? 0 : failed(c, err, -errno);
	list = xmalloc((size_t)len + 1);
	len = llistxattr(source, list, (size_t)len);
	if (len < 0)
		return failed(c, err, -errno);
	list[len] = '\0';
	for (char *n = list; n < list + len; n += strlen(n) + 1) {
		ssize_t size = lgetxattr(source, n, c->value, sizeof(c->value));

		if (size < 0 && errno == ENODATA)
			continue;
		if (size < 0 || lsetxattr(target, n, c->value, (size_t)size, 0) < 0)
			return failed(c, err, -errno);
	}
	return 0;
}

static int copy_attributes(struct image_copier *c, int from, int to, const char *name,
			   const struct stat *st, struct err *err) {
	struct timespec times[2] = { st->st_atim, st->st_mtim };
	int r;

	/* chown clears set-uid bits and capabilities, an ACL is stronger than the mode. */
	if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return failed(c, err, -errno);
	if (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) < 0)
		return failed(c, err, -errno);
	r = copy_xattrs(c, from, to, name, err);
	if (r < 0)
		return r;
	if (utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return failed(c, err, -errno);
	return 0;
}

/* ---- content ---- */

static int tell(struct image_copier *c, uint64_t bytes, struct err *err) {
	c->bytes += bytes;
	if (!c->progress || !c->progress->fn || c->bytes - c->told < TELL_STEP)
		return 0;
	c->told = c->bytes;
	if (c->progress->fn(c->bytes, 0, c->progress->data) != 0)
		return err_set(err, ERR_SYSTEM, -ECANCELED, "copying was stopped");
	return 0;
}

static int copy_range(struct image_copier *c, int from, int to, int64_t at, int64_t end,
		      struct err *err) {
	while (at < end) {
		int64_t in = at, out = at;
		size_t want = end - at > (8 << 20) ? 8u << 20 : (size_t)(end - at);
		ssize_t n = copy_file_range(from, &in, to, &out, want, 0);
		int r;

		if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP)) {
			n = pread(from, c->value, want > XATTR_MAX ? XATTR_MAX : want, at);
			if (n > 0)
				n = pwrite(to, c->value, (size_t)n, at);
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(c, err, -errno);
		if (n == 0) /* became shorter: copied as it is now */
			return 0;
		at += n;
		r = tell(c, (uint64_t)n, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int copy_content(struct image_copier *c, int from, int to, int64_t size, struct err *err) {
	int64_t at = 0;

	if (size && !c->no_clone) {
		if (ioctl(to, FICLONE, from) == 0)
			return tell(c, (uint64_t)size, err);
		c->no_clone = errno == EOPNOTSUPP || errno == EXDEV;
	}
	while (at < size) {
		int64_t data = lseek(from, at, SEEK_DATA), hole;
		int r;

		if (data < 0 && errno == ENXIO)
			break;
		if (data < 0)
			return failed(c, err, -errno);
		hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0 || hole > size)
			hole = size;
		r = copy_range(c, from, to, data, hole, err);
		if (r < 0)
			return r;
		at = hole;
	}
	return ftruncate(to, size) < 0 ? failed(c, err, -errno) : 0;
}

static int copy_file(struct image_copier *c, int from, int to, const char *name, struct stat *st,
		     struct err *err) {
	autoclose int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	autoclose int out = -1;

	if (in < 0 || fstat(in, st) < 0)
		return failed(c, err, -errno);
	if (!S_ISREG(st->st_mode))
		return failed(c, err, -EAGAIN);
	out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return failed(c, err, -errno);
	return copy_content(c, in, out, st->st_size, err);
}

static int copy_symlink(struct image_copier *c, int from, int to, const char *name, struct err *err) {
	char target[4096];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return failed(c, err, -errno);
	target[n] = '\0';
	return symlinkat(target, to, name) < 0 ? failed(c, err, -errno) : 0;
}

/* ---- hard links ---- */

/* 1: linked to an earlier copy. */
static int copy_link(struct image_copier *c, int to, const char *name, const struct stat *st,
		     struct err *err) {
	const char *first = links_find(&c->links, st);

	if (first)
		return linkat(c->top, first, to, name, 0) < 0 ? failed(c, err, -errno) : 1;
	links_add(&c->links, st, c->path.data);
	return 0;
}

/* ---- the walk ---- */

static int copy_children(struct image_copier *c, int from, int to, struct err *err);

static int copy_dir(struct image_copier *c, int from, int to, const char *name, struct err *err) {
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	autoclose int in = (int)syscall(SYS_openat2, from, name, &how, sizeof(how));
	autoclose int out = -1;

	if (in < 0)
		return failed(c, err, errno == EXDEV ? -EBUSY : -errno);
	if (mkdirat(to, name, 0700) < 0)
		return failed(c, err, -errno);
	out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (out < 0)
		return failed(c, err, -errno);
	return copy_children(c, in, out, err);
}

static int copy_object(struct image_copier *c, int from, int to, const char *name, struct err *err) {
	struct stat st;
	int r = 0;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return failed(c, err, -errno);
	if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
		r = copy_link(c, to, name, &st, err);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	if (S_ISDIR(st.st_mode))
		r = copy_dir(c, from, to, name, err);
	else if (S_ISREG(st.st_mode))
		r = copy_file(c, from, to, name, &st, err);
	else if (S_ISLNK(st.st_mode))
		r = copy_symlink(c, from, to, name, err);
	else if (mknodat(to, name, st.st_mode & S_IFMT, st.st_rdev) < 0)
		r = failed(c, err, -errno);
	return r < 0 ? r : copy_attributes(c, from, to, name, &st, err);
}

static int copy_children(struct image_copier *c, int from, int to, struct err *err) {
	autostrv char **names = NULL;
	size_t len = c->path.len;
	int r = dir_names(from, &names);

	if (r < 0)
		return failed(c, err, r);
	if (++c->depth > DEPTH_MAX)
		return err_set(err, ERR_SYSTEM, -ELOOP,
			       "'%.300s' is nested too deeply: there are more than %d "
			       "directories below each other",
			       c->path.data, DEPTH_MAX);
	for (size_t i = 0; names && names[i] && r == 0; i++) {
		if (len)
			buf_addc(&c->path, '/');
		buf_adds(&c->path, names[i]);
		if (c->path.overflow)
			return err_set(err, ERR_SYSTEM, -ENAMETOOLONG, "a name below '%.300s' is too "
				       "long", c->path.data);
		r = copy_object(c, from, to, names[i], err);
		if (r == 0) {
			c->path.len = len;
			c->path.data[len] = '\0';
		}
	}
	c->depth--;
	return r;
}

struct image_copier *image_copier_new(int top, const struct image_progress *progress) {
	struct image_copier *c = xcalloc(1, sizeof(*c));

	c->top = top;
	c->progress = progress;
	buf_init(&c->path, 4095);
	return c;
}

void image_copier_free(struct image_copier *c) {
	if (!c)
		return;
	links_done(&c->links);
	buf_done(&c->path);
	free(c);
}

static int set_path(struct image_copier *c, const char *path, struct err *err) {
	buf_reset(&c->path);
	buf_adds(&c->path, path);
	return c->path.overflow ? err_set(err, ERR_SYSTEM, -ENAMETOOLONG, "a name is too long") : 0;
}

int image_copier_object(struct image_copier *c, int from, int to, const char *name,
			const char *path, struct err *err) {
	int r = set_path(c, path, err);

	return r < 0 ? r : copy_object(c, from, to, name, err);
}

int image_copier_attributes(struct image_copier *c, int from, int to, const char *name,
			    const char *path, struct err *err) {
	struct stat st;
	int r = set_path(c, path, err);

	if (r == 0 && fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		r = failed(c, err, -errno);
	return r < 0 ? r : copy_attributes(c, from, to, name, &st, err);
}

int image_copy_tree(int from, int to, const struct image_progress *progress, struct err *err) {
	struct image_copier *c = image_copier_new(to, progress);
	struct stat st;
	int r = fstat(from, &st) < 0 ? failed(c, err, -errno) : 0;

	if (r == 0)
		r = copy_children(c, from, to, err);
	if (r == 0)
		r = copy_attributes(c, from, to, ".", &st, err);
	image_copier_free(c);
	return r;
}
