/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The running name service: one client address, datagrams and connections from
 * it, and so many questions at a time to the upstream servers. All is bounded;
 * when there is too much the oldest question is given up, and its asker told.
 */
#ifndef COI_NET_RESOLVER_SERVER_H
#define COI_NET_RESOLVER_SERVER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/loop.h"
#include "net/resolver/packet.h"
#include "net/resolver/resolvconf.h"

#define FLIGHTS_MAX 64
#define CONNS_MAX 16
#define TRIES_MAX 6          /* over all servers */
#define TRY_TIMEOUT_MS 2000
#define CONN_IDLE_MS 10000

struct server;

/* Who waits for an answer. */
struct asker {
	struct sockaddr_in from; /* datagrams */
	int conn;                /* index of a connection, or -1 */
	uint32_t generation;     /* of that connection */
};

/* A question that is being asked upstream. */
struct flight {
	struct server *server;
	bool used;
	uint64_t number; /* in the order of asking */
	struct dns_query query;
	struct asker asker;
	uint16_t id;
	unsigned tries;
	bool by_tcp;
	int fd;
	struct loop_source *source, *timer;
	struct buf out, in; /* by TCP: what is left to be sent, what has come */
};

struct conn {
	struct server *server;
	int fd; /* -1: free */
	uint32_t generation;
	bool busy; /* a question of it is in flight: no other is read meanwhile */
	struct loop_source *source, *timer;
	struct buf in, out;
};

struct server {
	struct loop *loop;
	int udp_fd, tcp_fd;
	struct in_addr client;
	struct dns_filter filter;
	struct resolvconf conf;
	uint64_t asked;
	struct flight flights[FLIGHTS_MAX];
	struct conn conns[CONNS_MAX];
};

/* clients.c */
int clients_open(struct server *s);
/* The answer @wire goes to whoever asked, if he is still there. */
void clients_answer(struct server *s, const struct asker *a, const struct buf *wire);

/* upstream.c */
/* Ask for @q; the answer, or a refusal, comes by clients_answer(), perhaps before the return. */
void upstream_ask(struct server *s, const struct dns_query *q, const struct asker *a);

/* confine.c: nothing is left but what a name service needs. -errno. */
int confine(int root_fd, uint32_t uid);

#endif
