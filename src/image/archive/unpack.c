/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State: the open archive, the parent directory that was used last, and what
 * is left for the end (late.h).
 */
#include "image/archive/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "image/archive/acl.h"
#include "image/archive/late.h"
#include "image/archive/policy.h"
#include "image/archive/reader.h"

/* Free space that is left alone: 2 % of the file system, 512 MiB at most. */
#define RESERVE_MAX (UINT64_C(512) << 20)
#define INODE_CHECK_STEP 4096

struct unpack {
	const struct unpack_spec *spec;
	struct reader *reader;
	struct archive_entry *entry;
	char name[POLICY_NAME_MAX + 1]; /* of the entry at hand */
	int parent_fd;			/* of the directory that parent_name names */
	char *parent_name;
	struct late *late;
	struct unpack_result sum;
	uint64_t since_check;
	uint64_t told;
};

static int refuse(struct unpack *u, struct err *err, const char *why) {
	return err_set(err, ERR_SYSTEM, -EBADMSG, "the archive is refused: entry '%.300s': %s",
		       u->name, why);
}

static int failed(struct unpack *u, struct err *err, int code) {
	/* The size of the disk is the most likely reason, and a plain one. */
	if (code == -ENOSPC || code == -EDQUOT)
		return err_set(err, ERR_SYSTEM, -ENOSPC,
			       "no space left on the disk while unpacking '%.300s'", u->name);
	return err_sys(err, code, "cannot unpack '%.300s'", u->name);
}

/* A bomb fills at most what the reserve leaves; checked as it grows. */
static int check_space(struct unpack *u, struct err *err) {
	struct statfs fs;
	uint64_t reserve, block;

	if (fstatfs(u->spec->root, &fs) < 0)
		return failed(u, err, -errno);
	block = (uint64_t)fs.f_bsize;
	reserve = fs.f_blocks * block / 50;
	if (reserve > RESERVE_MAX)
		reserve = RESERVE_MAX;
	if (fs.f_bavail * block <= reserve)
		return err_set(err, ERR_SYSTEM, -ENOSPC,
			       "no space left on the disk while unpacking '%.300s' (%llu MiB were "
			       "unpacked; %llu MiB stay reserved)", u->name,
			       (unsigned long long)(u->sum.bytes >> 20),
			       (unsigned long long)(reserve >> 20));
	if (fs.f_files && fs.f_ffree <= fs.f_files / 100)
		return err_set(err, ERR_SYSTEM, -ENOSPC,
			       "no inodes left on the disk while unpacking '%.300s'", u->name);
	return 0;
}

static int count_bytes(struct unpack *u, uint64_t n, struct err *err) {
	u->sum.bytes += n;
	u->since_check += n;
	if (u->since_check < UNPACK_STEP)
		return 0;
	u->since_check = 0;
	if (u->spec->progress)
		u->spec->progress(u->sum.bytes, u->spec->data);
	return check_space(u, err);
}

/* ---- parents ---- */

/* Parents that the archive leaves out belong to root, 0755. */
static int make_parents(int root, const char *dir) {
	autofree char *copy = xstrdup(dir);
	autoclose int at = late_open(root, "", O_PATH | O_DIRECTORY);
	char *part, *rest = copy;

	if (at < 0)
		return at;
	while ((part = strsep(&rest, "/"))) {
		int next;

		if (mkdirat(at, part, 0755) < 0 && errno != EEXIST)
			return -errno;
		next = late_open(at, part, O_PATH | O_DIRECTORY);
		if (next < 0)
			return next;
		(void)close(at);
		at = next;
	}
	return steal_fd(&at);
}

/* The directory that holds u->name; borrowed. *@ret_base points into @name. */
static int open_parent(struct unpack *u, const char *name, const char **ret_base, struct err *err) {
	const char *slash = strrchr(name, '/');
	autofree char *dir = slash ? xstrndup(name, (size_t)(slash - name)) : xstrdup("");
	int fd;

	*ret_base = slash ? slash + 1 : name;
	if (u->parent_name && strcmp(u->parent_name, dir) == 0)
		return u->parent_fd;
	fd = late_open(u->spec->root, dir, O_PATH | O_DIRECTORY);
	if (fd == -ENOENT)
		fd = make_parents(u->spec->root, dir);
	if (fd == -ELOOP || fd == -ENOTDIR || fd == -EXDEV)
		return refuse(u, err, "it lies below something that is no directory");
	if (fd < 0)
		return failed(u, err, fd);
	mem_close_ptr(&u->parent_fd);
	str_replace(&u->parent_name, dir);
	u->parent_fd = fd;
	return fd;
}

