/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *must(void *p) {
	if (!p) {
		static const char text[] = "Error: out of memory\n";

		(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
		abort();
	}
	return p;
}

void *xmalloc(size_t size) {
	return must(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size) {
	return must(calloc(count ? count : 1, size ? size : 1));
}

void *xreallocarray(void *ptr, size_t count, size_t size) {
	return must(reallocarray(ptr, count ? count : 1, size ? size : 1));
}

char *xstrdup(const char *s) {
	return s ? must(strdup(s)) : NULL;
}

char *xstrndup(const char *s, size_t len) {
	return must(strndup(s, len));
}

void *xmemdup(const void *p, size_t len) {
	void *copy = xmalloc(len);

	if (len)
		memcpy(copy, p, len);
	return copy;
}

char *xvasprintf(const char *fmt, va_list ap) {
	char *s = NULL;

	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	return must(s);
}

char *xasprintf(const char *fmt, ...) {
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	return s;
}

void str_replace(char **p, const char *s) {
	char *copy = xstrdup(s);

	free(*p);
	*p = copy;
}

void mem_free_ptr(void *pp) {
	free(*(void **)pp);
}

void mem_close_ptr(int *fd) {
	if (*fd >= 0)
		(void)close(*fd);
}

void mem_fclose_ptr(FILE **f) {
	if (*f)
		(void)fclose(*f);
}

void mem_closedir_ptr(DIR **d) {
	if (*d)
		(void)closedir(*d);
}
