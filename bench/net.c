/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the network's rules cost, for bench/net; on the stage of tests/lib/netns-stage only.
 *
 *   bench-net ports COUNT MODE        the rules of so many ports, and the time of each step
 *   bench-net sink PORT               read what comes by TCP, answer what comes by UDP
 *   bench-net send ADDRESS PORT S     TCP for S seconds: Gbit/s
 *   bench-net turns ADDRESS PORT N    N datagrams there and back: median µs
 *   bench-net connects ADDRESS PORT N N TCP connections, one after the other: median µs
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/layout.h"
#include "base/mem.h"
#include "net/allowed.h"
#include "net/net.h"
#include "net/port.h"

#define BLOCK (128 << 10)
#define LOG_GROUP 8192
#define SOME 20 /* how many of the first and of the last are looked at */

static struct err err;

static int compare(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median(uint64_t *us, size_t count) {
	qsort(us, count, sizeof(*us), compare);
	return us[count / 2];
}

/* --- rules */

enum { CLAIM, PUT, AGAIN, INTACT, STEPS };

/* Of the clock, and of our own work and the kernel's for us, whoever else is at work. */
struct moment {
	uint64_t us, cpu_us;
};

static struct moment now(void) {
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (struct moment){ clock_mono_us(),
				(uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000 };
}

static int one_port(struct net_base *base, unsigned i, const struct net_policy *policy,
		    struct moment took[STEPS]) {
	char name[32];
	struct net_port p;
	struct moment at[STEPS + 1];
	int r;

	(void)snprintf(name, sizeof(name), "bench-%u", i);
	at[0] = now();
	r = net_port_alloc(base, name, policy, &p, &err);
	at[1] = now();
	/* As a container has it: with the list, and with a group for what is refused. */
	p.policy = *policy;
	p.log_group = (uint16_t)(LOG_GROUP + p.index);
	if (r == 0)
		r = net_port_rules_put(base, &p, &err);
	at[2] = now();
	/* Once more: nothing is written down this time, so it is the kernel alone. */
	if (r == 0)
		r = net_port_rules_put(base, &p, &err);
	at[3] = now();
	if (r == 0)
		r = net_port_rules_ensure(base, &p, &err);
	at[4] = now();
	for (int s = 0; s < STEPS; s++)
		took[s] = (struct moment){ at[s + 1].us - at[s].us, at[s + 1].cpu_us - at[s].cpu_us };
	return r;
}

/* The medians of @count ports, from the @from-th on. */
static void print_step(struct moment (*took)[STEPS], int step, size_t from, size_t count) {
	uint64_t us[SOME], cpu_us[SOME];

	for (size_t i = 0; i < count; i++) {
		us[i] = took[from + i][step].us;
		cpu_us[i] = took[from + i][step].cpu_us;
	}
	(void)printf("\t%" PRIu64 " us, CPU %" PRIu64 " us", median(us, count),
		     median(cpu_us, count));
}

static int ports(char **argv) {
	static const char *const steps[STEPS] = { "claim", "put", "put again", "check" };
	static const char *const list[] = { "198.51.100.0/24", "203.0.113.10:443", "example.org",
					    NULL };
	auto_layout struct layout *layout = NULL;
	unsigned count = (unsigned)strtoul(argv[0], NULL, 10);
	struct moment(*took)[STEPS] = xcalloc(count + 2 * SOME, sizeof(*took));
	struct net_policy policy = net_policy_default();
	struct net_allowed allowed = { 0 };
	struct net_base *base = NULL;
	int r = layout_open(&layout, &err);

	policy.mode = (enum net_mode)net_mode_from_string(argv[1]);
	policy.allowed = &allowed;
	if (r == 0)
		r = net_allowed_parse(&allowed, (char *const *)list, &err);
	if (r == 0)
		r = net_base_open(layout, &base, &err);
	if (r == 0)
		r = net_base_ensure(base, &err);
	for (unsigned i = 0; r >= 0 && i < count; i++)
		r = one_port(base, i, &policy, took[i]);
	for (int s = 0; r >= 0 && s < STEPS; s++) {
		size_t some = count < SOME ? count : SOME;

		(void)printf("%s\tfirst %zu", steps[s], some);
		print_step(took, s, 0, some);
		(void)printf("\tup to the %uth", count);
		print_step(took, s, count - some, some);
		(void)puts("");
	}
	if (r < 0)
		(void)fprintf(stderr, "bench-net: %s\n", err.msg);
	free(took);
	net_base_free(base);
	return r < 0;
}

/* --- packets */

static struct sockaddr_in address(const char *host, const char *port) {
	struct sockaddr_in a = { .sin_family = AF_INET };

	(void)inet_pton(AF_INET, host, &a.sin_addr);
	a.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	return a;
}

static int sink(char **argv) {
	static char block[BLOCK];
	struct sockaddr_in at = address(argv[0], argv[1]), from;
	struct pollfd p[16] = { { .events = POLLIN }, { .events = POLLIN } };
	size_t n = 2;
	int one = 1;

	p[0].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	p[1].fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(p[0].fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(p[0].fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(p[0].fd, 64) < 0 ||
	    bind(p[1].fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		perror("sink");
		return 1;
	}
	(void)puts("ready");
	(void)fflush(stdout);
	while (poll(p, n, -1) > 0) {
		if (p[1].revents) {
			socklen_t len = sizeof(from);
			ssize_t got = recvfrom(p[1].fd, block, sizeof(block), 0,
					       (struct sockaddr *)&from, &len);

			if (got >= 0)
				(void)sendto(p[1].fd, block, (size_t)got, 0,
					     (struct sockaddr *)&from, len);
		}
		for (size_t i = 2; i < n; i++)
			if (p[i].revents && read(p[i].fd, block, sizeof(block)) <= 0) {
				close(p[i].fd);
				p[i--] = p[--n];
			}
		if (p[0].revents && n < ARRAY_SIZE(p)) {
			int fd = accept(p[0].fd, NULL, NULL);

			if (fd >= 0)
				p[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
		}
	}
	return 1;
}

static int connected(char **argv, int kind) {
	struct sockaddr_in to = address(argv[0], argv[1]);
	const struct timeval wait = { .tv_sec = 5 };
	int fd = socket(AF_INET, kind | SOCK_CLOEXEC, 0);

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		perror(argv[0]);
		exit(1);
	}
	return fd;
}

static int send_all(char **argv) {
	static char block[BLOCK];
	int fd = connected(argv, SOCK_STREAM);
	uint64_t start = clock_mono_us(), end = start + strtoull(argv[2], NULL, 10) * 1000000;
	uint64_t sent = 0, now;

	while ((now = clock_mono_us()) < end) {
		ssize_t n = write(fd, block, sizeof(block));

		if (n <= 0)
			return 1;
		sent += (uint64_t)n;
	}
	(void)printf("%.2f\n", (double)sent * 8 / 1000 / (double)(now - start));
	return 0;
}

static int turns(char **argv) {
	size_t count = strtoul(argv[2], NULL, 10);
	uint64_t *us = xcalloc(count + 1, sizeof(*us));
	int fd = connected(argv, SOCK_DGRAM);
	char c = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t start = clock_mono_us();

		if (send(fd, &c, 1, 0) != 1 || recv(fd, &c, 1, 0) != 1)
			return 1;
		us[i] = clock_mono_us() - start;
	}
	(void)printf("%" PRIu64 "\n", median(us, count));
	free(us);
	return 0;
}

static int connects(char **argv) {
	size_t count = strtoul(argv[2], NULL, 10);
	uint64_t *us = xcalloc(count + 1, sizeof(*us));

	for (size_t i = 0; i < count; i++) {
		uint64_t start = clock_mono_us();

		close(connected(argv, SOCK_STREAM));
		us[i] = clock_mono_us() - start;
	}
	(void)printf("%" PRIu64 "\n", median(us, count));
	free(us);
	return 0;
}

static const struct {
	const char *name;
	int args;
	int (*fn)(char **argv);
} commands[] = {
	{ "ports", 2, ports }, { "sink", 2, sink },	    { "send", 3, send_all },
	{ "turns", 3, turns }, { "connects", 3, connects },
};

int main(int argc, char **argv) {
	if (!getenv("COI_STAGE")) {
		(void)fputs("bench-net: not on the stage of tests/lib/netns-stage\n", stderr);
		return 1;
	}
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i].name) && argc - 2 >= commands[i].args)
			return commands[i].fn(argv + 2);
	(void)fputs("bench-net: unknown command\n", stderr);
	return 2;
}
