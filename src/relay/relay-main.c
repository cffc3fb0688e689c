/* SPDX-License-Identifier: GPL-2.0-or-later */
/* coi-relay: started by the supervisor, see relay.h. Ends when the supervisor does. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/proc.h"
#include "relay/protocol.h"

static struct relay_setup setup = { .netns_fd = -1 };

static int target_read(struct msg *m) {
	struct relay_target *t = &setup.targets[setup.count];

	if (setup.count >= RELAY_TARGETS_MAX || m->fd_count != 1)
		return -EBADMSG;
	t->kind = json_get_int(m->body, "kind", RELAY_SOCKET) == RELAY_PORT ? RELAY_PORT
									    : RELAY_SOCKET;
	t->port = (uint16_t)json_get_int(m->body, "port", 0);
	t->path = xstrdup(json_get_str(m->body, "path", ""));
	t->listen_fd = steal_fd(&m->fds[0]);
	setup.count++;
	return 0;
}

/* 1: that was the last one. */
static int message_read(struct msg *m) {
	if (!strcmp(m->type, RELAY_MSG_TARGET))
		return target_read(m);
	if (strcmp(m->type, RELAY_MSG_START) != 0 || m->fd_count != 1)
		return -EBADMSG;
	setup.uid = (uint32_t)json_get_int(m->body, "uid", 0);
	setup.person_uid = (uid_t)json_get_int(m->body, "person_uid", -1);
	setup.person_gid = (gid_t)json_get_int(m->body, "person_gid", -1);
	setup.person = xstrdup(json_get_str(m->body, "person", ""));
	setup.address = (uint32_t)json_get_int(m->body, "address", 0);
	setup.netns_fd = steal_fd(&m->fds[0]);
	return setup.uid && setup.person_uid != (uid_t)-1 && setup.person_gid != (gid_t)-1
		       ? 1
		       : -EBADMSG;
}

static int setup_read(void) {
	int r = 0;

	while (r == 0) {
		struct msg m;

		r = msg_recv(RELAY_FD_CONTROL, &m);
		if (r <= 0)
			return r < 0 ? r : -EPIPE;
		r = message_read(&m);
		msg_done(&m);
	}
	return r < 0 ? r : 0;
}

/* The child connects. It keeps nothing but the line to us, and ends with it. */
static int fork_connector(int *ret) {
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		const int keep[] = { pair[1], setup.netns_fd };
		int r;

		proc_close_fds_except(keep, ARRAY_SIZE(keep));
		r = relay_connect_serve(&setup, pair[1]);
		if (r < 0)
			fprintf(stderr, "coi-relay: connecting: %s\n", strerror(-r));
		_exit(r < 0);
	}
	(void)close(pair[1]);
	(void)close(setup.netns_fd);
	*ret = pair[0];
	return 0;
}

int main(int argc, char **argv) {
	struct stat st;
	int ask = -1, r;

	(void)argv;
	if (argc != 1 || fstat(RELAY_FD_CONTROL, &st) < 0 || fstat(RELAY_FD_ROOT, &st) < 0) {
		fprintf(stderr, "coi-relay is started by coi\n");
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	r = setup_read();
	if (r == 0)
		r = fork_connector(&ask);
	if (r == 0)
		r = relay_copy_serve(&setup, ask);
	if (r < 0)
		fprintf(stderr, "coi-relay: %s\n", strerror(-r));
	return r < 0 ? 1 : 0;
}
