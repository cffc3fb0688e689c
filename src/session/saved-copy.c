/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/saved-copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"

#define DEPTH_MAX 64
#define BLOCK 65536

void copy_side_begin(const struct copy_side *side) {
	if (side->as_root)
		return;
	(void)setfsgid(side->gid); /* these return the old id, whatever happens */
	(void)setfsuid(side->uid);
}

void copy_side_end(void) {
	(void)setfsuid(geteuid());
	(void)setfsgid(getegid());
}

static int open_same_mount(int dirfd, const char *path, int flags) {
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV |
			   RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/*
 * The regular file or directory @name, to be read. What it is, is seen on a
 * descriptor that opens nothing yet: opening a FIFO or a device does things.
 * -EINVAL: neither of the two.
 */
static int open_source(const struct copy_job *job, int dirfd, const char *name, struct stat *st) {
	autoclose int path = -1;
	char proc[32];
	int fd;

	copy_side_begin(&job->from);
	path = open_same_mount(dirfd, name, O_PATH);
	if (path < 0)
		fd = path;
	else if (fstat(path, st) < 0)
		fd = -errno;
	else if (S_ISDIR(st->st_mode))
		fd = open_same_mount(path, ".", O_RDONLY | O_DIRECTORY);
	else if (!S_ISREG(st->st_mode))
		fd = -EINVAL;
	else
		fd = open(fd_proc_path(path, proc), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		fd = -errno;
	copy_side_end();
	return fd;
}

/* The directory @name to write into, made when it is missing. */
static int make_dir(const struct copy_job *job, int dirfd, const char *name, mode_t mode) {
	int fd;

	copy_side_begin(&job->to);
	if (mkdirat(dirfd, name, (mode & job->mode_mask) | 0700) < 0 && errno != EEXIST)
		fd = -errno;
	else
		fd = open_same_mount(dirfd, name, O_RDONLY | O_DIRECTORY);
	copy_side_end();
	return fd;
}

/* Instead of whatever has that name, a directory excepted. */
static int make_file(const struct copy_job *job, int dirfd, const char *name, mode_t mode) {
	int fd;

	copy_side_begin(&job->to);
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		fd = -errno;
	else
		fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    (mode & job->mode_mask) | 0600);
	if (fd == -1)
		fd = -errno;
	copy_side_end();
	return fd;
}

static int copy_bytes(struct copy_job *job, int from, int to) {
	autofree char *block = xmalloc(BLOCK);

	for (;;) {
		ssize_t n = read(from, block, BLOCK);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		/* It may grow while it is read. */
		if ((uint64_t)n > job->bytes_max)
			return -EFBIG;
		job->bytes_max -= (uint64_t)n;
		r = fd_write_all(to, block, (size_t)n);
		if (r < 0)
			return r;
	}
}

/* Agents find their newest conversation by its time. */
static int keep_time(int fd, const struct stat *st) {
	const struct timespec times[] = { st->st_atim, st->st_mtim };

	return futimens(fd, times) < 0 ? -errno : 0;
}

static int copy_file(struct copy_job *job, int from, const struct stat *st, int to,
		     const char *name) {
	autoclose int out = -1;
	int r;

	if ((uint64_t)st->st_size > job->file_max) {
		job->skipped++;
		return 0;
	}
	out = make_file(job, to, name, st->st_mode);
	if (out == -EBUSY) { /* something is mounted there */
		job->skipped++;
		return 0;
	}
	if (out < 0)
		return out;
	r = copy_bytes(job, from, out);
	return r < 0 ? r : keep_time(out, st);
}

static int copy_entry(struct copy_job *job, int from, int to, const char *name, unsigned depth);

static int copy_content(struct copy_job *job, int from, int to, unsigned depth) {
	int again = fcntl(from, F_DUPFD_CLOEXEC, 3);
	autoclosedir DIR *dir = again < 0 ? NULL : fdopendir(again);
	struct dirent *entry;
	int r = 0;

	if (!dir) {
		r = -errno;
		mem_close_ptr(&again);
		return r;
	}
	for (errno = 0; r == 0 && (entry = readdir(dir)); errno = 0) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		r = copy_entry(job, from, to, entry->d_name, depth);
	}
	return r == 0 && errno ? -errno : r;
}

/* One that vanishes or changes its kind meanwhile is left out. */
static int copy_entry(struct copy_job *job, int from, int to, const char *name, unsigned depth) {
	struct stat st = { 0 };
	autoclose int in = open_source(job, from, name, &st);
	autoclose int out = -1;
	int r;

	if (in == -ENOENT)
		return 0;
	if (in == -EINVAL || in == -ELOOP || in == -EXDEV) {
		job->skipped++;
		return 0;
	}
	if (in < 0)
		return in;
	if (job->entries_max == 0)
		return -EFBIG;
	job->entries_max--;
	if (!S_ISDIR(st.st_mode))
		return copy_file(job, in, &st, to, name);
	if (depth >= DEPTH_MAX)
		return -ELOOP;
	out = make_dir(job, to, name, st.st_mode);
	if (out == -EXDEV) {
		job->skipped++;
		return 0;
	}
	if (out < 0)
		return out;
	r = copy_content(job, in, out, depth + 1);
	return r < 0 ? r : keep_time(out, &st);
}

/* The directories on the way to the last component, on both sides. */
static int walk_to(struct copy_job *job, const char *path, int *from, int *to) {
	const char *slash;

	for (; (slash = strchr(path, '/')); path = slash + 1) {
		autofree char *name = xstrndup(path, (size_t)(slash - path));
		struct stat st = { 0 };
		int in = open_source(job, *from, name, &st), out;

		if (in >= 0 && !S_ISDIR(st.st_mode)) {
			(void)close(in);
			return -ENOENT;
		}
		if (in < 0)
			return in == -EINVAL || in == -ELOOP || in == -EXDEV ? -ENOENT : in;
		mem_close_ptr(from);
		*from = in;
		out = make_dir(job, *to, name, 0700);
		if (out < 0)
			return out;
		mem_close_ptr(to);
		*to = out;
	}
	return 0;
}

int copy_path(struct copy_job *job, int from, int to, const char *path, struct err *err) {
	autoclose int in = fcntl(from, F_DUPFD_CLOEXEC, 3);
	autoclose int out = fcntl(to, F_DUPFD_CLOEXEC, 3);
	int r = in < 0 || out < 0 ? -errno : walk_to(job, path, &in, &out);

	if (r == 0 && exists_at(in, path_base(path)) != 1)
		r = -ENOENT;
	if (r == 0)
		r = copy_entry(job, in, out, path_base(path), 0);
	if (r == -ENOENT)
		return r;
	if (r == -EFBIG)
		return err_set(err, ERR_CONFLICT, r, "'%s' is larger than what may be copied", path);
	if (r == -ELOOP)
		return err_set(err, ERR_CONFLICT, r, "directories in '%s' nest too deep", path);
	return r < 0 ? err_sys(err, r, "cannot copy '%s'", path) : 0;
}
