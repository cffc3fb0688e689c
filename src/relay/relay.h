/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The relays of one container: the helper program coi-relay, which passes bytes
 * between who connects on one side and a server on the other. Published ports
 * lead from the host to the container, sockets from the container to the host.
 *
 * Two processes, since what is read is hostile. The one that reads and writes
 * has no rights at all: own user id, empty root directory, seccomp filter without
 * connect(2). It asks the other for each connection, by number. The other never
 * sees a byte: it connects to what it was told at the start, as the person (the
 * server outside sees whose session it is), in the container's network namespace.
 *
 * At most RELAY_CONNECTIONS_MAX at once, those that come later wait. Each side
 * can end its half. What one side does not read holds the other back: 64 KiB are
 * kept for it. Descriptors are not passed on.
 */
#ifndef COI_RELAY_RELAY_H
#define COI_RELAY_RELAY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define RELAY_TARGETS_MAX 64
#define RELAY_CONNECTIONS_MAX 1000

enum relay_kind {
	RELAY_PORT,   /* to a TCP port of the container: its loopback, else its address */
	RELAY_SOCKET, /* to a Unix socket of the host */
};

struct relay_target {
	enum relay_kind kind;
	int listen_fd;    /* bound and listening, non-blocking; stays the caller's */
	uint16_t port;    /* RELAY_PORT */
	const char *path; /* RELAY_SOCKET: absolute; no part of it may be a symbolic link */
};

struct relay_spec {
	const struct relay_target *targets;
	size_t count;
	int netns_fd;        /* of the container */
	int empty_fd;        /* an empty directory */
	uint32_t address;    /* of the container, host byte order; 0: it has a loopback only */
	uint32_t uid;        /* for the process that reads: nobody else's */
	uid_t person_uid;    /* as whom sockets of the host are used */
	gid_t person_gid;
	const char *person;  /* for the groups of group(5) */
};

struct relay {
	int control_fd; /* it ends when this is closed, also by our death; -1: not started */
	pid_t pid;
	int pidfd;
};
#define RELAY_INIT { -1, 0, -1 }

/* Fork and exec, nothing is waited for. The child is the caller's: poll @ret's pidfd. */
int relay_start(const struct relay_spec *spec, struct relay *ret, struct err *err);
/* End it and wait for it. Fine when it was not started. */
void relay_stop(struct relay *r);

#endif
