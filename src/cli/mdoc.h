/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text as mdoc(7) wants it. Pure. */
#ifndef COI_CLI_MDOC_H
#define COI_CLI_MDOC_H

#include "base/buf.h"

/*
 * A backslash is "\e", a hyphen that is typed is "\-", and a line does not begin
 * with a dot or an apostrophe.
 */
void mdoc_text(struct buf *b, const char *text);
/* An argument of a macro: in double quotes, so that no word of it is a macro. */
void mdoc_argument(struct buf *b, const char *text);
/* Running text: a new line for each sentence, paragraphs as Pp. */
void mdoc_prose(struct buf *b, const char *text);
/* One sentence, with its full stop. */
void mdoc_sentence(struct buf *b, const char *text);

#endif
