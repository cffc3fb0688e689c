/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is done in a container to see whether the watching sees it. Needs nothing of the
 * container but a C library.
 *
 *	watch-actor attacks|ordinary DIR   each line of the corpus, as a process
 *	watch-actor connect ADDRESS PORT N N connections; says how many there were
 *	watch-actor flood PORT N PER-SECOND N events, as evenly as it goes
 *	watch-actor uring FILE             open FILE through io_uring, read a byte
 *	watch-actor lease FILE             open FILE and have a lease on it until input ends
 *	watch-actor pass SOCKET            log a login to SOCKET, with a descriptor
 *
 * A line of the corpus for bash is run by bash; what stands for another program is this
 * one under its name (a link in DIR), so that nothing but its words is real. "mark N" is
 * run before each, to tell where its records begin.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "unit/monitor/corpus.h"

#define STUB "WATCH_ACTOR_STUB"
#define LET_LIVE_MS 250 /* what blocks has done what it does by then */
#define WARNING_GAP_MS 100 /* more than 20 threats a second are only counted */

static const char *dir;
static int keeps_still; /* what is run now: it is not to be let loose */

__attribute__((noreturn)) static void die(const char *what) {
	(void)fprintf(stderr, "watch-actor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void pause_ms(long ms) {
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

static double now(void) {
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- the corpus */

/* Both ends of a connection through the loopback: no socket of AF_UNIX will do. */
static int remote_socket(void) {
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0 || fd < 0 || bind(listener, (struct sockaddr *)&at, size) < 0 ||
	    listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&at, &size) < 0 ||
	    connect(fd, (struct sockaddr *)&at, size) < 0)
		die("loopback");
	/* The other end is closed: whoever reads comes to the end at once. */
	(void)close(accept(listener, NULL, NULL));
	(void)close(listener);
	return fd;
}

static int input_of(const struct sample *s) {
	int pair[2];

	if (s->input == WATCH_STREAM_REMOTE)
		return remote_socket();
	if (s->input != WATCH_STREAM_PIPE)
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	if (pipe2(pair, O_CLOEXEC) < 0)
		die("pipe");
	(void)close(pair[1]);
	return pair[0];
}

/* A copy of this program in no directory. */
static int in_memory(const char *file) {
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int fd = memfd_create(strncmp(file, "memfd:", 6) ? file : file + 6, MFD_CLOEXEC);
	struct stat st;

	if (from < 0 || fd < 0 || fstat(from, &st) < 0 ||
	    sendfile(fd, from, NULL, (size_t)st.st_size) != st.st_size)
		die("memory");
	(void)close(from);
	return fd;
}

static const char *file_of(const struct sample *s) {
	const char *first = s->words[0] ? s->words[0] : "", *slash = strrchr(first, '/');

	first = slash ? slash + 1 : first;
	return s->file ? s->file : *first == '-' ? first + 1 : first;
}

static int is_for_bash(const struct sample *s) {
	return !keeps_still && !s->file && s->words[0] && !strcmp(s->words[0], "bash") && s->words[1] &&
	       !strcmp(s->words[1], "-c");
}

__attribute__((noreturn)) static void become(const struct sample *s) {
	static char *const real[] = { "PATH=/bin:/usr/bin", "HOME=/root", NULL };
	static char *const stub[] = { STUB "=1", NULL };
	char *argv[SAMPLE_WORDS + 1] = { 0 };
	int input = input_of(s), fd;
	char path[512];

	for (size_t i = 0; i < SAMPLE_WORDS && s->words[i]; i++)
		argv[i] = (char *)s->words[i];
	(void)dup2(input, 0);
	if (s->input == WATCH_STREAM_REMOTE) {
		(void)dup2(input, 1);
		(void)dup2(input, 2);
	} else {
		fd = open("/dev/null", O_WRONLY);
		(void)dup2(fd, 1);
		(void)dup2(fd, 2);
	}
	if (s->is_in_memory) {
		fd = in_memory(file_of(s));
		(void)fexecve(fd, argv, stub);
		_exit(126);
	}
	if (is_for_bash(s)) {
		(void)execve("/bin/bash", argv, real);
		_exit(126);
	}
	(void)snprintf(path, sizeof(path), "%s/%s", dir, *file_of(s) ? file_of(s) : "nameless");
	(void)unlink(path);
	if (link("/proc/self/exe", path) < 0) {
		char self[512];
		ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

		self[n > 0 ? n : 0] = '\0';
		if (link(self, path) < 0)
			_exit(125);
	}
	(void)execve(path, argv, stub);
	_exit(126);
}

static void mark(size_t n) {
	char number[32];
	char *const argv[] = { (char *)"mark", number, NULL };
	static char *const stub[] = { STUB "=1", NULL };
	pid_t pid;

	(void)snprintf(number, sizeof(number), "%zu", n);
	pid = fork();
	if (pid == 0) {
		(void)execve("/proc/self/exe", argv, stub);
		_exit(126);
	}
	(void)waitpid(pid, NULL, 0);
}

static void run(const struct sample *s, size_t n) {
	int status = 0, waited = 0;
	pid_t pid;

	mark(n);
	pid = fork();
	if (pid == 0)
		become(s);
	for (; waited < LET_LIVE_MS && waitpid(pid, &status, WNOHANG) == 0; waited += 2)
		pause_ms(2);
	/* Everybody but the container's first: bombs too. */
	(void)kill(-1, SIGKILL);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) >= 125 && WEXITSTATUS(status) <= 126 &&
	    !is_for_bash(s)) {
		(void)printf("%zu: cannot be run\n", n);
		exit(1);
	}
}

