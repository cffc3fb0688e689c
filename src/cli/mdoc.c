/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/mdoc.h"

#include <stdbool.h>
#include <string.h>

void mdoc_text(struct buf *b, const char *text) {
	bool line_start = true;

	for (; *text; text++) {
		if (line_start && (*text == '.' || *text == '\''))
			buf_adds(b, "\\&");
		line_start = *text == '\n';
		if (*text == '\\')
			buf_adds(b, "\\e");
		else if (*text == '-')
			buf_adds(b, "\\-");
		else
			buf_addc(b, *text);
	}
}

void mdoc_argument(struct buf *b, const char *text) {
	buf_addc(b, '"');
	for (; *text; text++) {
		if (*text == '"')
			buf_adds(b, "\\(dq");
		else if (*text == '\\')
			buf_adds(b, "\\e");
		else if (*text == '-')
			buf_adds(b, "\\-");
		else
			buf_addc(b, *text);
	}
	buf_addc(b, '"');
}

void mdoc_prose(struct buf *b, const char *text) {
	for (; *text; text++) {
		char one[2] = { *text, '\0' };

		if (text[0] == '\n' && text[1] == '\n') {
			buf_adds(b, "\n.Pp\n");
			text++;
		} else if ((*text == '.' || *text == ':' || *text == '?') && text[1] == ' ' &&
			   text[2] >= 'A' && text[2] <= 'Z') {
			buf_addf(b, "%c\n", *text);
			text++;
		} else {
			/* Inside a line no guard for a first dot is wanted. */
			if (*text == '.' || *text == '\'')
				buf_addc(b, *text);
			else
				mdoc_text(b, one);
		}
	}
	buf_addc(b, '\n');
}

void mdoc_sentence(struct buf *b, const char *text) {
	size_t len = strlen(text);

	mdoc_text(b, text);
	buf_adds(b, len && strchr(".?!", text[len - 1]) ? "\n" : ".\n");
}
