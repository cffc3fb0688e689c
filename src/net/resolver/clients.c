/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The container's side: datagrams, and a few connections that each have one question at a time. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/resolver/server.h"

/* So many datagrams in one go, so that connections and answers have their turn too. */
#define DATAGRAMS_AT_ONCE 32

static void conn_close(struct conn *c) {
	loop_remove(c->server->loop, c->source);
	loop_remove(c->server->loop, c->timer);
	mem_close_ptr(&c->fd);
	buf_done(&c->in);
	buf_done(&c->out);
	c->source = c->timer = NULL;
	c->fd = -1;
	c->busy = c->is_ended = false;
	c->generation++;
}

static void on_idle(void *data) {
	conn_close(data);
}

static void idle_restart(struct conn *c) {
	loop_remove(c->server->loop, c->timer);
	c->timer = loop_add_timer(c->server->loop, CONN_IDLE_MS, 0, on_idle, c);
}

/* -errno when the connection is no good any more. */
static int conn_send(struct conn *c) {
	while (c->out.len) {
		ssize_t n = send(c->fd, c->out.data, c->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n < 0)
			break;
		buf_drop(&c->out, (size_t)n);
	}
	/* What has ended is readable for ever. */
	loop_set_events(c->source, c->out.len ? EPOLLOUT : c->is_ended ? 0 : EPOLLIN);
	return 0;
}

static void conn_queue(struct conn *c, const struct buf *wire) {
	const uint8_t head[2] = { (uint8_t)(wire->len >> 8), (uint8_t)wire->len };

	buf_add(&c->out, head, sizeof(head));
	buf_add(&c->out, wire->data, wire->len);
}

/* Questions out of what has come, as long as each is answered at once. -errno: close. */
static int conn_serve(struct conn *c) {
	struct server *s = c->server;

	while (!c->busy && !c->out.len && c->in.len >= 2) {
		size_t len = (size_t)((uint8_t)c->in.data[0] << 8 | (uint8_t)c->in.data[1]);
		const struct asker me = { .conn = (int)(c - s->conns),
					  .generation = c->generation };
		autobuf struct buf out;
		struct dns_query q;
		enum dns_action action;

		if (c->in.len - 2 < len)
			break;
		buf_init(&out, DNS_MESSAGE_MAX);
		action = dns_query_read((const uint8_t *)c->in.data + 2, len, true, &q, &out);
		buf_drop(&c->in, 2 + len);
		if (action == DNS_DROP)
			return -EBADMSG;
		asked_note(s, &q);
		if (action == DNS_FORWARD)
			action = names_decide(s, &q, &out);
		if (action == DNS_FORWARD) {
			c->busy = true;
			upstream_ask(s, &q, &me);
			return 0;
		}
		conn_queue(c, &out);
		if (conn_send(c) < 0)
			return -EPIPE;
	}
	return 0;
}

/* What has come. -errno: the connection is no good any more. */
static int conn_receive(struct conn *c) {
	uint8_t chunk[4096];
	ssize_t n = recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0) {
		c->is_ended = true;
		loop_set_events(c->source, 0);
		return 0;
	}
	buf_add(&c->in, chunk, (size_t)n);
	idle_restart(c);
	/* Whoever sends much more than he reads answers for is not waited for. */
	return c->in.overflow || !c->timer ? -ENOBUFS : 0;
}

static void on_conn(int fd, uint32_t events, void *data) {
	struct conn *c = data;
	int r = events & (EPOLLERR | EPOLLHUP) ? -EPIPE : 0;

	if (r == 0 && c->out.len) {
		r = conn_send(c);
		if (r == 0 && c->out.len)
			return;
	}
	if (r == 0 && !c->is_ended)
		r = conn_receive(c);
	if (r == 0)
		r = conn_serve(c);
	if (r < 0 || (c->is_ended && !c->busy && !c->out.len))
		conn_close(c);
}

static void on_accept(int fd, uint32_t events, void *data) {
	struct server *s = data;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	autoclose int client = accept4(fd, (struct sockaddr *)&from, &len,
				       SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (client < 0 || len != sizeof(from) || from.sin_addr.s_addr != s->client.s_addr)
		return;
	for (size_t i = 0; i < CONNS_MAX; i++) {
		struct conn *c = &s->conns[i];

		if (c->fd >= 0)
			continue;
		c->fd = steal_fd(&client);
		buf_init(&c->in, DNS_MESSAGE_MAX + 2 + 4096);
		buf_init(&c->out, 2 * (DNS_MESSAGE_MAX + 2));
		c->source = loop_add_fd(s->loop, c->fd, EPOLLIN, on_conn, c);
		idle_restart(c);
		if (!c->source || !c->timer)
			conn_close(c);
		return;
	}
}

static void on_query(int fd, uint32_t events, void *data) {
	struct server *s = data;
	uint8_t wire[DNS_UDP_MAX];

	for (int i = 0; i < DATAGRAMS_AT_ONCE; i++) {
		struct asker from = { .conn = -1 };
		socklen_t len = sizeof(from.from);
		ssize_t n = recvfrom(fd, wire, sizeof(wire), MSG_DONTWAIT,
				     (struct sockaddr *)&from.from, &len);
		autobuf struct buf out = { 0 };
		enum dns_action action;
		struct dns_query q;

		if (n < 0)
			return;
		if (len != sizeof(from.from) || from.from.sin_addr.s_addr != s->client.s_addr)
			continue;
		buf_init(&out, DNS_MESSAGE_MAX);
		action = dns_query_read(wire, (size_t)n, false, &q, &out);
		if (action != DNS_DROP)
			asked_note(s, &q);
		if (action == DNS_FORWARD)
			action = names_decide(s, &q, &out);
		switch (action) {
		case DNS_ANSWER:
			clients_answer(s, &from, &out);
			break;
		case DNS_FORWARD:
			upstream_ask(s, &q, &from);
			break;
		case DNS_DROP:
			break;
		}
	}
}

void clients_answer(struct server *s, const struct asker *a, const struct buf *wire) {
	struct conn *c;

	if (a->conn == ASKER_NONE)
		return;
	if (a->conn < 0) {
		/* A client that does not read loses answers, as with any name server. */
		(void)sendto(s->udp_fd, wire->data, wire->len, MSG_DONTWAIT | MSG_NOSIGNAL,
			     (const struct sockaddr *)&a->from, sizeof(a->from));
		return;
	}
	c = &s->conns[a->conn];
	if (c->fd < 0 || c->generation != a->generation)
		return;
	c->busy = false;
	conn_queue(c, wire);
	/*
	 * The next question of this connection is read when this answer has left:
	 * from the loop, never from here, or answers would nest.
	 */
	loop_set_events(c->source, EPOLLOUT);
}

int clients_open(struct server *s) {
	for (size_t i = 0; i < CONNS_MAX; i++)
		s->conns[i] = (struct conn){ .server = s, .fd = -1 };
	if (!loop_add_fd(s->loop, s->udp_fd, EPOLLIN, on_query, s) ||
	    !loop_add_fd(s->loop, s->tcp_fd, EPOLLIN, on_accept, s))
		return -errno;
	return 0;
}
