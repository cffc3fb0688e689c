/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a file that came with a project may say, from its row alone.
 *
 * "Stricter" is measured against what all trusted layers say together, so an
 * untrusted layer can neither loosen nor profit from where it stands in the
 * order. Pure.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "config/domain-sets.h"
#include "config/load.h"

/* Not said, where coi then has a judgement of its own: looser than a number, stricter than "off". */
#define UNSET_AMOUNT 1e200

/* How much a value lets through; *ret_kind tells what cannot be compared. */
static double amount(const struct setting_row *row, const void *m, int *ret_kind) {
	double n = 0;

	*ret_kind = 0;
	switch (row->type) {
	case SETTING_INT:
		n = *(const int *)m;
		if (row->may_be_unset && n < 0)
			return UNSET_AMOUNT;
		break;
	case SETTING_FLOAT:
		n = *(const double *)m;
		break;
	case SETTING_CHOICE:
		return *(const int *)m;
	case SETTING_DURATION:
		n = (double)((const struct setting_duration *)m)->ms;
		break;
	case SETTING_SIZE: {
		const struct setting_size *size = m;

		*ret_kind = size->percent ? 1 : 0;
		n = size->percent ? (double)size->percent : (double)size->bytes;
		break;
	}
	case SETTING_STRING: {
		const char *text = *(char *const *)m;

		if (!*text)
			break;
		if (!format_measure(row->format, text, &n, ret_kind))
			return INFINITY;
		if (n == 0)
			return 0; /* "false": nothing at all, not "no limit" */
		break;
	}
	default:
		return INFINITY;
	}
	return n == 0 && row->zero_is_none ? INFINITY : n;
}

static bool is_at_most(const struct setting_row *row, const void *proposed, const void *limit) {
	int kind, limit_kind;
	double n = amount(row, proposed, &kind), most = amount(row, limit, &limit_kind);

	if (member_equal(row, proposed, limit) || isinf(most))
		return true;
	return kind == limit_kind && n <= most;
}

static bool is_subset(char *const *part, char *const *whole) {
	for (size_t i = 0; part && part[i]; i++)
		if (!strv_contains(whole, part[i]))
			return false;
	return true;
}

static bool parse_range(const char *text, unsigned long *low, unsigned long *high) {
	char *end = NULL;

	*low = *high = strtoul(text, &end, 10);
	if (*end == '-')
		*high = strtoul(end + 1, &end, 10);
	return !*end && *low <= *high;
}

/* Is each range of @part in one of @whole's? An empty list is everything. */
static bool is_within_ranges(char *const *part, char *const *whole) {
	if (strv_len(whole) == 0)
		return true;
	if (strv_len(part) == 0)
		return false;
	for (size_t i = 0; part[i]; i++) {
		unsigned long low, high, from, to;
		bool found = false;

		if (!parse_range(part[i], &low, &high))
			return false;
		for (size_t j = 0; whole[j] && !found; j++)
			found = parse_range(whole[j], &from, &to) && low >= from && high <= to;
		if (!found)
			return false;
	}
	return true;
}

static bool is_fewer(const struct setting_row *row, const void *trusted, const void *proposed) {
	char *const *whole = *(char **const *)trusted, *const *part = *(char **const *)proposed;

	if (row->format == FORMAT_PORTS)
		return is_within_ranges(part, whole);
	return is_subset(part, whole);
}

enum trust_verdict trust_judge(const struct setting_row *row, const void *trusted,
			       const void *proposed) {
	bool ok;

	switch (row->project) {
	case PROJECT_FREE:
		return TRUST_ALLOW;
	case PROJECT_NOTED:
		return member_equal(row, trusted, proposed) ? TRUST_ALLOW : TRUST_NOTE;
	case PROJECT_REFUSED:
		return member_equal(row, trusted, proposed) ? TRUST_SAME : TRUST_REFUSE;
	case PROJECT_ONLY_TRUE:
		ok = *(const bool *)proposed || !*(const bool *)trusted;
		break;
	case PROJECT_ONLY_FALSE:
		ok = !*(const bool *)proposed || *(const bool *)trusted;
		break;
	case PROJECT_ONLY_LOWER:
		ok = is_at_most(row, proposed, trusted);
		break;
	case PROJECT_ONLY_HIGHER:
		ok = is_at_most(row, trusted, proposed);
		break;
	case PROJECT_ONLY_ADD:
		/* A union takes nothing away whatever is said. */
		ok = row->merge == MERGE_UNION ||
		     is_subset(*(char **const *)trusted, *(char **const *)proposed);
		break;
	case PROJECT_ONLY_FEWER:
		ok = is_fewer(row, trusted, proposed);
		break;
	case PROJECT_INSIDE:
	case PROJECT_GATED:
	case PROJECT_GATED_OUTSIDE:
	case PROJECT_DOMAINS:
		return TRUST_SPLIT;
	default:
		ok = false; /* no rule: nothing */
		break;
	}
	return ok ? TRUST_ALLOW : TRUST_REFUSE;
}

/* ---- allowed_domains ---- */

