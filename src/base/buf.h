/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A growing byte buffer with a largest size.
 *
 * The content is always followed by a NUL byte that does not count. What would
 * go over the maximum is not added and sets `overflow`; later additions are
 * ignored too, so one check at the end is enough.
 */
#ifndef COI_BASE_BUF_H
#define COI_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data; /* NUL-terminated; NULL only between buf_steal() and the next addition */
	size_t len;
	size_t cap;
	size_t max; /* largest len */
	bool overflow;
};

/* Starts empty; @max is the largest length in bytes. Ends with buf_done(). */
void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);
void buf_reset(struct buf *b);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Remove @len bytes from the front. */
void buf_drop(struct buf *b, size_t len);
/* Give the content to the caller (free()); the buffer holds nothing and is usable afterwards. */
char *buf_steal(struct buf *b);
#define autobuf __attribute__((cleanup(buf_done)))

#endif
