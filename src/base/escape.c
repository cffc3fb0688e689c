/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/escape.h"

#include <stdint.h>
#include <string.h>

/*
 * Length of the well-formed UTF-8 sequence at @s (RFC 3629: no overlong forms,
 * no surrogates, nothing above U+10FFFF), 0 when there is none.
 */
static size_t utf8_sequence(const unsigned char *s, size_t len, uint32_t *ret) {
	static const uint32_t lowest[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t need;
	uint32_t c;

	if (s[0] < 0x80) {
		*ret = s[0];
		return 1;
	}
	need = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || len < need)
		return 0;
	c = s[0] & (0x7fu >> need);
	for (size_t i = 1; i < need; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if (c < lowest[need] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return need;
}

static bool is_hidden(uint32_t c) {
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       c == 0x061c || (c >= 0xe0000 && c <= 0xe007f);
}

void escape_append(struct buf *out, const char *text, size_t len, unsigned flags) {
	const unsigned char *s = (const unsigned char *)text;

	while (len) {
		uint32_t c = 0;
		size_t n = utf8_sequence(s, len, &c);

		if ((flags & ESCAPE_KEEP_NEWLINE) && (*s == '\n' || *s == '\t')) {
			buf_addc(out, (char)*s);
		} else if (n && !is_hidden(c)) {
			buf_add(out, s, n);
		} else {
			n = n ? n : 1;
			for (size_t i = 0; i < n; i++)
				buf_addf(out, "\\x%02x", s[i]);
		}
		s += n;
		len -= n;
	}
}

/* The largest length of at most @max that does not cut a UTF-8 sequence. */
static size_t whole_length(const char *s, size_t max) {
	while (max && ((unsigned char)s[max] & 0xc0) == 0x80)
		max--;
	return max;
}

char *escape_text(const char *text, size_t max) {
	struct buf b;
	size_t len = strlen(text);

	/* Each byte becomes four at most; what is past max need not be looked at. */
	buf_init(&b, SIZE_MAX / 2);
	escape_append(&b, text, len > max + 4 ? max + 4 : len, 0);
	if (b.len > max) {
		b.len = whole_length(b.data, max);
		b.data[b.len] = '\0';
		buf_adds(&b, "…");
	}
	return b.data;
}

static bool has_hidden(const char *text) {
	const unsigned char *s = (const unsigned char *)text;
	size_t len = strlen(text);

	while (len) {
		uint32_t c = 0;
		size_t n = utf8_sequence(s, len, &c);

		if (!n || is_hidden(c))
			return true;
		s += n;
		len -= n;
	}
	return false;
}

static void add_ansi_quoted(struct buf *b, const char *text) {
	buf_adds(b, "$'");
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '\'' || *p == '\\')
			buf_addf(b, "\\%c", *p);
		else if (*p < 0x20 || *p >= 0x7f)
			buf_addf(b, "\\%03o", *p);
		else
			buf_addc(b, (char)*p);
	}
	buf_addc(b, '\'');
}

char *escape_shell(const char *text) {
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_./:@%+=,-";
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	if (*text && strspn(text, plain) == strlen(text)) {
		buf_adds(&b, text);
	} else if (has_hidden(text)) {
		add_ansi_quoted(&b, text);
	} else {
		buf_addc(&b, '\'');
		for (const char *p = text; *p; p++) {
			if (*p == '\'')
				buf_adds(&b, "'\\''");
			else
				buf_addc(&b, *p);
		}
		buf_addc(&b, '\'');
	}
	return b.data;
}
