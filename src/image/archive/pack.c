/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State: the archive that is written, the path of the entry at hand, and the
 * names under which files with several links were packed first.
 */
#include "image/archive/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/archive/acl.h"
#include "image/archive/policy.h"
#include "image/archive/times.h"
#include "image/links.h"

#define COPY_SIZE (256u << 10)
#define TELL_STEP (4u << 20)

struct pack {
	const struct pack_spec *spec;
	struct archive *archive;
	struct buf path; /* with the prefix */
	dev_t dev;	 /* other mounts are left out */
	int depth;
	struct pack_result sum;
	uint64_t told;
	int out_error;
	struct links links;
	char copy[COPY_SIZE];
	unsigned char value[POLICY_XATTR_SIZE_MAX];
};

static la_ssize_t write_out(struct archive *a, void *data, const void *bytes, size_t len) {
	struct pack *p = data;
	int r = fd_write_all(p->spec->out, bytes, len);

	if (r < 0) {
		p->out_error = r;
		archive_set_error(a, -r, "cannot write the archive");
		return -1;
	}
	return (la_ssize_t)len;
}

static int failed(struct pack *p, struct err *err, int code) {
	return err_sys(err, code, "cannot pack '%.300s'", p->path.data);
}

static int archive_failed(struct pack *p, struct err *err) {
	const char *text = archive_error_string(p->archive);

	if (p->out_error)
		return err_sys(err, p->out_error, "cannot write the archive");
	return err_set(err, ERR_SYSTEM, -EIO, "cannot pack '%.300s': %s", p->path.data,
		       text ? text : "no reason given");
}

static int write_header(struct pack *p, struct archive_entry *e, struct err *err) {
	/* A warning: the name is no UTF-8 and is written as the bytes that it is. */
	return archive_write_header(p->archive, e) < ARCHIVE_WARN ? archive_failed(p, err) : 0;
}

/* ---- attributes ---- */

/* libarchive writes other bytes of a name as %XX and does not always read that back. */
static bool is_plain_attribute(const char *name) {
	for (const unsigned char *c = (const unsigned char *)name; *c; c++)
		if (*c < 33 || *c > 126 || *c == '%' || *c == '=')
			return false;
	return true;
}

static int add_xattr(struct pack *p, struct archive_entry *e, int fd, const char *name, mode_t mode,
		     struct err *err) {
	ssize_t n = fgetxattr(fd, name, p->value, sizeof(p->value));
	size_t len = n < 0 ? 0 : (size_t)n;

	if (n < 0)
		return errno == ENODATA ? 0 : failed(p, err, -errno);
	if (strcmp(name, "system.posix_acl_access") == 0 ||
	    strcmp(name, "system.posix_acl_default") == 0) {
		int type = name[17] == 'a' ? ARCHIVE_ENTRY_ACL_TYPE_ACCESS
					   : ARCHIVE_ENTRY_ACL_TYPE_DEFAULT;

		return acl_from_xattr(e, type, p->value, len) < 0 ? failed(p, err, -EINVAL) : 0;
	}
	/* What an import would refuse or leave out does not go in. */
	if (!is_plain_attribute(name) || policy_xattr(name, mode, p->value, &len) != POLICY_KEEP) {
		p->sum.dropped_xattrs++;
		return 0;
	}
	archive_entry_xattr_add_entry(e, name, p->value, len);
	return 0;
}

