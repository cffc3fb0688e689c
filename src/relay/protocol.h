/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the supervisor and coi-relay, and between its two processes.
 *
 * On the control socket (msg.h), from the supervisor: RELAY_MSG_TARGET for each
 * relay {"kind", "port", "path"} with the listening socket, then RELAY_MSG_START
 * {"uid", "person_uid", "person_gid", "person", "address"} with the network namespace.
 */
#ifndef COI_RELAY_PROTOCOL_H
#define COI_RELAY_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "relay/relay.h"

#define RELAY_FD_CONTROL 3
#define RELAY_FD_ROOT 4

#define RELAY_MSG_TARGET "target"
#define RELAY_MSG_START "start"

/* One packet each way. An answer of 0 has one descriptor, others are -errno. */
struct relay_ask {
	uint32_t id;     /* as the answer has it */
	uint32_t target; /* number */
};
struct relay_answer {
	uint32_t id;
	int32_t result;
};

/* What the program has been told. */
struct relay_setup {
	struct relay_target targets[RELAY_TARGETS_MAX]; /* path is owned */
	size_t count;
	uint32_t address;
	uint32_t uid;
	uid_t person_uid;
	gid_t person_gid;
	char *person;
	int netns_fd;
};

/* connect.c: answer on @sock until its end. Never returns to what it was: -errno or 0 at the end. */
int relay_connect_serve(const struct relay_setup *setup, int sock);
/* copy.c: pass bytes until the supervisor has gone; @ask is the other process. 0 or -errno. */
int relay_copy_serve(const struct relay_setup *setup, int ask);

#endif
