/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/linefile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"

#define TRIES_MAX 16

/* Open and lock; the file must be the owner's alone. */
static int open_file(const struct linefile *f, struct stat *st, struct err *err) {
	/* O_NONBLOCK: a FIFO of that name must not hang us. */
	autoclose int fd = openat(f->dir, f->name,
				  O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
					  O_CLOEXEC,
				  0600);

	if (fd < 0)
		return err_sys(err, -errno, "cannot open %s", f->shown);
	if (flock(fd, LOCK_EX) < 0 || fstat(fd, st) < 0)
		return err_sys(err, -errno, "cannot lock %s", f->shown);
	if (!S_ISREG(st->st_mode) || st->st_nlink > 1 || st->st_uid != f->owner)
		return err_set(err, ERR_CONFLICT, -EPERM, "%s is not a plain file of user %u alone",
			       f->shown, (unsigned)f->owner);
	if ((st->st_mode & 0777) != 0600 && fchmod(fd, 0600) < 0)
		return err_sys(err, -errno, "cannot close %s to others", f->shown);
	return steal_fd(&fd);
}

/* "name" becomes "name.1", and so on from the oldest one. Whoever does so has the lock. */
static int put_aside(const struct linefile *f) {
	unsigned n = f->keep ? f->keep : 1;
	autofree char *to = xasprintf("%s.%u", f->name, n);

	for (; n > 0; n--) {
		autofree char *from = n > 1 ? xasprintf("%s.%u", f->name, n - 1) : xstrdup(f->name);
		bool is_oldest = n == (f->keep ? f->keep : 1);

		if (is_oldest && f->on_drop && exists_at(f->dir, to) == 1 &&
		    exists_at(f->dir, from) == 1)
			f->on_drop(f, to);
		if (renameat(f->dir, from, f->dir, to) < 0 && (errno != ENOENT || n == 1))
			return -errno;
		free(to);
		to = steal_ptr(from);
	}
	return 0;
}

/*
 * The locked file with room for one more line. A waiter may get the lock of a
 * file that was just made "….1"; st_nlink and the name tell.
 */
int linefile_open(const struct linefile *f, size_t len, struct stat *st, struct err *err) {
	for (int tries = 0; tries < TRIES_MAX; tries++) {
		struct stat now;
		autoclose int fd = open_file(f, st, err);

		if (fd < 0) {
			/* Renamed away and gone between open and fstat: once more. */
			if (fd == -EPERM && st->st_nlink == 0)
				continue;
			return fd;
		}
		if (fstatat(f->dir, f->name, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
		    now.st_ino != st->st_ino || now.st_dev != st->st_dev)
			continue;
		if (st->st_size == 0 || (uint64_t)st->st_size + len <= f->max)
			return steal_fd(&fd);

		int r = put_aside(f);

		if (r < 0)
			return err_sys(err, r, "cannot rename %s, which is full", f->shown);
	}
	return err_set(err, ERR_CONFLICT, -EBUSY, "%s keeps changing", f->shown);
}

static int append(const struct linefile *f, int fd, off_t size, const char *line, size_t len) {
	char last = '\n';
	int r;

	/* End a line that a crash or a full disk tore, so that only that one is lost. */
	if (size > 0 && pread(fd, &last, 1, size - 1) != 1)
		return -EIO;
	if (last != '\n') {
		r = fd_write_all(fd, "\n", 1);
		if (r < 0)
			return r;
		size++;
	}
	r = fd_write_all(fd, line, len);
	if (r < 0) {
		/* Half a line helps nobody; it is ours while we hold the lock. */
		(void)!ftruncate(fd, size);
		return r;
	}
	return f->sync && fdatasync(fd) < 0 ? -errno : 0;
}

int linefile_write(const struct linefile *f, int fd, off_t size, const char *lines, size_t len,
		   struct err *err) {
	int r = append(f, fd, size, lines, len);

	return r < 0 ? err_sys(err, r, "cannot write %s", f->shown) : 0;
}

int linefile_append(const struct linefile *f, const char *line, size_t len, struct err *err) {
	struct stat st = { 0 };
	autoclose int fd = linefile_open(f, len, &st, err);

	return fd < 0 ? fd : linefile_write(f, fd, st.st_size, line, len, err);
}

static int open_above(const char *path) {
	autofree char *above = xstrndup(path, (size_t)(path_base(path) - path));
	int fd = open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && mkdir_parents(above, 0700) == 0)
		fd = open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int linefile_append_path(const char *path, const struct linefile *f, const char *line, size_t len,
			 struct err *err) {
	autoclose int dir = open_above(path);
	struct linefile at = *f;

	if (dir < 0)
		return err_sys(err, dir, "cannot open the directory of %s", f->shown);
	at.dir = dir;
	at.name = path_base(path);
	return linefile_append(&at, line, len, err);
}
