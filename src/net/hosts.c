/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/hosts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "net/ranges.h"

void net_hosts_done(struct net_hosts *h) {
	for (size_t i = 0; i < h->count; i++)
		free(h->names[i].name);
	free(h->names);
	net_allowed_done(&h->open);
	*h = (struct net_hosts){ 0 };
}

static int parse_ip(const char *ip, uint32_t *ret, struct err *err) {
	struct net_cidr c;

	if (net_cidr_parse(ip, &c) < 0 || c.bits != 32)
		return err_set(err, ERR_CONFIG, -EINVAL, "'%.100s' is no IPv4 address", ip);
	if (c.address >> 24 == 0 || c.address >> 24 == 127 || c.address >> 28 >= 14)
		return err_set(err, ERR_CONFIG, -EINVAL, "'%.100s' is no address of another machine",
			       ip);
	*ret = c.address;
	return 0;
}

/* In the one form that names have; newly allocated. */
static int parse_name(const char *text, char **ret, struct err *err) {
	auto_net_allowed struct net_allowed one = { 0 };
	int r = net_allowed_add(&one, text, err);

	if (r < 0)
		return r;
	if (one.entries[0].kind != NET_ENTRY_NAME || one.ports[0].count)
		return err_set(err, ERR_CONFIG, -EINVAL, "'%.100s' is no name of a host", text);
	*ret = steal_ptr(one.entries[0].name);
	return 0;
}

static char *open_text(const char *ip, char *const *ports) {
	autofree char *list = ports && ports[0] ? strv_join((char **)ports, ",") : NULL;

	return list ? xasprintf("%s:%s", ip, list) : xstrdup(ip);
}

static bool has_names(const struct net_hosts *h, uint32_t address) {
	for (size_t i = 0; i < h->count; i++)
		if (h->names[i].address == address)
			return true;
	return false;
}

/* What has no name any more is not open any more. */
static void close_nameless(struct net_hosts *h) {
	struct err ignored;

	for (size_t i = h->open.count; i-- > 0;) {
		autofree char *text = NULL;

		if (has_names(h, h->open.entries[i].cidr.address))
			continue;
		text = net_entry_text(&h->open, &h->open.entries[i]);
		(void)net_allowed_remove(&h->open, text, &ignored);
	}
}

static void drop_name(struct net_hosts *h, size_t at) {
	free(h->names[at].name);
	memmove(&h->names[at], &h->names[at + 1], (--h->count - at) * sizeof(*h->names));
}

static size_t find(const struct net_hosts *h, const char *name) {
	size_t i = 0;

	while (i < h->count && strcmp(h->names[i].name, name) != 0)
		i++;
	return i;
}

static void set_name(struct net_hosts *h, char *name, uint32_t address) {
	size_t at = find(h, name);

	if (at < h->count)
		drop_name(h, at);
	h->names = xreallocarray(h->names, h->count + 1, sizeof(*h->names));
	h->names[h->count++] = (struct net_host_name){ name, address };
}

static size_t names_len(char *const *names) {
	size_t n = 0;

	for (; names && *names; names++)
		n += strlen(*names) + 1;
	return n;
}

static size_t text_len(const struct net_hosts *h) {
	size_t n = 0;

	for (size_t i = 0; i < h->count; i++)
		n += strlen(h->names[i].name) + 1;
	return n;
}

int net_hosts_add(struct net_hosts *h, const char *ip, char *const *names, char *const *ports,
		  struct err *err) {
	autostrv char **parsed = NULL;
	autofree char *text = NULL;
	uint32_t address = 0;
	int r = parse_ip(ip, &address, err);

	for (size_t i = 0; r == 0 && names && names[i]; i++) {
		char *name = NULL;

		r = parse_name(names[i], &name, err);
		if (r == 0)
			strv_take(&parsed, name);
	}
	if (r < 0)
		return r;
	if (!parsed)
		return err_set(err, ERR_CONFIG, -EINVAL, "'%s' has no name", ip);
	if (h->open.count >= NET_HOSTS_MAX || h->count + strv_len(parsed) > NET_HOST_NAMES_MAX)
		return err_set(err, ERR_CONFIG, -E2BIG, "more than %d addresses or %d names",
			       NET_HOSTS_MAX, NET_HOST_NAMES_MAX);
	if (text_len(h) + names_len(parsed) > NET_HOSTS_TEXT_MAX)
		return err_set(err, ERR_CONFIG, -E2BIG, "the names are longer than %d bytes together",
			       NET_HOSTS_TEXT_MAX);
	text = open_text(ip, ports);
	r = net_allowed_add(&h->open, text, err);
	if (r < 0)
		return r;
	for (size_t i = 0; parsed[i]; i++)
		set_name(h, xstrdup(parsed[i]), address);
	close_nameless(h);
	return 1;
}

int net_hosts_remove(struct net_hosts *h, const char *text) {
	autofree char *name = NULL;
	struct err ignored;
	size_t at;

	if (parse_name(text, &name, &ignored) < 0)
		return 0;
	at = find(h, name);
	if (at == h->count)
		return 0;
	drop_name(h, at);
	close_nameless(h);
	return 1;
}

bool net_hosts_pass(const struct net_hosts *h, uint32_t address, uint16_t port) {
	for (size_t i = 0; h && i < h->open.count; i++)
		if (h->open.entries[i].cidr.address == address &&
		    net_ports_have(&h->open.ports[h->open.entries[i].ports], port))
			return true;
	return false;
}
