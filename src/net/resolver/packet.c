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
#define OPTION_EXTENDED_ERROR 15
#define EXTENDED_BLOCKED 15
#define LABEL_MAX 63
#define TTL_MAX 86400u

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

/* The root's record with one option: why there is no answer (RFC 8914). */
static void put_opt_blocked(struct buf *b, bool dnssec_ok) {
	buf_addc(b, '\0');
	put16(b, TYPE_OPT);
	put16(b, DNS_UDP_MAX);
	put16(b, 0);
	put16(b, dnssec_ok ? EDNS_DO : 0);
	put16(b, 6);
	put16(b, OPTION_EXTENDED_ERROR);
	put16(b, 2);
	put16(b, EXTENDED_BLOCKED);
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

/* OPT records behind the question of a query; there may be one (RFC 6891, 6.1.1). */
static unsigned opt_count(const uint8_t *wire, size_t len, size_t at) {
	unsigned found = 0;

	for (unsigned i = 0; i < get16(wire + 10); i++) {
		while (at < len && wire[at] && wire[at] <= LABEL_MAX)
			at += 1u + wire[at];
		at += at < len && wire[at] ? 2 : 1;
		if (at + 10 > len)
			break;
		found += get16(wire + at) == TYPE_OPT;
		at += 10u + get16(wire + at + 8);
	}
	return found;
}

/* Header and question; the OPT record is announced if the client has sent one. */
static void put_empty(const struct dns_query *q, unsigned rcode, struct buf *out) {
	unsigned flags = FLAG_QR | FLAG_RA | (rcode & 15);

	buf_reset(out);
	if (q->recursion)
		flags |= FLAG_RD;
	if (q->checking_disabled)
		flags |= FLAG_CD;
	put_header(out, q->id, flags, q->edns ? 1 : 0);
	buf_add(out, q->question, q->question_len);
}

void dns_error_write(const struct dns_query *q, unsigned rcode, struct buf *out) {
	put_empty(q, rcode, out);
	if (q->edns)
		put_opt(out, q->dnssec_ok);
}

void dns_blocked_write(const struct dns_query *q, struct buf *out) {
	put_empty(q, LDNS_RCODE_NXDOMAIN, out);
	if (q->edns)
		put_opt_blocked(out, q->dnssec_ok);
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
	    get16(wire + 10) > 2 || opt_count(wire, len, DNS_HEADER + n) > 1 ||
	    ldns_wire2pkt(&pkt, wire, len) != LDNS_STATUS_OK)
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

void dns_query_write(const struct dns_query *q, uint16_t id, bool edns, struct buf *out) {
	buf_reset(out);
	put_header(out, id, FLAG_RD | (q->checking_disabled ? FLAG_CD : 0), edns ? 1 : 0);
	buf_add(out, q->question, q->question_len);
	if (edns)
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

/* What goes with one answer while it is put together. */
struct rebuilding {
	const struct dns_query *query;
	const struct dns_filter *filter;
	const ldns_rdf *chain[DNS_CHAIN_MAX + 1]; /* names, borrowed from the parsed packet */
	size_t chain_len;
	struct dns_addresses *addresses; /* may be NULL */
};

static uint32_t address_of(const ldns_rr *rr) {
	const uint8_t *p = ldns_rdf_data(ldns_rr_rdf(rr, 0));

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool in_chain(const struct rebuilding *w, const ldns_rr *rr) {
	for (size_t i = 0; i < w->chain_len; i++)
		if (ldns_dname_compare(w->chain[i], ldns_rr_owner(rr)) == 0)
			return true;
	return false;
}

/* The names that the one asked for is another name of, in whatever order they stand. */
static void follow_chain(struct rebuilding *w, const ldns_rdf *name, const ldns_rr_list *answer) {
	w->chain[w->chain_len++] = name;
	for (size_t i = 0; answer && i < ldns_rr_list_rr_count(answer); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(answer, i);

		if (w->chain_len > DNS_CHAIN_MAX)
			return;
		if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_CNAME || !ldns_rr_rdf(rr, 0) ||
		    ldns_dname_compare(ldns_rr_owner(rr), w->chain[w->chain_len - 1]) != 0)
			continue;
		w->chain[w->chain_len++] = ldns_rr_rdf(rr, 0);
		i = (size_t)-1; /* from the start: the next link may stand before this one */
	}
}

static void note_ttl(struct rebuilding *w, const ldns_rr *rr) {
	if (w->addresses && ldns_rr_ttl(rr) < w->addresses->ttl)
		w->addresses->ttl = ldns_rr_ttl(rr);
}

/* Is it one of those that the name asked for leads to? Then it is kept. */
static bool note_address(struct rebuilding *w, ldns_pkt_section section, const ldns_rr *rr) {
	struct dns_addresses *a = w->addresses;

	if (section != LDNS_SECTION_ANSWER || w->query->type != LDNS_RR_TYPE_A || !in_chain(w, rr) ||
	    !a || a->count == DNS_ADDRESSES_MAX)
		return false;
	a->list[a->count++] = address_of(rr);
	note_ttl(w, rr);
	return true;
}

/* With chain_only: addresses that will be learnt, and no others. */
static bool address_is_wanted(struct rebuilding *w, ldns_pkt_section section, const ldns_rr *rr) {
	return note_address(w, section, rr) || !w->filter->chain_only;
}

/* May this record reach the client? */
static bool record_passes(struct rebuilding *w, ldns_pkt_section section, const ldns_rr *rr) {
	const struct dns_filter *filter = w->filter;
	const ldns_rdf *rdf;
	uint32_t address;

	if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_AAAA)
		return false;
	if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_CNAME)
		note_ttl(w, rr);
	if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_A || ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN)
		return true;
	rdf = ldns_rr_rdf(rr, 0);
	if (!rdf || ldns_rdf_size(rdf) != 4)
		return false;
	address = address_of(rr);
	if (filter->allow_local && net_is_local(address))
		return address_is_wanted(w, section, rr);
	if (net_is_blocked(!filter->allow_private, !filter->allow_metadata, address))
		return false;
	return address_is_wanted(w, section, rr);
}

