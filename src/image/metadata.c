/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/metadata.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

static const struct {
	const char *key;
	size_t offset;
	bool is_property; /* below `properties:` too */
} fields[] = {
	{ "architecture", offsetof(struct image_metadata, architecture), true },
	{ "description", offsetof(struct image_metadata, description), true },
	{ "os", offsetof(struct image_metadata, os), true },
	{ "release", offsetof(struct image_metadata, release), true },
};

/* One scalar, cut to the size of a field; false when it is none on one line. */
static bool scalar(const char *s, size_t len, char out[METADATA_VALUE_MAX]) {
	size_t n = 0;
	char quote = len && (*s == '"' || *s == '\'') ? *s : '\0';
	bool closed = false;

	for (size_t i = quote ? 1 : 0; i < len; i++) {
		char c = s[i];

		if (quote == '"' && c == '\\' && i + 1 < len)
			c = s[++i];
		else if (quote && c == quote) {
			if (quote != '\'' || i + 1 >= len || s[i + 1] != '\'') {
				closed = true;
				break;
			}
			i++;
		} else if (!quote && c == '#' && i > 0 && s[i - 1] == ' ') {
			break;
		}
		if ((unsigned char)c < 0x20 || c == 0x7f)
			c = ' ';
		if (n < METADATA_VALUE_MAX - 1)
			out[n++] = c;
	}
	while (!quote && n && out[n - 1] == ' ')
		n--;
	/* A cut in the middle of a UTF-8 character takes the whole character away. */
	if (n == METADATA_VALUE_MAX - 1)
		while (n && ((unsigned char)out[n - 1] & 0x80))
			n--;
	out[n] = '\0';
	return !quote || closed;
}

static void take(struct image_metadata *m, bool in_properties, const char *key, size_t key_len,
		 const char *value, size_t value_len) {
	char text[METADATA_VALUE_MAX] = "";

	if (!value_len || !scalar(value, value_len, text))
		return;
	if (!in_properties && key_len == 13 && memcmp(key, "creation_date", 13) == 0) {
		long long t = strtoll(text, NULL, 10);

		m->creation_date = t > 0 && t <= CLOCK_RFC3339_LAST ? t : 0;
		return;
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		char *field = (char *)m + fields[i].offset;

		if (strlen(fields[i].key) != key_len || memcmp(key, fields[i].key, key_len) != 0)
			continue;
		/* The one at the top wins over the one among the properties. */
		if (in_properties && *field)
			return;
		memcpy(field, text, sizeof(text));
	}
}

void metadata_parse(const char *text, struct image_metadata *ret) {
	struct image_metadata m = { .creation_date = 0 };
	bool in_properties = false;

	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *end = text + len, *s = text, *colon;

		while (s < end && (*s == ' ' || *s == '"' || *s == '{'))
			s++;
		colon = memchr(s, ':', (size_t)(end - s));
		if (colon && *s != '#') {
			size_t key_len = (size_t)(colon - s);
			const char *value = colon + 1;

			if (key_len && s[key_len - 1] == '"')
				key_len--;
			while (value < end && *value == ' ')
				value++;
			while (end > value && (end[-1] == '\r' || end[-1] == ' ' || end[-1] == ','))
				end--;
			if (*text != ' ' && *text != '{')
				in_properties = key_len == 10 && memcmp(s, "properties", 10) == 0;
			if (*text != ' ' || in_properties)
				take(&m, *text == ' ', s, key_len, value, (size_t)(end - value));
		}
		text += len;
		text += *text == '\n';
	}
	*ret = m;
}

static void add_scalar(struct buf *b, const char *key, const char *value) {
	if (!*value)
		return;
	buf_addf(b, "%s: \"", key);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			buf_addc(b, '\\');
		buf_addc(b, iscntrl((unsigned char)*value) ? ' ' : *value);
	}
	buf_adds(b, "\"\n");
}

char *metadata_text(const struct image_metadata *m) {
	autobuf struct buf b;

	buf_init(&b, METADATA_MAX);
	add_scalar(&b, "architecture", m->architecture);
	buf_addf(&b, "creation_date: %lld\n", (long long)m->creation_date);
	buf_adds(&b, "properties:\n");
	add_scalar(&b, "  architecture", m->architecture);
	add_scalar(&b, "  description", m->description);
	add_scalar(&b, "  os", m->os);
	add_scalar(&b, "  release", m->release);
	buf_adds(&b, "templates: {}\n");
	return buf_steal(&b);
}
