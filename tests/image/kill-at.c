/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded: SIGKILL at the COI_TEST_KILL_AT-th call that changes a file system,
 * before the call is carried out; or, at the COI_TEST_FAIL_AT-th of those that
 * want space, ENOSPC in its place; or EIO in place of the COI_TEST_BLIND_AT-th
 * entry of a directory, or ENFILE at the COI_TEST_SHUT_AT-th opening of what is
 * there. File COI_TEST_FAILED is made when it comes to that.
 * Counts a process and what it forks; helper programs get an environment of
 * their own, or COI_TEST_PROGRAM says which program is meant.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static long number(const char *name) {
	return getenv(name) ? strtol(getenv(name), NULL, 10) : 0;
}

static void tell(void) {
	const char *file = getenv("COI_TEST_FAILED");
	long fd = file ? syscall(SYS_openat, AT_FDCWD, file, O_CREAT | O_WRONLY, 0600) : -1;

	if (fd >= 0)
		(void)syscall(SYS_close, fd);
}

static long number_for_us(const char *name) {
	const char *program = getenv("COI_TEST_PROGRAM");

	return program && strcmp(program, program_invocation_short_name) != 0 ? 0 : number(name);
}

static void step(void) {
	static long count, at = -1;

	if (at < 0)
		at = number_for_us("COI_TEST_KILL_AT");
	if (++count != at)
		return;
	tell();
	(void)kill(getpid(), SIGKILL);
}

/* Does this call fail? */
static int fails(void) {
	static long count, at = -1;

	if (at < 0)
		at = number_for_us("COI_TEST_FAIL_AT");
	if (++count != at)
		return 0;
	tell();
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
SPACE(int, fdatasync, (int fd), (fd))
SPACE(int, ftruncate, (int fd, off_t n), (fd, n))
SPACE(int, ftruncate64, (int fd, off_t n), (fd, n))
SPACE(int, mkdir, (const char *n, mode_t m), (n, m))
SPACE(int, mknodat, (int d, const char *n, mode_t m, dev_t v), (d, n, m, v))
SPACE(int, rename, (const char *a, const char *b), (a, b))
SPACE(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t o), (fd, p, n, o))
SPACE(ssize_t, copy_file_range, (int a, off_t *b, int c, off_t *d, size_t n, unsigned f),
      (a, b, c, d, n, f))
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

/* Is this the one that cannot be opened? */
static int is_shut(void) {
	static long count, at = -1;

	if (at < 0)
		at = number_for_us("COI_TEST_SHUT_AT");
	if (++count != at)
		return 0;
	tell();
	errno = ENFILE;
	return 1;
}

static int makes(int flags) {
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

#define OPENAT(name)                                                                        \
	int name(int dir, const char *path, int flags, ...);                                \
	int name(int dir, const char *path, int flags, ...) {                               \
		mode_t mode = 0;                                                            \
		va_list ap;                                                                 \
		va_start(ap, flags);                                                        \
		if (makes(flags))                                                           \
			mode = va_arg(ap, mode_t);                                          \
		va_end(ap);                                                                 \
		if (makes(flags)) {                                                         \
			step();                                                             \
			if (fails())                                                        \
				return -1;                                                  \
		} else if (is_shut()) {                                                     \
			return -1;                                                          \
		}                                                                           \
		return REAL(int, name, (int, const char *, int, ...))(dir, path, flags, mode); \
	}

OPENAT(openat)
OPENAT(openat64)

/* Is this the entry that cannot be read? */
static int is_blind(void) {
	static long count, at = -1;

	if (at < 0)
		at = number_for_us("COI_TEST_BLIND_AT");
	if (++count != at)
		return 0;
	tell();
	errno = EIO;
	return 1;
}

struct dirent *readdir(DIR *d) {
	return is_blind() ? NULL : REAL(struct dirent *, readdir, (DIR *))(d);
}

struct dirent64 *readdir64(DIR *d) {
	return is_blind() ? NULL : REAL(struct dirent64 *, readdir64, (DIR *))(d);
}
