/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/claims.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "net/allowed.h"
#include "net/names.h"
#include "net/rules.h"

#define FILE_NAME "network-ports.ini"
#define FORMAT 1
#define FILE_MAX (256 * 1024)

void claims_done(struct claims *c) {
	free(c->ports);
	free(c->resting);
	*c = (struct claims){ 0 };
}

/* A whole word that is a decimal number, at most @max; -EINVAL. */
static int parse_number(const char *word, unsigned long max, unsigned long *ret) {
	char *end;

	if (*word < '0' || *word > '9' || strlen(word) > 10)
		return -EINVAL;
	*ret = strtoul(word, &end, 10);
	return *end || *ret > max ? -EINVAL : 0;
}

static int parse_index(const char *key, const struct net_base *b, uint32_t *ret) {
	unsigned long n;

	if (parse_number(key, net_index_last(b), &n) < 0 || n < NET_INDEX_FIRST)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

struct load {
	const struct net_base *base;
	struct claims *claims;
	const char *section;
	unsigned long format;
	bool is_of_this_boot;
};

/* The words of a port's line as they stand; an older one has fewer, a newer one more. */
enum { WORD_NAME, WORD_MODE, WORD_FLAGS, WORD_DNS, WORD_PUT, WORD_GROUP, WORD_SETS, WORD_COUNT };
static const unsigned long word_max[WORD_COUNT] = {
	[WORD_DNS] = 65535,
	[WORD_PUT] = 1,
	[WORD_GROUP] = 65535,
	[WORD_SETS] = NET_PORT_LISTS_MAX,
};

/* Chains of the port's own are flags too. */
static const char chain_flags[NET_CHAIN_COUNT + 1] = "DHALC";

#define LINE_MAX_BYTES 256

/* The words of @value, in @room; what comes behind the last one that we know is left out. */
static size_t split(const char *value, char room[LINE_MAX_BYTES], const char *words[WORD_COUNT]) {
	size_t len = strlen(value), count = 0;
	char *at = room;

	if (len >= LINE_MAX_BYTES)
		return 0;
	memcpy(room, value, len + 1);
	while (count < WORD_COUNT && *(at += strspn(at, " "))) {
		words[count++] = at;
		at += strcspn(at, " ");
		if (*at)
			*at++ = '\0';
	}
	return count;
}

/* They are written by index, so mostly the last one tells. */
static bool is_claimed(const struct claims *c, uint32_t index) {
	return c->count && c->ports[c->count - 1].index >= index && claims_find_index(c, index);
}

static int load_port(struct load *l, const char *key, const char *value) {
	char line[LINE_MAX_BYTES];
	const char *words[WORD_COUNT];
	size_t count = split(value, line, words);
	unsigned long n[WORD_COUNT] = { 0 };
	struct net_port *p;
	uint32_t index;
	int mode;

	if (parse_index(key, l->base, &index) < 0 || count <= WORD_PUT ||
	    !net_name_ok(words[WORD_NAME]) || l->claims->count >= NET_PORTS_MAX ||
	    is_claimed(l->claims, index))
		return -EINVAL;
	for (size_t i = WORD_DNS; i < count; i++)
		if (parse_number(words[i], word_max[i], &n[i]) < 0)
			return -EINVAL;
	mode = net_mode_from_string(words[WORD_MODE]);
	if (mode < 0)
		return -EINVAL;
	p = claims_add(l->claims, l->base, words[WORD_NAME], index);
	p->policy = (struct net_policy){
		.mode = (enum net_mode)mode,
		.block_private = strchr(words[WORD_FLAGS], 'p') != NULL,
		.block_metadata = strchr(words[WORD_FLAGS], 'm') != NULL,
		.allow_local_network = strchr(words[WORD_FLAGS], 'l') != NULL,
		.is_capped = strchr(words[WORD_FLAGS], 'c') != NULL,
	};
	p->dns_port = (uint16_t)n[WORD_DNS];
	p->rules_put = n[WORD_PUT] != 0;
	p->log_group = (uint16_t)n[WORD_GROUP];
	p->set_count = (uint8_t)n[WORD_SETS];
	for (unsigned i = 0; i < NET_CHAIN_COUNT; i++)
		p->chains |= strchr(words[WORD_FLAGS], chain_flags[i]) ? (uint8_t)(1u << i) : 0;
	return 0;
}

static int load_resting(struct load *l, const char *key, const char *value) {
	struct claims *c = l->claims;
	struct resting r = { 0 };
	unsigned long since;

	if (parse_index(key, l->base, &r.index) < 0 || parse_number(value, UINT32_MAX, &since) < 0)
		return -EINVAL;
	/* What another boot released has nothing left in this kernel. */
	if (!l->is_of_this_boot)
		return 0;
	r.since = (int64_t)since;
	c->resting = xreallocarray(c->resting, c->resting_count + 1, sizeof(*c->resting));
	c->resting[c->resting_count++] = r;
	return 0;
}

static int load_head(struct load *l, const char *key, const char *value) {
	if (!strcmp(key, "boot"))
		l->is_of_this_boot = !strcmp(value, boot_id());
	return strcmp(key, "format") != 0 ? 0 : parse_number(value, UINT32_MAX, &l->format);
}

static int load_line(struct load *l, char *line) {
	char *value = strstr(line, " = ");

	if (*line == '[')
		l->section = line;
	if (*line == '[' || !*line)
		return 0;
	if (!value)
		return -EINVAL;
	*value = '\0';
	value += strlen(" = ");
	if (!*l->section)
		return load_head(l, line, value);
	if (!strcmp(l->section, "[ports]"))
		return load_port(l, line, value);
	return strcmp(l->section, "[resting]") != 0 ? 0 : load_resting(l, line, value);
}

/*
 * By hand, as it is written: a record looks for each key among those it has, and the
 * lines of a thousand ports are read at each change of one. Its form is a record's.
 */
static int load_text(struct load *l, char *text, size_t len) {
	int r = strlen(text) == len ? 0 : -EBADMSG;

	for (char *line = text, *end; r == 0 && line < text + len; line = end + 1) {
		end = strchrnul(line, '\n');
		*end = '\0';
		r = load_line(l, line);
		/* Nothing behind it is known, then. */
		if (l->format > FORMAT)
			return -EPROTO;
	}
	return r == 0 && l->format ? 0 : -EBADMSG;
}

int claims_load(const struct net_base *b, struct claims *ret, struct err *err) {
	autobuf struct buf text = { 0 };
	auto_claims struct claims c = { 0 };
	struct load l = { .base = b, .claims = &c, .section = "" };
	int r = file_read_at(b->layout->run_fd, FILE_NAME, FILE_MAX, &text);

	if (r == -ENOENT) {
		*ret = (struct claims){ 0 };
		return 0;
	}
	if (r < 0)
		return err_sys(err, r, "cannot read '%s/%s'", b->layout->run, FILE_NAME);
	r = load_text(&l, text.data, text.len);
	if (r == -EPROTO)
		return err_set(err, ERR_SYSTEM, r, "'%s/%s' has format %lu, made by a newer coi; "
			       "this one knows up to %d", b->layout->run, FILE_NAME, l.format, FORMAT);
	if (r < 0)
		return err_set(err, ERR_SYSTEM, r, "'%s/%s' is damaged", b->layout->run, FILE_NAME);
	*ret = c;
	c = (struct claims){ 0 };
	return 0;
}

static void add_number(struct buf *b, unsigned n) {
	char text[NET_NUMBER_TEXT];

	buf_add(b, text, (size_t)(net_put_number(text, n) - text));
}

static void add_flags(struct buf *b, const struct net_port *p) {
	buf_adds(b, " -");
	buf_adds(b, p->policy.block_private ? "p" : "");
	buf_adds(b, p->policy.block_metadata ? "m" : "");
	buf_adds(b, p->policy.allow_local_network ? "l" : "");
	buf_adds(b, p->policy.is_capped ? "c" : "");
	for (unsigned k = 0; k < NET_CHAIN_COUNT; k++)
		if (p->chains & 1u << k)
			buf_addc(b, chain_flags[k]);
}

static void add_port(struct buf *b, const struct net_port *p) {
	const unsigned numbers[] = { p->dns_port, p->rules_put, p->log_group, p->set_count };

	add_number(b, p->index);
	buf_adds(b, " = ");
	buf_adds(b, p->name);
	buf_addc(b, ' ');
	buf_adds(b, net_mode_to_string(p->policy.mode));
	add_flags(b, p);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		buf_addc(b, ' ');
		add_number(b, numbers[i]);
	}
	buf_addc(b, '\n');
}

