/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that a project, or somebody beside it, may have made.
 *
 * Each is opened once, looked at through the descriptor, and read through the
 * same descriptor: what was judged is what is used. Everything happens as the
 * person, so that no link reaches what only root may read.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/linux.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/privilege.h"
#include "config/load.h"

bool file_same(const struct stat *a, const struct stat *b) {
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

char *file_real_path(int fd) {
	char link[32], path[4096];
	ssize_t len = readlink(fd_proc_path(fd, link), path, sizeof(path));

	if (len <= 0 || (size_t)len >= sizeof(path) || path[0] != '/')
		return NULL;
	return xstrndup(path, (size_t)len);
}

static void person_begin(const struct privilege *person) {
	if (person)
		privilege_person_begin(person);
}

static void person_end(const struct privilege *person) {
	if (person)
		privilege_person_end(person);
}

int file_open_dir(const struct privilege *person, const char *path, struct stat *st) {
	int fd;

	person_begin(person);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, st) < 0) {
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		fd = errno ? -errno : -EIO;
	person_end(person);
	return fd;
}

static int read_opened(int path_fd, const char *path, struct file_text *f, struct err *err) {
	char link[32];
	struct buf text;

	if (fstat(path_fd, &f->st) < 0)
		return err_sys(err, -errno, "cannot read '%s'", path);
	if (S_ISLNK(f->st.st_mode))
		return err_set(err, ERR_CONFIG, -ELOOP,
			       "'%s' is a symbolic link, which a project's file may not be", path);
	/* Looked at before it is opened: opening a FIFO or a device does something. */
	if (!S_ISREG(f->st.st_mode))
		return err_set(err, ERR_CONFIG, -ENXIO, "'%s' is no regular file", path);
	if (f->st.st_size > TOML_TEXT_MAX)
		return err_set(err, ERR_CONFIG, -EFBIG, "'%s' is larger than %d bytes", path,
			       TOML_TEXT_MAX);

	autoclose int fd = open(fd_proc_path(path_fd, link), O_RDONLY | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, -errno, "cannot read '%s'", path);
	buf_init(&text, TOML_TEXT_MAX);

	int r = fd_read_all(fd, &text);

	if (r < 0) {
		buf_done(&text);
		return err_sys(err, r, "cannot read '%s'", path);
	}
	f->len = text.len;
	f->text = buf_steal(&text);
	buf_done(&text);
	f->real = file_real_path(path_fd);
	if (!f->real)
		f->real = path_absolute(path);
	return 0;
}

int file_text_read(const struct privilege *person, const struct file_where *where, unsigned flags,
		   struct file_text *ret, struct err *err) {
	const char *shown = where->shown ? where->shown : where->path;
	struct file_text f = { 0 };
	int r = 0;

	person_begin(person);

	autoclose int fd = openat(where->dirfd, where->path, O_PATH | O_CLOEXEC |
				  (flags & FILE_UNTRUSTED ? O_NOFOLLOW : 0));

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		r = -ENOENT;
	else if (fd < 0)
		r = err_sys(err, -errno, "cannot read '%s'", shown);
	else
		r = read_opened(fd, shown, &f, err);
	person_end(person);
	if (r < 0) {
		file_text_done(&f);
		return r;
	}
	*ret = f;
	return 0;
}

void file_text_done(struct file_text *f) {
	free(f->text);
	free(f->real);
	f->text = f->real = NULL;
}

/* ---- inside of the workspace? ---- */

static int open_without_magic(const char *path) {
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

static bool mount_id(int fd, uint64_t *ret) {
	struct statx sx;

	if (statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &sx) < 0 ||
	    !(sx.stx_mask & STATX_MNT_ID))
		return false;
	*ret = sx.stx_mnt_id;
	return true;
}

static bool is_on_workspace(const struct config *c, int fd, const char *real) {
	uint64_t here, there;
	struct stat st;

	if (!real || !c->workspace_real || !path_is_below(real, c->workspace_real))
		return false;
	/* Something else mounted there, or a second name of a file from elsewhere. */
	if (!mount_id(c->workspace_fd, &here) || !mount_id(fd, &there) || here != there)
		return false;
	return fstat(fd, &st) == 0 && (S_ISDIR(st.st_mode) || st.st_nlink == 1);
}

/* Nothing is at @path: judge the longest part that is there. */
static bool is_missing_inside(const struct config *c, const char *path, char **ret_real) {
	autofree char *part = xstrdup(path);

	for (;;) {
		char *slash = strrchr(part, '/');
		struct stat st;

		/* A name that is there and leads nowhere leads anywhere tomorrow. */
		if (lstat(part, &st) == 0)
			return false;
		if (!slash || slash == part)
			return false;
		*slash = '\0';

		autoclose int fd = open_without_magic(part);

		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return false;

		autofree char *real = file_real_path(fd);

		if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode) || !is_on_workspace(c, fd, real))
			return false;
		*ret_real = path_join(real, path + strlen(part) + 1);
		return true;
	}
}

bool file_is_inside(const struct config *c, const char *path, int *ret_fd, char **ret_real) {
	bool inside = false;

	*ret_fd = -1;
	*ret_real = NULL;
	person_begin(c->person);

	int fd = open_without_magic(path);

	if (fd >= 0) {
		*ret_real = file_real_path(fd);
		inside = c->workspace_fd >= 0 && is_on_workspace(c, fd, *ret_real);
		*ret_fd = fd;
	} else if (fd == -ENOENT && c->workspace_fd >= 0) {
		inside = is_missing_inside(c, path, ret_real);
	}
	person_end(c->person);
	return inside;
}
