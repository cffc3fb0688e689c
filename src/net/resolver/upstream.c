/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions to the upstream servers. Each try has a socket of its own, so a
 * random source port, connected, so that only that server's answers arrive,
 * and a random number; then the question must come back with the answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ldns/packet.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/resolver/server.h"

/* Servers do send more than we say that we take. */
#define DATAGRAM_MAX 4096
#define STALE_TTL 30 /* an old answer is asked for again soon */

static void next_try(struct flight *f);

/* Socket and sources of the present try. */
static void try_end(struct flight *f) {
	loop_remove(f->server->loop, f->source);
	loop_remove(f->server->loop, f->timer);
	f->source = f->timer = NULL;
	mem_close_ptr(&f->fd);
	f->fd = -1;
}

static void flight_end(struct flight *f, const struct buf *answer) {
	struct server *s = f->server;
	struct asker a = f->asker;

	try_end(f);
	buf_done(&f->out);
	buf_done(&f->in);
	buf_done(&f->answer);
	f->used = f->is_learning = false;
	if (a.conn == ASKER_AHEAD)
		names_ahead_done(s, &f->query, f->is_dropped ? NULL : answer);
	else
		clients_answer(s, &a, answer);
}

static void flight_give_up(struct flight *f) {
	autobuf struct buf out;

	buf_init(&out, DNS_MESSAGE_MAX);
	dns_error_write(&f->query, LDNS_RCODE_SERVFAIL, &out);
	flight_end(f, &out);
}

static void on_learn_timeout(void *data) {
	flight_give_up(data);
}

/* The answer waits in the flight until its addresses can be reached. */
static void flight_learn(struct flight *f) {
	int r;

	try_end(f);
	f->is_learning = true;
	f->timer = loop_add_timer(f->server->loop, LEARN_TIMEOUT_MS, 0, on_learn_timeout, f);
	r = names_learn(f->server, f);
	if (r < 0 || !f->timer)
		flight_give_up(f);
}

static void note_addresses(const struct flight *f) {
	char name[DNS_NAME_TEXT];

	if (f->addresses.count && dns_query_name(&f->query, name))
		refusals_note(f->server, name, &f->addresses);
}

void upstream_learnt(struct server *s, uint64_t number, bool ok) {
	for (size_t i = 0; i < FLIGHTS_MAX; i++) {
		struct flight *f = &s->flights[i];
		autobuf struct buf answer = { 0 };

		if (!f->used || !f->is_learning || f->number != number)
			continue;
		if (!ok) {
			flight_give_up(f);
			return;
		}
		if (!f->is_stale)
			names_known(s, f);
		note_addresses(f);
		answer = f->answer;
		f->answer = (struct buf){ 0 };
		flight_end(f, &answer);
		return;
	}
}

/* No server has said anything of use: what was said earlier is better than nothing. */
static void flight_fail(struct flight *f) {
	const struct dns_addresses *old = f->server->is_listed ? names_old(f->server, &f->query)
							       : NULL;

	if (!old || f->asker.conn == ASKER_NONE || f->asker.conn == ASKER_AHEAD) {
		flight_give_up(f);
		return;
	}
	f->is_stale = true;
	f->addresses = *old;
	f->addresses.ttl = STALE_TTL;
	dns_addresses_write(&f->query, &f->addresses, &f->answer);
	flight_learn(f);
}

static void on_timeout(void *data) {
	struct flight *f = data;

	f->by_tcp = false;
	next_try(f);
}

