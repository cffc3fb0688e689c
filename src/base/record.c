/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/record.h"

#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"

#define RECORD_MAX_BYTES (256 * 1024)
#define RECORD_MAX_KEYS 4096

struct entry {
	char *section, *key, *value;
	uint32_t hash; /* of section and key: records with hundreds of keys are read often */
};

struct record {
	struct entry *entries; /* in order, a section's keys together */
	size_t count;
};

struct record *record_new(int format) {
	struct record *r = xcalloc(1, sizeof(*r));

	if (format)
		record_setf(r, "", "format", "%d", format);
	return r;
}

void record_free(struct record *r) {
	if (!r)
		return;
	for (size_t i = 0; i < r->count; i++) {
		free(r->entries[i].section);
		free(r->entries[i].key);
		free(r->entries[i].value);
	}
	free(r->entries);
	free(r);
}

void record_free_ptr(struct record **r) {
	record_free(*r);
}

/* FNV-1a. */
static uint32_t hash_of(const char *section, const char *key) {
	uint32_t h = 2166136261u;

	for (const char *p = section; *p; p++)
		h = (h ^ (uint8_t)*p) * 16777619u;
	h *= 16777619u;
	for (const char *p = key; *p; p++)
		h = (h ^ (uint8_t)*p) * 16777619u;
	return h;
}

static struct entry *find(const struct record *r, const char *section, const char *key) {
	const uint32_t hash = hash_of(section, key);

	for (size_t i = 0; i < r->count; i++)
		if (r->entries[i].hash == hash && !strcmp(r->entries[i].section, section) &&
		    !strcmp(r->entries[i].key, key))
			return &r->entries[i];
	return NULL;
}

const char *record_get(const struct record *r, const char *section, const char *key) {
	const struct entry *e = find(r, section, key);

	return e ? e->value : NULL;
}

/* A new entry goes behind the last one of its section. */
static size_t place_for(const struct record *r, const char *section) {
	for (size_t i = r->count; i > 0; i--)
		if (!strcmp(r->entries[i - 1].section, section))
			return i;
	return *section ? r->count : 0;
}

void record_set(struct record *r, const char *section, const char *key, const char *value) {
	struct entry *e = find(r, section, key);
	size_t at;

	if (e) {
		str_replace(&e->value, value);
		return;
	}
	at = place_for(r, section);
	r->entries = xreallocarray(r->entries, r->count + 1, sizeof(*r->entries));
	memmove(r->entries + at + 1, r->entries + at, (r->count - at) * sizeof(*r->entries));
	r->entries[at] = (struct entry){ xstrdup(section), xstrdup(key), xstrdup(value),
					    hash_of(section, key) };
	r->count++;
}

void record_setf(struct record *r, const char *section, const char *key, const char *fmt, ...) {
	autofree char *value = NULL;
	va_list ap;

	va_start(ap, fmt);
	value = xvasprintf(fmt, ap);
	va_end(ap);
	record_set(r, section, key, value);
}

void record_unset(struct record *r, const char *section, const char *key) {
	struct entry *e = find(r, section, key);

	if (!e)
		return;
	free(e->section);
	free(e->key);
	free(e->value);
	memmove(e, e + 1, (size_t)(r->entries + r->count - e - 1) * sizeof(*e));
	r->count--;
}

int64_t record_get_int(const struct record *r, const char *section, const char *key,
		       int64_t missing) {
	const char *text = record_get(r, section, key);
	char *end = NULL;
	int64_t n;

	if (!text || !*text)
		return missing;
	errno = 0;
	n = strtoimax(text, &end, 10);
	return errno || *end ? missing : n;
}

bool record_get_bool(const struct record *r, const char *section, const char *key, bool missing) {
	const char *text = record_get(r, section, key);

	if (!text)
		return missing;
	if (!strcmp(text, "true") || !strcmp(text, "yes") || !strcmp(text, "1"))
		return true;
	if (!strcmp(text, "false") || !strcmp(text, "no") || !strcmp(text, "0"))
		return false;
	return missing;
}

int record_each(const struct record *r, const char *section,
		int (*fn)(const char *key, const char *value, void *data), void *data) {
	for (size_t i = 0; i < r->count; i++) {
		int result;

		if (strcmp(r->entries[i].section, section) != 0)
			continue;
		result = fn(r->entries[i].key, r->entries[i].value, data);
		if (result)
			return result;
	}
	return 0;
}

/*
 * A value is written so that inih gives it back as it was: control characters
 * and backslashes escaped, in quotes. inih reads 200 bytes of a line at most
 * (INI_MAX_LINE as Debian builds it), so a long value goes on in further
 * quoted pieces on lines that start with white space.
 */
#define PIECE_MAX 150

static void add_value(struct buf *b, const char *value) {
	size_t start = b->len;

	buf_addc(b, '"');
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (b->len - start > PIECE_MAX) {
			buf_adds(b, "\"\n  ");
			start = b->len;
			buf_addc(b, '"');
		}
		if (c == '\\')
			buf_adds(b, "\\\\");
		else if (c == '\n')
			buf_adds(b, "\\n");
		else if (c < 0x20 || c == 0x7f || c == ';')
			buf_addf(b, "\\x%02x", c);
		else
			buf_addc(b, (char)c);
	}
	buf_addc(b, '"');
}

