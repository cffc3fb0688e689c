/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of ports, as people write them. Pure. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/policy.h"

static const char *parse_port(const char *s, uint16_t *ret) {
	unsigned n = 0;
	const char *p = s;

	while (*p >= '0' && *p <= '9' && p - s < 6)
		n = n * 10 + (unsigned)(*p++ - '0');
	if (p == s || n < 1 || n > 65535)
		return NULL;
	*ret = (uint16_t)n;
	return p;
}

static int compare_ranges(const void *x, const void *y) {
	const struct net_port_range *a = x, *b = y;

	return a->low != b->low ? (a->low < b->low ? -1 : 1) : (a->high > b->high) - (a->high < b->high);
}

/* Sorted and merged, so that lists that mean the same are the same. */
static void ports_tidy(struct net_ports *p) {
	size_t kept = 0;

	qsort(p->ranges, p->count, sizeof(p->ranges[0]), compare_ranges);
	for (size_t i = 1; i < p->count; i++) {
		struct net_port_range *last = &p->ranges[kept];

		if (p->ranges[i].low > (uint32_t)last->high + 1)
			p->ranges[++kept] = p->ranges[i];
		else if (p->ranges[i].high > last->high)
			last->high = p->ranges[i].high;
	}
	p->count = p->count ? kept + 1 : 0;
	/* All of them is the same as none said. */
	if (p->count == 1 && p->ranges[0].low == 1 && p->ranges[0].high == 65535)
		p->count = 0;
	for (size_t i = p->count; i < NET_PORT_RANGES_MAX; i++)
		p->ranges[i] = (struct net_port_range){ 0 };
}

static int bad(struct err *err, const char *what, const char *why) {
	return err_set(err, ERR_CONFIG, -EINVAL, "'%.100s' cannot be allowed: %s", what, why);
}

int net_ports_parse(const char *text, const char *what, struct net_ports *ret, struct err *err) {
	struct net_ports p = { 0 };
	const char *s = text;

	for (;;) {
		struct net_port_range r;

		s = parse_port(s, &r.low);
		if (!s)
			return bad(err, what, "a port is a number from 1 to 65535");
		r.high = r.low;
		if (*s == '-')
			s = parse_port(s + 1, &r.high);
		if (!s)
			return bad(err, what, "a port is a number from 1 to 65535");
		if (r.high < r.low)
			return bad(err, what, "a range of ports begins with the lower one");
		if (p.count == NET_PORT_RANGES_MAX)
			return bad(err, what, "it has more than 16 ports and ranges");
		p.ranges[p.count++] = r;
		if (!*s)
			break;
		if (*s++ != ',')
			return bad(err, what, "ports are written 443, or 80,443, or 8000-8100");
	}
	ports_tidy(&p);
	*ret = p;
	return 0;
}

char *net_ports_text(const struct net_ports *p, char out[NET_PORTS_TEXT]) {
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < p->count; i++) {
		const struct net_port_range *r = &p->ranges[i];
		const char *comma = i ? "," : "";

		if (r->low == r->high)
			at += (size_t)snprintf(out + at, NET_PORTS_TEXT - at, "%s%u", comma, r->low);
		else
			at += (size_t)snprintf(out + at, NET_PORTS_TEXT - at, "%s%u-%u", comma,
					       r->low, r->high);
	}
	return out;
}

bool net_ports_have(const struct net_ports *p, uint16_t port) {
	if (!p->count || !port)
		return true;
	for (size_t i = 0; i < p->count; i++)
		if (port >= p->ranges[i].low && port <= p->ranges[i].high)
			return true;
	return false;
}

bool net_ports_overlap(const struct net_ports *a, const struct net_ports *b) {
	if (!a->count || !b->count)
		return true;
	for (size_t i = 0; i < a->count; i++)
		for (size_t k = 0; k < b->count; k++)
			if (a->ranges[i].low <= b->ranges[k].high &&
			    b->ranges[k].low <= a->ranges[i].high)
				return true;
	return false;
}
