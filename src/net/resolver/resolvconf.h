/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The name servers of a resolv.conf(5). Pure. */
#ifndef COI_NET_RESOLVER_RESOLVCONF_H
#define COI_NET_RESOLVER_RESOLVCONF_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#define RESOLVCONF_SERVERS_MAX 3 /* as the C library has it */
#define RESOLVCONF_SIZE_MAX 65536

struct resolvconf {
	struct sockaddr_storage servers[RESOLVCONF_SERVERS_MAX];
	socklen_t lengths[RESOLVCONF_SERVERS_MAX];
	size_t count;
};

/* Lines that make no sense are passed over; without any server it is 127.0.0.1. */
void resolvconf_parse(const char *text, struct resolvconf *ret);

#endif
