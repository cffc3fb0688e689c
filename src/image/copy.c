/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copying a tree, exactly. It may have been made by a container: nothing is
 * opened but what fstatat() has shown to be a file or directory, no symlink is
 * followed, no mount entered.
 */
#include <dirent.h>
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
#include "image/image.h"

#define DEPTH_MAX 400 /* two descriptors each */
#define LINK_BUCKETS 4096
#define XATTR_MAX 65536
#define TELL_STEP (4u << 20)

struct copied_link {
	struct copied_link *next;
	dev_t dev;
	ino_t ino;
	char *path; /* below the top of the copy */
};

struct copy {
	int top; /* of the copy */
	const struct image_progress *progress;
	uint64_t bytes, told;
	int depth;
	struct buf path;
	bool no_clone; /* the file system has no shared blocks */
	struct copied_link *links[LINK_BUCKETS];
	char value[XATTR_MAX];
};

static int failed(struct copy *c, struct err *err, int code) {
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

static int copy_xattrs(struct copy *c, int from, int to, const char *name, struct err *err) {
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

static int copy_attributes(struct copy *c, int from, int to, const char *name,
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

static int tell(struct copy *c, uint64_t bytes, struct err *err) {
	c->bytes += bytes;
	if (!c->progress || !c->progress->fn || c->bytes - c->told < TELL_STEP)
		return 0;
	c->told = c->bytes;
	if (c->progress->fn(c->bytes, 0, c->progress->data) != 0)
		return err_set(err, ERR_SYSTEM, -ECANCELED, "copying was stopped");
	return 0;
}

static int copy_range(struct copy *c, int from, int to, int64_t at, int64_t end, struct err *err) {
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

static int copy_content(struct copy *c, int from, int to, int64_t size, struct err *err) {
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

static int copy_file(struct copy *c, int from, int to, const char *name, struct stat *st,
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

static int copy_symlink(struct copy *c, int from, int to, const char *name, struct err *err) {
	char target[4096];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return failed(c, err, -errno);
	target[n] = '\0';
	return symlinkat(target, to, name) < 0 ? failed(c, err, -errno) : 0;
}

/* ---- hard links ---- */

/* 1: linked to an earlier copy. */
static int copy_link(struct copy *c, int to, const char *name, const struct stat *st,
		     struct err *err) {
	struct copied_link **bucket = &c->links[st->st_ino % LINK_BUCKETS], *l;

	for (l = *bucket; l; l = l->next) {
		if (l->ino != st->st_ino || l->dev != st->st_dev)
			continue;
		return linkat(c->top, l->path, to, name, 0) < 0 ? failed(c, err, -errno) : 1;
	}
	l = xcalloc(1, sizeof(*l));
	l->dev = st->st_dev;
	l->ino = st->st_ino;
	l->path = xstrdup(c->path.data);
	l->next = *bucket;
	*bucket = l;
	return 0;
}

/* ---- the walk ---- */

static int copy_children(struct copy *c, int from, int to, struct err *err);

static int copy_dir(struct copy *c, int from, int to, const char *name, struct err *err) {
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

static int copy_object(struct copy *c, int from, int to, const char *name, struct err *err) {
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

static int read_names(int fd, char ***ret) {
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclosedir DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	autostrv char **names = NULL;
	struct dirent *d;

	if (!dir) {
		int r = -errno;

		mem_close_ptr(&copy);
		return r;
	}
	for (errno = 0; (d = readdir(dir)); errno = 0)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			strv_add(&names, d->d_name);
	if (errno)
		return -errno;
	*ret = steal_ptr(names);
	return 0;
}

static int copy_children(struct copy *c, int from, int to, struct err *err) {
	autostrv char **names = NULL;
	size_t len = c->path.len;
	int r = read_names(from, &names);

	if (r < 0)
		return failed(c, err, r);
	if (++c->depth > DEPTH_MAX)
		return err_set(err, ERR_SYSTEM, -ELOOP, "'%.300s' is nested too deeply",
			       c->path.data);
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

static void copy_done(struct copy *c) {
	for (size_t i = 0; i < LINK_BUCKETS; i++)
		while (c->links[i]) {
			struct copied_link *l = c->links[i];

			c->links[i] = l->next;
			free(l->path);
			free(l);
		}
	buf_done(&c->path);
	free(c);
}

int image_copy_tree(int from, int to, const struct image_progress *progress, struct err *err) {
	struct copy *c = xcalloc(1, sizeof(*c));
	struct stat st;
	int r;

	c->top = to;
	c->progress = progress;
	buf_init(&c->path, 4095);
	r = fstat(from, &st) < 0 ? failed(c, err, -errno) : 0;
	if (r == 0)
		r = copy_children(c, from, to, err);
	if (r == 0)
		r = copy_attributes(c, from, to, ".", &st, err);
	copy_done(c);
	return r;
}