/* Names are such that nothing needs escaping. */
int claims_store(const struct net_base *b, const struct claims *c, struct err *err) {
	autobuf struct buf text;
	int r;

	buf_init(&text, FILE_MAX);
	buf_addf(&text, "format = %d\nboot = %s\n\n[ports]\n", FORMAT, boot_id());
	for (size_t i = 0; i < c->count; i++)
		add_port(&text, &c->ports[i]);
	buf_adds(&text, "\n[resting]\n");
	for (size_t i = 0; i < c->resting_count; i++)
		buf_addf(&text, "%u = %" PRId64 "\n", c->resting[i].index, c->resting[i].since);
	r = text.overflow ? -EFBIG
			  : file_write_quick_at(b->layout->run_fd, FILE_NAME, text.data, text.len,
						0600);
	if (r < 0)
		return err_sys(err, r, "cannot write '%s/%s'", b->layout->run, FILE_NAME);
	return 0;
}

struct net_port *claims_find(const struct claims *c, const char *name) {
	for (size_t i = 0; i < c->count; i++)
		if (!strcmp(c->ports[i].name, name))
			return &c->ports[i];
	return NULL;
}

struct net_port *claims_find_index(const struct claims *c, uint32_t index) {
	for (size_t i = 0; i < c->count; i++)
		if (c->ports[i].index == index)
			return &c->ports[i];
	return NULL;
}

