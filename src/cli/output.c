/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "base/table.h"

#define LINE_MAX_BYTES 65536

json_t *output_json_row(const struct output_column *columns, const void *row) {
	json_t *object = json_object();

	for (; columns->key || columns->title; columns++) {
		json_t *value;

		if (!columns->key)
			continue;
		value = columns->get(row);
		if (value)
			(void)json_object_set_new(object, columns->key, value);
	}
	return object;
}

json_t *output_json_rows(const struct output_column *columns, const void *const *rows,
			 size_t count) {
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(array, output_json_row(columns, rows[i]));
	return array;
}

static char *value_text(const json_t *value) {
	switch (json_typeof(value)) {
	case JSON_STRING:
		return xstrdup(json_string_value(value));
	case JSON_INTEGER:
		return xasprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
	case JSON_TRUE:
		return xstrdup("yes");
	case JSON_FALSE:
		return xstrdup("no");
	case JSON_ARRAY: {
		autostrv char **parts = NULL;
		size_t i;
		json_t *item;

		json_array_foreach(value, i, item) {
			strv_take(&parts, value_text(item));
		}
		return strv_join(parts, ", ");
	}
	default:
		return xstrdup("");
	}
}

static char *column_text(const struct output_column *column, const void *row) {
	auto_json json_t *value = NULL;

	if (column->text)
		return column->text(row);
	value = column->get(row);
	return value ? value_text(value) : NULL;
}

void output_table(const struct output_column *columns, const void *const *rows, size_t count) {
	auto_table struct table *t = NULL;
	autofree const char **titles = NULL;
	size_t width = 0;

	for (const struct output_column *c = columns; c->key || c->title; c++)
		width += c->title != NULL;
	titles = xcalloc(width + 1, sizeof(*titles));
	width = 0;
	for (const struct output_column *c = columns; c->key || c->title; c++) {
		if (c->title)
			titles[width++] = c->title;
	}
	t = table_new(titles);
	for (size_t i = 0; i < count; i++) {
		char **cells = xcalloc(width + 1, sizeof(*cells));
		size_t at = 0;

		for (const struct output_column *c = columns; c->key || c->title; c++) {
			if (c->title)
				cells[at++] = column_text(c, rows[i]);
		}
		table_add(t, (const char *const *)cells);
		for (at = 0; at < width; at++)
			free(cells[at]);
		free(cells);
	}
	table_print(t, stdout);
}

void output_block(const struct output_column *columns, const void *row, int indent) {
	for (; columns->key || columns->title; columns++) {
		autofree char *text = columns->title ? column_text(columns, row) : NULL;

		if (text && *text) {
			/* One line, whatever the name of a directory looks like. */
			autofree char *line = escape_text(text, LINE_MAX_BYTES);

			output_line("%*s%s: %s", indent, "", columns->title, line);
		}
	}
}

#define LOST "cannot write to standard output"

int output_lost(int r, struct err *err) {
	return err_sys(err, r, LOST);
}

bool output_reader_gone(const struct err *err) {
	return err->code == -EPIPE && !strncmp(err->msg, LOST, sizeof(LOST) - 1);
}

int output_document(json_t *document, struct err *err) {
	int r = json_print(document, JSON_PRINT_SORTED);

	json_decref(document);
	return r < 0 ? output_lost(r, err) : 0;
}

void output_line(const char *fmt, ...) {
	autobuf struct buf text, line;
	va_list ap;

	buf_init(&text, LINE_MAX_BYTES);
	buf_init(&line, 4 * LINE_MAX_BYTES);
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	escape_append(&line, text.data, text.len, ESCAPE_KEEP_NEWLINE);
	(void)fprintf(stdout, "%s\n", line.data);
}

json_t *output_time(long long when) {
	time_t t = (time_t)when;
	struct tm tm;
	char text[32];

	if (when <= 0 || !localtime_r(&t, &tm) ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		return json_string("");
	return json_string(text);
}

json_t *output_time_rfc3339(long long when) {
	char text[CLOCK_RFC3339_SIZE];

	return json_string(clock_rfc3339((time_t)when, text));
}
