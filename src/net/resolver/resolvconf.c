/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/resolver/resolvconf.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"

#define DNS_PORT 53

static void add_ipv4(struct resolvconf *c, struct in_addr address) {
	struct sockaddr_in *in = (struct sockaddr_in *)&c->servers[c->count];

	*in = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_port = htons(DNS_PORT),
				    .sin_addr = address };
	c->lengths[c->count++] = sizeof(*in);
}

/* A link-local one may name its link behind a percent sign. */
static void add_server(struct resolvconf *c, char *text) {
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&c->servers[c->count];
	char *link = strchr(text, '%');
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, text, &four) == 1) {
		add_ipv4(c, four);
		return;
	}
	if (link)
		*link++ = '\0';
	if (inet_pton(AF_INET6, text, &six) != 1)
		return;
	*in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
				      .sin6_port = htons(DNS_PORT),
				      .sin6_addr = six,
				      .sin6_scope_id = link ? if_nametoindex(link) : 0 };
	c->lengths[c->count++] = sizeof(*in6);
}

void resolvconf_parse(const char *text, struct resolvconf *ret) {
	autostrv char **lines = strv_split(text, "\n\r");

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; lines && lines[i] && ret->count < RESOLVCONF_SERVERS_MAX; i++) {
		autostrv char **words = strv_split(lines[i], " \t");

		if (strv_len(words) >= 2 && !strcmp(words[0], "nameserver"))
			add_server(ret, words[1]);
	}
	if (!ret->count)
		add_ipv4(ret, (struct in_addr){ .s_addr = htonl(INADDR_LOOPBACK) });
}
