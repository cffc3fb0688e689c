/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/passwd.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* One more than passwd(5) has, to see that there are not more. */
#define FIELDS_MAX 8
#define PASSWD_FIELDS 7

struct field {
	const char *s;
	size_t len;
};

/* The fields of the line at @*text, which moves behind it; how many there are. */
static size_t line_fields(const char **text, struct field f[FIELDS_MAX]) {
	const char *at = *text, *end = strchrnul(at, '\n');
	size_t n = 0;

	*text = *end ? end + 1 : end;
	while (n < FIELDS_MAX) {
		const char *colon = memchr(at, ':', (size_t)(end - at));
		const char *stop = colon ? colon : end;

		f[n++] = (struct field){ .s = at, .len = (size_t)(stop - at) };
		if (!colon)
			break;
		at = colon + 1;
	}
	return n;
}

static bool field_id(const struct field *f, uint32_t *ret) {
	uint64_t v = 0;

	if (f->len == 0 || f->len > 10)
		return false;
	for (size_t i = 0; i < f->len; i++) {
		if (f->s[i] < '0' || f->s[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(f->s[i] - '0');
	}
	/* The last number means "no id". */
	if (v >= UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static bool field_copy(const struct field *f, char *out, size_t size) {
	if (f->len >= size)
		return false;
	memcpy(out, f->s, f->len);
	out[f->len] = '\0';
	return true;
}

bool passwd_find(const char *text, uid_t uid, struct passwd_entry *ret) {
	while (*text) {
		struct field f[FIELDS_MAX];
		struct passwd_entry e;
		uint32_t id, gid;

		if (line_fields(&text, f) != PASSWD_FIELDS || !field_id(&f[2], &id) || id != uid ||
		    !field_id(&f[3], &gid) || f[0].len == 0)
			continue;
		e.gid = gid;
		if (!field_copy(&f[0], e.name, sizeof(e.name)) ||
		    !field_copy(&f[5], e.home, sizeof(e.home)) ||
		    !field_copy(&f[6], e.shell, sizeof(e.shell)))
			continue;
		*ret = e;
		return true;
	}
	return false;
}

static bool has_member(const struct field *f, const char *name) {
	size_t len = strlen(name);
	const char *at = f->s, *end = f->s + f->len;

	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *stop = comma ? comma : end;

		if ((size_t)(stop - at) == len && !memcmp(at, name, len))
			return true;
		at = stop + 1;
	}
	return false;
}

size_t group_list(const char *text, const char *name, gid_t gid, gid_t *ret, size_t max) {
	size_t n = 0;

	if (max == 0)
		return 0;
	ret[n++] = gid;
	while (*text && n < max) {
		struct field f[FIELDS_MAX];
		uint32_t id;

		if (line_fields(&text, f) >= 4 && field_id(&f[2], &id) && id != gid &&
		    has_member(&f[3], name))
			ret[n++] = id;
	}
	return n;
}
