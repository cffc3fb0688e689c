/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/strv.h"

void json_decref_ptr(json_t **j) {
	json_decref(*j);
}

int json_print(const json_t *j, unsigned flags) {
	/* 0.1 is 0.1, not what comes nearest to it in binary. */
	size_t how = JSON_ENCODE_ANY | JSON_REAL_PRECISION(15);

	how |= flags & JSON_PRINT_LINE ? JSON_COMPACT : JSON_INDENT(2);
	if (flags & JSON_PRINT_SORTED)
		how |= JSON_SORT_KEYS;
	if (json_dumpf(j, stdout, how) < 0 || fputc('\n', stdout) == EOF)
		return errno ? -errno : -EIO;
	return 0;
}

json_t *json_text(const char *s) {
	json_t *j = json_string(s);
	struct buf b;

	if (j)
		return j;
	/* Some byte is no UTF-8: keep what can be kept, byte by byte. */
	buf_init(&b, SIZE_MAX / 2);
	while (*s) {
		size_t n = 1;

		while (n < 5 && s[n - 1]) {
			j = json_stringn(s, n);
			if (j)
				break;
			n++;
		}
		if (j) {
			buf_add(&b, s, n);
			json_decref(j);
			j = NULL;
			s += n;
		} else {
			buf_adds(&b, "\xef\xbf\xbd");
			s++;
		}
	}
	j = json_stringn(b.data, b.len);
	buf_done(&b);
	return j;
}

const char *json_get_str(const json_t *obj, const char *key, const char *missing) {
	const char *s = json_string_value(json_object_get(obj, key));

	return s ? s : missing;
}

int64_t json_get_int(const json_t *obj, const char *key, int64_t missing) {
	const json_t *j = json_object_get(obj, key);

	return json_is_integer(j) ? json_integer_value(j) : missing;
}

bool json_get_bool(const json_t *obj, const char *key, bool missing) {
	const json_t *j = json_object_get(obj, key);

	return json_is_boolean(j) ? json_boolean_value(j) : missing;
}

char **json_get_strv(const json_t *obj, const char *key) {
	const json_t *array = json_object_get(obj, key);
	char **v = NULL;

	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *s = json_string_value(json_array_get(array, i));

		if (s)
			strv_add(&v, s);
	}
	return v;
}

json_t *json_from_strv(char *const *v) {
	json_t *array = json_array();

	for (; v && *v; v++)
		json_array_append_new(array, json_text(*v));
	return array;
}
