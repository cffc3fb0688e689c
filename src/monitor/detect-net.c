/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections. Who knows the policy has said what becomes of one (session/). */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "monitor/detect.h"

#define METADATA 0xa9fea9fe /* 169.254.169.254 */

/* Ports that attacks are known to use. */
static const uint16_t control_ports[] = { 4444, 5555, 1234, 31337, 12345 };

char *detect_address(const struct watch_connect *c, char out[DETECT_ADDRESS_MAX]) {
	char text[INET6_ADDRSTRLEN];

	if (!inet_ntop(c->family, c->address, text, sizeof(text)))
		memcpy(text, "?", 2);
	if (!c->port)
		(void)snprintf(out, DETECT_ADDRESS_MAX, "%s", text);
	else
		(void)snprintf(out, DETECT_ADDRESS_MAX, c->family == AF_INET6 ? "[%s]:%u" : "%s:%u",
		               text, c->port);
	return out;
}

static uint32_t ipv4(const struct watch_connect *c) {
	return (uint32_t)c->address[0] << 24 | (uint32_t)c->address[1] << 16 |
	       (uint32_t)c->address[2] << 8 | c->address[3];
}

/* To itself. */
static bool is_loopback(const struct watch_connect *c) {
	static const uint8_t none[16] = { 0 };
	struct in6_addr six;

	if (c->family == AF_INET)
		return c->address[0] == 127 || ipv4(c) == 0;
	memcpy(&six, c->address, sizeof(six));
	return IN6_IS_ADDR_LOOPBACK(&six) || !memcmp(c->address, none, sizeof(none)) ||
	       (IN6_IS_ADDR_V4MAPPED(&six) && c->address[12] == 127);
}

static bool is_control_port(const struct watch_connect *c) {
	for (size_t i = 0; i < ARRAY_SIZE(control_ports); i++)
		if (c->port == control_ports[i])
			return true;
	return false;
}

static bool is_metadata(const struct watch_connect *c, const struct detect_settings *set) {
	(void)set;
	return c->family == AF_INET && ipv4(c) == METADATA;
}

static bool is_control(const struct watch_connect *c, const struct detect_settings *set) {
	(void)set;
	return is_control_port(c);
}

static bool is_private(const struct watch_connect *c, const struct detect_settings *set) {
	(void)set;
	return c->is_private;
}

static bool is_other_dns(const struct watch_connect *c, const struct detect_settings *set) {
	(void)set;
	return c->port == 53 || c->port == 853;
}

static bool is_outside(const struct watch_connect *c, const struct detect_settings *set) {
	return set->is_allowlist && c->verdict == WATCH_REFUSED;
}

/* The first that fits is told; a level of AUDIT_LEVEL_COUNT: not that one. */
static const struct {
	const char *rule;
	const char *title;
	const char *description;
	bool (*match)(const struct watch_connect *c, const struct detect_settings *set);
	enum audit_level passed, refused, unknown;
} rows[] = {
	{ "network.metadata", "Metadata of the cloud",
	  "the address that gives out a cloud's credentials", is_metadata, AUDIT_CRITICAL,
	  AUDIT_WARNING, AUDIT_HIGH },
	{ "network.control-port", "Port of command and control",
	  "a port that attacks are known to use", is_control, AUDIT_CRITICAL, AUDIT_HIGH,
	  AUDIT_HIGH },
	{ "network.dns", "Another name server",
	  "a name server other than the container's own is asked", is_other_dns, AUDIT_WARNING,
	  AUDIT_WARNING, AUDIT_WARNING },
	{ "network.private", "Private network", "an address of a private network", is_private,
	  AUDIT_HIGH, AUDIT_WARNING, AUDIT_WARNING },
	{ "network.outside", "Outside of the list",
	  "an address that is not on the list of what is allowed", is_outside, AUDIT_LEVEL_COUNT,
	  AUDIT_HIGH, AUDIT_LEVEL_COUNT },
};

void detect_connect(const struct watch_event *e, const struct detect_settings *set,
                    struct findings *ret) {
	const struct watch_connect *c = &e->connect;
	char address[DETECT_ADDRESS_MAX];

	if (is_loopback(c) || c->is_own || c->verdict == WATCH_OPENED)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct finding f = { .rule = rows[i].rule,
			             .category = AUDIT_NETWORK,
			             .title = rows[i].title,
			             .description = rows[i].description,
			             .evidence = AUDIT_EVIDENCE_NETWORK };

		f.level = c->verdict == WATCH_PASSED    ? rows[i].passed
		          : c->verdict == WATCH_REFUSED ? rows[i].refused
		                                        : rows[i].unknown;
		if (f.level == AUDIT_LEVEL_COUNT || !rows[i].match(c, set))
			continue;
		(void)snprintf(f.indicator, sizeof(f.indicator), "%s", detect_address(c, address));
		findings_add(ret, &f);
		return;
	}
}
