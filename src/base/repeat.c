/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/repeat.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The line of @text; else a free one, or the one that was told longest ago. */
static struct repeat_line *line_of(struct repeat *r, const char *text) {
	struct repeat_line *oldest = &r->lines[0];

	for (size_t i = 0; i < REPEAT_REMEMBERED; i++) {
		struct repeat_line *line = &r->lines[i];

		if (!line->text)
			return line;
		if (!strcmp(line->text, text))
			return line;
		if (line->told_ms < oldest->told_ms)
			oldest = line;
	}
	return oldest;
}

bool repeat_tells(struct repeat *r, const char *text, uint64_t now_ms, uint64_t every_ms,
		  unsigned *ret_silent) {
	struct repeat_line *line = line_of(r, text);

	*ret_silent = 0;
	if (!line->text || strcmp(line->text, text) != 0) {
		free(line->text);
		*line = (struct repeat_line){ .text = xstrdup(text), .told_ms = now_ms };
		return true;
	}
	if (now_ms - line->told_ms < every_ms) {
		line->silent++;
		return false;
	}
	*ret_silent = line->silent;
	line->silent = 0;
	line->told_ms = now_ms;
	return true;
}

void repeat_done(struct repeat *r) {
	for (size_t i = 0; i < REPEAT_REMEMBERED; i++)
		free(r->lines[i].text);
	*r = (struct repeat){ 0 };
}