/* ---- attributes ---- */

/*
 * Some write access lists as the kernel's own attributes (GNU tar with
 * --xattrs-include='*', so mmdebstrap). They become lists of the entry, and
 * with that are checked like those.
 */
static int fold_raw_acls(struct unpack *u, struct err *err) {
	static const struct {
		const char *name;
		int type;
	} raw[] = {
		{ "system.posix_acl_access", ARCHIVE_ENTRY_ACL_TYPE_ACCESS },
		{ "system.posix_acl_default", ARCHIVE_ENTRY_ACL_TYPE_DEFAULT },
	};
	const char *name;
	const void *value;
	size_t len;

	(void)archive_entry_xattr_reset(u->entry);
	while (archive_entry_xattr_next(u->entry, &name, &value, &len) == ARCHIVE_OK)
		for (size_t i = 0; name && i < ARRAY_SIZE(raw); i++)
			if (strcmp(name, raw[i].name) == 0 &&
			    !(archive_entry_acl_types(u->entry) & raw[i].type) &&
			    acl_from_xattr(u->entry, raw[i].type, value, len) < 0)
				return refuse(u, err, "its access list is not valid");
	return 0;
}

static bool is_raw_acl(const char *name) {
	return strcmp(name, "system.posix_acl_access") == 0 ||
	       strcmp(name, "system.posix_acl_default") == 0;
}

static int set_xattr(int fd, const char *path, const char *name, const void *value, size_t len) {
	int r = path ? lsetxattr(path, name, value, len, 0) : fsetxattr(fd, name, value, len, 0);

	return r < 0 ? -errno : 0;
}

/* On descriptor @fd, which is open for more than its path. */
static int apply_xattrs(struct unpack *u, int fd, mode_t mode, struct err *err) {
	const char *name;
	const void *value;
	size_t len;
	unsigned int seen = 0;

	(void)archive_entry_xattr_reset(u->entry);
	while (archive_entry_xattr_next(u->entry, &name, &value, &len) == ARCHIVE_OK) {
		autofree unsigned char *copy = NULL;
		enum policy_verdict verdict;
		int r;

		if (++seen > POLICY_XATTRS_MAX)
			return refuse(u, err, "it has too many extended attributes");
		if (!name || is_raw_acl(name))
			continue;
		if (len <= POLICY_XATTR_SIZE_MAX && len)
			copy = xmemdup(value, len);
		verdict = policy_xattr(name, mode, copy, &len);
		if (verdict == POLICY_REFUSE)
			return refuse(u, err, "it has an attribute of an overlay file system");
		if (verdict == POLICY_SKIP || fd < 0) {
			u->sum.dropped_xattrs++;
			continue;
		}
		r = set_xattr(fd, NULL, name, copy ? copy : (unsigned char *)"", len);
		if (r < 0)
			return failed(u, err, r);
	}
	return 0;
}

static int later(struct unpack *u, struct err *err) {
	int r = late_add(u->late, u->name, u->entry);

	return r == -E2BIG ? refuse(u, err, "the archive has too many directories")
	       : r < 0	   ? failed(u, err, r)
			   : 0;
}

/* A file's list now, or at the end when it names users. */
static int apply_acls(struct unpack *u, int fd, struct err *err) {
	int r = late_set_acls(fd, u->entry);

	if (r == -EINVAL)
		return refuse(u, err, "its access list is not valid");
	if (r == -ENOENT)
		return later(u, err);
	return r < 0 ? failed(u, err, r) : 0;
}

/* ---- the kinds of entries ---- */

static int write_content(struct unpack *u, int fd, struct err *err) {
	int64_t size = archive_entry_size(u->entry);

	for (;;) {
		const void *data;
		size_t len;
		int64_t offset;
		int r = reader_data(u->reader, &data, &len, &offset, err);

		if (r <= 0) {
			if (r < 0)
				return err_wrap(err, "entry '%.300s'", u->name);
			break;
		}
		if (offset < 0 || offset > size || (uint64_t)len > (uint64_t)(size - offset))
			return refuse(u, err, "its content goes past its size");
		for (size_t done = 0; done < len;) {
			ssize_t n = pwrite(fd, (const char *)data + done, len - done,
					   offset + (int64_t)done);

			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				return failed(u, err, n < 0 ? -errno : -EIO);
			done += (size_t)n;
		}
		r = count_bytes(u, len, err);
		if (r < 0)
			return r;
	}
	return ftruncate(fd, size) < 0 ? failed(u, err, -errno) : 0;
}

