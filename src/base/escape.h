/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Foreign text made safe for a terminal, a log line or a table cell.
 *
 * Workspaces, archives, containers, process names and DNS answers are hostile.
 * C0 and C1 control characters, DEL, bytes that are no UTF-8, and the Unicode
 * characters that reorder or hide text (bidirectional controls, U+200B..U+200F,
 * U+2028, U+2029, U+FEFF) come out as \xNN per byte; a backslash stays as it is.
 */
#ifndef COI_BASE_ESCAPE_H
#define COI_BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum escape_flags {
	ESCAPE_KEEP_NEWLINE = 1u << 0, /* '\n' and '\t' pass */
};

/* Appends to @out, whose maximum holds. @text may hold NUL bytes. */
void escape_append(struct buf *out, const char *text, size_t len, unsigned flags);
/* Newly allocated; at most @max bytes of result, longer ones end in "…". */
char *escape_text(const char *text, size_t max);
/*
 * One word of a shell's command line, for commands that people are told to type:
 * as it stands, in single quotes, or (what would be escaped above) as $'…', which
 * is safe to show. Newly allocated.
 */
char *escape_shell(const char *text);

#endif
