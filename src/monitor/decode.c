/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/decode.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#define HIDDEN_LEAST 24
#define HIDDEN_MAX 64 /* pieces of one text */

static int base64_value(char c) {
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static int base32_value(char c) {
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

static void add_byte(struct buf *out, unsigned byte) {
	buf_addc(out, byte & 0xff ? (char)(byte & 0xff) : ' ');
}

/* Both alphabets: @bits for each letter, '=' fills up, blanks are left out. */
static bool decode_letters(const char *text, size_t len, unsigned bits, int (*value)(char),
                           struct buf *out) {
	uint32_t have = 0;
	unsigned count = 0;
	size_t letters = 0;

	for (size_t i = 0; i < len; i++) {
		int v = value(text[i]);

		if (isspace((unsigned char)text[i]))
			continue;
		if (text[i] == '=')
			break;
		if (v < 0)
			return false;
		letters++;
		have = have << bits | (uint32_t)v;
		count += bits;
		if (count >= 8) {
			count -= 8;
			add_byte(out, have >> count);
		}
	}
	return letters > 0;
}

bool decode_base64(const char *text, size_t len, struct buf *out) {
	return decode_letters(text, len, 6, base64_value, out);
}

bool decode_base32(const char *text, size_t len, struct buf *out) {
	return decode_letters(text, len, 5, base32_value, out);
}

static int hex_value(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool decode_hex(const char *text, size_t len, struct buf *out) {
	int half = -1;
	size_t letters = 0;

	for (size_t i = 0; i < len; i++) {
		int v = hex_value(text[i]);

		if (isspace((unsigned char)text[i]))
			continue;
		if (v < 0)
			return false;
		letters++;
		if (half >= 0) {
			add_byte(out, (unsigned)(half << 4 | v));
			half = -1;
		} else {
			half = v;
		}
	}
	return letters > 1;
}

/* At most @max digits at @s, not past @end. How many there were. */
static size_t take_digits(const char *s, const char *end, unsigned base, size_t max,
                          unsigned *ret) {
	size_t n = 0;

	*ret = 0;
	while (n < max && s + n < end) {
		int v = hex_value(s[n]);

		if (v < 0 || (unsigned)v >= base)
			break;
		*ret = *ret * base + (unsigned)v;
		n++;
	}
	return n;
}

/* The letter behind a backslash, and what follows. How much of @s that was; 0: unknown. */
static size_t take_escape(const char *s, const char *end, struct buf *out) {
	static const char letters[] = "nrtabfve\\'\"?0";
	static const char values[] = "\n\r\t\a\b\f\v\033\\'\"? ";
	const char *at = strchr(letters, *s);
	unsigned value;
	size_t n;

	if (*s == 'x' || *s == 'u' || *s == 'U') {
		n = take_digits(s + 1, end, 16, *s == 'x' ? 2 : *s == 'u' ? 4 : 8, &value);
		if (n)
			add_byte(out, value);
		return n ? n + 1 : 0;
	}
	n = take_digits(s, end, 8, *s == '0' ? 4 : 3, &value);
	if (n) {
		add_byte(out, value);
		return n;
	}
	if (!at || !*at)
		return 0;
	buf_addc(out, values[at - letters]);
	return 1;
}

void decode_escapes(const char *text, size_t len, struct buf *out) {
	const char *end = text + len;

	while (text < end) {
		size_t n = *text == '\\' && text + 1 < end ? take_escape(text + 1, end, out) : 0;

		if (n) {
			text += n + 1;
			continue;
		}
		buf_addc(out, *text++);
	}
}

bool decode_is_text(const char *text, size_t len) {
	size_t odd = 0;

	for (size_t i = 0; i < len; i++)
		if (!isprint((unsigned char)text[i]) && !isspace((unsigned char)text[i]))
			odd++;
	return len > 0 && odd * 10 <= len;
}

/* A run of letters that is text in base64: appended. */
static bool add_base64(const char *s, size_t len, struct buf *out) {
	size_t start = out->len;

	if (decode_base64(s, len, out) && decode_is_text(out->data + start, out->len - start)) {
		buf_addc(out, '\n');
		return true;
	}
	out->len = start;
	out->data[start] = '\0';
	return false;
}

bool decode_hidden(const char *text, struct buf *out) {
	size_t len = strlen(text), found = 0;
	bool any = false;

	for (size_t i = 0; i < len && found < HIDDEN_MAX;) {
		size_t n = 0;

		while (i + n < len && base64_value(text[i + n]) >= 0)
			n++;
		if (n >= HIDDEN_LEAST && add_base64(text + i, n, out)) {
			any = true;
			found++;
		}
		i += n + 1;
	}
	if (strstr(text, "\\x") || strstr(text, "\\u") || strstr(text, "\\1")) {
		decode_escapes(text, len, out);
		buf_addc(out, '\n');
		any = true;
	}
	return any;
}
