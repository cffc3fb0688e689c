/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "update/version.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"

/* A number without a zero before it, of at most nine digits; NULL: there is none. */
static const char *skip_number(const char *s) {
	size_t n = strspn(s, "0123456789");

	return n == 0 || n > 9 || (n > 1 && *s == '0') ? NULL : s + n;
}

bool version_is(const char *text) {
	const char *s = text;

	if (strlen(text) > VERSION_MAX)
		return false;
	for (int i = 0; i < 3; i++) {
		s = skip_number(s);
		if (!s || (i < 2 && *s++ != '.'))
			return false;
	}
	if (!*s)
		return true;
	if (*s != '-')
		return false;
	do {
		size_t n = strspn(++s, LETTERS);

		if (n == 0)
			return false;
		s += n;
	} while (*s == '.');
	return !*s;
}

bool version_is_early(const char *text) {
	return strchr(text, '-') != NULL;
}

const char *version_bare(const char *text) {
	return *text == 'v' ? text + 1 : text;
}

/* One part of what stands behind the dash: numbers before words (semver.org, 11.4). */
static int compare_part(const char *a, size_t a_len, const char *b, size_t b_len) {
	bool a_number = strspn(a, "0123456789") >= a_len, b_number = strspn(b, "0123456789") >= b_len;
	size_t less = a_len < b_len ? a_len : b_len;
	int r;

	if (a_number != b_number)
		return a_number ? -1 : 1;
	if (a_number && a_len != b_len)
		return a_len < b_len ? -1 : 1;
	r = memcmp(a, b, less);
	return r != 0 ? r : a_len < b_len ? -1 : a_len > b_len;
}

static int compare_early(const char *a, const char *b) {
	while (*a && *b) {
		size_t a_len = strcspn(a, "."), b_len = strcspn(b, ".");
		int r = compare_part(a, a_len, b, b_len);

		if (r != 0)
			return r;
		a += a_len + (a[a_len] == '.');
		b += b_len + (b[b_len] == '.');
	}
	return *a ? 1 : *b ? -1 : 0;
}

int version_compare(const char *a, const char *b) {
	for (int i = 0; i < 3; i++) {
		char *a_end, *b_end;
		unsigned long x = strtoul(a, &a_end, 10), y = strtoul(b, &b_end, 10);

		if (x != y)
			return x < y ? -1 : 1;
		a = i < 2 ? a_end + 1 : a_end;
		b = i < 2 ? b_end + 1 : b_end;
	}
	if (!*a || !*b)
		return *a ? -1 : *b ? 1 : 0;
	return compare_early(a + 1, b + 1);
}
