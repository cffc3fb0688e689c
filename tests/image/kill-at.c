/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded: SIGKILL at the COI_TEST_KILL_AT-th call that changes a file system,
 * before the call is carried out; or, at the COI_TEST_FAIL_AT-th of those that
 * want space, ENOSPC in its place, and file COI_TEST_FAILED is made. Counts this
 * process only; helper programs get an environment of their own.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static long number(const char *name) {
	return getenv(name) ? strtol(getenv(name), NULL, 10) : 0;
}

static void step(void) {
	static long count, at = -1;

	if (at < 0)
		at = number("COI_TEST_KILL_AT");
	if (++count == at)
		(void)kill(getpid(), SIGKILL);
}

/* Does this call fail? */
static int fails(void) {
	static long count, at = -1;
	long fd;

	if (at < 0)
		at = number("COI_TEST_FAIL_AT");
	if (++count != at)
		return 0;
	fd = syscall(SYS_openat, AT_FDCWD, getenv("COI_TEST_FAILED"), O_CREAT | O_WRONLY, 0600);
	if (fd >= 0)
		(void)syscall(SYS_close, fd);
	errno = ENOSPC;
	return 1;
}

#define REAL(result, name, parameters) ((result(*) parameters)dlsym(RTLD_NEXT, #name))

#define STEP(result, name, parameters, arguments)          \
	result name parameters;                            \
	result name parameters {                           \
		step();                                    \
		return REAL(result, name, parameters) arguments; \
	}

#define SPACE(result, name, parameters, arguments)         \
	result name parameters;                            \
	result name parameters {                           \
		step();                                    \
		return fails() ? -1 : REAL(result, name, parameters) arguments; \
	}

SPACE(int, mkdirat, (int d, const char *n, mode_t m), (d, n, m))
SPACE(int, renameat, (int a, const char *b, int c, const char *d), (a, b, c, d))
SPACE(int, renameat2, (int a, const char *b, int c, const char *d, unsigned f), (a, b, c, d, f))
SPACE(int, fsync, (int fd), (fd))
SPACE(int, syncfs, (int fd), (fd))
SPACE(int, ftruncate64, (int fd, off_t n), (fd, n))
SPACE(int, linkat, (int a, const char *b, int c, const char *d, int f), (a, b, c, d, f))
SPACE(int, symlinkat, (const char *t, int d, const char *n), (t, d, n))
STEP(int, unlinkat, (int d, const char *n, int f), (d, n, f))
STEP(int, flock, (int fd, int how), (fd, how))
STEP(int, fchownat, (int d, const char *n, uid_t u, gid_t g, int f), (d, n, u, g, f))
STEP(ssize_t, sendmsg, (int fd, const struct msghdr *m, int f), (fd, m, f))
STEP(ssize_t, send, (int fd, const void *m, size_t n, int f), (fd, m, n, f))

ssize_t write(int fd, const void *data, size_t n) {
	return fd > 2 && fails() ? -1 : REAL(ssize_t, write, (int, const void *, size_t))(fd, data, n);
}

int openat64(int dir, const char *name, int flags, ...);
int openat64(int dir, const char *name, int flags, ...) {
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(ap, mode_t);
	va_end(ap);
	if (flags & O_CREAT && fails())
		return -1;
	return REAL(int, openat64, (int, const char *, int, ...))(dir, name, flags, mode);
}
