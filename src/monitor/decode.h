/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts that were made unreadable, readable again. Pure; bounded by what goes in. */
#ifndef COI_MONITOR_DECODE_H
#define COI_MONITOR_DECODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/*
 * All appended to @out, whose maximum holds. False when the text is none of
 * that kind; NUL bytes in what comes out become blanks.
 */
bool decode_base64(const char *text, size_t len, struct buf *out); /* the URL alphabet too */
bool decode_base32(const char *text, size_t len, struct buf *out);
bool decode_hex(const char *text, size_t len, struct buf *out);    /* blanks are left out */
/* \n \x41 \101 \u0041 as printf(1), $'…' and most languages have them; others stay. */
void decode_escapes(const char *text, size_t len, struct buf *out);
/* Is nearly all of it text? */
bool decode_is_text(const char *text, size_t len);

/*
 * What is hidden in a piece of program text: base64 of at least 24 letters, and
 * escapes, decoded and appended, each on a line. False when there was nothing.
 */
bool decode_hidden(const char *text, struct buf *out);

#endif
