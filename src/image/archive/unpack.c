/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State: the open archive, the parent directory that was used last, and what
 * is left for the end (late.h).
 */
#include "image/archive/unpack.h"

#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "image/archive/unpack-private.h"

/* Free space that is left alone: 2 % of the file system, 512 MiB at most. */
#define RESERVE_MAX (UINT64_C(512) << 20)
#define INODE_CHECK_STEP 4096
#define FLUSH_SIZE 65536 /* the many small ones are better written together */

int unpack_refuse(struct unpack *u, struct err *err, const char *why) {
	return err_set(err, ERR_SYSTEM, -EBADMSG, "the archive is refused: entry '%.300s': %s",
		       u->name, why);
}

int unpack_failed(struct unpack *u, struct err *err, int code) {
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
		return unpack_failed(u, err, -errno);
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

/* ---- the kinds of entries ---- */

/* A piece of the file at hand; pieces that go back are left to whoever reads it again. */
static void hash_piece(struct unpack *u, const void *data, size_t len, int64_t offset) {
	if (u->spec->hashes < 0 || (uint64_t)offset < u->hashed) {
		u->hashed = UINT64_MAX;
		return;
	}
	content_hash_add(&u->hash, (uint64_t)offset, data, len);
	u->hashed = (uint64_t)offset + len;
}

static int write_hashes(struct unpack *u, struct err *err) {
	int r = fd_write_all(u->spec->hashes, u->known, u->known_count * sizeof(u->known[0]));

	u->known_count = 0;
	return r < 0 ? unpack_failed(u, err, r) : 0;
}

static int keep_hash(struct unpack *u, int fd, struct err *err) {
	struct content_known *k = &u->known[u->known_count];
	struct stat st;

	content_hash_end(&u->hash, k->sum);
	if (u->hashed == UINT64_MAX)
		return 0;
	if (fstat(fd, &st) < 0)
		return unpack_failed(u, err, -errno);
	k->inode = st.st_ino;
	return ++u->known_count == ARRAY_SIZE(u->known) ? write_hashes(u, err) : 0;
}

static int write_piece(struct unpack *u, int fd, const char *data, size_t len, int64_t offset,
		       struct err *err) {
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(fd, data + done, len - done, offset + (int64_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return unpack_failed(u, err, n < 0 ? -errno : -EIO);
		done += (size_t)n;
	}
	hash_piece(u, data, len, offset);
	return count_bytes(u, len, err);
}

static int write_content(struct unpack *u, int fd, struct err *err) {
	int64_t size = archive_entry_size(u->entry), end = 0;

	content_hash_init(&u->hash);
	u->hashed = 0;
	for (;;) {
		const void *data;
		size_t len;
		int64_t offset;
		int r = reader_data(u->reader, &data, &len, &offset, err);

		if (r < 0)
			return err_wrap(err, "entry '%.300s'", u->name);
		if (r == 0)
			break;
		if (offset < 0 || offset > size || (uint64_t)len > (uint64_t)(size - offset))
			return unpack_refuse(u, err, "its content goes past its size");
		r = write_piece(u, fd, data, len, offset, err);
		if (r < 0)
			return r;
		end = offset + (int64_t)len > end ? offset + (int64_t)len : end;
	}
	if (end < size && ftruncate(fd, size) < 0)
		return unpack_failed(u, err, -errno);
	/* All of it has to be on the disk at the end: it may go there while we go on. */
	if (end >= FLUSH_SIZE)
		(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	return keep_hash(u, fd, err);
}

/* check_entry() has seen that they are ids of a container. */
static uid_t owner(const struct unpack *u) {
	return (uid_t)archive_entry_uid(u->entry);
}

static gid_t group(const struct unpack *u) {
	return (gid_t)archive_entry_gid(u->entry);
}

static int not_made(struct unpack *u, struct err *err) {
	return errno == EEXIST ? unpack_refuse(u, err, "there is already one of that name")
			       : unpack_failed(u, err, -errno);
}

static int unpack_file(struct unpack *u, int parent, const char *base, struct err *err) {
	int64_t size = archive_entry_size(u->entry);
	mode_t mode = archive_entry_perm(u->entry) & 07777;
	struct timespec times[2] = { late_mtime(u->entry), late_mtime(u->entry) };
	autoclose int fd = -1;
	int r;

	if (size < 0 || size > POLICY_FILE_SIZE_MAX)
		return unpack_refuse(u, err, "it is larger than a file of an image may be");
	fd = openat(parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return not_made(u, err);
	r = write_content(u, fd, err);
	if (r < 0)
		return r;
	/* chown clears set-uid bits and capabilities, so these come after it. */
	if (fchown(fd, owner(u), group(u)) < 0 || fchmod(fd, mode) < 0)
		return unpack_failed(u, err, -errno);
	r = unpack_acls(u, fd, err);
	if (r == 0)
		r = unpack_xattrs(u, fd, S_IFREG, err);
	if (r < 0)
		return r;
	return futimens(fd, times) < 0 ? unpack_failed(u, err, -errno) : 0;
}

/*
 * The same directory may come twice (and the top one is there already): the last
 * one counts. @takes_over: it is one of a layer below.
 */
static int unpack_dir(struct unpack *u, int parent, const char *base, bool takes_over,
		      struct err *err) {
	autoclose int fd = -1;
	int r;

	if (*base && mkdirat(parent, base, 0700) < 0 && errno != EEXIST)
		return unpack_failed(u, err, -errno);
	fd = late_open(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (fd == -ENOTDIR || fd == -ELOOP)
		return unpack_refuse(u, err, "there is already one of that name");
	if (fd < 0)
		return unpack_failed(u, err, fd);
	r = takes_over ? apply_strip(fd) : 0;
	if (r < 0)
		return unpack_failed(u, err, r);
	if (fchown(fd, owner(u), group(u)) < 0)
		return unpack_failed(u, err, -errno);
	r = unpack_xattrs(u, fd, S_IFDIR, err);
	return r < 0 ? r : unpack_later(u, err);
}

/* Owner and times of what cannot be opened without side effects. */
static int finish_special(struct unpack *u, int parent, const char *base, mode_t mode,
			  struct err *err) {
	struct timespec times[2] = { late_mtime(u->entry), late_mtime(u->entry) };
	int r;

	if (fchownat(parent, base, owner(u), group(u), AT_SYMLINK_NOFOLLOW) < 0)
		return unpack_failed(u, err, -errno);
	/* No link can be at @base: it was made a moment ago and nobody else is in here. */
	if (S_ISFIFO(mode) && fchmodat(parent, base, mode & 07777, 0) < 0)
		return unpack_failed(u, err, -errno);
	r = unpack_xattrs(u, -1, mode & S_IFMT, err);
	if (r < 0)
		return r;
	if (utimensat(parent, base, times, AT_SYMLINK_NOFOLLOW) < 0)
		return unpack_failed(u, err, -errno);
	return 0;
}

static int unpack_symlink(struct unpack *u, int parent, const char *base, struct err *err) {
	const char *target = archive_entry_symlink(u->entry), *why;

	if (!target || policy_check_target(target, &why) < 0)
		return unpack_refuse(u, err, target ? why : "its target cannot be read");
	if (symlinkat(target, parent, base) < 0)
		return not_made(u, err);
	return finish_special(u, parent, base, S_IFLNK, err);
}

static int unpack_fifo(struct unpack *u, int parent, const char *base, struct err *err) {
	mode_t mode = S_IFIFO | (archive_entry_perm(u->entry) & 07777);

	if (mknodat(parent, base, S_IFIFO | 0600, 0) < 0)
		return not_made(u, err);
	return finish_special(u, parent, base, mode, err);
}

/* Only to what is in the tree; a link adds nothing but a name. */
static int unpack_hardlink(struct unpack *u, int parent, const char *base, const char *raw,
			   struct err *err) {
	char target[POLICY_NAME_MAX + 1];
	autoclose int from = -1;
	const char *why, *name;
	struct stat st;

	if (policy_clean_name(raw, target, &why) < 0 || !*target)
		return unpack_refuse(u, err, "its hard link leads to a name that is not allowed");
	from = unpack_link_parent(u, target, &name);
	if (from < 0 || fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return unpack_refuse(u, err, "its hard link leads to nothing in the archive");
	if (S_ISDIR(st.st_mode))
		return unpack_refuse(u, err, "its hard link leads to a directory");
	if (linkat(from, name, parent, base, 0) < 0)
		return not_made(u, err);
	return 0;
}

static int unpack_device(struct unpack *u, struct err *err) {
	dev_t dev = archive_entry_rdev(u->entry);

	if (policy_device(u->name, archive_entry_filetype(u->entry), major(dev), minor(dev)) ==
	    POLICY_REFUSE)
		return unpack_refuse(u, err, "it is a device node that an image may not have");
	u->sum.skipped_devices++;
	return 0;
}

static int check_entry(struct unpack *u, struct err *err) {
	const char *raw = archive_entry_pathname(u->entry), *why;
	int64_t uid = archive_entry_uid(u->entry), gid = archive_entry_gid(u->entry);

	u->name[0] = '\0';
	if (!raw)
		return unpack_refuse(u, err, "its name cannot be read");
	if (policy_clean_name(raw, u->name, &why) < 0) {
		(void)snprintf(u->name, sizeof(u->name), "%.400s", raw);
		return unpack_refuse(u, err, why);
	}
	if (!u->apply && policy_has_whiteout(u->name))
		return unpack_refuse(u, err, "it is a whiteout (.wh.)");
	if (++u->sum.entries > POLICY_ENTRIES_MAX)
		return unpack_refuse(u, err, "the archive has too many entries");
	if (uid < 0 || uid > POLICY_ID_MAX || gid < 0 || gid > POLICY_ID_MAX)
		return unpack_refuse(u, err, "its owner or group is above 65535");
	if (u->sum.entries % INODE_CHECK_STEP == 0)
		return check_space(u, err);
	return 0;
}

/* ---- an entry ---- */

static int unpack_kind(struct unpack *u, int parent, const char *base, bool takes_over,
		       struct err *err) {
	int r = unpack_fold_acls(u, err);

	if (r < 0)
		return r;
	switch (archive_entry_filetype(u->entry)) {
	case AE_IFREG:
		return unpack_file(u, parent, base, err);
	case AE_IFDIR:
		return unpack_dir(u, parent, base, takes_over, err);
	case AE_IFLNK:
		return unpack_symlink(u, parent, base, err);
	case AE_IFIFO:
		return unpack_fifo(u, parent, base, err);
	case AE_IFCHR:
	case AE_IFBLK:
		return unpack_device(u, err);
	default:
		return unpack_refuse(u, err, "it is of a kind that an image may not have");
	}
}

static int unpack_entry(struct unpack *u, struct err *err) {
	const char *base, *link;
	bool takes_over = false;
	int parent, r = check_entry(u, err);

	if (r == 0 && u->apply)
		r = unpack_whiteout(u, err);
	if (r != 0)
		return r < 0 ? r : 0;
	link = archive_entry_hardlink(u->entry);
	if (!*u->name && (link || archive_entry_filetype(u->entry) != AE_IFDIR))
		return unpack_refuse(u, err, "the top directory is no directory");
	parent = unpack_parent(u, &base, &takes_over, err);
	if (parent < 0)
		return parent;
	return link ? unpack_hardlink(u, parent, base, link, err)
		    : unpack_kind(u, parent, base, takes_over, err);
}

static void unpack_done(struct unpack *u) {
	late_free(u->late);
	apply_free(u->apply);
	free(u->parent_name);
	free(u->parent_clean);
	mem_close_ptr(&u->parent_fd);
	reader_close(u->reader);
}

int unpack_archive(const struct unpack_spec *spec, struct unpack_result *ret, struct err *err) {
	struct unpack u = { .spec = spec, .parent_fd = -1, .late = late_new() };
	int r = reader_open(spec->in, spec->is_layer, &u.reader, err);

	u.apply = spec->is_layer ? apply_new(spec->root) : NULL;
	while (r == 0) {
		r = reader_next(u.reader, &u.entry, err);
		if (r <= 0)
			break;
		r = unpack_entry(&u, err);
	}
	if (r == 0 && !u.sum.entries && !spec->is_layer)
		r = err_set(err, ERR_SYSTEM, -EBADMSG, "the archive is empty or is none");
	if (r == 0)
		r = reader_drain(u.reader, err);
	if (r == 0)
		r = late_apply(u.late, spec->root, &u.sum.dropped_xattrs, err);
	if (r == 0 && u.apply && (r = apply_finish(u.apply)) < 0)
		r = err_sys(err, r, "cannot finish the directories of the layer");
	if (r == 0 && spec->hashes >= 0)
		r = write_hashes(&u, err);
	if (r == 0)
		*ret = u.sum;
	unpack_done(&u);
	return r;
}
