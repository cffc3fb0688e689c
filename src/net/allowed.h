/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What mode allowlist lets through, as people write it. Pure.
 *
 *   example.org   *.example.org   192.0.2.7   192.0.2.0/24
 *
 * each with ports behind a colon: ":443", ":80,443", ":8000-8100". A name
 * stands for itself only, "*.name" for all that ends in it and not for the name
 * itself. Without ports all of TCP and UDP is meant.
 *
 * A network opens what is private (or metadata) only where it lies in such a
 * range itself: "10.0.0.0/8" does, "0.0.0.0/0" is the public internet.
 */
#ifndef COI_NET_ALLOWED_H
#define COI_NET_ALLOWED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/policy.h"

#define NET_ALLOWED_MAX 1024             /* entries */
#define NET_ALLOWED_TEXT_MAX (48 * 1024) /* bytes of all of them: a list fits into one message */
#define NET_ALLOWED_NAME_MAX 253
#define NET_PORT_LISTS_MAX 16            /* different lists of ports */

enum net_entry_kind { NET_ENTRY_ADDRESS, NET_ENTRY_NAME, NET_ENTRY_BELOW };

struct net_entry {
	enum net_entry_kind kind;
	struct net_cidr cidr; /* NET_ENTRY_ADDRESS */
	char *name;           /* else: lower case, without "*." and a dot at the end */
	unsigned ports;       /* index in the list's `ports` */
};

/* Zeroed it is empty, which allows nothing. */
struct net_allowed {
	struct net_entry *entries;
	size_t count;
	size_t text_len;
	struct net_ports ports[NET_PORT_LISTS_MAX];
	size_t ports_count;
};

void net_allowed_done(struct net_allowed *a);
#define auto_net_allowed __attribute__((cleanup(net_allowed_done)))

/*
 * Add what @text says: 1, or 0 when it was there. ERR_CONFIG with the reason
 * for what makes no sense and where a maximum is passed; @a is as before then.
 */
int net_allowed_add(struct net_allowed *a, const char *text, struct err *err);
/* Take an entry out that was written so, or otherwise but to the same effect: 1, else 0. */
int net_allowed_remove(struct net_allowed *a, const char *text, struct err *err);
/* All of @list (may be NULL) in place of what @a has; nothing is changed on failure. */
int net_allowed_parse(struct net_allowed *a, char *const *list, struct err *err);

/* The entry in its one form; newly allocated. */
char *net_entry_text(const struct net_allowed *a, const struct net_entry *e);
/* All of them, as net_allowed_parse() takes them; newly allocated, NULL for none. */
char **net_allowed_texts(const struct net_allowed *a);

/*
 * Which lists of ports go with a name or an address: bit N for a->ports[N]; 0:
 * not allowed. @name may have capitals and a dot at its end. @a may be NULL.
 */
uint32_t net_allowed_name(const struct net_allowed *a, const char *name);
uint32_t net_allowed_address(const struct net_allowed *a, uint32_t address);

/* First and last address, host byte order. */
struct net_range {
	uint32_t first, last;
};
struct net_range net_cidr_range(const struct net_cidr *c);
/* All that is private or metadata, sorted and merged; newly allocated. */
size_t net_special_ranges(struct net_range **ret);
/* The addresses that go with a->ports[@ports], sorted and merged; newly allocated. */
size_t net_allowed_ranges(const struct net_allowed *a, unsigned ports, struct net_range **ret);

/* "@providers" in a list of allowed things: hosts of model providers; ends with NULL. */
extern const char *const net_providers[];

#endif