static bool is_plain(const char *value) {
	size_t len = strlen(value);

	if (!len || value[0] == '"' || len > PIECE_MAX)
		return !len;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c < 0x20 || c == 0x7f || c == ';' || c == '#' || c == '\\')
			return false;
	}
	return value[0] != ' ' && value[len - 1] != ' ';
}

static int hex_digit(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The reverse of add_value(); what has no quotes is taken as it stands. */
static char *unquote(const char *text) {
	size_t len = strlen(text);
	struct buf b;

	if (len < 2 || text[0] != '"' || text[len - 1] != '"')
		return xstrdup(text);
	buf_init(&b, len);
	for (size_t i = 1; i < len - 1; i++) {
		if (text[i] != '\\') {
			buf_addc(&b, text[i]);
		} else if (text[i + 1] == 'n') {
			buf_addc(&b, '\n');
			i++;
		} else if (text[i + 1] == 'x' && i + 3 < len - 1 && hex_digit(text[i + 2]) >= 0 &&
			   hex_digit(text[i + 3]) >= 0) {
			buf_addc(&b, (char)(hex_digit(text[i + 2]) << 4 | hex_digit(text[i + 3])));
			i += 3;
		} else if (i + 1 < len - 1) {
			buf_addc(&b, text[++i]);
		}
	}
	return b.data;
}

char *record_text(const struct record *r) {
	const char *section = "";
	struct buf b;

	if (r->count >= RECORD_MAX_KEYS)
		return NULL;
	buf_init(&b, RECORD_MAX_BYTES);
	for (size_t i = 0; i < r->count; i++) {
		const struct entry *e = &r->entries[i];

		if (strcmp(e->section, section) != 0) {
			buf_addf(&b, "\n[%s]\n", e->section);
			section = e->section;
		}
		buf_addf(&b, "%s = ", e->key);
		if (is_plain(e->value))
			buf_adds(&b, e->value);
		else
			add_value(&b, e->value);
		buf_addc(&b, '\n');
	}
	if (b.overflow)
		buf_done(&b);
	return b.data;
}

static int on_key(void *user, const char *section, const char *key, const char *value) {
	struct record *r = user;
	autofree char *text = NULL, *joined = NULL;
	const struct entry *last = r->count ? &r->entries[r->count - 1] : NULL;

	if (r->count >= RECORD_MAX_KEYS || !key)
		return 0;
	text = unquote(value ? value : "");
	/* A further line of the same value: pieces join, plain lines stay lines. */
	if (last && !strcmp(last->section, section) && !strcmp(last->key, key)) {
		joined = xasprintf("%s%s%s", last->value, value && value[0] == '"' ? "" : "\n", text);
		if (strlen(joined) > RECORD_MAX_BYTES)
			return 0;
	}
	record_set(r, section, key, joined ? joined : text);
	return 1;
}

int record_parse(const char *text, const char *name, int max_format, struct record **ret,
		 struct err *err) {
	auto_record struct record *r = record_new(0);
	int line = ini_parse_string(text, on_key, r);
	int64_t format;

	if (line != 0)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "'%s' is damaged at line %d", name, line);
	format = record_get_int(r, "", "format", -1);
	if (max_format && format < 1)
		return err_set(err, ERR_SYSTEM, -EBADMSG, "'%s' has no usable 'format' key", name);
	if (max_format && format > max_format)
		return err_set(err, ERR_SYSTEM, -EPROTO,
			       "'%s' has format %lld, made by a newer coi; this one knows up to %d",
			       name, (long long)format, max_format);
	*ret = steal_ptr(r);
	return 0;
}

int record_load(int dirfd, const char *name, int max_format, struct record **ret, struct err *err) {
	struct buf b;
	int r = file_read_at(dirfd, name, RECORD_MAX_BYTES, &b);

	if (r < 0)
		return err_sys(err, r, "cannot read record '%s'", name);
	if (strlen(b.data) != b.len)
		r = err_set(err, ERR_SYSTEM, -EBADMSG, "'%s' is damaged: it holds a NUL byte", name);
	else
		r = record_parse(b.data, name, max_format, ret, err);
	buf_done(&b);
	return r;
}

/* What a reader would refuse does not take the place of what it can read. */
static int text_of(const struct record *r, const char *name, char **ret, struct err *err) {
	*ret = record_text(r);
	return *ret ? 0 : err_set(err, ERR_SYSTEM, -EFBIG,
				  "cannot write record '%s': it would be longer than %d KiB or %d keys",
				  name, RECORD_MAX_BYTES >> 10, RECORD_MAX_KEYS);
}

int record_store(const struct record *r, int dirfd, const char *name, mode_t mode,
		 struct err *err) {
	autofree char *text = NULL;
	int result = text_of(r, name, &text, err);

	if (result < 0)
		return result;
	result = file_write_atomic_at(dirfd, name, text, strlen(text), mode, (uid_t)-1, (gid_t)-1);
	return result < 0 ? err_sys(err, result, "cannot write record '%s'", name) : 0;
}

int record_store_quick(const struct record *r, int dirfd, const char *name, mode_t mode,
		       struct err *err) {
	autofree char *text = NULL;
	int result = text_of(r, name, &text, err);

	if (result < 0)
		return result;
	result = file_write_quick_at(dirfd, name, text, strlen(text), mode);
	return result < 0 ? err_sys(err, result, "cannot write record '%s'", name) : 0;
}
