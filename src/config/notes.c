/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "config/load.h"

const char *config_intern(struct config *c, const char *text) {
	for (size_t i = 0; c->names && c->names[i]; i++)
		if (strcmp(c->names[i], text) == 0)
			return c->names[i];
	strv_add(&c->names, text);
	return c->names[strv_len(c->names) - 1];
}

void note_add(struct config *c, const struct note_at *at, const char *fmt, ...) {
	struct config_note *n;
	va_list ap;

	if (c->is_silent)
		return;
	if (at->level == NOTE_ERROR)
		c->error_count++;
	/* A file of a million unknown keys needs no million lines. */
	if (c->note_count > CONFIG_NOTES_MAX)
		return;
	c->notes = xreallocarray(c->notes, c->note_count + 1, sizeof(*c->notes));
	n = &c->notes[c->note_count++];
	*n = (struct config_note){
		.level = at->level,
		.kind = at->kind,
		.file = xstrdup(at->file),
		.line = at->line,
		.column = at->column,
		.key = xstrdup(at->key ? at->key : ""),
		.hint = xstrdup(at->hint ? at->hint : ""),
		.is_once = at->is_once,
	};
	if (c->note_count > CONFIG_NOTES_MAX) {
		n->message = xstrdup("and more: only the first notes are kept");
		return;
	}
	va_start(ap, fmt);
	n->message = xvasprintf(fmt, ap);
	va_end(ap);
}

void notes_free(struct config *c) {
	for (size_t i = 0; i < c->note_count; i++) {
		free(c->notes[i].file);
		free(c->notes[i].key);
		free(c->notes[i].message);
		free(c->notes[i].hint);
	}
	free(c->notes);
	c->notes = NULL;
	c->note_count = 0;
}

const struct config_note *config_notes(const struct config *c, size_t *ret_count) {
	*ret_count = c->note_count;
	return c->notes;
}

char *config_note_text(const struct config_note *note) {
	if (!note->file)
		return xstrdup(note->message);
	if (note->line <= 0)
		return xasprintf("%s: %s", note->file, note->message);
	return xasprintf("%s:%d:%d: %s", note->file, note->line, note->column, note->message);
}