/* What a server said. Servers that will not or cannot answer are passed over while others are left. */
static void on_message(struct flight *f, const uint8_t *wire, size_t len) {
	autobuf struct buf out = { 0 };
	bool truncated;
	unsigned rcode;

	if (!dns_answer_match(wire, len, &f->query, f->id, &truncated, &rcode))
		return; /* a forgery or a late one: wait on */
	if (truncated && !f->by_tcp) {
		f->by_tcp = true;
		f->tries--; /* the same server again */
		next_try(f);
		return;
	}
	/* Old servers take a question with EDNS for a broken one. */
	if ((rcode == LDNS_RCODE_FORMERR || rcode == LDNS_RCODE_NOTIMPL) && !f->is_plain) {
		f->is_plain = true;
		f->tries--;
		next_try(f);
		return;
	}
	if (rcode != LDNS_RCODE_NOERROR && rcode != LDNS_RCODE_NXDOMAIN &&
	    f->tries < f->server->conf.count) {
		f->by_tcp = false;
		next_try(f);
		return;
	}
	if (rcode != LDNS_RCODE_NOERROR && rcode != LDNS_RCODE_NXDOMAIN && f->server->is_listed) {
		flight_fail(f);
		return;
	}
	buf_init(&out, DNS_MESSAGE_MAX);
	/* What cannot be read is as good as nothing: another try, another server. */
	if (dns_answer_write(wire, len, &f->query, &f->server->filter, &out, &f->addresses) < 0) {
		f->addresses.count = 0;
		f->by_tcp = false;
		next_try(f);
		return;
	}
	if (!f->addresses.count || !f->server->is_listed) {
		note_addresses(f);
		flight_end(f, &out);
		return;
	}
	buf_add(&f->answer, out.data, out.len);
	flight_learn(f);
}

static void on_datagram(int fd, uint32_t events, void *data) {
	struct flight *f = data;
	uint8_t wire[DATAGRAM_MAX];
	ssize_t n = recv(fd, wire, sizeof(wire), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		next_try(f); /* nobody listens there */
		return;
	}
	/* One that was cut off does not parse, which is a failure as good as any. */
	on_message(f, wire, (size_t)n);
}

