/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that connects. It is the person, in the container's network
 * namespace, and does nothing but connect to what it was told at the start; of who
 * asks it takes numbers only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/fd.h"
#include "base/mem.h"
#include "relay/protocol.h"

/*
 * The kernel compares it also with all descriptors of this user that are on their way
 * between any two processes (unix_inflight; it does so for who has no capability).
 */
#define DESCRIPTORS_MAX 4096
#define SEND_TRIES 50
#define SEND_RETRY_MS 20

static const int calls[] = {
	SCMP_SYS(brk),	      SCMP_SYS(close),	     SCMP_SYS(connect),	   SCMP_SYS(exit),
	SCMP_SYS(exit_group), SCMP_SYS(fstat),	     SCMP_SYS(futex),	   SCMP_SYS(getsockopt),
	SCMP_SYS(munmap),     SCMP_SYS(newfstatat),  SCMP_SYS(openat2),	   SCMP_SYS(poll),
	SCMP_SYS(ppoll),      SCMP_SYS(recvmsg),     SCMP_SYS(recvfrom),   SCMP_SYS(sendmsg),
	SCMP_SYS(setsockopt), SCMP_SYS(socket),	     SCMP_SYS(write),
	SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigreturn),
};

static int become(const struct relay_setup *s) {
	/* What root may connect to, a relay of root's may. */
	static const cap_value_t of_root[] = { CAP_DAC_OVERRIDE };
	int r = confine_privileges();

	if (r < 0)
		return r;
	/* Groups first: asking for them may want the host's network. */
	if (initgroups(s->person, s->person_gid) < 0 && setgroups(0, NULL) < 0)
		return -errno;
	if (setns(s->netns_fd, CLONE_NEWNET) < 0)
		return -errno;
	if (setresgid(s->person_gid, s->person_gid, s->person_gid) < 0 ||
	    setresuid(s->person_uid, s->person_uid, s->person_uid) < 0)
		return -errno;
	r = confine_capabilities(of_root, s->person_uid == 0);
	/* The kernel has made us dumpable by what we are now. */
	if (r == 0)
		r = confine_privileges();
	if (r == 0)
		r = confine_limits(DESCRIPTORS_MAX, 0);
	if (r == 0)
		r = confine_calls_load(calls, ARRAY_SIZE(calls));
	return r;
}

/*
 * Each time anew, so that a server can be started again. No part of the path may
 * have become a link: it would lead to what nobody has agreed to.
 */
static int connect_socket(const char *path) {
	const struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
				      .resolve = RESOLVE_NO_SYMLINKS };
	autoclose int place = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	struct stat st;

	if (place < 0 || fstat(place, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	return socket_connect_at(place, "", SOCK_STREAM | SOCK_NONBLOCK);
}

static int connect_to(const struct sockaddr *addr, socklen_t len) {
	autoclose int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	int one = 1, error = 0;
	socklen_t size = sizeof(error);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, addr, len) < 0 && errno != EINPROGRESS)
		return -errno;
	/* On a loopback it is known by now, but for a server that is too busy. */
	if (poll(&pfd, 1, 0) > 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 &&
	    error)
		return -error;
	return steal_fd(&fd);
}

/* Many servers listen on the loopback only, some on that of IPv6 only. */
static int connect_port(uint32_t address, uint16_t port) {
	const struct sockaddr_in loopback = { .sin_family = AF_INET,
					      .sin_port = htons(port),
					      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct sockaddr_in6 loopback6 = { .sin6_family = AF_INET6,
						.sin6_port = htons(port),
						.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	const struct sockaddr_in own = { .sin_family = AF_INET,
					 .sin_port = htons(port),
					 .sin_addr.s_addr = htonl(address) };
	int fd = connect_to((const struct sockaddr *)&loopback, sizeof(loopback));

	if (fd < 0)
		fd = connect_to((const struct sockaddr *)&loopback6, sizeof(loopback6));
	if (fd < 0 && address)
		fd = connect_to((const struct sockaddr *)&own, sizeof(own));
	return fd < 0 ? -ECONNREFUSED : fd;
}

/* When the person has too many descriptors on their way, in a moment there are fewer. */
static int answer(int sock, uint32_t id, int fd) {
	struct relay_answer a = { .id = id, .result = fd < 0 ? fd : 0 };
	int r = fd_send(sock, &a, sizeof(a), &fd, fd >= 0);

	for (int i = 0; r == -ETOOMANYREFS && i < SEND_TRIES; i++) {
		(void)poll(NULL, 0, SEND_RETRY_MS);
		r = fd_send(sock, &a, sizeof(a), &fd, 1);
	}
	if (r == -ETOOMANYREFS) { /* this one fails, and not the relay */
		a.result = r;
		r = fd_send(sock, &a, sizeof(a), NULL, 0);
	}
	return r;
}

int relay_connect_serve(const struct relay_setup *setup, int sock) {
	int r = become(setup);

	while (r == 0) {
		struct relay_ask ask;
		ssize_t n = recv(sock, &ask, sizeof(ask), 0);
		autoclose int fd = -1;

		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(ask) || ask.target >= setup->count)
			return n < 0 ? -errno : n == 0 ? 0 : -EBADMSG;
		if (setup->targets[ask.target].kind == RELAY_PORT)
			fd = connect_port(setup->address, setup->targets[ask.target].port);
		else
			fd = connect_socket(setup->targets[ask.target].path);
		r = answer(sock, ask.id, fd);
	}
	return r;
}
