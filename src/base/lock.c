/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

/*
 * The kernel has no flock(2) with a time limit. One second of trying at short
 * intervals would be waiting by sleeping, so the notice comes from a child
 * that is told (by its pipe closing) when the lock has been taken.
 */
static pid_t start_notice(int lock_fd, const char *name, int *ret_pipe) {
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		struct timeval second = { .tv_sec = 1 };
		char holder[16] = "";
		fd_set set;

		(void)close(ends[1]);
		FD_ZERO(&set);
		FD_SET(ends[0], &set);
		if (select(ends[0] + 1, &set, NULL, NULL, &second) == 0) {
			ssize_t n = pread(lock_fd, holder, sizeof(holder) - 1, 0);

			holder[n > 0 ? strspn(holder, "0123456789") : 0] = '\0';
			log_info("Waiting for process %s, which holds '%s' …",
				 holder[0] ? holder : "(unknown)", name);
		}
		_exit(0);
	}
	(void)close(ends[0]);
	*ret_pipe = ends[1];
	return pid;
}

static int wait_for(int fd, int how, const char *name) {
	int pipe_fd = -1, r = 0, status;
	pid_t pid = start_notice(fd, name, &pipe_fd);

	while (flock(fd, how) < 0) {
		if (errno != EINTR) {
			r = -errno;
			break;
		}
	}
	if (pipe_fd >= 0)
		(void)close(pipe_fd);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return r;
}

/* Is @fd still what @name is, or has somebody removed the file meanwhile? */
static bool is_current(int dirfd, const char *name, int fd) {
	struct stat mine, now;

	if (fstat(fd, &mine) == 0 && S_ISDIR(mine.st_mode))
		return true; /* there was none: see open_readonly() */
	return fstat(fd, &mine) == 0 && fstatat(dirfd, name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	       mine.st_ino == now.st_ino && mine.st_dev == now.st_dev;
}

/*
 * Where nothing can be written nobody can make the file either; who holds one that is
 * there (in a mount of the same files that can be written to) is waited for.
 */
static int open_readonly(int dirfd, const char *name) {
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd;
}

static int take_once(int dirfd, const char *name, unsigned flags, struct err *err) {
	int how = flags & LOCK_SHARED ? LOCK_SH : LOCK_EX;
	autoclose int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = 0;

	if (fd < 0 && errno == EROFS && flags & LOCK_SHARED)
		fd = open_readonly(dirfd, name);
	if (fd < 0)
		return err_sys(err, -errno, "cannot open lock '%s'", name);
	if (flock(fd, how | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return err_sys(err, -errno, "cannot lock '%s'", name);
		if (flags & LOCK_TRY)
			return err_set(err, ERR_CONFLICT, -EWOULDBLOCK, "'%s' is locked", name);
		r = wait_for(fd, how, name);
	}
	if (r < 0)
		return err_sys(err, r, "cannot lock '%s'", name);
	return steal_fd(&fd);
}

int lock_take(int dirfd, const char *name, unsigned flags, struct err *err) {
	char pid[16];

	for (;;) {
		autoclose int fd = take_once(dirfd, name, flags, err);

		if (fd < 0)
			return fd;
		if (!is_current(dirfd, name, fd))
			continue;
		if (!(flags & LOCK_SHARED)) {
			(void)snprintf(pid, sizeof(pid), "%-10d\n", (int)getpid());
			(void)!pwrite(fd, pid, strlen(pid), 0); /* only for the waiter's message */
		}
		return steal_fd(&fd);
	}
}

void lock_remove(int dirfd, const char *name, int fd) {
	(void)unlinkat(dirfd, name, 0);
	(void)close(fd);
}

pid_t lock_holder(int dirfd, const char *name) {
	autoclose int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char text[16] = "";

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0 || pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return (pid_t)strtol(text, NULL, 10);
}
