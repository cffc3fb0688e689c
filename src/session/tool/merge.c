/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/tool/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define BLOCK_BEGIN "<!-- BEGIN COI Sandbox Context -->"
#define BLOCK_END "<!-- END COI Sandbox Context -->"
#define TEXT_MAX ((size_t)64 << 20)

bool merge_json(json_t *into, const json_t *from, enum merge_winner winner) {
	bool changed = false;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)from, key, value) {
		json_t *there = json_object_get(into, key);

		if (json_is_object(there) && json_is_object(value)) {
			changed |= merge_json(there, value, winner);
			continue;
		}
		if (there && (winner == MERGE_THEIRS || json_equal(there, value)))
			continue;
		(void)json_object_set_new(into, key, json_deep_copy(value));
		changed = true;
	}
	return changed;
}

bool merge_list(json_t *into, const char *key, const char *item) {
	json_t *list = json_object_get(into, key);
	const json_t *member;
	size_t i;

	json_array_foreach(list, i, member)
		if (json_is_string(member) && !strcmp(json_string_value(member), item))
			return false;
	if (!json_is_array(list)) {
		list = json_array();
		(void)json_object_set_new(into, key, list);
	}
	(void)json_array_append_new(list, json_string(item));
	return true;
}

char *merge_text(const json_t *j) {
	static const size_t how = JSON_INDENT(2) | JSON_ENCODE_ANY;
	char *dumped = json_dumps(j, how | JSON_REAL_PRECISION(15)), *text;
	json_t *back = dumped ? json_loads(dumped, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;

	/* 17 digits are exact, and turn 0.1 into 0.10000000000000001. */
	if (!back || !json_equal(back, j)) {
		free(dumped);
		dumped = json_dumps(j, how);
	}
	json_decref(back);
	text = xasprintf("%s\n", dumped ? dumped : "{}");
	free(dumped);
	return text;
}

/* The line @mark from @text on; NULL when there is none. */
static const char *find_line(const char *text, const char *mark) {
	size_t len = strlen(mark);

	for (const char *at = text; (at = strstr(at, mark)); at += len)
		if ((at == text || at[-1] == '\n') && (at[len] == '\n' || at[len] == '\0'))
			return at;
	return NULL;
}

static void add_block(struct buf *out, const char *block) {
	if (!*block)
		return;
	buf_adds(out, BLOCK_BEGIN "\n");
	buf_adds(out, block);
	if (block[strlen(block) - 1] != '\n')
		buf_addc(out, '\n');
	buf_adds(out, BLOCK_END "\n");
}

char *merge_block(const char *text, const char *block) {
	const char *begin = find_line(text, BLOCK_BEGIN);
	const char *end = begin ? find_line(begin, BLOCK_END) : NULL;
	struct buf out;
	char *merged;

	buf_init(&out, TEXT_MAX);
	if (end) {
		size_t len = (size_t)(begin - text);

		end += strlen(BLOCK_END);
		end += *end == '\n';
		/* The empty line in front is ours. */
		if (!*block && len > 1 && begin[-1] == '\n' && begin[-2] == '\n')
			len--;
		buf_add(&out, text, len);
		add_block(&out, block);
		buf_adds(&out, end);
	} else {
		buf_adds(&out, text);
		if (*block && out.len && out.data[out.len - 1] != '\n')
			buf_addc(&out, '\n');
		if (*block && out.len)
			buf_addc(&out, '\n');
		add_block(&out, block);
	}
	merged = buf_steal(&out);
	buf_done(&out);
	return merged;
}

char *merge_line(const char *text, const char *line) {
	const char *newline = *text && text[strlen(text) - 1] != '\n' ? "\n" : "";

	if (find_line(text, line))
		return xstrdup(text);
	return xasprintf("%s%s%s\n", text, newline, line);
}
