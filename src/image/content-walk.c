/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walk over a layer's tree. A container may have made it: no link is
 * followed, no mount entered, and nothing is opened but what fstatat() has
 * shown to be a file or a directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/content-hash.h"
#include "image/content.h"
#include "image/links.h"

#define DEPTH_MAX 400 /* one descriptor each */
#define PIECE (256u << 10)
#define XATTR_MAX 65536
#define TELL_STEP (4u << 20)

struct walk {
	const struct content_walk *spec;
	struct content_known *known; /* sorted by inode */
	size_t known_count;
	struct links links;
	struct buf path;
	unsigned int depth;
	uint64_t done, told;
	struct content_hash hash;
	char data[PIECE];
	char value[XATTR_MAX];
};

static int failed(struct walk *w, struct err *err, int code) {
	return err_sys(err, code, "cannot look at '%.300s'", w->path.data);
}

/* ---- what is known ---- */

static int by_inode(const void *a, const void *b) {
	const struct content_known *x = a, *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static int load_known(struct walk *w, struct err *err) {
	struct stat st;
	size_t size, at = 0;

	if (w->spec->known < 0)
		return 0;
	if (fstat(w->spec->known, &st) < 0)
		return err_sys(err, -errno, "cannot read the hashes of what was unpacked");
	w->known_count = (size_t)st.st_size / sizeof(w->known[0]);
	size = w->known_count * sizeof(w->known[0]);
	w->known = xmalloc(size + 1);
	while (at < size) {
		ssize_t n = pread(w->spec->known, (char *)w->known + at, size - at, (off_t)at);

		if (n <= 0)
			return err_sys(err, n < 0 ? -errno : -EIO,
				       "cannot read the hashes of what was unpacked");
		at += (size_t)n;
	}
	qsort(w->known, w->known_count, sizeof(w->known[0]), by_inode);
	return 0;
}

static const uint8_t *find_known(const struct walk *w, ino_t inode) {
	struct content_known key = { .inode = inode };
	const struct content_known *k =
		w->known_count ? bsearch(&key, w->known, w->known_count, sizeof(key), by_inode) : NULL;

	return k ? k->sum : NULL;
}

/* ---- one object ---- */

static void to_hex(const uint8_t sum[SHA256_DIGEST_SIZE], char out[HASH_HEX_SIZE]) {
	for (size_t i = 0; i < SHA256_DIGEST_SIZE; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

static int tell(struct walk *w, uint64_t bytes, struct err *err) {
	const struct image_progress *p = w->spec->progress;

	w->done += bytes;
	if (!p || !p->fn || w->done - w->told < TELL_STEP)
		return 0;
	w->told = w->done;
	return p->fn(w->done, w->spec->total, p->data) == 0 ?
		       0 : err_set(err, ERR_SYSTEM, -ECANCELED, "stopped");
}

/* From @at to @end, both within the file. 0, or -errno of reading in *@ret_error. */
static int read_range(struct walk *w, int fd, int64_t at, int64_t end, int *ret_error,
		      struct err *err) {
	while (at < end) {
		size_t want = end - at > (int64_t)PIECE ? PIECE : (size_t)(end - at);
		ssize_t n = pread(fd, w->data, want, at);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			*ret_error = n < 0 ? -errno : -EIO;
			return 0;
		}
		content_hash_add(&w->hash, (uint64_t)at, w->data, (size_t)n);
		at += n;
		r = tell(w, (uint64_t)n, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_file(struct walk *w, int fd, int64_t size, int *ret_error, struct err *err) {
	int64_t at = 0;

	content_hash_init(&w->hash);
	while (at < size && !*ret_error) {
		int64_t data = lseek(fd, at, SEEK_DATA), end;
		int r;

		if (data < 0 && errno == ENXIO) /* a hole up to the end */
			break;
		end = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
		if (end < 0) {
			*ret_error = -errno;
			break;
		}
		end = end > size ? size : end;
		r = read_range(w, fd, data, end, ret_error, err);
		if (r < 0)
			return r;
		at = end;
	}
	return 0;
}

static int hash_file(struct walk *w, int parent, const char *base, struct content_object *o,
		     struct err *err) {
	const uint8_t *known = find_known(w, o->st.st_ino);
	uint8_t sum[SHA256_DIGEST_SIZE];
	autoclose int fd = -1;
	struct stat st;
	int r;

	if (known) {
		to_hex(known, o->content);
		return tell(w, (uint64_t)o->st.st_size, err);
	}
	fd = openat(parent, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_ino != o->st.st_ino || !S_ISREG(st.st_mode)) {
		o->error = fd < 0 ? -errno : -EAGAIN;
		return 0;
	}
	r = read_file(w, fd, st.st_size, &o->error, err);
	content_hash_end(&w->hash, sum);
	to_hex(sum, o->content);
	return r;
}

static void hash_target(int parent, const char *base, struct content_object *o) {
	char target[4096];
	ssize_t n = readlinkat(parent, base, target, sizeof(target));

	if (n < 0)
		o->error = -errno;
	else
		hash_hex(target, (size_t)n, o->content);
}

/* Those that the machine's security modules put there themselves are not the layer's. */
static bool is_of_machine(const char *name) {
	return strcmp(name, "security.selinux") == 0 || strcmp(name, "security.ima") == 0 ||
	       strcmp(name, "security.evm") == 0 || strcmp(name, "security.apparmor") == 0;
}

static int hash_attribute(struct walk *w, const char *path, const char *name,
			  struct sha256_ctx *hash) {
	ssize_t n = lgetxattr(path, name, w->value, sizeof(w->value));
	uint32_t len = (uint32_t)n;
	unsigned char size[4] = { (unsigned char)len, (unsigned char)(len >> 8),
				  (unsigned char)(len >> 16), (unsigned char)(len >> 24) };

	if (n < 0)
		return -errno;
	sha256_update(hash, strlen(name) + 1, (const uint8_t *)name);
	sha256_update(hash, sizeof(size), size);
	sha256_update(hash, (size_t)n, (const uint8_t *)w->value);
	return 0;
}

/* By way of the directory, since links and devices cannot be opened. */
static int hash_attributes(struct walk *w, int parent, const char *base, struct content_object *o) {
	char path[320], list[1024];
	autofree char *more = NULL;
	autostrv char **names = NULL;
	struct sha256_ctx hash;
	ssize_t len;
	char *text = list;
	int r = 0;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", parent, base);
	len = llistxattr(path, list, sizeof(list));
	if (len < 0 && errno == ERANGE) {
		more = text = xmalloc(XATTR_MAX + 1);
		len = llistxattr(path, more, XATTR_MAX);
	}
	if (len <= 0)
		return len == 0 || errno == ENOTSUP ? 0 : -errno;
	for (const char *name = text; name < text + len; name += strlen(name) + 1)
		if (!is_of_machine(name))
			strv_add(&names, name);
	if (!names)
		return 0;
	strv_sort(names);
	sha256_init(&hash);
	for (char **name = names; *name && r == 0; name++)
		r = hash_attribute(w, path, *name, &hash);
	hash_ctx_hex(&hash, o->attributes);
	return r;
}

static char type_of(mode_t mode) {
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return 'd';
	case S_IFREG:
		return 'f';
	case S_IFLNK:
		return 'l';
	case S_IFIFO:
		return 'p';
	case S_IFCHR:
		return 'c';
	case S_IFBLK:
		return 'b';
	default:
		return 's';
	}
}

/* Whiteouts of overlayfs are links to one that lies elsewhere, and then not any more. */
static bool has_links(const struct stat *st) {
	return !S_ISDIR(st->st_mode) && st->st_nlink > 1 && !(S_ISCHR(st->st_mode) && !st->st_rdev);
}

static int look(struct walk *w, int parent, const char *base, struct content_object *o,
		struct err *err) {
	int r;

	if (fstatat(parent, base, &o->st, AT_SYMLINK_NOFOLLOW) < 0)
		return failed(w, err, -errno);
	o->type = type_of(o->st.st_mode);
	o->path = w->path.data;
	if (has_links(&o->st)) {
		o->first = links_find(&w->links, &o->st);
		if (o->first)
			return 0;
		links_add(&w->links, &o->st, o->path);
	}
	r = hash_attributes(w, parent, base, o);
	if (r < 0)
		o->error = r;
	if (o->type == 'l')
		hash_target(parent, base, o);
	return o->type == 'f' ? hash_file(w, parent, base, o, err) : 0;
}

/* ---- the walk ---- */

static int walk_children(struct walk *w, int fd, struct err *err);

static int walk_object(struct walk *w, int parent, const char *base, struct err *err) {
	struct content_object o = { .attributes = "-", .content = "-" };
	autoclose int fd = -1;
	int r = look(w, parent, base, &o, err);

	if (r == 0)
		r = w->spec->fn(&o, w->spec->data, err);
	if (r < 0 || o.type != 'd')
		return r;
	fd = open_beneath_here(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	return fd < 0 ? failed(w, err, fd) : walk_children(w, fd, err);
}

static int walk_children(struct walk *w, int fd, struct err *err) {
	autostrv char **names = NULL;
	size_t len = w->path.len;
	int r = dir_names(fd, &names);

	if (r < 0)
		return failed(w, err, r);
	if (++w->depth > DEPTH_MAX)
		return err_set(err, ERR_SYSTEM, -ELOOP,
			       "'%.300s' is nested too deeply: there are more than %d "
			       "directories below each other",
			       w->path.data, DEPTH_MAX);
	for (size_t i = 0; names && names[i] && r == 0; i++) {
		if (len)
			buf_addc(&w->path, '/');
		buf_adds(&w->path, names[i]);
		if (w->path.overflow)
			return err_set(err, ERR_SYSTEM, -ENAMETOOLONG, "a name below '%.300s' is too "
				       "long", w->path.data);
		r = walk_object(w, fd, names[i], err);
		if (r == 0) {
			w->path.len = len;
			w->path.data[len] = '\0';
		}
	}
	w->depth--;
	return r;
}

int content_walk(const struct content_walk *spec, struct err *err) {
	struct walk *w = xcalloc(1, sizeof(*w));
	int r;

	w->spec = spec;
	buf_init(&w->path, 4095);
	r = load_known(w, err);
	if (r == 0)
		r = walk_object(w, spec->tree, ".", err);
	links_done(&w->links);
	buf_done(&w->path);
	free(w->known);
	free(w);
	return r;
}
