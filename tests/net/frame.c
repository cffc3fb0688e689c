/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "frame.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t source6[16] = { 0xfe, 0x80, [15] = 0x42 };

void put(struct frame *f, const void *data, size_t len) {
	memcpy(f->data + f->len, data, len);
	f->len += len;
}

void put16(struct frame *f, unsigned v) {
	const uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	put(f, b, sizeof(b));
}

void put32(struct frame *f, uint32_t v) {
	put16(f, v >> 16);
	put16(f, v & 0xffff);
}

void put_zero(struct frame *f, size_t len) {
	memset(f->data + f->len, 0, len);
	f->len += len;
}

void put_magic(struct frame *f, unsigned id) {
	char text[MAGIC_LEN] = { 0 };

	snprintf(text, sizeof(text), MAGIC "%03u", id);
	put(f, text, sizeof(text));
}

void put_ether(struct frame *f, const uint8_t *dst, const uint8_t *src, unsigned type) {
	put(f, dst, 6);
	put(f, src, 6);
	put16(f, type);
}

static uint32_t add_up(const uint8_t *p, size_t len) {
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)(i % 2 ? p[i] : p[i] << 8);
	return sum;
}

static void checksum_at(struct frame *f, size_t at, uint32_t sum) {
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum;
	f->data[at] = (uint8_t)(sum >> 8);
	f->data[at + 1] = (uint8_t)sum;
}

void put_ipv4(struct frame *f, const struct ipv4 *h) {
	size_t at = f->len, header = 20 + h->options_len;

	put16(f, 0x4000 | (unsigned)(header / 4) << 8);
	put16(f, (unsigned)(header + h->len));
	put16(f, h->id);
	put16(f, h->fragment);
	put16(f, (h->ttl ? h->ttl : 64u) << 8 | h->proto);
	put16(f, 0);
	put32(f, h->src);
	put32(f, h->dst);
	put(f, h->options ? h->options : (const uint8_t *)"", h->options_len);
	checksum_at(f, at + 10, add_up(f->data + at, header));
}

void put_udp(struct frame *f, unsigned sport, unsigned dport, unsigned id) {
	put16(f, sport);
	put16(f, dport);
	put16(f, UDP_LEN);
	put16(f, 0);
	put_magic(f, id);
}

void put_tcp(struct frame *f, uint32_t src, uint32_t dst, unsigned dport, uint8_t flags,
	     unsigned id) {
	size_t at = f->len;
	uint32_t pseudo = (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff) +
			  IPPROTO_TCP + TCP_LEN;

	/* A port of its own each: no connection is another one's. */
	put16(f, 20000 + id);
	put16(f, dport);
	put32(f, 0x01020304);
	put32(f, flags & 0x10 ? 0x05060708 : 0);
	put16(f, 0x5000u | flags);
	put16(f, 1024);
	put32(f, 0);
	put_magic(f, id);
	checksum_at(f, at + 16, pseudo + add_up(f->data + at, TCP_LEN));
}

void put_icmp(struct frame *f, uint8_t type, uint8_t code, size_t more, unsigned id) {
	size_t at = f->len;

	put16(f, (unsigned)type << 8 | code);
	put16(f, 0);
	put16(f, 30000 + id);
	put16(f, 1);
	put_magic(f, id);
	put_zero(f, more);
	checksum_at(f, at + 2, add_up(f->data + at, f->len - at));
}

void put_ipv6(struct frame *f, const uint8_t dst[16], uint8_t next, uint8_t hops, size_t len) {
	put32(f, 0x60000000);
	put16(f, (unsigned)len);
	put16(f, (unsigned)next << 8 | hops);
	put(f, source6, 16);
	put(f, dst, 16);
}

void put_icmp6(struct frame *f, const uint8_t dst[16], uint8_t type, unsigned id) {
	const size_t len = 24 + MAGIC_LEN;
	size_t at;

	put_ipv6(f, dst, IPPROTO_ICMPV6, 255, len);
	at = f->len;
	put16(f, (unsigned)type << 8);
	put16(f, 0);
	put_zero(f, 4);
	put(f, dst, 16);
	put_magic(f, id);
	checksum_at(f, at + 2, (uint32_t)len + IPPROTO_ICMPV6 + add_up(source6, 16) +
				       add_up(dst, 16) + add_up(f->data + at, len));
}
