/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "net/allowed.h"
#include "net/hosts.h"
#include "net/ranges.h"

static const char *const mode_names[NET_MODE_COUNT] = {
	[NET_RESTRICTED] = "restricted",
	[NET_ALLOWLIST] = "allowlist",
	[NET_OPEN] = "open",
};

/* Private, shared, loopback, benchmarking, multicast and reserved: nothing public. */
const struct net_cidr net_private_ranges[] = {
	{ 0x00000000, 8 },  /* 0.0.0.0: this network */
	{ 0x0a000000, 8 },  /* 10.0.0.0 */
	{ 0x64400000, 10 }, /* 100.64.0.0: shared by carriers */
	{ 0x7f000000, 8 },  /* 127.0.0.0 */
	{ 0xa9fe0000, 16 }, /* 169.254.0.0: link-local */
	{ 0xac100000, 12 }, /* 172.16.0.0 */
	{ 0xc0000000, 24 }, /* 192.0.0.0: protocol assignments */
	{ 0xc0a80000, 16 }, /* 192.168.0.0 */
	{ 0xc6120000, 15 }, /* 198.18.0.0: benchmarks */
	{ 0xe0000000, 3 },  /* 224.0.0.0: multicast, reserved, broadcast */
};
const size_t net_private_ranges_count = ARRAY_SIZE(net_private_ranges);

/* Where clouds answer who the machine is, and what lies beside that. Some of it looks public. */
const struct net_cidr net_metadata_ranges[] = {
	{ 0x646464c8, 32 }, /* 100.100.100.200 */
	{ 0xa83f8110, 32 }, /* 168.63.129.16 */
	{ 0xa9fe0000, 16 }, /* 169.254.0.0: link-local */
	{ 0xc00000c0, 32 }, /* 192.0.0.192 */
};
const size_t net_metadata_ranges_count = ARRAY_SIZE(net_metadata_ranges);

const struct net_cidr net_endpoint_ranges[] = {
	{ 0x646464c8, 32 }, /* 100.100.100.200 */
	{ 0xa83f8110, 32 }, /* 168.63.129.16 */
	{ 0xa9fea9fe, 32 }, /* 169.254.169.254: most of them */
	{ 0xa9feaa02, 32 }, /* 169.254.170.2: of a container's task */
	{ 0xa9feaa17, 32 }, /* 169.254.170.23: of a pod */
	{ 0xc00000c0, 32 }, /* 192.0.0.192 */
};
const size_t net_endpoint_ranges_count = ARRAY_SIZE(net_endpoint_ranges);

const struct net_cidr net_local_ranges[] = {
	{ 0x0a000000, 8 },  /* 10.0.0.0 */
	{ 0xac100000, 12 }, /* 172.16.0.0 */
	{ 0xc0a80000, 16 }, /* 192.168.0.0 */
};
const size_t net_local_ranges_count = ARRAY_SIZE(net_local_ranges);

const char *net_mode_to_string(enum net_mode mode) {
	return (unsigned)mode < NET_MODE_COUNT ? mode_names[mode] : NULL;
}

int net_mode_from_string(const char *word) {
	for (int i = 0; i < NET_MODE_COUNT; i++)
		if (!strcmp(word, mode_names[i]))
			return i;
	return -EINVAL;
}

static uint32_t prefix_mask(unsigned bits) {
	return bits ? ~UINT32_C(0) << (32 - bits) : 0;
}

/* A decimal number without leading zeros, at most @max; the pointer behind it or NULL. */
static const char *parse_number(const char *s, unsigned max, unsigned *ret) {
	unsigned n = 0;
	const char *p = s;

	while (*p >= '0' && *p <= '9' && p - s < 3)
		n = n * 10 + (unsigned)(*p++ - '0');
	if (p == s || n > max || (s[0] == '0' && p - s > 1))
		return NULL;
	*ret = n;
	return p;
}

