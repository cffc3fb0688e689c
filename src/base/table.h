/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text tables: upper-case header, columns left-aligned, two spaces between,
 * no rules, no trailing blanks. Cells are escaped and measured by the columns
 * that they take on a terminal (wcwidth(3)).
 */
#ifndef COI_BASE_TABLE_H
#define COI_BASE_TABLE_H

#include <stdio.h>

struct table;

/* @titles: NULL-terminated, borrowed until table_free(). */
struct table *table_new(const char *const *titles);
/* One cell for each title; NULL is an empty cell. The texts are copied. */
void table_add(struct table *t, const char *const *cells);
void table_print(const struct table *t, FILE *out);
void table_free(struct table *t);
void table_free_ptr(struct table **t);
#define auto_table __attribute__((cleanup(table_free_ptr)))

#endif