static int corpus(int argc, char **argv) {
	(void)argc;
	dir = argv[2];
	for (size_t i = 0; !strcmp(argv[1], "ordinary") && i < ordinary_count; i++)
		run(&ordinary[i], i);
	for (size_t i = 0, n = 0; !strcmp(argv[1], "attacks") && i < attack_count; i++)
		for (size_t k = 0; k < 6; k++, n++) {
			keeps_still = !strcmp(attacks[i].rule, "fork-bomb");
			run(&attacks[i].samples[k], n);
			/* The gravest are told however many there are, and count. */
			if (attacks[i].level < AUDIT_CRITICAL)
				pause_ms(WARNING_GAP_MS);
			else if (k == 5 && attacks[i + 1].level < AUDIT_CRITICAL)
				pause_ms(1000);
		}
	mark(1000000);
	return 0;
}

/* --- the rest */

static struct sockaddr_in address(const char *text, const char *port) {
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };

	if (inet_pton(AF_INET, text, &at.sin_addr) != 1)
		die(text);
	return at;
}

static int connect_often(int argc, char **argv) {
	struct sockaddr_in at;
	unsigned long n, done = 0;

	if (argc != 5)
		return 2;
	at = address(argv[2], argv[3]);
	n = strtoul(argv[4], NULL, 10);
	for (unsigned long i = 0; i < n; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		const struct linger at_once = { .l_onoff = 1 };

		/* No thousands of ports that wait for their end. */
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		done += connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
		(void)close(fd);
	}
	(void)printf("%lu\n", done);
	return 0;
}

static int flood(int argc, char **argv) {
	struct sockaddr_in at = { .sin_family = AF_INET };
	unsigned long n, rate;
	double begin = now();
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (argc != 5 || fd < 0)
		return 2;
	at = address("127.0.0.1", argv[2]);
	n = strtoul(argv[3], NULL, 10);
	rate = strtoul(argv[4], NULL, 10);
	for (unsigned long i = 0; i < n; i++) {
		if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
			die("connect");
		while (i % 100 == 0 && now() < begin + (double)i / (double)rate)
			pause_ms(1);
	}
	(void)printf("%.0f\n", (double)n / (now() - begin));
	return 0;
}

/* One request through a ring. 0 or more: what it gave; -errno. */
static int ring_do(int ring, const struct io_uring_params *p, struct io_uring_sqe *want) {
	size_t sq_size = p->sq_off.array + p->sq_entries * sizeof(unsigned);
	size_t cq_size = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	char *sq = mmap(NULL, sq_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	char *cq = mmap(NULL, cq_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
	struct io_uring_sqe *sqes = mmap(NULL, p->sq_entries * sizeof(*sqes), PROT_READ | PROT_WRITE,
	                                 MAP_SHARED, ring, IORING_OFF_SQES);
	unsigned *tail, head;

	if (sq == MAP_FAILED || cq == MAP_FAILED || sqes == MAP_FAILED)
		die("ring");
	tail = (unsigned *)(void *)(sq + p->sq_off.tail);
	sqes[*tail & (p->sq_entries - 1)] = *want;
	((unsigned *)(void *)(sq + p->sq_off.array))[*tail & (p->sq_entries - 1)] =
		*tail & (p->sq_entries - 1);
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		die("io_uring_enter");
	head = __atomic_load_n((unsigned *)(void *)(cq + p->cq_off.head), __ATOMIC_ACQUIRE);
	return ((struct io_uring_cqe *)(void *)(cq + p->cq_off.cqes))[head & (p->cq_entries - 1)].res;
}

static int uring(int argc, char **argv) {
	struct io_uring_params p = { 0 };
	struct io_uring_sqe open_it = { .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD };
	int ring = (int)syscall(SYS_io_uring_setup, 4, &p), fd;
	char byte;

	if (argc != 3)
		return 2;
	if (ring < 0) {
		(void)printf("refused\n");
		return 0;
	}
	open_it.addr = (uint64_t)(uintptr_t)argv[2];
	open_it.open_flags = O_RDONLY;
	fd = ring_do(ring, &p, &open_it);
	(void)printf("%s\n", fd >= 0 && read(fd, &byte, 1) == 1 ? "opened" : "refused");
	return 0;
}

static int lease(int argc, char **argv) {
	int fd = argc == 3 ? open(argv[2], O_RDONLY) : -1;
	char byte;

	(void)signal(SIGIO, SIG_IGN); /* somebody waits for it */
	if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		die("lease");
	(void)puts("leased");
	(void)fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return 0;
}

static int pass(int argc, char **argv) {
	static const char text[] = "<38>su: FAILED SU (to root) with a gift on pts/1";
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	char room[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = "";
	struct iovec iov = { .iov_base = (void *)text, .iov_len = sizeof(text) - 1 };
	struct msghdr m = { .msg_name = &to,
		            .msg_namelen = sizeof(to),
		            .msg_iov = &iov,
		            .msg_iovlen = 1,
		            .msg_control = room,
		            .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (argc != 3 || fd < 0)
		return 2;
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", argv[2]);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	(void)puts(sendmsg(fd, &m, 0) < 0 ? strerrorname_np(errno) : "passed");
	return 0;
}

int main(int argc, char **argv) {
	static const struct {
		const char *word;
		int (*fn)(int argc, char **argv);
	} words[] = {
		{ "attacks", corpus }, { "ordinary", corpus }, { "connect", connect_often },
		{ "flood", flood },    { "uring", uring },
		{ "lease", lease },    { "pass", pass },
	};

	if (getenv(STUB))
		return 0;
	for (size_t i = 0; argc > 2 && i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(argv[1], words[i].word))
			return words[i].fn(argc, argv);
	(void)fprintf(stderr, "usage: watch-actor WHAT WORD... (see its source)\n");
	return 2;
}
