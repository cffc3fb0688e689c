/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/allowed.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/strv.h"
#include "net/ranges.h"

#define LABEL_MAX 63
#define ENTRY_TEXT_MAX 512

/* An entry that is not yet in a list. */
struct parsed {
	struct net_entry entry; /* its name is owned */
	struct net_ports ports;
};

void net_allowed_done(struct net_allowed *a) {
	for (size_t i = 0; i < a->count; i++)
		free(a->entries[i].name);
	free(a->entries);
	*a = (struct net_allowed){ 0 };
}

static int bad(struct err *err, const char *text, const char *why) {
	return err_set(err, ERR_CONFIG, -EINVAL, "'%.100s' cannot be allowed: %s", text, why);
}

/* --- names and addresses */

static bool is_label_char(char c) {
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static char lower(char c) {
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* What is wrong with a name in lower case, or NULL. */
static const char *name_fault(const char *name) {
	size_t label = 0;

	if (!*name)
		return "there is no name";
	if (strlen(name) > NET_ALLOWED_NAME_MAX)
		return "a name has at most 253 characters";
	for (const char *p = name; *p; p++) {
		if (*p == '.') {
			if (!label)
				return "an empty part between dots";
			label = 0;
			continue;
		}
		if (*p == '*')
			return "a wildcard stands at the beginning only, as in *.example.org";
		if (!is_label_char(*p))
			return "a name has letters, digits, '-', '_' and dots";
		if (++label > LABEL_MAX)
			return "a part between dots has at most 63 characters";
	}
	return label ? NULL : "an empty part between dots";
}

/* Digits, dots and a slash at most: meant as an address, whatever is wrong with it. */
static bool looks_like_address(const char *s) {
	return strchr(s, '/') || (*s && strspn(s, "0123456789.") == strlen(s));
}

static int parse_address(const char *text, const char *s, struct net_entry *e, struct err *err) {
	char whole[NET_CIDR_TEXT];
	const char *slash = strchr(s, '/');
	struct net_cidr c;

	if (net_cidr_parse(s, &e->cidr) == 0) {
		e->kind = NET_ENTRY_ADDRESS;
		return 0;
	}
	/* An address with a good prefix but bits below it has a sure meaning, which is told. */
	if (slash && (size_t)(slash - s) < sizeof(whole)) {
		char *end;
		unsigned long bits = strtoul(slash + 1, &end, 10);

		snprintf(whole, sizeof(whole), "%.*s", (int)(slash - s), s);
		if (slash[1] >= '0' && slash[1] <= '9' && !*end && bits <= 32 &&
		    net_cidr_parse(whole, &c) == 0) {
			c.bits = (uint8_t)bits;
			c.address &= bits ? ~UINT32_C(0) << (32 - bits) : 0;
			return err_set(err, ERR_CONFIG, -EINVAL,
				       "'%.100s' cannot be allowed: the network is written %s", text,
				       net_cidr_text(&c, whole));
		}
	}
	return bad(err, text, slash ? "that is no IPv4 network such as 192.0.2.0/24"
				    : "that is no IPv4 address");
}

static int parse_host(const char *text, char *s, struct net_entry *e, struct err *err) {
	size_t len = strlen(s);
	const char *fault;

	if (looks_like_address(s))
		return parse_address(text, s, e, err);
	e->kind = NET_ENTRY_NAME;
	if (!strncmp(s, "*.", 2)) {
		e->kind = NET_ENTRY_BELOW;
		s += 2;
		len -= 2;
	}
	if (len > 1 && s[len - 1] == '.')
		s[len - 1] = '\0';
	for (char *p = s; *p; p++)
		*p = lower(*p);
	fault = name_fault(s);
	if (fault)
		return bad(err, text, fault);
	e->name = xstrdup(s);
	return 0;
}

static int parse_entry(const char *text, struct parsed *ret, struct err *err) {
	autofree char *host = xstrdup(text);
	struct parsed p = { 0 };
	char *colon = strchr(host, ':');
	int r;

	if (strlen(text) > ENTRY_TEXT_MAX)
		return bad(err, text, "it is too long");
	if (text[0] == '@')
		return bad(err, text, "there is no such set of names");
	if (text[0] == '[' || (colon && strchr(colon + 1, ':')))
		return bad(err, text, "containers have no IPv6");
	if (colon) {
		*colon++ = '\0';
		r = net_ports_parse(colon, text, &p.ports, err);
		if (r < 0)
			return r;
	}
	r = parse_host(text, host, &p.entry, err);
	if (r < 0)
		return r;
	*ret = p;
	return 0;
}

/* --- lists */

static bool same_ports(const struct net_ports *a, const struct net_ports *b) {
	return a->count == b->count && !memcmp(a->ranges, b->ranges, sizeof(a->ranges));
}

static bool same_host(const struct net_entry *a, const struct net_entry *b) {
	if (a->kind != b->kind)
		return false;
	if (a->kind == NET_ENTRY_ADDRESS)
		return a->cidr.address == b->cidr.address && a->cidr.bits == b->cidr.bits;
	return !strcmp(a->name, b->name);
}

static size_t find(const struct net_allowed *a, const struct parsed *p) {
	for (size_t i = 0; i < a->count; i++)
		if (same_host(&a->entries[i], &p->entry) &&
		    same_ports(&a->ports[a->entries[i].ports], &p->ports))
			return i;
	return a->count;
}

static bool ports_index(struct net_allowed *a, const struct net_ports *p, unsigned *ret) {
	unsigned i = 0;

	while (i < a->ports_count && !same_ports(&a->ports[i], p))
		i++;
	if (i == NET_PORT_LISTS_MAX)
		return false;
	if (i == a->ports_count)
		a->ports[a->ports_count++] = *p;
	*ret = i;
	return true;
}

static int add(struct net_allowed *a, const char *text, struct parsed *p, struct err *err) {
	if (find(a, p) < a->count)
		return 0;
	if (a->count >= NET_ALLOWED_MAX)
		return err_set(err, ERR_CONFIG, -E2BIG, "more than %d names and addresses are "
			       "allowed", NET_ALLOWED_MAX);
	if (a->text_len + strlen(text) + 1 > NET_ALLOWED_TEXT_MAX)
		return err_set(err, ERR_CONFIG, -E2BIG, "the allowed names and addresses are longer "
			       "than %d bytes together", NET_ALLOWED_TEXT_MAX);
	if (!ports_index(a, &p->ports, &p->entry.ports))
		return err_set(err, ERR_CONFIG, -E2BIG, "'%.100s' is the %dth different list of "
			       "ports: at most %d can be told apart", text, NET_PORT_LISTS_MAX + 1,
			       NET_PORT_LISTS_MAX);
	a->text_len += strlen(text) + 1;
	a->entries = xreallocarray(a->entries, a->count + 1, sizeof(*a->entries));
	a->entries[a->count++] = p->entry;
	p->entry.name = NULL;
	return 1;
}

int net_allowed_add(struct net_allowed *a, const char *text, struct err *err) {
	struct parsed p;
	int r = parse_entry(text, &p, err);

	if (r < 0)
		return r;
	r = add(a, text, &p, err);
	free(p.entry.name);
	return r;
}

/* Lists of ports that nobody has any more go: their number is bounded. */
int net_allowed_remove(struct net_allowed *a, const char *text, struct err *err) {
	auto_net_allowed struct net_allowed rest = { 0 };
	struct parsed p;
	size_t at;
	int r = parse_entry(text, &p, err);

	if (r < 0)
		return r;
	at = find(a, &p);
	free(p.entry.name);
	if (at == a->count)
		return 0;
	for (size_t i = 0; i < a->count; i++) {
		autofree char *kept = net_entry_text(a, &a->entries[i]);

		if (i != at && net_allowed_add(&rest, kept, err) < 0)
			return err->code;
	}
	net_allowed_done(a);
	*a = rest;
	rest = (struct net_allowed){ 0 };
	return 1;
}

int net_allowed_parse(struct net_allowed *a, char *const *list, struct err *err) {
	auto_net_allowed struct net_allowed all = { 0 };

	for (size_t i = 0; list && list[i]; i++) {
		int r = net_allowed_add(&all, list[i], err);

		if (r < 0)
			return r;
	}
	net_allowed_done(a);
	*a = all;
	all = (struct net_allowed){ 0 };
	return 0;
}

char *net_entry_text(const struct net_allowed *a, const struct net_entry *e) {
	const struct net_ports *p = &a->ports[e->ports];
	char cidr[NET_CIDR_TEXT], ports[NET_PORTS_TEXT];
	const char *host = e->kind == NET_ENTRY_ADDRESS ? net_cidr_text(&e->cidr, cidr) : e->name;

	return xasprintf("%s%s%s%s", e->kind == NET_ENTRY_BELOW ? "*." : "", host,
			 p->count ? ":" : "", net_ports_text(p, ports));
}

char **net_allowed_texts(const struct net_allowed *a) {
	char **all = NULL;

	for (size_t i = 0; a && i < a->count; i++)
		strv_take(&all, net_entry_text(a, &a->entries[i]));
	return all;
}

/* --- what is allowed */

static bool name_matches(const struct net_entry *e, const char *name, size_t len) {
	size_t own = strlen(e->name);

	if (e->kind == NET_ENTRY_NAME)
		return len == own && !memcmp(e->name, name, len);
	return len > own + 1 && name[len - own - 1] == '.' &&
	       !memcmp(e->name, name + len - own, own);
}

uint32_t net_allowed_name(const struct net_allowed *a, const char *name) {
	char small[NET_ALLOWED_NAME_MAX + 1];
	size_t len = strlen(name);
	uint32_t result = 0;

	if (len > 1 && name[len - 1] == '.')
		len--;
	if (!a || !len || len >= sizeof(small))
		return 0;
	for (size_t i = 0; i < len; i++)
		small[i] = lower(name[i]);
	for (size_t i = 0; i < a->count; i++)
		if (a->entries[i].kind != NET_ENTRY_ADDRESS &&
		    name_matches(&a->entries[i], small, len))
			result |= 1u << a->entries[i].ports;
	return result;
}

static bool lies_in(const struct net_cidr *c, const struct net_cidr *list, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (c->bits >= list[i].bits && net_cidr_contains(&list[i], c->address))
			return true;
	return false;
}

/* What of it is private was meant, since nothing of it is public. */
static bool is_special_itself(const struct net_cidr *c) {
	return lies_in(c, net_private_ranges, net_private_ranges_count) ||
	       lies_in(c, net_metadata_ranges, net_metadata_ranges_count);
}

uint32_t net_allowed_address(const struct net_allowed *a, uint32_t address) {
	bool is_special = net_is_private(address) || net_is_metadata(address);
	uint32_t result = 0;

	for (size_t i = 0; a && i < a->count; i++) {
		const struct net_entry *e = &a->entries[i];

		if (e->kind == NET_ENTRY_ADDRESS && net_cidr_contains(&e->cidr, address) &&
		    (!is_special || is_special_itself(&e->cidr)))
			result |= 1u << e->ports;
	}
	return result;
}

/* --- ranges */

struct ranges {
	struct net_range *list;
	size_t count;
};

static void range_add(struct ranges *all, uint32_t first, uint32_t last) {
	all->list = xreallocarray(all->list, all->count + 1, sizeof(*all->list));
	all->list[all->count++] = (struct net_range){ first, last };
}

struct net_range net_cidr_range(const struct net_cidr *c) {
	uint32_t below = c->bits < 32 ? ~UINT32_C(0) >> c->bits : 0;

	return (struct net_range){ c->address, c->address | below };
}

static int compare_first(const void *x, const void *y) {
	const struct net_range *a = x, *b = y;

	return (a->first > b->first) - (a->first < b->first);
}

static void ranges_tidy(struct ranges *all) {
	size_t kept = 0;

	if (!all->count)
		return;
	qsort(all->list, all->count, sizeof(*all->list), compare_first);
	for (size_t i = 1; i < all->count; i++) {
		struct net_range *last = &all->list[kept];

		if (all->list[i].first > (uint64_t)last->last + 1)
			all->list[++kept] = all->list[i];
		else if (all->list[i].last > last->last)
			last->last = all->list[i].last;
	}
	all->count = kept + 1;
}

static void special_ranges(struct ranges *all) {
	for (size_t i = 0; i < net_private_ranges_count; i++) {
		struct net_range r = net_cidr_range(&net_private_ranges[i]);

		range_add(all, r.first, r.last);
	}
	for (size_t i = 0; i < net_metadata_ranges_count; i++) {
		struct net_range r = net_cidr_range(&net_metadata_ranges[i]);

		range_add(all, r.first, r.last);
	}
	ranges_tidy(all);
}

size_t net_special_ranges(struct net_range **ret) {
	struct ranges all = { 0 };

	special_ranges(&all);
	*ret = all.list;
	return all.count;
}

static void add_public_part(struct ranges *all, struct net_range r, const struct ranges *special) {
	uint64_t at = r.first;

	for (size_t i = 0; i < special->count && at <= r.last; i++) {
		if (special->list[i].last < at || special->list[i].first > r.last)
			continue;
		if (special->list[i].first > at)
			range_add(all, (uint32_t)at, special->list[i].first - 1);
		at = (uint64_t)special->list[i].last + 1;
	}
	if (at <= r.last)
		range_add(all, (uint32_t)at, r.last);
}

size_t net_allowed_ranges(const struct net_allowed *a, unsigned ports, struct net_range **ret) {
	struct ranges all = { 0 }, special = { 0 };

	special_ranges(&special);
	for (size_t i = 0; a && i < a->count; i++) {
		const struct net_entry *e = &a->entries[i];
		struct net_range r;

		if (e->kind != NET_ENTRY_ADDRESS || e->ports != ports)
			continue;
		r = net_cidr_range(&e->cidr);
		if (is_special_itself(&e->cidr))
			range_add(&all, r.first, r.last);
		else
			add_public_part(&all, r, &special);
	}
	free(special.list);
	ranges_tidy(&all);
	*ret = all.list;
	return all.count;
}
