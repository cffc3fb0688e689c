/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The running name service: one client address, datagrams and connections from
 * it, and so many questions at a time to the upstream servers. All is bounded;
 * when there is too much the oldest question is given up, and its asker told.
 */
#ifndef COI_NET_RESOLVER_SERVER_H
#define COI_NET_RESOLVER_SERVER_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/loop.h"
#include "net/allowed.h"
#include "net/hosts.h"
#include "net/resolver/packet.h"
#include "net/resolver/resolvconf.h"

#define FLIGHTS_MAX 64
#define CONNS_MAX 16
#define TRIES_MAX 6          /* over all servers */
#define TRY_TIMEOUT_MS 2000
#define CONN_IDLE_MS 10000
#define LEARN_TIMEOUT_MS 4000 /* it may be busy with a change of the rules */
#define KNOWN_MAX 1024
#define LED_MAX 1024
#define AHEAD_AT_ONCE 16 /* names that are asked for ahead: the rest is for the container */

struct server;

#define ASKER_NONE (-2)  /* a name is asked for again, by ourselves */
#define ASKER_AHEAD (-3) /* or before anybody does */

/* Who waits for an answer. */
struct asker {
	struct sockaddr_in from; /* datagrams */
	int conn;                /* index of a connection; -1: a datagram; ASKER_NONE */
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
	bool is_plain; /* without EDNS, which a server has not understood */
	int fd;
	struct loop_source *source, *timer;
	struct buf out, in; /* by TCP: what is left to be sent, what has come */
	bool is_learning;   /* the answer is there; the supervisor has to know its addresses first */
	bool is_dropped; /* given up for another's sake: nobody is told */
	bool is_stale;      /* the answer is an old one, since no server has given another */
	struct buf answer;
	struct dns_addresses addresses;
};

/* What a listed name has led to: for when no server answers, and to ask again in time. */
struct known {
	char name[DNS_NAME_TEXT]; /* "": free */
	struct dns_addresses addresses;
	uint64_t asked_ms; /* by the container, last */
	uint64_t next_ms;  /* when it is to be asked for again */
};

/* A name that has led to an address: for those who read of refusals. */
struct led {
	char name[DNS_NAME_TEXT]; /* "": free */
	uint32_t address;
};

/* A fixed name. */
struct host {
	char name[NET_ALLOWED_NAME_MAX + 1];
	uint32_t address;
};

struct conn {
	struct server *server;
	int fd; /* -1: free */
	uint32_t generation;
	bool busy; /* a question of it is in flight: no other is read meanwhile */
	bool is_ended; /* it says nothing more, and waits for what it has asked */
	struct loop_source *source, *timer;
	struct buf in, out;
};

struct server {
	struct loop *loop;
	int udp_fd, tcp_fd;
	struct in_addr client;
	struct dns_filter filter;
	struct resolvconf conf;
	int control_fd;
	bool is_listed; /* mode allowlist */
	struct net_allowed allowed;
	struct host hosts[NET_HOST_NAMES_MAX];
	size_t host_count;
	uint32_t refresh_s;
	struct loop_source *refresh_timer; /* while a name is known */
	struct known known[KNOWN_MAX];
	struct led led[LED_MAX];
	size_t led_next;
	struct loop_source *log_source;
	bool asks_ahead;
	size_t ahead_next; /* of `allowed`: asked for ahead up to here, */
	unsigned ahead;    /* and so many of them are on their way */
	struct loop_source *ahead_timer;
	uint64_t told_ms; /* since when refused names are counted, */
	unsigned told;    /* and how many were told of */
	uint64_t asked;
	/* asked.c */
	uint32_t asked_rate; /* names a second that the supervisor is told of; 0: none */
	uint64_t asked_second_ms;
	uint32_t asked_in_second;
	uint64_t asked_lost; /* not told of, since the last message */
	json_t *asked_list;
	struct loop_source *asked_timer;
	uint64_t packets_second_ms;
	unsigned packets_in_second;
	uint64_t packets_lost; /* refused, and not told of one by one */
	struct flight flights[FLIGHTS_MAX];
	struct conn conns[CONNS_MAX];
};

/* clients.c */
int clients_open(struct server *s);
/* The answer @wire goes to whoever asked, if he is still there. */
void clients_answer(struct server *s, const struct asker *a, const struct buf *wire);

/* names.c: mode allowlist */
/* A question that would be forwarded: DNS_FORWARD, or DNS_ANSWER with the refusal in @out. */
enum dns_action names_decide(struct server *s, const struct dns_query *q, struct buf *out);
/* Is it a listed name that we may ask for by ourselves? */
bool names_wanted(const struct server *s, const struct dns_query *q);
/* Ask the supervisor to let the flight's addresses through: 0 or -errno. */
int names_learn(struct server *s, const struct flight *f);
/* The supervisor did: remember them, and ask again before they run out. */
void names_known(struct server *s, const struct flight *f);
/* What was known of the name that is asked for; NULL: nothing. */
const struct dns_addresses *names_old(const struct server *s, const struct dns_query *q);
/* The list has changed: forget what is not on it. */
void names_relisted(struct server *s);
/* A name that was asked for ahead is done; @answer is what a client would get. */
void names_ahead_done(struct server *s, const struct dns_query *q, const struct buf *answer);
/* Begin to ask for all listed names ahead, some at a time. */
void names_ahead(struct server *s);

/* refusals.c */
/* Tell the supervisor what comes on @fd, the port's log group: 0 or -errno. */
int refusals_open(struct server *s, int fd);
/* Tell now of what the kernel has told of and nobody has read yet. */
void refusals_flush(struct server *s);
/* @name has led to these addresses, and a client is told so. */
void refusals_note(struct server *s, const char *name, const struct dns_addresses *a);

/* asked.c */
/* The client has asked @q, whatever the answer: tell of it, when that is wanted. */
void asked_note(struct server *s, const struct dns_query *q);
/* Tell what waits to be told: now; or, of what was only counted, when its second is over. */
void asked_flush(struct server *s);
void asked_flush_in(struct server *s, uint64_t ms);

/* upstream.c */
/* Ask for @q; the answer, or a refusal, comes by clients_answer(), perhaps before the return. */
void upstream_ask(struct server *s, const struct dns_query *q, const struct asker *a);

/*
 * The policy has changed. What is on its way goes on if the name may still be
 * asked for, but no answer that was made by the old policy is passed on.
 */
void upstream_repolicy(struct server *s);
/* Is @q on its way for such an asker (ASKER_…)? */
bool upstream_asks(const struct server *s, const struct dns_query *q, int asker);
/* The supervisor's word about the flight @number. */
void upstream_learnt(struct server *s, uint64_t number, bool ok);

/* confine.c: nothing is left but what a name service needs. -errno. */
int confine(int root_fd, uint32_t uid);

#endif
