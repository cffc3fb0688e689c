/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a container may reach, as a plain value. Everything here is pure.
 *
 * The host and the other containers are denied in every mode, and there is no
 * IPv6 in any of them.
 */
#ifndef COI_NET_POLICY_H
#define COI_NET_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum net_mode {
	NET_RESTRICTED, /* public addresses only (less what the flags below open) */
	NET_ALLOWLIST,  /* only `allowed`, and the addresses that listed names resolve to */
	NET_OPEN,       /* everything that the host can reach */
	NET_MODE_COUNT,
};

/* "restricted", "allowlist", "open"; NULL for a number that is no mode. */
const char *net_mode_to_string(enum net_mode mode);
/* The mode for a word, or -EINVAL. */
int net_mode_from_string(const char *word);

/* IPv4 addresses that share their first @bits bits. */
struct net_cidr {
	uint32_t address; /* host byte order, no bit set below the prefix */
	uint8_t bits;     /* 0…32 */
};

#define NET_CIDR_TEXT 19
/* "10.0.0.0/8" or "10.0.0.1" (= /32); bits below the prefix are an error. 0 or -EINVAL. */
int net_cidr_parse(const char *text, struct net_cidr *ret);
/* "10.0.0.0/8"; without the prefix when it is 32. */
char *net_cidr_text(const struct net_cidr *c, char out[NET_CIDR_TEXT]);
bool net_cidr_overlap(const struct net_cidr *a, const struct net_cidr *b);

struct net_allowed;
struct net_hosts;
#define NET_DNS_SERVERS_MAX 3 /* as the C library has it */

/* Zeroed it is mode restricted with nothing blocked: start from net_policy_default(). */
struct net_policy {
	enum net_mode mode;
	bool block_private;  /* restricted, allowlist: private and special ranges are denied */
	/* restricted, allowlist: cloud metadata is denied, with all of link-local; see ranges.h */
	bool block_metadata;
	bool allow_local_network; /* private networks (RFC 1918) may be reached, and reach it */
	/* allowlist: what is reached. Borrowed; NULL: not known here, and nothing is. */
	const struct net_allowed *allowed;
	/* Fixed names, whose addresses are open in every mode. Borrowed; NULL: none. */
	const struct net_hosts *hosts;
	/* The name servers to ask, host byte order; none: those of the host. Not in allowlist. */
	uint32_t dns_servers[NET_DNS_SERVERS_MAX];
	size_t dns_count;
	bool ask_ahead;     /* allowlist: names are asked for before the container does */
	uint32_t refresh_s; /* allowlist: learnt names are asked again at least so often; 0: never */
};

/* restricted, both blocks on. */
struct net_policy net_policy_default(void);
/* ERR_CONFIG, with the key, for what cannot be carried out. */
int net_policy_check(const struct net_policy *p, struct err *err);

enum net_verdict { NET_DENY, NET_ACCEPT };
/*
 * What the policy says about a new connection to @address (host byte order)
 * that is routed through the host, whatever its port: the same answer as the
 * rules give, but for the addresses that were learnt from names. What lies in
 * the containers' own range or on the host is denied elsewhere.
 */
enum net_verdict net_policy_judge(const struct net_policy *p, uint32_t address);
/* May a name lead to @address, or is that one of those that are blocked? */
bool net_policy_may_learn(const struct net_policy *p, uint32_t address);

#endif
