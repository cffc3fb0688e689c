/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded: SIGKILL at the COI_TEST_KILL_AT-th call that changes a file system,
 * before the call is carried out. Counts this process only; helper programs get
 * an environment of their own.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static void step(void) {
	static long count, at = -1;

	if (at < 0)
		at = getenv("COI_TEST_KILL_AT") ? strtol(getenv("COI_TEST_KILL_AT"), NULL, 10) : 0;
	if (++count == at)
		(void)kill(getpid(), SIGKILL);
}

#define STEP(result, name, parameters, arguments)                                   \
	result name parameters;                                                     \
	result name parameters {                                                    \
		result(*real) parameters = (result(*) parameters)dlsym(RTLD_NEXT, #name); \
		step();                                                             \
		return real arguments;                                              \
	}

STEP(int, mkdirat, (int d, const char *n, mode_t m), (d, n, m))
STEP(int, renameat, (int a, const char *b, int c, const char *d), (a, b, c, d))
STEP(int, renameat2, (int a, const char *b, int c, const char *d, unsigned f), (a, b, c, d, f))
STEP(int, unlinkat, (int d, const char *n, int f), (d, n, f))
STEP(int, fsync, (int fd), (fd))
STEP(int, syncfs, (int fd), (fd))
STEP(int, flock, (int fd, int how), (fd, how))
STEP(int, ftruncate64, (int fd, off_t n), (fd, n))
STEP(int, linkat, (int a, const char *b, int c, const char *d, int f), (a, b, c, d, f))
STEP(int, symlinkat, (const char *t, int d, const char *n), (t, d, n))
STEP(int, fchownat, (int d, const char *n, uid_t u, gid_t g, int f), (d, n, u, g, f))
STEP(ssize_t, sendmsg, (int fd, const struct msghdr *m, int f), (fd, m, f))
STEP(ssize_t, send, (int fd, const void *m, size_t n, int f), (fd, m, n, f))
