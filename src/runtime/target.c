/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mount points in a container's tree. Container root chose what lies there:
 * nothing is resolved but below the root's descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "runtime/mount.h"
#include "runtime/private.h"

static int lookup(int root, const char *path, bool strict) {
	const int flags = O_PATH | O_CLOEXEC;

	while (*path == '/')
		path++;
	if (!*path)
		path = ".";
	return strict ? open_beneath(root, path, flags | O_NOFOLLOW, 0) :
			open_in_root(root, path, flags, 0);
}

static int make_at(int parent, const char *name, bool dir) {
	int fd;

	if (dir)
		return mkdirat(parent, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
	fd = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	(void)close(fd);
	return 0;
}

static bool is_inside(uint32_t id, const struct idset *ids) {
	return id > ids->range.base && id - ids->range.base < ids->range.count;
}

/*
 * Below a home it is its user's, who has to write beside the mount; else root's
 * inside, and where that may not write (a person's directory), code's.
 */
static int make_as(int parent, const char *name, bool dir, const struct idset *ids) {
	bool of_user;
	struct stat st;
	int r;

	if (fstat(parent, &st) < 0)
		return -errno;
	of_user = is_inside(st.st_uid, ids) && is_inside(st.st_gid, ids);
	mount_ids_begin(of_user ? st.st_uid : ids->range.base,
			of_user ? st.st_gid : ids->range.base);
	r = make_at(parent, name, dir);
	mount_ids_end();
	if (r != -EOVERFLOW && r != -EACCES)
		return r;
	mount_ids_begin(ids->code_uid_host, ids->code_gid_host);
	r = make_at(parent, name, dir);
	mount_ids_end();
	return r;
}

/* The directory of the last component, made with all above it; @path is clean. */
static int parent_open(int root, const char *path, bool strict, const struct idset *ids) {
	autofree char *up = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	autoclose int at = lookup(root, "/", strict);
	size_t len = 0;

	if (at < 0 || !*up)
		return steal_fd(&at);
	for (;;) {
		size_t next = len + 1 + strcspn(up + len + 1, "/");
		autofree char *name = xstrndup(up + len + 1, next - len - 1);
		autofree char *so_far = xstrndup(up, next);
		int fd = lookup(root, so_far, strict);

		if (fd == -ENOENT) {
			int r = make_as(at, name, true, ids);

			fd = r < 0 ? r : lookup(root, so_far, strict);
		}
		if (fd < 0)
			return fd;
		(void)close(at);
		at = fd;
		len = next;
		if (!up[len])
			return steal_fd(&at);
	}
}

int target_open(int root, const char *path, bool dir, bool strict, const struct idset *ids,
		struct err *err) {
	autofree char *clean = path_clean(path);
	autoclose int fd = -1, parent = -1;
	struct stat st;
	int r;

	if (clean[0] != '/' || !clean[1])
		return err_set(err, ERR_CONFIG, -EINVAL, "'%s' is no place for a mount", path);
	fd = lookup(root, clean, strict);
	if (fd == -ENOENT) {
		parent = parent_open(root, clean, strict, ids);
		r = parent < 0 ? parent : make_as(parent, path_base(clean), dir, ids);
		fd = r < 0 ? r : lookup(root, clean, strict);
	}
	if (fd == -ELOOP)
		return err_set(err, ERR_CONFLICT, fd,
			       "a symbolic link is in the way to '%s' in the container", path);
	if (fd < 0)
		return err_sys(err, fd, "cannot make the mount point '%s' in the container", path);
	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at '%s' in the container", path);
	if (S_ISLNK(st.st_mode))
		return err_set(err, ERR_CONFLICT, -ELOOP,
			       "'%s' is a symbolic link in the container", path);
	if (S_ISDIR(st.st_mode) != dir)
		return err_set(err, ERR_CONFLICT, dir ? -ENOTDIR : -EISDIR,
			       "'%s' is %s directory in the container", path, dir ? "no" : "a");
	return steal_fd(&fd);
}
