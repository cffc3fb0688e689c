/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void buf_init(struct buf *b, size_t max) {
	*b = (struct buf){ .data = xcalloc(1, 1), .cap = 1, .max = max };
}

void buf_done(struct buf *b) {
	free(b->data);
	*b = (struct buf){ 0 };
}

void buf_reset(struct buf *b) {
	b->len = 0;
	b->overflow = false;
	if (b->data)
		b->data[0] = '\0';
}

/* Room for @more bytes and the NUL; false (and overflow) past the maximum. */
static bool reserve(struct buf *b, size_t more) {
	size_t need, cap;

	if (b->overflow || more > b->max || b->len > b->max - more) {
		b->overflow = true;
		return false;
	}
	need = b->len + more + 1;
	if (need <= b->cap)
		return true;
	cap = b->cap < 64 ? 64 : b->cap;
	while (cap < need)
		cap *= 2;
	b->data = xreallocarray(b->data, cap, 1);
	b->cap = cap;
	return true;
}

void buf_add(struct buf *b, const void *data, size_t len) {
	if (!reserve(b, len))
		return;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_adds(struct buf *b, const char *s) {
	buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c) {
	buf_add(b, &c, 1);
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap) {
	va_list again;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0 || !reserve(b, (size_t)len))
		return;
	(void)vsnprintf(b->data + b->len, (size_t)len + 1, fmt, ap);
	b->len += (size_t)len;
}

void buf_addf(struct buf *b, const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

void buf_drop(struct buf *b, size_t len) {
	if (!b->data)
		return;
	if (len > b->len)
		len = b->len;
	memmove(b->data, b->data + len, b->len - len);
	b->len -= len;
	b->data[b->len] = '\0';
}

char *buf_steal(struct buf *b) {
	char *data = b->data ? b->data : xcalloc(1, 1);

	*b = (struct buf){ .max = b->max };
	return data;
}
