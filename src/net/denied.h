/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A packet that was refused, as far as anybody but the kernel knows: all of it is foreign. */
#ifndef COI_NET_DENIED_H
#define COI_NET_DENIED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_denied {
	uint32_t address; /* host byte order */
	uint16_t port;    /* 0: the protocol has none */
	uint16_t source;  /* port that it came from; of an echo its number; 0: none */
	uint8_t protocol; /* IPPROTO_… */
	bool to_host;     /* to an address of the host, not through it */
	bool is_echo;     /* ICMP: an echo request */
};

/*
 * Out of what the kernel's log group tells in one datagram: into *@ret as far as
 * there is @room, and how many. Pure.
 */
size_t net_denied_parse(const void *datagram, size_t len, struct net_denied *ret, size_t room);

#endif