int net_cidr_parse(const char *text, struct net_cidr *ret) {
	struct net_cidr c = { .bits = 32 };
	unsigned n;

	for (int i = 0; i < 4; i++) {
		text = parse_number(text, 255, &n);
		if (!text || (i < 3 && *text++ != '.'))
			return -EINVAL;
		c.address = c.address << 8 | n;
	}
	if (*text == '/') {
		text = parse_number(text + 1, 32, &n);
		if (!text)
			return -EINVAL;
		c.bits = (uint8_t)n;
	}
	if (*text || (c.address & ~prefix_mask(c.bits)))
		return -EINVAL;
	*ret = c;
	return 0;
}

char *net_cidr_text(const struct net_cidr *c, char out[NET_CIDR_TEXT]) {
	int n = snprintf(out, NET_CIDR_TEXT, "%u.%u.%u.%u", c->address >> 24,
			 c->address >> 16 & 255, c->address >> 8 & 255, c->address & 255);

	if (c->bits < 32)
		snprintf(out + n, (size_t)(NET_CIDR_TEXT - n), "/%u", c->bits);
	return out;
}

bool net_cidr_contains(const struct net_cidr *c, uint32_t address) {
	return ((address ^ c->address) & prefix_mask(c->bits)) == 0;
}

bool net_cidr_overlap(const struct net_cidr *a, const struct net_cidr *b) {
	return net_cidr_contains(a, b->address) || net_cidr_contains(b, a->address);
}

static bool in_any(const struct net_cidr *list, size_t count, uint32_t address) {
	for (size_t i = 0; i < count; i++)
		if (net_cidr_contains(&list[i], address))
			return true;
	return false;
}

bool net_is_private(uint32_t address) {
	return in_any(net_private_ranges, net_private_ranges_count, address);
}

bool net_is_metadata(uint32_t address) {
	return in_any(net_metadata_ranges, net_metadata_ranges_count, address);
}

static bool is_endpoint(uint32_t address) {
	return in_any(net_endpoint_ranges, net_endpoint_ranges_count, address);
}

bool net_is_blocked(bool private, bool metadata, uint32_t address) {
	if (metadata && net_is_metadata(address))
		return true;
	return private && net_is_private(address) && (metadata || !is_endpoint(address));
}

bool net_is_local(uint32_t address) {
	return in_any(net_local_ranges, net_local_ranges_count, address);
}

struct net_policy net_policy_default(void) {
	return (struct net_policy){
		.mode = NET_RESTRICTED,
		.block_private = true,
		.block_metadata = true,
		.refresh_s = 30 * 60,
	};
}

int net_policy_check(const struct net_policy *p, struct err *err) {
	if ((unsigned)p->mode >= NET_MODE_COUNT)
		return err_set(err, ERR_BUG, -EINVAL, "network mode %d does not exist",
			       (int)p->mode);
	if (p->mode == NET_ALLOWLIST && p->dns_count)
		return err_set(err, ERR_CONFIG, -EINVAL, "network.dns_servers is not for mode "
			       "allowlist, whose names are asked of the host's name servers");
	return 0;
}

bool net_policy_port(const struct net_policy *p, uint16_t port) {
	return !p->is_capped || !port || (p->ports.count && net_ports_have(&p->ports, port));
}

enum net_verdict net_policy_judge(const struct net_policy *p, uint32_t address) {
	if (net_hosts_pass(p->hosts, address, 0))
		return NET_ACCEPT;
	switch (p->mode) {
	case NET_OPEN:
		return NET_ACCEPT;
	case NET_RESTRICTED:
		return net_policy_may_learn(p, address) ? NET_ACCEPT : NET_DENY;
	case NET_ALLOWLIST:
		if (!p->allowed)
			return NET_DENY;
		if (p->allow_local_network && net_is_local(address))
			return NET_ACCEPT;
		return net_allowed_address(p->allowed, address) ? NET_ACCEPT : NET_DENY;
	case NET_MODE_COUNT:
		break;
	}
	return NET_DENY;
}

bool net_policy_may_learn(const struct net_policy *p, uint32_t address) {
	if (p->mode == NET_OPEN || (p->allow_local_network && net_is_local(address)))
		return true;
	return !net_is_blocked(p->block_private, p->block_metadata, address);
}
