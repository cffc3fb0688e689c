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
void dns_query_write(const struct dns_query *q, uint16_t id, struct buf *out);

/* 1: an answer to what was asked under @id, 0: something else. *@truncated: to be asked by TCP. */
int dns_answer_match(const uint8_t *wire, size_t len, const struct dns_query *q, uint16_t id,
		     bool *truncated, unsigned *rcode);
/* The client's answer out of an upstream one. -EBADMSG when it makes no sense. */
int dns_answer_write(const uint8_t *wire, size_t len, const struct dns_query *q,
		     const struct dns_filter *filter, struct buf *out);
/* An answer of ours without records. @rcode: LDNS_RCODE_… */
void dns_error_write(const struct dns_query *q, unsigned rcode, struct buf *out);

#endif