static bool rests(const struct claims *c, uint32_t index, int64_t now) {
	for (size_t i = 0; i < c->resting_count; i++)
		if (c->resting[i].index == index)
			return now - c->resting[i].since < NET_REST_SECONDS;
	return false;
}

uint32_t claims_pick(const struct claims *c, const struct net_base *b, int64_t now) {
	size_t at = 0;

	if (c->count >= NET_PORTS_MAX)
		return 0;
	for (uint32_t index = NET_INDEX_FIRST; index <= net_index_last(b); index++) {
		while (at < c->count && c->ports[at].index < index)
			at++;
		if (at < c->count && c->ports[at].index == index)
			continue;
		if (!rests(c, index, now))
			return index;
	}
	return 0;
}

uint32_t claims_pick_resting(const struct claims *c) {
	const struct resting *oldest = NULL;

	for (size_t i = 0; i < c->resting_count && c->count < NET_PORTS_MAX; i++)
		if (!oldest || c->resting[i].since < oldest->since)
			oldest = &c->resting[i];
	return oldest ? oldest->index : 0;
}

static void resting_forget(struct claims *c, size_t at) {
	c->resting[at] = c->resting[--c->resting_count];
}

struct net_port *claims_add(struct claims *c, const struct net_base *b, const char *name,
			    uint32_t index) {
	size_t at = c->count;

	for (size_t i = 0; i < c->resting_count; i++)
		if (c->resting[i].index == index)
			resting_forget(c, i--);
	c->ports = xreallocarray(c->ports, c->count + 1, sizeof(*c->ports));
	while (at > 0 && c->ports[at - 1].index > index)
		at--;
	memmove(&c->ports[at + 1], &c->ports[at], (c->count - at) * sizeof(*c->ports));
	c->count++;
	net_port_fill(b, name, index, &c->ports[at]);
	return &c->ports[at];
}

void claims_remove(struct claims *c, const char *name, int64_t now) {
	struct net_port *p = claims_find(c, name);
	struct resting r = { .since = now };
	size_t at;

	for (size_t i = 0; i < c->resting_count; i++)
		if (now - c->resting[i].since >= NET_REST_SECONDS)
			resting_forget(c, i--);
	if (!p)
		return;
	r.index = p->index;
	at = (size_t)(p - c->ports);
	memmove(p, p + 1, (--c->count - at) * sizeof(*p));
	c->resting = xreallocarray(c->resting, c->resting_count + 1, sizeof(*c->resting));
	c->resting[c->resting_count++] = r;
}
