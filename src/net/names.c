/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/names.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "net/ranges.h"

/*
 * By hand: all claims are read at each change of one, and printf for five texts of a
 * thousand ports takes longer than the kernel does.
 */
char *net_put_number(char *at, uint32_t n) {
	char digits[10];
	size_t count = 0;

	do
		digits[count++] = (char)('0' + n % 10);
	while (n /= 10);
	while (count)
		*at++ = digits[--count];
	*at = '\0';
	return at;
}

static void address_text(uint32_t address, char out[NET_ADDRESS_TEXT]) {
	for (int shift = 24; shift >= 0; shift -= 8) {
		out = net_put_number(out, address >> shift & 255);
		if (shift)
			*out++ = '.';
	}
}

static void mac_text(const uint8_t mac[6], char out[18]) {
	static const char hex[] = "0123456789abcdef";

	for (int i = 0; i < 6; i++) {
		*out++ = hex[mac[i] >> 4];
		*out++ = hex[mac[i] & 15];
		*out++ = i < 5 ? ':' : '\0';
	}
}

/* As much of @text as there is room for. */
static char *add_text(char *at, const char *text, size_t size) {
	size_t len = strnlen(text, size - 1);

	memcpy(at, text, len);
	at[len] = '\0';
	return at + len;
}

/*
 * A tag is six hexadecimal digits. The first letter of a tagged prefix is
 * followed by such a digit, that of a plain one by an 'o': neither is the
 * beginning of the other.
 */
void net_names_fill(struct net_base *b, const char *tag) {
	bool tagged = tag[0] != '\0';

	snprintf(b->bridge, sizeof(b->bridge), tagged ? "cb-%.6s" : "coibr0", tag);
	snprintf(b->link_prefix, sizeof(b->link_prefix), tagged ? "c%.6s-" : "coi-", tag);
	snprintf(b->table, sizeof(b->table), tagged ? "coi-%.6s" : "coi", tag);
	snprintf(b->guard_table, sizeof(b->guard_table), tagged ? "coi-guard-%.6s" : "coi-guard",
		 tag);
}

bool net_table_is_ours(const char *table) {
	return !strcmp(table, "coi") || !strncmp(table, "coi-", 4);
}

void net_range_set(struct net_base *b, const struct net_cidr *range) {
	b->range = *range;
	b->gateway = range->address + 1;
}

uint32_t net_index_last(const struct net_base *b) {
	uint32_t size = UINT32_C(1) << (32 - b->range.bits);

	return size - 2; /* the last one is the broadcast address */
}

void net_port_fill(const struct net_base *b, const char *name, uint32_t index,
		   struct net_port *ret) {
	memset(ret, 0, sizeof(*ret));
	(void)add_text(ret->name, name, sizeof(ret->name));
	ret->index = index;
	/* A prefix has at most eight letters, and the number five. */
	(void)net_put_number(add_text(ret->host_link, b->link_prefix, 9), index & 0xffff);
	ret->address = b->range.address + index;
	address_text(ret->address, ret->address_text);
	address_text(b->gateway, ret->gateway_text);
	ret->prefix_bits = b->range.bits;
	/* 0x02: locally administered, no group */
	ret->mac[0] = 0x02;
	ret->mac[1] = 0xc0;
	for (int i = 0; i < 4; i++)
		ret->mac[2 + i] = (uint8_t)(ret->address >> (24 - 8 * i));
	mac_text(ret->mac, ret->mac_text);
}

void net_bridge_mac(const struct net_base *b, uint8_t mac[6]) {
	mac[0] = 0x02;
	mac[1] = 0xc1;
	for (int i = 0; i < 4; i++)
		mac[2 + i] = (uint8_t)(b->gateway >> (24 - 8 * i));
}

uint32_t net_index_of_link(const char *link, const char *prefix) {
	size_t len = strlen(prefix);
	uint32_t n = 0;

	if (strncmp(link, prefix, len) || link[len] == '0')
		return 0;
	for (const char *p = link + len; *p; p++) {
		if (*p < '0' || *p > '9' || n > 6553)
			return 0;
		n = n * 10 + (uint32_t)(*p - '0');
	}
	return n <= 0xffff ? n : 0;
}

bool net_name_ok(const char *name) {
	size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789._-");

	return len > 0 && len < NET_NAME_MAX && !name[len];
}

uint32_t net_index_of_key(const struct net_base *b, const void *key, size_t len) {
	char link[NET_LINK_SIZE];
	uint32_t address;

	if (len == sizeof(address) || len == 2 * sizeof(address)) {
		memcpy(&address, key, sizeof(address));
		address = ntohl(address);
		return net_cidr_contains(&b->range, address) ? address - b->range.address : 0;
	}
	if (len < sizeof(link))
		return 0;
	memcpy(link, key, sizeof(link));
	link[sizeof(link) - 1] = '\0';
	return net_index_of_link(link, b->link_prefix);
}
