/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/strv.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

size_t strv_len(char *const *v) {
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

void strv_take(char ***v, char *s) {
	size_t n = strv_len(*v);

	*v = xreallocarray(*v, n + 2, sizeof(char *));
	(*v)[n] = s;
	(*v)[n + 1] = NULL;
}

void strv_add(char ***v, const char *s) {
	strv_take(v, xstrdup(s));
}

void strv_addf(char ***v, const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	strv_take(v, xvasprintf(fmt, ap));
	va_end(ap);
}

void strv_add_all(char ***v, char *const *more) {
	for (; more && *more; more++)
		strv_add(v, *more);
}

char **strv_copy(char *const *v) {
	char **copy = NULL;

	strv_add_all(&copy, v);
	return copy;
}

bool strv_contains(char *const *v, const char *s) {
	for (; v && *v; v++)
		if (!strcmp(*v, s))
			return true;
	return false;
}

static int compare(const void *a, const void *b) {
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(char **v) {
	if (v)
		qsort(v, strv_len(v), sizeof(char *), compare);
}

char **strv_split(const char *s, const char *separators) {
	char **v = NULL;
	size_t n = 0;

	/* Counted here: a hostile text may have very many. */
	for (s += strspn(s, separators); *s; s += strspn(s, separators)) {
		size_t len = strcspn(s, separators);

		v = xreallocarray(v, n + 2, sizeof(char *));
		v[n++] = xstrndup(s, len);
		v[n] = NULL;
		s += len;
	}
	return v;
}

char *strv_join(char *const *v, const char *separator) {
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	for (size_t i = 0; v && v[i]; i++) {
		if (i)
			buf_adds(&b, separator);
		buf_adds(&b, v[i]);
	}
	return b.data;
}

/* Nothing in it means anything to a shell. */
static bool is_plain_word(const char *word) {
	return *word && !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789_-+.,/:@%=")];
}

static void add_quoted(struct buf *b, const char *word) {
	buf_addc(b, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			buf_adds(b, "'\\''");
		else
			buf_addc(b, *word);
	}
	buf_addc(b, '\'');
}

char *strv_to_shell(char *const *v) {
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	for (size_t i = 0; v && v[i]; i++) {
		if (i)
			buf_addc(&b, ' ');
		if (is_plain_word(v[i]))
			buf_adds(&b, v[i]);
		else
			add_quoted(&b, v[i]);
	}
	return b.data;
}

void strv_free(char **v) {
	for (size_t i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
}

void strv_free_ptr(char ***v) {
	strv_free(*v);
}

static size_t env_find(char *const *env, const char *name) {
	size_t len = strlen(name), i = 0;

	for (; env && env[i]; i++)
		if (!strncmp(env[i], name, len) && env[i][len] == '=')
			break;
	return i;
}

void env_set(char ***env, const char *name, const char *value) {
	size_t i = env_find(*env, name);
	char *entry = xasprintf("%s=%s", name, value);

	if (!*env || !(*env)[i]) {
		strv_take(env, entry);
		return;
	}
	free((*env)[i]);
	(*env)[i] = entry;
}

const char *env_get(char *const *env, const char *name) {
	size_t i = env_find(env, name);

	return env && env[i] ? env[i] + strlen(name) + 1 : NULL;
}