static int add_xattrs(struct pack *p, struct archive_entry *e, int fd, mode_t mode,
		      struct err *err) {
	autofree char *names = NULL;
	autostrv char **sorted = NULL;
	ssize_t len = flistxattr(fd, NULL, 0);

	if (len < 0)
		return errno == ENOTSUP ? 0 : failed(p, err, -errno);
	if (len == 0)
		return 0;
	names = xmalloc((size_t)len + 1);
	len = flistxattr(fd, names, (size_t)len);
	if (len < 0)
		return failed(p, err, -errno);
	names[len] = '\0';
	for (char *n = names; n < names + len; n += strlen(n) + 1)
		strv_add(&sorted, n);
	strv_sort(sorted);
	/* libarchive puts each one before those that it has. */
	for (size_t i = strv_len(sorted); i > 0; i--) {
		int r = add_xattr(p, e, fd, sorted[i - 1], mode, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static void fill_entry(struct pack *p, struct archive_entry *e, const struct stat *st) {
	archive_entry_set_pathname(e, p->path.len ? p->path.data : ".");
	archive_entry_set_mode(e, st->st_mode);
	archive_entry_set_uid(e, st->st_uid);
	archive_entry_set_gid(e, st->st_gid);
	times_set_mtime(e, st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	archive_entry_set_size(e, S_ISREG(st->st_mode) ? st->st_size : 0);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		archive_entry_set_rdev(e, st->st_rdev);
}

/* ---- content ---- */

/* Parts with data; a file without a hole gets no list. */
static int add_sparse(struct pack *p, struct archive_entry *e, int fd, int64_t size,
		      struct err *err) {
	int64_t at = 0;

	while (at < size) {
		int64_t data = lseek(fd, at, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO) /* a hole up to the end */
			break;
		if (data < 0)
			return failed(p, err, -errno);
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0)
			return failed(p, err, -errno);
		if (hole > size)
			hole = size;
		if (data == 0 && hole == size)
			return 0;
		archive_entry_sparse_add_entry(e, data, hole - data);
		at = hole;
	}
	/* Nothing but a hole: libarchive wants one empty part at the end. */
	if (archive_entry_sparse_count(e) == 0 && size > 0)
		archive_entry_sparse_add_entry(e, size, 0);
	return 0;
}

static int write_range(struct pack *p, int fd, int64_t from, int64_t to, struct err *err) {
	while (from < to) {
		size_t want = to - from > (int64_t)COPY_SIZE ? COPY_SIZE : (size_t)(to - from);
		ssize_t n = pread(fd, p->copy, want, from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(p, err, -errno);
		if (n == 0)
			return err_set(err, ERR_SYSTEM, -EAGAIN, "'%.300s' became shorter while it "
				       "was packed", p->path.data);
		if (archive_write_data(p->archive, p->copy, (size_t)n) != n)
			return archive_failed(p, err);
		from += n;
		p->sum.bytes += (uint64_t)n;
		if (p->spec->progress && p->sum.bytes - p->told >= TELL_STEP) {
			p->told = p->sum.bytes;
			p->spec->progress(p->sum.bytes, p->spec->data);
		}
	}
	return 0;
}

/* Of a hole libarchive wants to be told the length, in bytes that it does not look at. */
static int write_hole(struct pack *p, int64_t from, int64_t to, struct err *err) {
	memset(p->copy, 0, sizeof(p->copy));
	while (from < to) {
		size_t want = to - from > (int64_t)COPY_SIZE ? COPY_SIZE : (size_t)(to - from);
		la_ssize_t n = archive_write_data(p->archive, p->copy, want);

		if (n <= 0)
			return archive_failed(p, err);
		from += n;
	}
	return 0;
}

static int write_parts(struct pack *p, struct archive_entry *e, int fd, struct err *err) {
	int64_t at = 0, data, len;
	int r = 0;

	archive_entry_sparse_reset(e);
	while (r == 0 && archive_entry_sparse_next(e, &data, &len) == ARCHIVE_OK) {
		r = write_hole(p, at, data, err);
		if (r == 0)
			r = write_range(p, fd, data, data + len, err);
		at = data + len;
	}
	return r < 0 ? r : write_hole(p, at, archive_entry_size(e), err);
}

static int write_file(struct pack *p, struct archive_entry *e, int fd, struct err *err) {
	int64_t size = archive_entry_size(e);
	int r = add_sparse(p, e, fd, size, err);

	if (r < 0)
		return r;
	r = write_header(p, e, err);
	if (r < 0)
		return r;
	return archive_entry_sparse_count(e) ? write_parts(p, e, fd, err) :
					       write_range(p, fd, 0, size, err);
}

static int pack_children(struct pack *p, int fd, struct err *err);

static int pack_object(struct pack *p, struct archive_entry *e, int parent, const char *base,
		       struct stat *st, struct err *err) {
	autoclose int fd = -1;
	int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	int r;

	fd = openat(parent, base, flags | (S_ISDIR(st->st_mode) ? O_DIRECTORY : 0));
	/* The same object as was looked at, else somebody is changing the tree. */
	if (fd < 0 || fstat(fd, st) < 0)
		return failed(p, err, -errno);
	fill_entry(p, e, st);
	r = add_xattrs(p, e, fd, st->st_mode, err);
	if (r < 0)
		return r;
	if (S_ISREG(st->st_mode))
		return write_file(p, e, fd, err);
	if (!S_ISDIR(st->st_mode))
		return failed(p, err, -EAGAIN);
	r = write_header(p, e, err);
	if (r < 0)
		return r;
	return st->st_dev == p->dev ? pack_children(p, fd, err) : 0;
}

static int pack_entry(struct pack *p, int parent, const char *base, struct err *err) {
	struct archive_entry *e;
	const char *first;
	char target[POLICY_NAME_MAX + 1];
	struct stat st;
	int r = 0;

	if (fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return failed(p, err, -errno);
	if (S_ISSOCK(st.st_mode)) {
		p->sum.skipped_sockets++;
		return 0;
	}
	e = archive_entry_new();
	if (!e)
		return failed(p, err, -ENOMEM);
	p->sum.entries++;
	fill_entry(p, e, &st);
	first = !S_ISDIR(st.st_mode) && st.st_nlink > 1 ? links_find(&p->links, &st) : NULL;
	if (first) {
		archive_entry_set_size(e, 0);
		archive_entry_set_hardlink(e, first);
	} else if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlinkat(parent, base, target, sizeof(target) - 1);

		target[n < 0 ? 0 : n] = '\0';
		archive_entry_set_symlink(e, target);
		r = n < 0 ? failed(p, err, -errno) : 0;
	}
	if (r == 0 && !first && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		r = pack_object(p, e, parent, base, &st, err);
	else if (r == 0)
		r = write_header(p, e, err);
	if (r == 0 && !first && !S_ISDIR(st.st_mode) && st.st_nlink > 1)
		links_add(&p->links, &st, p->path.data);
	archive_entry_free(e);
	return r;
}

static int pack_children(struct pack *p, int fd, struct err *err) {
	autostrv char **names = NULL;
	size_t len = p->path.len;
	int r = dir_names(fd, &names);

	if (r < 0)
		return failed(p, err, r);
	if (++p->depth > POLICY_DEPTH_MAX)
		return err_set(err, ERR_SYSTEM, -ELOOP,
			       "'%.300s' is nested too deeply: there are more than %d "
			       "directories below each other",
			       p->path.data, POLICY_DEPTH_MAX);
	for (size_t i = 0; names && names[i]; i++) {
		if (p->spec->skip_marks && policy_has_whiteout(names[i])) {
			p->sum.skipped_marks++;
			continue;
		}
		if (len)
			buf_addc(&p->path, '/');
		buf_adds(&p->path, names[i]);
		if (p->path.overflow)
			return err_set(err, ERR_SYSTEM, -ENAMETOOLONG,
				       "a name below '%.300s' is longer than 4095 bytes",
				       p->path.data);
		r = pack_entry(p, fd, names[i], err);
		if (r < 0)
			return r;
		p->path.len = len;
		p->path.data[len] = '\0';
	}
	p->depth--;
	return 0;
}

/* ---- the archive ---- */

static int pack_metadata(struct pack *p, struct err *err) {
	struct archive_entry *e = archive_entry_new();
	size_t len = strlen(p->spec->metadata);
	int r = 0;

	if (!e)
		return failed(p, err, -ENOMEM);
	archive_entry_set_pathname(e, "metadata.yaml");
	archive_entry_set_mode(e, S_IFREG | 0644);
	times_set_mtime(e, p->spec->metadata_time, 0);
	archive_entry_set_size(e, (int64_t)len);
	if (archive_write_header(p->archive, e) != ARCHIVE_OK ||
	    archive_write_data(p->archive, p->spec->metadata, len) != (la_ssize_t)len)
		r = archive_failed(p, err);
	archive_entry_free(e);
	return r;
}

static int set_filter(struct archive *a, const char *compression) {
	if (strcmp(compression, "none") == 0)
		return archive_write_add_filter_none(a);
	if (strcmp(compression, "gzip") == 0) {
		int r = archive_write_add_filter_gzip(a);

		/* The time of packing would make each archive another one. */
		return r == ARCHIVE_OK ? archive_write_set_filter_option(a, "gzip", "timestamp", NULL)
				       : r;
	}
	if (strcmp(compression, "xz") == 0)
		return archive_write_add_filter_xz(a);
	if (strcmp(compression, "zstd") == 0)
		return archive_write_add_filter_zstd(a);
	return ARCHIVE_FATAL;
}

static int open_archive(struct pack *p, struct err *err) {
	p->archive = archive_write_new();
	if (!p->archive)
		return failed(p, err, -ENOMEM);
	if (archive_write_set_format_pax(p->archive) != ARCHIVE_OK ||
	    set_filter(p->archive, p->spec->compression) != ARCHIVE_OK ||
	    /* Zeros behind a compressed stream, up to a tape's block, would damage it. */
	    archive_write_set_bytes_in_last_block(p->archive, 1) != ARCHIVE_OK ||
	    archive_write_open(p->archive, p, NULL, write_out, NULL) != ARCHIVE_OK)
		return archive_failed(p, err);
	return 0;
}

static void pack_done(struct pack *p) {
	if (p->archive)
		(void)archive_write_free(p->archive);
	links_done(&p->links);
	buf_done(&p->path);
	free(p);
}

int pack_tree(const struct pack_spec *spec, struct pack_result *ret, struct err *err) {
	struct pack *p = xcalloc(1, sizeof(*p));
	struct stat st;
	int r;

	p->spec = spec;
	buf_init(&p->path, POLICY_NAME_MAX);
	if (spec->prefix)
		buf_adds(&p->path, spec->prefix);
	r = fstat(spec->root, &st) < 0 ? failed(p, err, -errno) : 0;
	p->dev = st.st_dev;
	if (r == 0)
		r = open_archive(p, err);
	if (r == 0 && spec->metadata)
		r = pack_metadata(p, err);
	if (r == 0)
		r = pack_entry(p, spec->root, ".", err);
	if (r == 0 && archive_write_close(p->archive) != ARCHIVE_OK)
		r = archive_failed(p, err);
	if (r == 0)
		*ret = p->sum;
	pack_done(p);
	return r;
}