static bool overlaps(uint32_t base, unsigned bits, uint32_t other, unsigned other_bits) {
	unsigned less = bits < other_bits ? bits : other_bits;
	uint32_t mask = less == 0 ? 0 : ~(uint32_t)0 << (32 - less);

	return (base & mask) == (other & mask);
}

/* Networks that restricted mode closes. */
static bool is_private_network(uint32_t base, unsigned bits) {
	static const struct {
		uint8_t a, b, c, d, bits;
	} nets[] = {
		{ 0, 0, 0, 0, 8 },	{ 10, 0, 0, 0, 8 },
		{ 100, 64, 0, 0, 10 },	{ 127, 0, 0, 0, 8 },
		{ 168, 63, 129, 16, 32 }, /* metadata of a cloud, at an address that looks public */
		{ 169, 254, 0, 0, 16 }, { 172, 16, 0, 0, 12 },
		{ 192, 0, 0, 0, 24 },	{ 192, 168, 0, 0, 16 },
		{ 198, 18, 0, 0, 15 },	{ 224, 0, 0, 0, 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(nets); i++) {
		uint32_t net = (uint32_t)nets[i].a << 24 | (uint32_t)nets[i].b << 16 |
			       (uint32_t)nets[i].c << 8 | nets[i].d;

		if (overlaps(base, bits, net, nets[i].bits))
			return true;
	}
	return false;
}

/* A host of the wide internet, by its name or address alone. */
static bool is_public(const char *host) {
	static const char *const endings[] = {
		"localhost", ".local",	   ".internal", ".lan",	 ".home", ".corp", ".intranet",
		".private",  ".localdomain", ".home.arpa", ".test", ".onion",
	};
	unsigned a, b, c, d, bits = 32;
	char end;
	size_t len = strlen(host);
	int n = sscanf(host, "%u.%u.%u.%u/%u%c", &a, &b, &c, &d, &bits, &end);

	if (n == 4 || n == 5) {
		if (a > 255 || b > 255 || c > 255 || d > 255 || bits > 32)
			return false;
		return !is_private_network(a << 24 | b << 16 | c << 8 | d, bits);
	}
	/*
	 * No top-level domain begins with a digit: what ends so is an address in
	 * one of the forms that only resolvers take (hexadecimal, octal, short).
	 */
	const char *last = strrchr(host, '.');

	if (!last || strchr(host, '/') || !last[1] || (last[1] >= '0' && last[1] <= '9'))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		size_t e = strlen(endings[i]);

		if (len >= e && strcasecmp(host + len - e, endings[i]) == 0)
			return false;
	}
	return true;
}

/* "name:443,80" without its ports; newly allocated. */
static char *without_ports(const char *domain) {
	return xstrndup(domain, strcspn(domain, ":"));
}

/* Is it an entry of the trusted list, as it stands or in a set that is? */
static bool is_listed(const struct settings *trusted, char *const *list, const char *entry,
		      unsigned depth) {
	for (size_t i = 0; list && list[i]; i++) {
		autostrv char **members = NULL;

		if (strcmp(list[i], entry) == 0)
			return true;
		if (list[i][0] == '@' && depth < DOMAIN_SETS_DEPTH &&
		    domain_set_members(trusted, list[i], &members) &&
		    is_listed(trusted, members, entry, depth + 1))
			return true;
	}
	return false;
}

static enum domain_verdict judge(const struct settings *trusted, const char *domain, unsigned depth);

/* A set gives no more than its members would, one by one. */
static enum domain_verdict judge_set(const struct settings *trusted, const char *name,
				     unsigned depth) {
	autostrv char **members = NULL;
	enum domain_verdict strictest = DOMAIN_ALLOW;

	if (!domain_set_members(trusted, name, &members))
		return trusted->network.mode == MODE_ALLOWLIST ? DOMAIN_GATE : DOMAIN_ALLOW;
	if (depth >= DOMAIN_SETS_DEPTH)
		return DOMAIN_REFUSE;
	for (size_t i = 0; members && members[i]; i++) {
		enum domain_verdict v = judge(trusted, members[i], depth + 1);

		if (v > strictest)
			strictest = v;
	}
	return strictest;
}

static enum domain_verdict judge(const struct settings *trusted, const char *domain,
				 unsigned depth) {
	char *const *list = trusted->network.allowed_domains;
	autofree char *host = without_ports(domain);
	size_t len = strlen(host);

	/* Entries of the trusted list, as they stand or with fewer ports. */
	if (is_listed(trusted, list, domain, 0) || is_listed(trusted, list, host, 0))
		return DOMAIN_ALLOW;
	if (domain[0] == '@')
		return judge_set(trusted, domain, depth);
	if (len && host[len - 1] == '.')
		host[len - 1] = '\0';
	if (!is_public(host))
		return DOMAIN_REFUSE;
	/*
	 * Where all of the internet is open anyway, a shorter list is stricter,
	 * whatever is on it; where it is not, each name beyond is a hole.
	 */
	return trusted->network.mode == MODE_ALLOWLIST ? DOMAIN_GATE : DOMAIN_ALLOW;
}

enum domain_verdict trust_judge_domain(const struct settings *trusted, const char *domain) {
	return judge(trusted, domain, 0);
}
