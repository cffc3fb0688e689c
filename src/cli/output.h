/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Results as columns: a table, blocks of lines and JSON out of the same rows.
 * All of it goes to standard output.
 */
#ifndef COI_CLI_OUTPUT_H
#define COI_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct output_column {
	const char *key;   /* in JSON; NULL: not there. NULL with @title NULL ends the list */
	const char *title; /* of the table, or the label of a line; NULL: only in JSON */
	/* The value, a new reference; NULL: this row has none, and the key is left out. */
	json_t *(*get)(const void *row);
	/* The value for people, newly allocated; NULL: made from the JSON. */
	char *(*text)(const void *row);
};

/* One object with the keys of the columns; a new reference. */
json_t *output_json_row(const struct output_column *columns, const void *row);
/* An array of them; @rows are pointers. */
json_t *output_json_rows(const struct output_column *columns, const void *const *rows,
			 size_t count);
/* The columns that have a title. */
void output_table(const struct output_column *columns, const void *const *rows, size_t count);
/* "<indent><title>: <value>" for each column with a title that has a value. */
void output_block(const struct output_column *columns, const void *row, int indent);
/* @r (-errno): what was printed has not arrived. Returns it. */
int output_lost(int r, struct err *err);
/* Is it that, since whoever read it has gone? */
bool output_reader_gone(const struct err *err);
/* Print a document with sorted keys, which takes the reference. */
int output_document(json_t *document, struct err *err);

/* A formatted line; foreign text in it is escaped. */
void output_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "2026-11-25 12:00:00", local; and RFC 3339. New references. */
json_t *output_time(long long when);
json_t *output_time_rfc3339(long long when);

#endif