/* Copies of the records that pass; whether some did not. */
static bool copy_section(ldns_pkt *to, ldns_pkt_section section, const ldns_rr_list *from,
			 struct rebuilding *w) {
	bool all = true;

	for (size_t i = 0; from && i < ldns_rr_list_rr_count(from); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(from, i);
		ldns_rr *copy;

		if (!record_passes(w, section, rr)) {
			all = false;
			continue;
		}
		copy = ldns_rr_clone(rr);
		/* Nobody is to believe in an address for longer than the rules do. */
		if (w->filter->chain_only && copy && ldns_rr_ttl(copy) > TTL_MAX)
			ldns_rr_set_ttl(copy, TTL_MAX);
		ldns_pkt_push_rr(to, section, copy);
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
static ldns_pkt *rebuild(ldns_pkt *from, struct rebuilding *w) {
	const struct dns_query *q = w->query;
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
	follow_chain(w, ldns_rr_owner(ldns_rr_list_rr(ldns_pkt_question(to), 0)),
		     ldns_pkt_answer(from));
	whole = copy_section(to, LDNS_SECTION_ANSWER, ldns_pkt_answer(from), w);
	whole &= copy_section(to, LDNS_SECTION_AUTHORITY, ldns_pkt_authority(from), w);
	whole &= copy_section(to, LDNS_SECTION_ADDITIONAL, ldns_pkt_additional(from), w);
	/* What was checked upstream is not what we send, when something was taken out. */
	ldns_pkt_set_ad(to, whole && ldns_pkt_ad(from));
	if (q->edns) {
		ldns_pkt_set_edns_udp_size(to, DNS_UDP_MAX);
		ldns_pkt_set_edns_do(to, q->dnssec_ok);
	}
	return to;
}

int dns_answer_write(const uint8_t *wire, size_t len, const struct dns_query *q,
		     const struct dns_filter *filter, struct buf *out,
		     struct dns_addresses *addresses) {
	struct rebuilding w = { .query = q, .filter = filter, .addresses = addresses };
	size_t max = q->tcp ? DNS_MESSAGE_MAX : q->udp_size;
	ldns_pkt *from = NULL, *to;
	uint8_t *bytes = NULL;
	size_t size = 0;
	int r = -EBADMSG;

	buf_reset(out);
	if (addresses)
		*addresses = (struct dns_addresses){ .ttl = TTL_MAX };
	if (ldns_wire2pkt(&from, wire, len) != LDNS_STATUS_OK)
		return -EBADMSG;
	to = rebuild(from, &w);
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

void dns_addresses_write(const struct dns_query *q, const struct dns_addresses *a,
			 struct buf *out) {
	size_t room = (q->tcp ? DNS_MESSAGE_MAX : q->udp_size), count = a->count;

	buf_reset(out);
	put_header(out, q->id, FLAG_QR | FLAG_RA | (q->recursion ? FLAG_RD : 0), q->edns ? 1 : 0);
	buf_add(out, q->question, q->question_len);
	while (count && DNS_HEADER + q->question_len + count * 16u + 11u > room)
		count--;
	out->data[6] = (char)(count >> 8);
	out->data[7] = (char)count;
	for (size_t i = 0; i < count; i++) {
		put16(out, 0xc000u | DNS_HEADER);
		put16(out, LDNS_RR_TYPE_A);
		put16(out, LDNS_RR_CLASS_IN);
		put16(out, a->ttl >> 16);
		put16(out, a->ttl & 0xffff);
		put16(out, 4);
		put16(out, a->list[i] >> 16);
		put16(out, a->list[i] & 0xffff);
	}
	if (q->edns)
		put_opt(out, q->dnssec_ok);
}

void dns_query_for(const char *name, struct dns_query *q) {
	size_t at = 0;

	*q = (struct dns_query){ .type = LDNS_RR_TYPE_A, .recursion = true, .tcp = true };
	while (*name && at + 2 + strcspn(name, ".") < DNS_NAME_MAX) {
		size_t n = strcspn(name, ".");

		q->question[at++] = (uint8_t)n;
		memcpy(q->question + at, name, n);
		at += n;
		name += n + (name[n] == '.');
	}
	q->question[at++] = 0;
	q->question[at + 1] = LDNS_RR_TYPE_A;
	q->question[at + 3] = LDNS_RR_CLASS_IN;
	q->question_len = (uint16_t)(at + 4);
}

bool dns_query_name(const struct dns_query *q, char out[DNS_NAME_TEXT]) {
	const uint8_t *p = q->question;
	size_t len = 0;

	for (; *p; p += 1 + *p) {
		if (len)
			out[len++] = '.';
		for (size_t i = 1; i <= *p; i++) {
			uint8_t c = lower(p[i]);

			if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
				return false;
			out[len++] = (char)c;
		}
	}
	out[len] = '\0';
	return len > 0;
}

void dns_query_text(const struct dns_query *q, char out[DNS_NAME_TEXT]) {
	const uint8_t *p = q->question;
	size_t len = 0;

	for (; *p; p += 1 + *p) {
		if (len)
			out[len++] = '.';
		for (size_t i = 1; i <= *p; i++) {
			uint8_t c = lower(p[i]);

			out[len++] = c > ' ' && c < 127 && c != '.' ? (char)c : '?';
		}
	}
	if (!len)
		out[len++] = '.';
	out[len] = '\0';
}
