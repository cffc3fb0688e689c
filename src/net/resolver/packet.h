/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands in a DNS message (RFC 1035, RFC 6891). Pure: bytes in, bytes out.
 *
 * Queries come from a container, answers from the network: both are hostile.
 * Nothing is passed on as it came; what goes out is put together anew.
 */
#ifndef COI_NET_RESOLVER_PACKET_H
#define COI_NET_RESOLVER_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define DNS_HEADER 12
#define DNS_NAME_MAX 255
#define DNS_UDP_MIN 512
#define DNS_UDP_MAX 1232 /* what passes everywhere without fragments */
#define DNS_MESSAGE_MAX 65535

struct dns_query {
	uint16_t id; /* the client's */
	uint16_t type;
	bool recursion, checking_disabled, dnssec_ok; /* RD, CD, DO */
	bool edns;
	bool tcp;
	uint16_t udp_size; /* how much the client takes in a datagram */
	uint16_t question_len;
	uint8_t question[DNS_NAME_MAX + 4]; /* name, type, class; the name as the client wrote it */
};

/* Which addresses may stand in answers. */
struct dns_filter {
	bool allow_private;
	bool allow_metadata;
	bool allow_local; /* private networks that are open anyway (RFC 1918) */
	/*
	 * Only addresses that the name asked for leads to, over a chain of CNAME
	 * records; those alone are learnt and so can be reached.
	 */
	bool chain_only;
};

#define DNS_CHAIN_MAX 16
#define DNS_ADDRESSES_MAX 64

/* The addresses that an answer has for the name that was asked. */
struct dns_addresses {
	uint32_t list[DNS_ADDRESSES_MAX]; /* host byte order */
	size_t count;
	uint32_t ttl; /* the shortest on the way there */
};

enum dns_action {
	DNS_DROP,    /* no query at all */
	DNS_ANSWER,  /* answered at once: @out */
	DNS_FORWARD, /* to be asked upstream: @q */
};

/* Read a query and decide. @out is reset. */
enum dns_action dns_query_read(const uint8_t *wire, size_t len, bool tcp, struct dns_query *q,
			       struct buf *out);
/* The query that goes upstream under the number @id. */
void dns_query_write(const struct dns_query *q, uint16_t id, bool edns, struct buf *out);

/* 1: an answer to what was asked under @id, 0: something else. *@truncated: to be asked by TCP. */
int dns_answer_match(const uint8_t *wire, size_t len, const struct dns_query *q, uint16_t id,
		     bool *truncated, unsigned *rcode);
/*
 * The client's answer out of an upstream one. -EBADMSG when it makes no sense.
 * @addresses (may be NULL): those that it has for the name asked for, type A.
 */
int dns_answer_write(const uint8_t *wire, size_t len, const struct dns_query *q,
		     const struct dns_filter *filter, struct buf *out,
		     struct dns_addresses *addresses);
/* An answer of ours with these addresses. */
void dns_addresses_write(const struct dns_query *q, const struct dns_addresses *a,
			 struct buf *out);
/* A question of ours: type A of @name, which is made of plain labels. */
void dns_query_for(const char *name, struct dns_query *q);
#define DNS_NAME_TEXT (DNS_NAME_MAX + 1)
/* The name asked for, in lower case, without a dot at its end. False: not made of plain labels. */
bool dns_query_name(const struct dns_query *q, char out[DNS_NAME_TEXT]);
/* That of any labels, for people: other bytes as '?', and no more than there is room for. */
void dns_query_text(const struct dns_query *q, char out[DNS_NAME_TEXT]);
/*
 * The answer for a name that may not be asked for: that it does not exist, with
 * the reason for whoever reads EDNS. REFUSED would be more to the point, but musl
 * takes that for no answer and waits for five seconds, while glibc calls it
 * temporary, which invites to try again.
 */
void dns_blocked_write(const struct dns_query *q, struct buf *out);
/* An answer of ours without records. @rcode: LDNS_RCODE_… */
void dns_error_write(const struct dns_query *q, unsigned rcode, struct buf *out);

#endif
