/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coi-resolver: the name service of one container.
 *
 * Started by the supervisor with its sockets (protocol.h). Until confine() it
 * has read nothing but what the supervisor and the host's resolv.conf say;
 * afterwards, when it reads what containers and servers send, it can do
 * nothing but that. Ends when the supervisor does.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/strv.h"
#include "net/resolver/protocol.h"
#include "net/resolver/server.h"

static struct server server;

static int resolvconf_read(int fd, struct resolvconf *ret) {
	autobuf struct buf text;
	int r;

	buf_init(&text, RESOLVCONF_SIZE_MAX);
	r = fd_read_all(fd, &text);
	if (r < 0)
		return r;
	resolvconf_parse(text.data, ret);
	return 0;
}

static void hosts_read(struct server *s, const json_t *list) {
	s->host_count = 0;
	for (size_t i = 0; i < json_array_size(list) && i < NET_HOST_NAMES_MAX; i++) {
		const json_t *one = json_array_get(list, i);
		struct host *h = &s->hosts[s->host_count];
		const char *name = json_get_str(one, "name", "");

		if (!*name || strlen(name) >= sizeof(h->name))
			continue;
		memcpy(h->name, name, strlen(name) + 1);
		h->address = (uint32_t)json_get_int(one, "address", 0);
		s->host_count++;
	}
}

/* Everything in it is the supervisor's. */
static int policy_read(struct server *s, const json_t *body) {
	auto_net_allowed struct net_allowed allowed = { 0 };
	bool is_listed = json_is_array(json_object_get(body, "allowed"));
	autostrv char **texts = is_listed ? json_get_strv(body, "allowed") : NULL;
	struct err err;

	if (net_allowed_parse(&allowed, texts, &err) < 0)
		return -EBADMSG;
	s->filter = (struct dns_filter){
		.allow_private = json_get_bool(body, "private", false),
		.allow_metadata = json_get_bool(body, "metadata", false),
		.allow_local = json_get_bool(body, "local", false),
		.chain_only = is_listed,
	};
	s->refresh_s = (uint32_t)json_get_int(body, "refresh_s", 0);
	s->is_listed = is_listed;
	s->asked_rate = (uint32_t)json_get_int(body, "asked_rate", 0);
	s->asks_ahead = json_get_bool(body, "ahead", false);
	hosts_read(s, json_object_get(body, "hosts"));
	net_allowed_done(&s->allowed);
	s->allowed = allowed;
	allowed = (struct net_allowed){ 0 };
	return 0;
}

/* The start message. */
static int start_read(struct server *s, uint32_t *uid, bool *has_log) {
	struct msg m;
	const char *client;
	int r = msg_recv(RESOLVER_FD_CONTROL, &m);

	if (r <= 0)
		return r < 0 ? r : -EPIPE;
	client = json_get_str(m.body, "client", "");
	*uid = (uint32_t)json_get_int(m.body, "uid", 0);
	*has_log = json_get_bool(m.body, "log", false);
	if (strcmp(m.type, RESOLVER_MSG_START) != 0 || m.fd_count != 1 || !*uid ||
	    inet_pton(AF_INET, client, &s->client) != 1)
		r = -EBADMSG;
	else
		r = resolvconf_read(m.fds[0], &s->conf);
	if (r >= 0)
		r = policy_read(s, m.body);
	msg_done(&m);
	return r;
}

/* The servers of the moment count from the next question on; those in flight keep theirs. */
static void on_control(int fd, uint32_t events, void *data) {
	struct server *s = data;
	struct resolvconf conf;
	struct msg m;
	int r = msg_recv(fd, &m);

	if (r == -EBADMSG)
		return;
	if (r <= 0) {
		loop_stop(s->loop, 0);
		return;
	}
	if (!strcmp(m.type, RESOLVER_MSG_RESOLV_CONF) && m.fd_count == 1 &&
	    resolvconf_read(m.fds[0], &conf) == 0)
		s->conf = conf;
	/* A list that cannot be read would leave the old one in force: better to start anew. */
	if (!strcmp(m.type, RESOLVER_MSG_POLICY)) {
		if (policy_read(s, m.body) < 0)
			loop_stop(s->loop, -EBADMSG);
		names_relisted(s);
		upstream_repolicy(s);
		names_ahead(s);
	}
	if (!strcmp(m.type, RESOLVER_MSG_PING)) {
		refusals_flush(s);
		asked_flush(s);
		(void)msg_send(fd, RESOLVER_MSG_PONG, NULL, NULL, 0);
	}
	if (!strcmp(m.type, RESOLVER_MSG_LEARNT))
		upstream_learnt(s, (uint64_t)json_get_int(m.body, "id", -1),
				json_get_bool(m.body, "ok", false));
	msg_done(&m);
}

static bool descriptors_there(void) {
	struct stat st;

	for (int fd = RESOLVER_FD_UDP; fd <= RESOLVER_FD_ROOT; fd++)
		if (fstat(fd, &st) < 0)
			return false;
	return true;
}

static int serve(struct server *s) {
	uint32_t uid = 0;
	bool has_log = false;
	int r = start_read(s, &uid, &has_log);

	if (r < 0)
		return r;
	s->udp_fd = RESOLVER_FD_UDP;
	s->tcp_fd = RESOLVER_FD_TCP;
	s->control_fd = RESOLVER_FD_CONTROL;
	s->loop = loop_new();
	if (!s->loop || !loop_add_fd(s->loop, RESOLVER_FD_CONTROL, EPOLLIN, on_control, s))
		return -ENOMEM;
	names_ahead(s);
	r = clients_open(s);
	if (r == 0 && has_log)
		r = refusals_open(s, RESOLVER_FD_LOG);
	if (r == 0)
		r = confine(RESOLVER_FD_ROOT, uid);
	if (r == 0)
		(void)close(RESOLVER_FD_ROOT);
	return r < 0 ? r : loop_run(s->loop);
}

int main(int argc, char **argv) {
	int r;

	if (argc != 1 || !descriptors_there()) {
		fprintf(stderr, "coi-resolver is started by coi\n");
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	/* A terminal's interrupt is for the command in front; our end is the control socket's. */
	(void)signal(SIGINT, SIG_IGN);
	r = serve(&server);
	if (r < 0)
		fprintf(stderr, "coi-resolver: %s\n", strerror(-r));
	return r < 0 ? 1 : 0;
}
