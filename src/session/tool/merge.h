/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON files and text files of others, changed as little as can be. Pure. */
#ifndef COI_SESSION_TOOL_MERGE_H
#define COI_SESSION_TOOL_MERGE_H

#include <jansson.h>
#include <stdbool.h>

enum merge_winner {
	MERGE_OURS,   /* what @from says replaces */
	MERGE_THEIRS, /* what is there already stays */
};

/*
 * Put what object @from says into object @into, objects into objects at every
 * level. What @from does not name stays, and so does the order of the keys that
 * were there; new keys come behind them. True when something has changed.
 */
bool merge_json(json_t *into, const json_t *from, enum merge_winner winner);
/* Add @item to the list @key of object @into unless it is there; makes the list. */
bool merge_list(json_t *into, const char *key, const char *item);
/*
 * The text of @j: indented by two, keys in their order, a newline at the end;
 * numbers come back as the same numbers, in their shortest form where they have
 * one of 15 digits. Newly allocated.
 */
char *merge_text(const json_t *j);

/*
 * @text with what stands between our two marker lines replaced by @block, which
 * is put at the end when there are none; @block "" takes the markers away too.
 * Newly allocated.
 */
char *merge_block(const char *text, const char *block);
/* @text with @line as a line of its own unless it has it. Newly allocated. */
char *merge_line(const char *text, const char *line);

#endif