static int stream_send(struct flight *f) {
	while (f->out.len) {
		ssize_t n = send(f->fd, f->out.data, f->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		buf_drop(&f->out, (size_t)n);
	}
	loop_set_events(f->source, EPOLLIN);
	return 0;
}

/* 1: a whole message is there, 0: not yet, -errno. */
static int stream_receive(struct flight *f) {
	uint8_t chunk[4096];
	ssize_t n = recv(f->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	const uint8_t *head = (const uint8_t *)f->in.data;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -EPIPE;
	buf_add(&f->in, chunk, (size_t)n);
	if (f->in.overflow)
		return -EMSGSIZE;
	head = (const uint8_t *)f->in.data;
	return f->in.len >= 2 && f->in.len - 2 >= (size_t)(head[0] << 8 | head[1]);
}

static void on_stream(int fd, uint32_t events, void *data) {
	struct flight *f = data;
	autofree uint8_t *wire = NULL;
	size_t len;
	int r = 0;

	if (f->out.len)
		r = stream_send(f);
	else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		r = stream_receive(f);
	if (r == 0)
		return;
	if (r < 0) {
		f->by_tcp = false;
		next_try(f);
		return;
	}
	len = (size_t)((uint8_t)f->in.data[0] << 8 | (uint8_t)f->in.data[1]);
	wire = xmemdup(f->in.data + 2, len);
	buf_reset(&f->in);
	on_message(f, wire, len);
	/* A flight that is still here got something else than its answer. */
	if (f->used && f->by_tcp && f->source && f->fd == fd && !f->out.len) {
		f->by_tcp = false;
		next_try(f);
	}
}

static int try_open(struct flight *f, size_t server) {
	const struct resolvconf *c = &f->server->conf;
	const struct sockaddr *to = (const struct sockaddr *)&c->servers[server];
	int type = f->by_tcp ? SOCK_STREAM : SOCK_DGRAM;

	f->fd = socket(to->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (f->fd < 0)
		return -errno;
	if (connect(f->fd, to, c->lengths[server]) < 0 && errno != EINPROGRESS)
		return -errno;
	f->source = loop_add_fd(f->server->loop, f->fd, f->by_tcp ? EPOLLOUT : EPOLLIN,
				f->by_tcp ? on_stream : on_datagram, f);
	f->timer = loop_add_timer(f->server->loop, TRY_TIMEOUT_MS, 0, on_timeout, f);
	return f->source && f->timer ? 0 : -ENOMEM;
}

static int try_send(struct flight *f) {
	autobuf struct buf wire;
	uint8_t head[2];

	if (getrandom(&f->id, sizeof(f->id), 0) != sizeof(f->id))
		return -EIO;
	buf_init(&wire, DNS_UDP_MIN);
	dns_query_write(&f->query, f->id, !f->is_plain, &wire);
	if (!f->by_tcp)
		return send(f->fd, wire.data, wire.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno
											 : 0;
	head[0] = (uint8_t)(wire.len >> 8);
	head[1] = (uint8_t)wire.len;
	buf_reset(&f->in);
	buf_reset(&f->out);
	buf_add(&f->out, head, sizeof(head));
	buf_add(&f->out, wire.data, wire.len);
	return 0;
}

/* The next server in turn, until one can at least be sent to. */
static void next_try(struct flight *f) {
	for (;;) {
		size_t server = f->tries % f->server->conf.count;
		int r;

		try_end(f);
		if (f->tries >= TRIES_MAX)
			break;
		f->tries++;
		r = try_open(f, server);
		if (r == 0)
			r = try_send(f);
		if (r == 0)
			return;
	}
	flight_fail(f);
}

/* By the policy that holds now: answered, dropped, asked for anew, or left to go on. */
static void flight_repolicy(struct flight *f) {
	struct server *s = f->server;
	autobuf struct buf out;

	buf_init(&out, DNS_MESSAGE_MAX);
	if (f->asker.conn == ASKER_NONE || f->asker.conn == ASKER_AHEAD) {
		f->is_dropped = !names_wanted(s, &f->query);
		if (f->is_dropped) {
			flight_end(f, &out);
			return;
		}
	} else if (names_decide(s, &f->query, &out) == DNS_ANSWER) {
		flight_end(f, &out);
		return;
	}
	/* An answer that is yet to come will be judged by what holds then. */
	if (!f->is_learning)
		return;
	f->number = s->asked++; /* the supervisor's word about the old answer is not for this one */
	f->is_learning = f->is_stale = f->by_tcp = f->is_plain = false;
	f->tries = 0;
	buf_reset(&f->answer);
	next_try(f);
}

void upstream_repolicy(struct server *s) {
	for (size_t i = 0; i < FLIGHTS_MAX; i++)
		if (s->flights[i].used)
			flight_repolicy(&s->flights[i]);
}

bool upstream_asks(const struct server *s, const struct dns_query *q, int asker) {
	for (size_t i = 0; i < FLIGHTS_MAX; i++) {
		const struct flight *f = &s->flights[i];

		if (f->used && f->asker.conn == asker && f->query.question_len == q->question_len &&
		    !memcmp(f->query.question, q->question, q->question_len))
			return true;
	}
	return false;
}

/* A free place, or that of the oldest question: a name that nobody answers must not block others. */
static struct flight *place(struct server *s) {
	struct flight *oldest = &s->flights[0];

	for (size_t i = 0; i < FLIGHTS_MAX; i++) {
		struct flight *f = &s->flights[i];

		if (!f->used)
			return f;
		if (f->number < oldest->number)
			oldest = f;
	}
	oldest->is_dropped = true;
	flight_give_up(oldest);
	return oldest;
}

void upstream_ask(struct server *s, const struct dns_query *q, const struct asker *a) {
	struct flight *f = place(s);

	*f = (struct flight){ .server = s,
			      .used = true,
			      .number = s->asked++,
			      .query = *q,
			      .asker = *a,
			      .fd = -1 };
	buf_init(&f->out, DNS_MESSAGE_MAX + 2);
	buf_init(&f->in, DNS_MESSAGE_MAX + 2 + 4096);
	buf_init(&f->answer, DNS_MESSAGE_MAX);
	next_try(f);
}
