/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process without rights in a container's network: it reads what comes from there. */
#include "session/health/reach.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <resolv.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/confine.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"

#define OUTSIDE_PORT 443
#define METADATA 0xa9fea9feu  /* 169.254.169.254 */
#define PRIVATE_A 0x0afffffeu /* 10.255.255.254 */
#define PRIVATE_C 0xc0a8fffeu /* 192.168.255.254 */
#define CONNECT_MS 1000
#define ANSWER_MS 1000

static unsigned get16(const unsigned char *p) {
	return (unsigned)p[0] << 8 | p[1];
}

/* The first address in an answer (RFC 1035 §4.1), host byte order; 0: there is none. */
static uint32_t first_address(const unsigned char *p, size_t len) {
	const unsigned char *at = p + NS_HFIXEDSZ, *end = p + len;
	unsigned questions, answers;

	if (len < NS_HFIXEDSZ)
		return 0;
	questions = get16(p + 4);
	answers = get16(p + 6);
	for (unsigned i = 0; i < questions + answers; i++) {
		int name = dn_skipname(at, end);
		size_t fixed = i < questions ? NS_QFIXEDSZ : NS_RRFIXEDSZ, data;

		if (name < 0 || (size_t)(end - at) < (size_t)name + fixed)
			return 0;
		at += (size_t)name + fixed;
		if (i < questions)
			continue;
		data = get16(at - 2);
		if ((size_t)(end - at) < data)
			return 0;
		if (get16(at - NS_RRFIXEDSZ) == ns_t_a && data == 4)
			return (uint32_t)get16(at) << 16 | get16(at + 2);
		at += data;
	}
	return 0;
}

/* Sends @query and waits for what answers it, twice; the answer's size, 0: none came. */
static size_t exchange(int fd, const unsigned char *query, size_t len, unsigned char *answer,
		       size_t room) {
	for (int tries = 0; tries < 2; tries++) {
		uint64_t end = clock_mono_ms() + ANSWER_MS, now;
		struct pollfd in = { .fd = fd, .events = POLLIN };

		if (send(fd, query, len, 0) < 0)
			continue;
		while ((now = clock_mono_ms()) < end && poll(&in, 1, (int)(end - now)) > 0) {
			ssize_t n = recv(fd, answer, room, MSG_DONTWAIT);

			if (n < 0)
				break; /* told that nobody listens there */
			if (n >= NS_HFIXEDSZ && get16(answer) == get16(query) && (answer[2] & 0x80))
				return (size_t)n;
		}
	}
	return 0;
}

/* The first address of @name, asked of the name server at @server; 0: none. */
static uint32_t ask(uint32_t server, const char *name, char *ret_verdict) {
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(NS_DEFAULTPORT),
		.sin_addr.s_addr = htonl(server),
	};
	unsigned char query[NS_PACKETSZ], answer[NS_PACKETSZ * 2];
	autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int len = res_mkquery(ns_o_query, name, ns_c_in, ns_t_a, NULL, 0, NULL, query, sizeof(query));
	uint32_t found;
	size_t n;

	*ret_verdict = '-';
	if (fd < 0 || len < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return 0;
	n = exchange(fd, query, (size_t)len, answer, sizeof(answer));
	if (n == 0)
		return 0;
	found = first_address(answer, n);
	if (found)
		*ret_verdict = 'y';
	else if ((answer[3] & 0xf) == ns_r_noerror || (answer[3] & 0xf) == ns_r_nxdomain)
		*ret_verdict = 'n';
	else
		*ret_verdict = 'f';
	return found;
}

static int begin_connect(uint32_t address, uint16_t port) {
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static int count_open(const struct pollfd *fds) {
	int n = 0;

	for (int i = 0; i < REACH_COUNT; i++)
		n += fds[i].fd >= 0;
	return n;
}

/* Until @end_ms, and what has come until now at least: who answers, who refuses. */
static void wait_for(struct pollfd *fds, uint64_t end_ms, char *ret) {
	while (count_open(fds) > 0) {
		uint64_t now = clock_mono_ms();

		if (poll(fds, REACH_COUNT, now < end_ms ? (int)(end_ms - now) : 0) <= 0)
			return;
		for (int i = 0; i < REACH_COUNT; i++) {
			int e = 0;
			socklen_t len = sizeof(e);

			if (fds[i].fd < 0 || !fds[i].revents)
				continue;
			(void)getsockopt(fds[i].fd, SOL_SOCKET, SO_ERROR, &e, &len);
			ret[i] = e ? 'n' : 'y';
			(void)close(fds[i].fd);
			fds[i].fd = -1;
		}
	}
}

static _Noreturn void look_around(int netns, uint32_t gateway, uint16_t host_port, int report) {
	uint32_t addresses[REACH_COUNT] = { 0, PRIVATE_A, PRIVATE_C, METADATA, gateway };
	const uint16_t ports[REACH_COUNT] = { OUTSIDE_PORT, 80, 80, 80, host_port };
	struct pollfd fds[REACH_COUNT];
	struct reach reached;
	uint64_t begin;

	if (setns(netns, CLONE_NEWNET) < 0 || confine_user(65534, 65534) < 0 ||
	    confine_privileges() < 0 || confine_capabilities(NULL, 0) < 0)
		_exit(1);
	/* Behind the change of ids, which takes it away. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	memset(reached.targets, '-', sizeof(reached.targets));
	begin = clock_mono_ms();
	/* Those that need no name are under way while the name is asked for. */
	for (int i = 0; i < REACH_COUNT; i++) {
		int fd = i == REACH_OUTSIDE ? -1 : begin_connect(addresses[i], ports[i]);

		fds[i] = (struct pollfd){ .fd = fd, .events = POLLOUT };
		if (fd < 0 && i != REACH_OUTSIDE)
			reached.targets[i] = 'n';
	}
	addresses[REACH_OUTSIDE] = ask(gateway, REACH_NAME, &reached.dns);
	if (addresses[REACH_OUTSIDE]) {
		fds[REACH_OUTSIDE].fd = begin_connect(addresses[REACH_OUTSIDE], OUTSIDE_PORT);
		if (fds[REACH_OUTSIDE].fd < 0)
			reached.targets[REACH_OUTSIDE] = 'n';
		begin = clock_mono_ms();
	}
	wait_for(fds, begin + CONNECT_MS, reached.targets);
	_exit(fd_write_all(report, &reached, sizeof(reached)) < 0);
}

/* A listener of the host's that no container is to reach. */
static int listen_on(uint32_t address, uint16_t *ret_port) {
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
	socklen_t len = sizeof(at);
	autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 4) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		return -errno;
	*ret_port = ntohs(at.sin_port);
	return steal_fd(&fd);
}

int reach_look(int netns, uint32_t gateway, struct reach *ret) {
	autoclose int listener = -1, rd = -1, wr = -1;
	uint16_t port = 0;
	int fds[2];
	ssize_t n;
	pid_t pid;

	listener = listen_on(gateway, &port);
	if (listener < 0)
		return listener;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	rd = fds[0];
	wr = fds[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		look_around(netns, gateway, port, wr);
	(void)close(steal_fd(&wr));
	n = read(rd, ret, sizeof(*ret));
	(void)proc_wait(pid);
	return n == (ssize_t)sizeof(*ret) ? 0 : -EIO;
}
