/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/resolver/packet.h"

#include <errno.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/ranges.h"

#define FLAG_QR 0x8000u
#define FLAG_TC 0x0200u
#define FLAG_RD 0x0100u
#define FLAG_RA 0x0080u
#define FLAG_CD 0x0010u
#define EDNS_DO 0x8000u
#define TYPE_OPT 41
#define LABEL_MAX 63

static uint16_t get16(const uint8_t *p) {
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(struct buf *b, unsigned v) {
	const uint8_t bytes[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	buf_add(b, bytes, sizeof(bytes));
}

static void put_header(struct buf *b, uint16_t id, unsigned flags, unsigned additional) {
	put16(b, id);
	put16(b, flags);
	put16(b, 1); /* one question */
	put16(b, 0);
	put16(b, 0);
	put16(b, additional);
}

static void put_opt(struct buf *b, bool dnssec_ok) {
	buf_addc(b, '\0'); /* the root's name */
	put16(b, TYPE_OPT);
	put16(b, DNS_UDP_MAX);
	put16(b, 0); /* extended code and version */
	put16(b, dnssec_ok ? EDNS_DO : 0);
	put16(b, 0); /* no options */
}

/* Length of the question at the header's end, or 0: a whole name without pointers, type, class. */
static size_t question_length(const uint8_t *wire, size_t len) {
	size_t at = DNS_HEADER;

	while (at < len && wire[at] != 0) {
		if (wire[at] > LABEL_MAX)
			return 0;
		at += 1u + wire[at];
	}
	if (at + 1 + 4 > len || at + 1 - DNS_HEADER > DNS_NAME_MAX)
		return 0;
	return at + 1 + 4 - DNS_HEADER;
}

void dns_error_write(const struct dns_query *q, unsigned rcode, struct buf *out) {
	unsigned flags = FLAG_QR | FLAG_RA | (rcode & 15);

	buf_reset(out);
	if (q->recursion)
		flags |= FLAG_RD;
	if (q->checking_disabled)
		flags |= FLAG_CD;
	put_header(out, q->id, flags, q->edns ? 1 : 0);
	buf_add(out, q->question, q->question_len);
	if (q->edns)
		put_opt(out, q->dnssec_ok);
}

/* What cannot even be repeated: the header alone. */
static enum dns_action header_only(const uint8_t *wire, unsigned rcode, struct buf *out) {
	put16(out, get16(wire));
	put16(out, FLAG_QR | FLAG_RA | (get16(wire + 2) & 0x7900u) | rcode);
	for (int i = 0; i < 4; i++)
		put16(out, 0);
	return DNS_ANSWER;
}

static enum dns_action answer(const struct dns_query *q, unsigned rcode, struct buf *out) {
	dns_error_write(q, rcode, out);
	return DNS_ANSWER;
}

static enum dns_action decide(const struct dns_query *q, struct buf *out) {
	if (get16(q->question + q->question_len - 2) != LDNS_RR_CLASS_IN)
		return answer(q, LDNS_RCODE_REFUSED, out);
	/* There is no IPv6, so nobody has to try. */
	if (q->type == LDNS_RR_TYPE_AAAA)
		return answer(q, LDNS_RCODE_NOERROR, out);
	/* Zone transfers and the questions about questions. */
	if (q->type == 0 || q->type == TYPE_OPT || (q->type >= 128 && q->type <= 254))
		return answer(q, LDNS_RCODE_NOTIMPL, out);
	return DNS_FORWARD;
}

enum dns_action dns_query_read(const uint8_t *wire, size_t len, bool tcp, struct dns_query *q,
			       struct buf *out) {
	ldns_pkt *pkt = NULL;
	unsigned flags;
	size_t n;

	memset(q, 0, sizeof(*q));
	buf_reset(out);
	if (len < DNS_HEADER || len > DNS_MESSAGE_MAX)
		return DNS_DROP;
	flags = get16(wire + 2);
	if (flags & FLAG_QR)
		return DNS_DROP;
	if (flags >> 11 & 15)
		return header_only(wire, LDNS_RCODE_NOTIMPL, out);
	n = question_length(wire, len);
	if (!n || get16(wire + 4) != 1 || get16(wire + 6) || get16(wire + 8) ||
	    get16(wire + 10) > 2 || ldns_wire2pkt(&pkt, wire, len) != LDNS_STATUS_OK)
		return header_only(wire, LDNS_RCODE_FORMERR, out);
	q->id = get16(wire);
	q->recursion = flags & FLAG_RD;
	q->checking_disabled = flags & FLAG_CD;
	q->tcp = tcp;
	q->question_len = (uint16_t)n;
	memcpy(q->question, wire + DNS_HEADER, n);
	q->type = get16(q->question + n - 4);
	q->edns = ldns_pkt_edns(pkt);
	q->dnssec_ok = q->edns && ldns_pkt_edns_do(pkt);
	q->udp_size = q->edns ? ldns_pkt_edns_udp_size(pkt) : DNS_UDP_MIN;
	if (q->udp_size < DNS_UDP_MIN)
		q->udp_size = DNS_UDP_MIN;
	if (q->udp_size > DNS_UDP_MAX)
		q->udp_size = DNS_UDP_MAX;
	ldns_pkt_free(pkt);
	return decide(q, out);
}

void dns_query_write(const struct dns_query *q, uint16_t id, struct buf *out) {
	buf_reset(out);
	put_header(out, id, FLAG_RD | (q->checking_disabled ? FLAG_CD : 0), 1);
	buf_add(out, q->question, q->question_len);
	put_opt(out, q->dnssec_ok);
}

static uint8_t lower(uint8_t c) {
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* Names without regard to case; a length byte is no letter, being at most 63. */
static bool question_equal(const uint8_t *a, const uint8_t *b, size_t len) {
	for (size_t i = 0; i < len - 4; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return !memcmp(a + len - 4, b + len - 4, 4);
}

int dns_answer_match(const uint8_t *wire, size_t len, const struct dns_query *q, uint16_t id,
		     bool *truncated, unsigned *rcode) {
	unsigned flags;

	if (len < DNS_HEADER || get16(wire) != id)
		return 0;
	flags = get16(wire + 2);
	if (!(flags & FLAG_QR) || (flags >> 11 & 15) || get16(wire + 4) != 1 ||
	    question_length(wire, len) != q->question_len ||
	    !question_equal(wire + DNS_HEADER, q->question, q->question_len))
		return 0;
	*truncated = flags & FLAG_TC;
	*rcode = flags & 15;
	return 1;
}

/* May this record reach the client? */
static bool record_passes(const ldns_rr *rr, const struct dns_filter *filter) {
	const ldns_rdf *rdf;
	uint32_t address;
	const uint8_t *p;

	if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_AAAA)
		return false;
	if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_A || ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN)
		return true;
	rdf = ldns_rr_rdf(rr, 0);
	if (!rdf || ldns_rdf_size(rdf) != 4)
		return false;
	p = ldns_rdf_data(rdf);
	address = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	if (!filter->allow_private && net_is_private(address))
		return false;
	return filter->allow_metadata || !net_is_metadata(address);
}

/* Copies of the records that pass; whether some did not. */
static bool copy_section(ldns_pkt *to, ldns_pkt_section section, const ldns_rr_list *from,
			 const struct dns_filter *filter) {
	bool all = true;

	for (size_t i = 0; from && i < ldns_rr_list_rr_count(from); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(from, i);

		if (record_passes(rr, filter))
			ldns_pkt_push_rr(to, section, ldns_rr_clone(rr));
		else
			all = false;
	}
	return all;
}

static int question_set(ldns_pkt *to, const struct dns_query *q) {
	ldns_rr *rr = NULL;
	size_t at = 0;

	if (ldns_wire2rr(&rr, q->question, q->question_len, &at, LDNS_SECTION_QUESTION) !=
	    LDNS_STATUS_OK)
		return -EBADMSG;
	ldns_pkt_push_rr(to, LDNS_SECTION_QUESTION, rr);
	return 0;
}

/* The new packet out of the parsed one; NULL when that does not work out. */
static ldns_pkt *rebuild(ldns_pkt *from, const struct dns_query *q,
			 const struct dns_filter *filter) {
	ldns_pkt *to = ldns_pkt_new();
	bool whole;

	if (!to || question_set(to, q) < 0) {
		ldns_pkt_free(to);
		return NULL;
	}
	ldns_pkt_set_id(to, q->id);
	ldns_pkt_set_qr(to, true);
	ldns_pkt_set_rd(to, q->recursion);
	ldns_pkt_set_ra(to, true);
	ldns_pkt_set_cd(to, q->checking_disabled);
	ldns_pkt_set_rcode(to, ldns_pkt_get_rcode(from));
	whole = copy_section(to, LDNS_SECTION_ANSWER, ldns_pkt_answer(from), filter);
	whole &= copy_section(to, LDNS_SECTION_AUTHORITY, ldns_pkt_authority(from), filter);
	whole &= copy_section(to, LDNS_SECTION_ADDITIONAL, ldns_pkt_additional(from), filter);
	/* What was checked upstream is not what we send, when something was taken out. */
	ldns_pkt_set_ad(to, whole && ldns_pkt_ad(from));
	if (q->edns) {
		ldns_pkt_set_edns_udp_size(to, DNS_UDP_MAX);
		ldns_pkt_set_edns_do(to, q->dnssec_ok);
	}
	return to;
}

int dns_answer_write(const uint8_t *wire, size_t len, const struct dns_query *q,
		     const struct dns_filter *filter, struct buf *out) {
	size_t max = q->tcp ? DNS_MESSAGE_MAX : q->udp_size;
	ldns_pkt *from = NULL, *to;
	uint8_t *bytes = NULL;
	size_t size = 0;
	int r = -EBADMSG;

	buf_reset(out);
	if (ldns_wire2pkt(&from, wire, len) != LDNS_STATUS_OK)
		return -EBADMSG;
	to = rebuild(from, q, filter);
	if (to && ldns_pkt2wire(&bytes, to, &size) == LDNS_STATUS_OK) {
		r = 0;
		if (size <= max) {
			buf_add(out, bytes, size);
		} else if (!q->tcp) {
			dns_error_write(q, ldns_pkt_get_rcode(from), out);
			out->data[2] = (char)((uint8_t)out->data[2] | FLAG_TC >> 8);
		} else {
			r = -EBADMSG;
		}
	}
	free(bytes);
	ldns_pkt_free(to);
	ldns_pkt_free(from);
	return r;
}