static int unpack_file(struct unpack *u, int parent, const char *base, struct err *err) {
	int64_t size = archive_entry_size(u->entry);
	mode_t mode = archive_entry_perm(u->entry) & 07777;
	struct timespec times[2] = { late_mtime(u->entry), late_mtime(u->entry) };
	autoclose int fd = -1;
	int r;

	if (size < 0 || size > POLICY_FILE_SIZE_MAX)
		return refuse(u, err, "it is larger than a file of an image may be");
	fd = openat(parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == EEXIST ? refuse(u, err, "there is already one of that name")
				       : failed(u, err, -errno);
	r = write_content(u, fd, err);
	if (r < 0)
		return r;
	/* chown clears set-uid bits and capabilities, so these come after it. */
	if (fchown(fd, (uid_t)archive_entry_uid(u->entry), (gid_t)archive_entry_gid(u->entry)) < 0 ||
	    fchmod(fd, mode) < 0)
		return failed(u, err, -errno);
	r = apply_acls(u, fd, err);
	if (r == 0)
		r = apply_xattrs(u, fd, S_IFREG, err);
	if (r < 0)
		return r;
	return futimens(fd, times) < 0 ? failed(u, err, -errno) : 0;
}

/* The same directory may come twice (and the top one is there already): the last one counts. */
static int unpack_dir(struct unpack *u, int parent, const char *base, struct err *err) {
	autoclose int fd = -1;
	int r;

	if (*base && mkdirat(parent, base, 0700) < 0 && errno != EEXIST)
		return failed(u, err, -errno);
	fd = late_open(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (fd == -ENOTDIR || fd == -ELOOP)
		return refuse(u, err, "there is already one of that name");
	if (fd < 0)
		return failed(u, err, fd);
	if (fchown(fd, (uid_t)archive_entry_uid(u->entry), (gid_t)archive_entry_gid(u->entry)) < 0)
		return failed(u, err, -errno);
	r = apply_xattrs(u, fd, S_IFDIR, err);
	return r < 0 ? r : later(u, err);
}

/* Owner and times of what cannot be opened without side effects. */
static int finish_special(struct unpack *u, int parent, const char *base, mode_t mode,
			  struct err *err) {
	struct timespec times[2] = { late_mtime(u->entry), late_mtime(u->entry) };
	int r;

	if (fchownat(parent, base, (uid_t)archive_entry_uid(u->entry),
		     (gid_t)archive_entry_gid(u->entry), AT_SYMLINK_NOFOLLOW) < 0)
		return failed(u, err, -errno);
	/* No link can be at @base: it was made a moment ago and nobody else is in here. */
	if (S_ISFIFO(mode) && fchmodat(parent, base, mode & 07777, 0) < 0)
		return failed(u, err, -errno);
	r = apply_xattrs(u, -1, mode & S_IFMT, err);
	if (r < 0)
		return r;
	return utimensat(parent, base, times, AT_SYMLINK_NOFOLLOW) < 0 ? failed(u, err, -errno) : 0;
}

static int unpack_symlink(struct unpack *u, int parent, const char *base, struct err *err) {
	const char *target = archive_entry_symlink(u->entry), *why;

	if (!target || policy_check_target(target, &why) < 0)
		return refuse(u, err, target ? why : "its target cannot be read");
	if (symlinkat(target, parent, base) < 0)
		return errno == EEXIST ? refuse(u, err, "there is already one of that name")
				       : failed(u, err, -errno);
	return finish_special(u, parent, base, S_IFLNK, err);
}

static int unpack_fifo(struct unpack *u, int parent, const char *base, struct err *err) {
	mode_t mode = S_IFIFO | (archive_entry_perm(u->entry) & 07777);

	if (mknodat(parent, base, S_IFIFO | 0600, 0) < 0)
		return errno == EEXIST ? refuse(u, err, "there is already one of that name")
				       : failed(u, err, -errno);
	return finish_special(u, parent, base, mode, err);
}

/* Only to what this archive has put there; a link adds nothing but a name. */
static int unpack_hardlink(struct unpack *u, int parent, const char *base, const char *raw,
			   struct err *err) {
	char target[POLICY_NAME_MAX + 1];
	autofree char *dir = NULL;
	autoclose int from = -1;
	const char *why, *slash;
	struct stat st;

	if (policy_clean_name(raw, target, &why) < 0 || !*target)
		return refuse(u, err, "its hard link leads to a name that is not allowed");
	slash = strrchr(target, '/');
	dir = slash ? xstrndup(target, (size_t)(slash - target)) : xstrdup("");
	from = late_open(u->spec->root, dir, O_PATH | O_DIRECTORY);
	if (from < 0 || fstatat(from, slash ? slash + 1 : target, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return refuse(u, err, "its hard link leads to nothing in the archive");
	if (S_ISDIR(st.st_mode))
		return refuse(u, err, "its hard link leads to a directory");
	if (linkat(from, slash ? slash + 1 : target, parent, base, 0) < 0)
		return errno == EEXIST ? refuse(u, err, "there is already one of that name")
				       : failed(u, err, -errno);
	return 0;
}

static int unpack_device(struct unpack *u, struct err *err) {
	dev_t dev = archive_entry_rdev(u->entry);

	if (policy_device(u->name, archive_entry_filetype(u->entry), major(dev), minor(dev)) ==
	    POLICY_REFUSE)
		return refuse(u, err, "it is a device node that an image may not have");
	u->sum.skipped_devices++;
	return 0;
}

static int check_entry(struct unpack *u, struct err *err) {
	const char *raw = archive_entry_pathname(u->entry), *why;
	int64_t uid = archive_entry_uid(u->entry), gid = archive_entry_gid(u->entry);

	u->name[0] = '\0';
	if (!raw)
		return refuse(u, err, "its name cannot be read");
	if (policy_clean_name(raw, u->name, &why) < 0) {
		(void)snprintf(u->name, sizeof(u->name), "%.400s", raw);
		return refuse(u, err, why);
	}
	if (++u->sum.entries > POLICY_ENTRIES_MAX)
		return refuse(u, err, "the archive has too many entries");
	if (uid < 0 || uid > POLICY_ID_MAX || gid < 0 || gid > POLICY_ID_MAX)
		return refuse(u, err, "its owner or group is above 65535");
	if (u->sum.entries % INODE_CHECK_STEP == 0)
		return check_space(u, err);
	return 0;
}

static int unpack_entry(struct unpack *u, struct err *err) {
	const char *base, *link;
	int parent, r = check_entry(u, err);

	if (r < 0)
		return r;
	link = archive_entry_hardlink(u->entry);
	if (!*u->name && (link || archive_entry_filetype(u->entry) != AE_IFDIR))
		return refuse(u, err, "the top directory is no directory");
	parent = open_parent(u, u->name, &base, err);
	if (parent < 0)
		return parent;
	if (link)
		return unpack_hardlink(u, parent, base, link, err);
	r = fold_raw_acls(u, err);
	if (r < 0)
		return r;
	switch (archive_entry_filetype(u->entry)) {
	case AE_IFREG:
		return unpack_file(u, parent, base, err);
	case AE_IFDIR:
		return unpack_dir(u, parent, base, err);
	case AE_IFLNK:
		return unpack_symlink(u, parent, base, err);
	case AE_IFIFO:
		return unpack_fifo(u, parent, base, err);
	case AE_IFCHR:
	case AE_IFBLK:
		return unpack_device(u, err);
	default:
		return refuse(u, err, "it is of a kind that an image may not have");
	}
}

static void unpack_done(struct unpack *u) {
	late_free(u->late);
	free(u->parent_name);
	mem_close_ptr(&u->parent_fd);
	reader_close(u->reader);
}

int unpack_archive(const struct unpack_spec *spec, struct unpack_result *ret, struct err *err) {
	struct unpack u = { .spec = spec, .parent_fd = -1, .late = late_new() };
	int r = reader_open(spec->in, &u.reader, err);

	while (r == 0) {
		r = reader_next(u.reader, &u.entry, err);
		if (r <= 0)
			break;
		r = unpack_entry(&u, err);
	}
	if (r == 0 && !u.sum.entries)
		r = err_set(err, ERR_SYSTEM, -EBADMSG, "the archive is empty or is none");
	if (r == 0)
		r = reader_drain(u.reader, err);
	if (r == 0)
		r = late_apply(u.late, spec->root, &u.sum.dropped_xattrs, err);
	if (r == 0)
		*ret = u.sum;
	unpack_done(&u);
	return r;
}
