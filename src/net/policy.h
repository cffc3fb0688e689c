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

#define NET_PORT_RANGES_MAX 16 /* in one list of ports */

struct net_port_range {
	uint16_t low, high;
};

/* In order, without overlap; none: every port. */
struct net_ports {
	struct net_port_range ranges[NET_PORT_RANGES_MAX];
	size_t count;
};

/*
 * "443", "80,443", "8000-8100": what stands behind a colon in a list, and what the
 * setting allowed_ports has. ERR_CONFIG with the reason; @text is called @what then.
 */
int net_ports_parse(const char *text, const char *what, struct net_ports *ret, struct err *err);
/* The same in its one form; "" for every port. */
#define NET_PORTS_TEXT (NET_PORT_RANGES_MAX * 12)
char *net_ports_text(const struct net_ports *p, char out[NET_PORTS_TEXT]);
/* Is there a port that both have? */
bool net_ports_overlap(const struct net_ports *a, const struct net_ports *b);
/* @port 0: is any allowed (what has no ports, such as an echo)? */
bool net_ports_have(const struct net_ports *p, uint16_t port);

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
	/*
	 * Of TCP and UDP only `ports` are reached, whatever else is open, and no other
	 * protocol but the echo. No ports at all: which ones is not known here, and none is.
	 */
	bool is_capped;
	struct net_ports ports;
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
/* Do the ports allow it? @port 0: what has none. */
bool net_policy_port(const struct net_policy *p, uint16_t port);
/* May a name lead to @address, or is that one of those that are blocked? */
bool net_policy_may_learn(const struct net_policy *p, uint32_t address);

#endif
