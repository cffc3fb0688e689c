/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets made by hand, whatever is wrong with them. Addresses in host byte order. */
#ifndef COI_TESTS_FRAME_H
#define COI_TESTS_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define MAGIC "coi-probe-"
#define MAGIC_LEN 16 /* with the attack's number and zeros behind it */
#define FRAME_MAX 1514

struct frame {
	uint8_t data[FRAME_MAX];
	size_t len;
};

void put(struct frame *f, const void *data, size_t len);
void put16(struct frame *f, unsigned v);
void put32(struct frame *f, uint32_t v);
/* @len zeros. */
void put_zero(struct frame *f, size_t len);
void put_magic(struct frame *f, unsigned id);

void put_ether(struct frame *f, const uint8_t *dst, const uint8_t *src, unsigned type);

struct ipv4 {
	uint32_t src, dst;
	uint8_t proto;
	uint8_t ttl;          /* 0: 64 */
	uint16_t id;          /* of the fragments of one packet */
	uint16_t fragment;    /* flags and offset */
	const uint8_t *options; /* a multiple of four */
	size_t options_len;
	size_t len;           /* of what follows */
};
void put_ipv4(struct frame *f, const struct ipv4 *h);

/* UDP without a checksum and with the magic, 24 bytes in all. */
#define UDP_LEN (8 + MAGIC_LEN)
void put_udp(struct frame *f, unsigned sport, unsigned dport, unsigned id);
/* TCP with flags, a right checksum and the magic, 36 bytes. */
#define TCP_LEN (20 + MAGIC_LEN)
void put_tcp(struct frame *f, uint32_t src, uint32_t dst, unsigned dport, uint8_t flags, unsigned id);
/* ICMP with the magic and @more zeros. */
#define ICMP_LEN (8 + MAGIC_LEN)
void put_icmp(struct frame *f, uint8_t type, uint8_t code, size_t more, unsigned id);

/* IPv6 from a link-local address; @len is of what follows. */
void put_ipv6(struct frame *f, const uint8_t dst[16], uint8_t next, uint8_t hops, size_t len);
void put_icmp6(struct frame *f, const uint8_t dst[16], uint8_t type, unsigned id);

#endif
