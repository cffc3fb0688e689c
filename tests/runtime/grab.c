/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * grab MS NAME: for so many milliseconds take descriptors out of every new
 * process whose program has NAME in its path (pidfd_getfd(2) wants the right to
 * trace it). Run by container root against those who enter. Prints one line a
 * process that it got something from, and "seen N" at the end.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FDS 32
/* From the birth of a process to its program. */
#define PATIENCE_MS 500
/* From its number to when it can be opened; some numbers are threads. */
#define BIRTH_MS 3

static long now_ms(void) {
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The number of the newest process of this namespace. */
static int newest(void) {
	char line[128] = "";
	FILE *f = fopen("/proc/loadavg", "r");
	const char *last;

	if (!f)
		return 0;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	(void)fclose(f);
	last = strrchr(line, ' ');
	return last ? (int)strtol(last, NULL, 10) : 0;
}

static int open_new(int pid) {
	int fd;

	for (long end = now_ms() + BIRTH_MS;
	     (fd = (int)syscall(SYS_pidfd_open, pid, 0)) < 0 && now_ms() < end;)
		;
	return fd;
}

static int is_wanted(int pid, const char *name) {
	char path[64], exe[256];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n < 0)
		return 0;
	exe[n] = '\0';
	return strstr(exe, name) != NULL;
}

static void print_link(int fd, int got) {
	char path[64], target[256];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", got);
	n = readlink(path, target, sizeof(target) - 1);
	printf("  %d: %.*s\n", fd, n > 0 ? (int)n : 0, target);
}

/* How many descriptors could be taken. */
static int take(int pid, int pidfd, const char *name) {
	int taken = 0;

	for (long end = now_ms() + PATIENCE_MS; !taken && now_ms() < end;) {
		struct pollfd gone = { .fd = pidfd, .events = POLLIN };

		if (poll(&gone, 1, 0) != 0)
			break;
		if (!is_wanted(pid, name))
			continue;
		for (int fd = 0; fd < FDS; fd++) {
			int got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

			if (got < 0)
				continue;
			taken++;
			print_link(fd, got);
			(void)close(got);
		}
	}
	return taken;
}

int main(int argc, char **argv) {
	long end = now_ms() + (argc == 3 ? strtol(argv[1], NULL, 10) : 0);
	int last = newest(), seen = 0;

	if (argc != 3)
		return 2;
	printf("watching\n");
	(void)fflush(stdout);
	while (now_ms() < end) {
		int top = newest();

		for (int pid = last + 1; pid <= top; pid++) {
			int pidfd = open_new(pid), taken;

			if (pidfd < 0)
				continue;
			seen++;
			taken = take(pid, pidfd, argv[2]);
			if (taken)
				printf("grabbed %d of process %d\n", taken, pid);
			(void)close(pidfd);
		}
		last = top > last ? top : last;
	}
	printf("seen %d\n", seen);
	return 0;
}
