/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both ends of the relay tests, inside (static) and outside.
 *
 *   relay-peer serve ADDRESS MODE     one child for each connection
 *     echo    what comes goes back; its end too
 *     count   reads to the end, then says "N bytes"
 *     first   says "hello", ends its half, then prints how many bytes still came
 *     deaf    reads nothing
 *     pour    writes without end
 *     who     says "uid" of the peer as the kernel tells it
 *   relay-peer talk ADDRESS           standard input, its end, then what comes back
 *   relay-peer open ADDRESS COUNT     so many at once, each says a byte and waits for it;
 *                                     prints how many got it within two seconds, and waits
 *   relay-peer push ADDRESS SECONDS   writes and does not read; prints the bytes taken
 *   relay-peer speed ADDRESS MEGABYTES  to a `count` server; prints MB/s
 *   relay-peer give ADDRESS           a byte with a descriptor: the name of the error, or "given"
 *   relay-peer hold COUNT UID         as that user, has so many descriptors on their way
 *                                     to nobody; says so, until it is killed
 *
 * ADDRESS: tcp:PORT (127.0.0.1), unix:PATH
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static char block[64 * 1024];

static double now(void) {
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int die(const char *what) {
	fprintf(stderr, "relay-peer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int make_socket(const char *address, int serve) {
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int tcp = !strncmp(address, "tcp:", 4), one = 1;
	int fd = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr *a = tcp ? (struct sockaddr *)&in : (struct sockaddr *)&un;
	socklen_t len = tcp ? sizeof(in) : sizeof(un);

	if (fd < 0)
		return -1;
	if (tcp)
		in.sin_port = htons((uint16_t)strtol(address + 4, NULL, 10));
	else
		(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", address + 5);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (serve && !tcp)
		(void)unlink(un.sun_path);
	if (serve ? bind(fd, a, len) < 0 || listen(fd, 64) < 0 : connect(fd, a, len) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static int put(int fd, const char *data, size_t len) {
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n <= 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static long drain(int fd, int out) {
	long all = 0;
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0) {
		all += n;
		if (out >= 0 && put(out, block, (size_t)n) < 0)
			break;
	}
	return all;
}

static void serve_one(int fd, const char *mode) {
	char line[64];
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	if (!strcmp(mode, "echo")) {
		(void)drain(fd, fd);
	} else if (!strcmp(mode, "count")) {
		(void)put(fd, line, (size_t)snprintf(line, sizeof(line), "%ld bytes\n", drain(fd, -1)));
	} else if (!strcmp(mode, "first")) {
		(void)put(fd, "hello\n", 6);
		(void)shutdown(fd, SHUT_WR);
		printf("then %ld bytes\n", drain(fd, -1));
		(void)fflush(stdout);
	} else if (!strcmp(mode, "deaf")) {
		(void)pause();
	} else if (!strcmp(mode, "pour")) {
		while (put(fd, block, sizeof(block)) == 0)
			;
	} else if (!strcmp(mode, "who")) {
		(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
		(void)put(fd, line, (size_t)snprintf(line, sizeof(line), "uid %u\n", cred.uid));
	}
}

static int serve(const char *address, const char *mode) {
	int at = make_socket(address, 1);

	if (at < 0)
		return die(address);
	(void)signal(SIGCHLD, SIG_IGN);
	printf("serving\n");
	(void)fflush(stdout);
	for (;;) {
		int fd = accept(at, NULL, NULL);

		if (fd < 0)
			continue;
		if (fork() == 0) {
			(void)close(at);
			serve_one(fd, mode);
			_exit(0);
		}
		(void)close(fd);
	}
}

static int talk(const char *address) {
	int fd = make_socket(address, 0);

	if (fd < 0)
		return die(address);
	(void)drain(STDIN_FILENO, fd);
	(void)shutdown(fd, SHUT_WR);
	(void)drain(fd, STDOUT_FILENO);
	return 0;
}

static int open_many(const char *address, int count) {
	struct rlimit l = { 8192, 8192 };
	struct pollfd *all = calloc((size_t)count, sizeof(*all));
	double end;
	int got = 0;

	(void)setrlimit(RLIMIT_NOFILE, &l);
	for (int i = 0; i < count; i++) {
		int fd = make_socket(address, 0);

		/* A full queue ends the opening, not the test. */
		all[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
		if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || write(fd, "x", 1) != 1)
			all[i].fd = -1;
	}
	/* Until no more come: a SYN that found the queue full is sent again after 1, 3, 7, 15 s. */
	for (end = now() + 20; got < count && now() < end;) {
		if (poll(all, (nfds_t)count, 100) <= 0)
			continue;
		for (int i = 0; i < count; i++) {
			if (!(all[i].revents & POLLIN) || all[i].fd < 0)
				continue;
			got += read(all[i].fd, block, 1) == 1;
			all[i].events = 0;
			end = now() + 20;
		}
	}
	printf("%d answered\n", got);
	(void)fflush(stdout);
	(void)!read(STDIN_FILENO, block, 1);
	return 0;
}

static int push(const char *address, int seconds) {
	int fd = make_socket(address, 0);
	double end = now() + seconds;
	long all = 0;

	if (fd < 0)
		return die(address);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	while (now() < end) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		ssize_t n = poll(&p, 1, 100) > 0 ? write(fd, block, sizeof(block)) : 0;

		if (n < 0 && errno != EAGAIN)
			break;
		all += n > 0 ? n : 0;
	}
	printf("%ld\n", all);
	return 0;
}

static int speed(const char *address, long megabytes) {
	int fd = make_socket(address, 0);
	double start = now();

	if (fd < 0)
		return die(address);
	for (long i = 0; i < megabytes * 16; i++)
		if (put(fd, block, sizeof(block)) < 0)
			return die("write");
	(void)shutdown(fd, SHUT_WR);
	(void)drain(fd, -1);
	printf("%.0f\n", (double)megabytes / (now() - start));
	return 0;
}

/* A byte, with descriptor @fd. */
static ssize_t send_fd(int sock, int fd) {
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { block, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room,
			    .msg_controllen = sizeof(control.room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(sock, &m, MSG_DONTWAIT);
}

static int give(const char *address) {
	int fd = make_socket(address, 0);

	if (fd < 0)
		return die(address);
	puts(send_fd(fd, fd) < 0 ? strerrorname_np(errno) : "given");
	return 0;
}

static int hold(int count, uid_t uid) {
	const struct rlimit l = { 8192, 8192 };
	int pair[2] = { -1, -1 };

	if (setrlimit(RLIMIT_NOFILE, &l) < 0 || setgid(uid) < 0 || setuid(uid) < 0)
		return die("hold");
	for (int i = 0; i < count; i++) { /* a queue takes a few hundred */
		if (i % 100 == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
			return die("socketpair");
		if (send_fd(pair[0], pair[0]) != 1)
			return die("sendmsg");
	}
	printf("holding\n");
	(void)fflush(stdout);
	(void)pause();
	return 0;
}

int main(int argc, char **argv) {
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc == 4 && !strcmp(argv[1], "serve"))
		return serve(argv[2], argv[3]);
	if (argc == 3 && !strcmp(argv[1], "talk"))
		return talk(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "give"))
		return give(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "open"))
		return open_many(argv[2], (int)strtol(argv[3], NULL, 10));
	if (argc == 4 && !strcmp(argv[1], "hold"))
		return hold((int)strtol(argv[2], NULL, 10), (uid_t)strtoul(argv[3], NULL, 10));
	if (argc == 4 && !strcmp(argv[1], "push"))
		return push(argv[2], (int)strtol(argv[3], NULL, 10));
	if (argc == 4 && !strcmp(argv[1], "speed"))
		return speed(argv[2], strtol(argv[3], NULL, 10));
	fprintf(stderr, "relay-peer: see the head of its source\n");
	return 2;
}
