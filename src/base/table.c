/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/table.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/escape.h"
#include "base/mem.h"
#include "base/strv.h"

#define CELL_MAX 512

struct table {
	size_t columns;
	const char *const *titles;
	char **cells; /* columns * rows */
	size_t count;
};

struct table *table_new(const char *const *titles) {
	struct table *t = xcalloc(1, sizeof(*t));

	t->titles = titles;
	t->columns = strv_len((char *const *)titles);
	return t;
}

void table_add(struct table *t, const char *const *cells) {
	t->cells = xreallocarray(t->cells, t->count + t->columns, sizeof(char *));
	for (size_t i = 0; i < t->columns; i++)
		t->cells[t->count++] = escape_text(cells[i] ? cells[i] : "", CELL_MAX);
}

/* Columns on a terminal; in a locale that cannot tell, one per UTF-8 sequence. */
static size_t text_width(const char *s) {
	size_t width = 0, left = strlen(s);
	mbstate_t state = { 0 };

	while (left) {
		wchar_t wc;
		size_t n = mbrtowc(&wc, s, left, &state);

		if (n == (size_t)-1 || n == (size_t)-2 || n == 0) {
			n = 1;
			width += ((unsigned char)*s & 0xc0) != 0x80;
			memset(&state, 0, sizeof(state));
		} else {
			int w = wcwidth(wc);

			width += w > 0 ? (size_t)w : 0;
		}
		s += n;
		left -= n;
	}
	return width;
}

static void print_row(const struct table *t, const char *const *cells, const size_t *widths,
		      FILE *out) {
	size_t last = t->columns;

	while (last > 0 && !*cells[last - 1])
		last--;
	for (size_t i = 0; i < last; i++) {
		size_t pad = i + 1 < last ? widths[i] - text_width(cells[i]) + 2 : 0;

		(void)fprintf(out, "%s%*s", cells[i], (int)pad, "");
	}
	(void)fputc('\n', out);
}

void table_print(const struct table *t, FILE *out) {
	size_t *widths = xcalloc(t->columns, sizeof(*widths));

	for (size_t i = 0; i < t->columns; i++)
		widths[i] = text_width(t->titles[i]);
	for (size_t i = 0; i < t->count; i++) {
		size_t w = text_width(t->cells[i]);

		if (w > widths[i % t->columns])
			widths[i % t->columns] = w;
	}
	print_row(t, t->titles, widths, out);
	for (size_t i = 0; i + t->columns <= t->count; i += t->columns)
		print_row(t, (const char *const *)t->cells + i, widths, out);
	free(widths);
}

void table_free(struct table *t) {
	if (!t)
		return;
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

void table_free_ptr(struct table **t) {
	table_free(*t);
}
