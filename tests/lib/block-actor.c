/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests/cli/block.bats: opens a file in ways that a shell has no words for, and says
 * what came of it: "opened", or the name of the error.
 *
 *   block-actor open FILE            openat(2)
 *   block-actor uring FILE           through a ring of io_uring, by a worker of the kernel's
 *   block-actor thread FILE          by a thread whose process's first thread has ended
 *   block-actor handle FILE          by its handle (open_by_handle_at(2))
 *   block-actor memfd FILE           copied into memory, and run from there
 *   block-actor times FILE COUNT     nanoseconds of one open, the median of COUNT
 *   block-actor bomb FILE COUNT      opened COUNT times by 16 processes: how often refused
 *   block-actor leased FILE          run while we have a lease on it, and nobody ends that
 *   block-actor hold FILE            opened, then "held" and a line from standard input, then read
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BOMBERS 16

static int say(int fd) {
	char text[64] = "";

	if (fd < 0) {
		printf("%s\n", strerrorname_np(errno));
		return fflush(stdout) == 0 ? 1 : 2;
	}
	(void)!read(fd, text, sizeof(text) - 1);
	printf("opened %s\n", text);
	return fflush(stdout) == 0 ? 0 : 2;
}

static int by_uring(const char *path) {
	struct io_uring_params p = { 0 };
	int ring = (int)syscall(SYS_io_uring_setup, 4, &p);
	char *sq, *cq;
	struct io_uring_sqe *sqe;
	unsigned *array;

	if (ring < 0)
		return -1;
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * sizeof(unsigned), PROT_READ | PROT_WRITE,
	          MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
	          PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_CQ_RING);
	sqe = mmap(NULL, p.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE,
	           MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || sqe == MAP_FAILED)
		return -1;
	/* IOSQE_ASYNC: not in our own thread. */
	*sqe = (struct io_uring_sqe){ .opcode = IORING_OP_OPENAT,
		                      .flags = IOSQE_ASYNC,
		                      .fd = AT_FDCWD,
		                      .addr = (uint64_t)(uintptr_t)path,
		                      .open_flags = O_RDONLY };
	array = (unsigned *)(void *)(sq + p.sq_off.array);
	array[0] = 0;
	__atomic_store_n((unsigned *)(void *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -1;

	const struct io_uring_cqe *c = (const void *)(cq + p.cq_off.cqes);

	if (c->res < 0) {
		errno = -c->res;
		return -1;
	}
	return c->res;
}

static void *in_thread(void *data) {
	const char *path = data;
	const struct timespec moment = { 0, 1000000 };
	char stat[64], text[256] = "";

	/* Until the first thread is a zombie. */
	(void)snprintf(stat, sizeof(stat), "/proc/%d/stat", (int)getpid());
	for (int i = 0; i < 5000 && !strstr(text, ") Z "); i++) {
		int fd = open(stat, O_RDONLY);
		ssize_t n = read(fd, text, sizeof(text) - 1);

		text[n < 0 ? 0 : n] = '\0';
		(void)close(fd);
		(void)nanosleep(&moment, NULL);
	}
	if (!strstr(text, ") Z "))
		_exit(3);
	_exit(say(open(path, O_RDONLY)));
}

static int by_handle(const char *path) {
	struct {
		struct file_handle head;
		unsigned char bytes[128];
	} h = { .head = { .handle_bytes = 128 } };
	int mount, dir = open("/", O_RDONLY | O_DIRECTORY);

	if (name_to_handle_at(AT_FDCWD, path, &h.head, &mount, 0) < 0)
		return -1;
	return open_by_handle_at(dir, &h.head, O_RDONLY);
}

static int by_memfd(const char *path) {
	char *const argv[] = { (char *)path, (char *)"true", NULL };
	int to = (int)syscall(SYS_memfd_create, "x", 0), from = open(path, O_RDONLY);
	char block[65536];
	ssize_t n;

	if (from < 0 || to < 0)
		return -1;
	while ((n = read(from, block, sizeof(block))) > 0)
		if (write(to, block, (size_t)n) != n)
			return -1;
	(void)execveat(to, "", argv, environ, AT_EMPTY_PATH);
	return -1;
}

static int compare(const void *a, const void *b) {
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int times(const char *path, size_t count) {
	uint64_t *all = calloc(count, sizeof(*all));

	for (size_t i = 0; i < count; i++) {
		struct timespec from, to;
		int fd;

		(void)clock_gettime(CLOCK_MONOTONIC, &from);
		fd = open(path, O_RDONLY);
		(void)clock_gettime(CLOCK_MONOTONIC, &to);
		if (fd >= 0)
			(void)close(fd);
		all[i] = (uint64_t)(to.tv_sec - from.tv_sec) * 1000000000 +
		         (uint64_t)to.tv_nsec - (uint64_t)from.tv_nsec;
	}
	qsort(all, count, sizeof(*all), compare);
	printf("%llu\n", (unsigned long long)all[count / 2]);
	return 0;
}

static int bomb(const char *path, int count) {
	int refused = 0;

	for (int b = 0; b < BOMBERS; b++) {
		pid_t pid = fork();

		if (pid != 0)
			continue;
		for (int i = 0; i < count / BOMBERS; i++) {
			if (open(path, O_RDONLY) >= 0)
				_exit(1);
			if (errno != EPERM)
				_exit(2);
		}
		_exit(0);
	}
	for (int b = 0; b < BOMBERS; b++) {
		int status;

		if (wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
			refused += count / BOMBERS;
	}
	printf("%d\n", refused);
	return 0;
}

static int leased(const char *path) {
	int fd = open(path, O_RDONLY | O_CLOEXEC), status;
	pid_t pid;

	(void)signal(SIGIO, SIG_IGN); /* somebody waits for it */
	if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		return say(-1);
	pid = fork();
	if (pid == 0) {
		(void)execl(path, path, "open", "/etc/hostname", NULL);
		_exit(errno);
	}
	if (waitpid(pid, &status, 0) < 0)
		return say(-1);
	errno = WEXITSTATUS(status);
	return say(-1);
}

static int hold(const char *path) {
	int fd = open(path, O_RDONLY);
	char line[16];

	if (fd < 0)
		return say(fd);
	puts("held");
	(void)fflush(stdout);
	(void)!read(0, line, sizeof(line));
	return say(fd);
}

int main(int argc, char **argv) {
	const char *how = argc > 2 ? argv[1] : "", *path = argc > 2 ? argv[2] : "";
	int count = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 0;
	pthread_t thread;

	if (!strcmp(how, "open"))
		return say(open(path, O_RDONLY));
	if (!strcmp(how, "uring"))
		return say(by_uring(path));
	if (!strcmp(how, "handle"))
		return say(by_handle(path));
	if (!strcmp(how, "memfd"))
		return say(by_memfd(path));
	if (!strcmp(how, "times") && count > 0)
		return times(path, (size_t)count);
	if (!strcmp(how, "bomb") && count > 0)
		return bomb(path, count);
	if (!strcmp(how, "leased"))
		return leased(path);
	if (!strcmp(how, "hold"))
		return hold(path);
	if (!strcmp(how, "thread") && pthread_create(&thread, NULL, in_thread, (void *)path) == 0)
		pthread_exit(NULL);
	fputs("usage: block-actor HOW FILE [COUNT]\n", stderr);
	return 2;
}
