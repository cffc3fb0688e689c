/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole trees: removing and measuring (declared in fd.h).
 *
 * A tree may have been made by a container: no symlink is followed, no mount
 * point entered, and the depth costs heap instead of stack or descriptors (a
 * container can nest directories far deeper than a process may have open: past
 * DEPTH_OPEN the walk moves the rest up to the top first).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/linux.h"
#include "base/mem.h"
#include "base/strv.h"

#define DEPTH_OPEN 128

static int open_dir_same_mount(int dirfd, const char *name) {
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	long fd = syscall(SYS_openat2, dirfd, name, &how, sizeof(how));

	if (fd < 0)
		return errno == EXDEV ? -EBUSY : -errno;
	return (int)fd;
}

struct removal {
	int top_fd; /* where what is too deep is moved to */
	bool moved; /* something was, so the top has to be read again */
};

static int remove_entry(struct removal *job, int dirfd, const char *name, unsigned depth);

static int remove_content(struct removal *job, int fd, unsigned depth) {
	autoclosedir DIR *dir = fdopendir(fd);
	struct dirent *entry;
	int r = 0;

	if (!dir) {
		r = -errno;
		(void)close(fd);
		return r;
	}
	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		int one;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		one = remove_entry(job, dirfd(dir), entry->d_name, depth);
		if (one < 0)
			r = one; /* the rest goes all the same */
	}
	return errno ? -errno : r;
}

/* Under a name that nobody can have taken beforehand: the tree is somebody else's. */
static int move_up(struct removal *job, int dirfd, const char *name) {
	for (int try = 0; try < 16; try++) {
		uint64_t random = 0;
		char moved[32];

		if (getrandom(&random, sizeof(random), 0) < 0)
			return -errno;
		(void)snprintf(moved, sizeof(moved), ".deep-%016llx", (unsigned long long)random);
		if (renameat2(dirfd, name, job->top_fd, moved, RENAME_NOREPLACE) == 0) {
			job->moved = true;
			return 0;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static int remove_directory(struct removal *job, int dirfd, const char *name, unsigned depth) {
	int fd, r;

	if (depth >= DEPTH_OPEN)
		return move_up(job, dirfd, name);
	fd = open_dir_same_mount(dirfd, name);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = remove_content(job, fd, depth + 1);
	if (r < 0)
		return r;
	return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

static int remove_entry(struct removal *job, int dirfd, const char *name, unsigned depth) {
	int r;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	r = remove_directory(job, dirfd, name, depth);
	return r == -ENOTDIR ? -EPERM : r; /* an immutable file, not a directory */
}

int tree_remove_at(int dirfd, const char *name) {
	struct removal job = { .top_fd = -1 };
	autoclose int top = -1;
	int r;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	top = open_dir_same_mount(dirfd, name);
	if (top < 0)
		return top == -ENOENT ? 0 : top;
	job.top_fd = top;
	do {
		int again = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		job.moved = false;
		if (again < 0)
			return -errno;
		r = remove_content(&job, again, 1);
	} while (r == 0 && job.moved);
	if (r < 0)
		return r;
	/* What was moved up while its directory was being read may have been seen or not. */
	for (int try = 0; try < 8; try++) {
		if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != ENOTEMPTY)
			return -errno;
		r = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (r >= 0)
			r = remove_content(&job, r, 1);
		if (r < 0)
			return r;
	}
	return -ENOTEMPTY;
}

static int64_t size_below(int fd, unsigned depth) {
	autoclosedir DIR *dir = fdopendir(fd);
	struct dirent *entry;
	int64_t total = 0;

	if (!dir) {
		total = -errno;
		(void)close(fd);
		return total;
	}
	while ((entry = readdir(dir))) {
		struct stat st;
		int sub;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		total += (int64_t)st.st_blocks * 512;
		if (!S_ISDIR(st.st_mode) || depth >= DEPTH_OPEN)
			continue;
		sub = open_dir_same_mount(dirfd(dir), entry->d_name);
		if (sub >= 0) {
			int64_t n = size_below(sub, depth + 1);

			total += n > 0 ? n : 0;
		}
	}
	return total;
}

int64_t tree_size_at(int dirfd, const char *name) {
	struct stat st;
	int fd;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return (int64_t)st.st_blocks * 512;
	fd = open_dir_same_mount(dirfd, name);
	return fd < 0 ? fd : (int64_t)st.st_blocks * 512 + size_below(fd, 1);
}

int dir_names(int fd, char ***ret) {
	/* A time that is written for looking waits for the file system's journal. */
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_NOATIME | O_CLOEXEC);
	autoclosedir DIR *dir = NULL;
	autostrv char **names = NULL;
	size_t count = 0, room = 0;
	struct dirent *entry;

	if (copy < 0 && errno == EPERM)
		copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		int r = -errno;

		mem_close_ptr(&copy);
		return r;
	}
	for (errno = 0; (entry = readdir(dir)); errno = 0) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (count + 1 >= room) { /* doubled: there may be a hundred thousand */
			room = room ? 2 * room : 64;
			names = xreallocarray(names, room, sizeof(*names));
		}
		names[count++] = xstrdup(entry->d_name);
		names[count] = NULL;
	}
	if (errno)
		return -errno;
	strv_sort(names);
	*ret = steal_ptr(names);
	return 0;
}
