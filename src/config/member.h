/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One member of struct settings, whatever its type: parse, copy, compare, write.
 *
 * A member is handled through a pointer to it and its row. Functions that fill
 * *out leave it as it was when they fail; out must not own anything before.
 */
#ifndef COI_CONFIG_MEMBER_H
#define COI_CONFIG_MEMBER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/rows.h"
#include "config/settings.h"
#include "config/toml.h"

/* Lists in settings have no more members than this. */
#define MEMBER_LIST_MAX 1024
#define MEMBER_TEXT_MAX 65536

/* Room for a member of any row. */
union member {
	bool boolean;
	int integer;
	double real;
	char *text;
	char **list;
	struct setting_duration duration;
	struct setting_size size;
	struct setting_map map;
	struct setting_mounts mounts; /* as all arrays of tables: items, count */
};

/* What all arrays of tables begin with. */
struct member_tables {
	char *items;
	size_t count;
};

/* Where a value comes from and what its paths are relative to. */
struct member_context {
	struct setting_source source; /* file and layer; line and column are filled in */
	const char *home;
	const char *file_dir; /* relative paths of settings */
	const char *work_dir; /* relative hosts of mounts */
};

/* Sources of the entries of a list or map, in its order. */
struct member_sources {
	struct setting_source *items;
	size_t count;
};

/* What is wrong with a value, and where. */
struct member_problem {
	int line;
	int column;
	bool is_type;     /* wrong type, not a bad value */
	char message[512]; /* "must be …, not …" */
};

/* The member of a row. */
void *member_of(const struct setting_row *row, struct settings *s);
/* The same, to read only. */
const void *member_of_const(const struct setting_row *row, const struct settings *s);

/* 0, or -EINVAL with *@problem. @sources (may be NULL) gets the entries' sources. */
int member_from_toml(const struct setting_row *row, const struct toml_node *node,
		     const struct member_context *ctx, void *out, struct member_sources *sources,
		     struct member_problem *problem);
/* From a flag or variable: lists are separated by commas, a map takes one NAME=value. */
int member_from_text(const struct setting_row *row, const char *text,
		     const struct member_context *ctx, void *out, struct member_sources *sources,
		     struct member_problem *problem);
/* The row's default; cannot fail. */
void member_default(const struct setting_row *row, const struct member_context *ctx, void *out,
		    struct member_sources *sources);
void member_free(const struct setting_row *row, void *m);
/* Deep; @dst is overwritten. */
void member_copy(const struct setting_row *row, void *dst, const void *src);
bool member_equal(const struct setting_row *row, const void *a, const void *b);
/* Does it hold nothing: "", empty list, 0 where that is none? */
bool member_is_empty(const struct setting_row *row, const void *m);
/* The value as TOML writes it on the right of '='. @show_secrets false masks texts. */
void member_to_toml(const struct setting_row *row, const void *m, bool show_secrets,
		    struct buf *out);
/* Length of the name in an entry of a map, "NAME=value" or "NAME<file". */
size_t map_name_len(const char *entry);
/* A TOML basic string with its quotes. */
void toml_quote(const char *text, struct buf *out);

/* Array of tables: the generic side of struct setting_mounts and its like. */
int tables_from_toml(const struct setting_row *row, const struct toml_node *node,
		     const struct member_context *ctx, void *out, struct member_problem *problem);
void tables_free(const struct setting_table *table, void *m);
void tables_copy(const struct setting_table *table, void *dst, const void *src);
bool tables_equal(const struct setting_table *table, const void *a, const void *b);
void tables_to_toml(const struct setting_table *table, const void *m, struct buf *out);
/* The host of an item and its descriptor; NULL when the table has none. */
char **tables_host(const struct setting_table *table, void *item);
int *tables_host_fd(const struct setting_table *table, void *item);
void *tables_item(const struct setting_table *table, const void *m, size_t i);
const char *tables_name(const struct setting_table *table, const void *item);
/* Give item @i of @from to @to: in the place of the one of its name, else at the end. */
void tables_put(const struct setting_table *table, void *to, void *from, size_t i);
/* Give item @i of @from to the end of @to. */
void tables_move(const struct setting_table *table, void *to, void *from, size_t i);

/* Fill *@problem; -EINVAL. */
int member_fail(struct member_problem *problem, const struct toml_node *node, bool is_type,
		const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* '~' and relative paths resolved; newly allocated. "" stays "". */
char *member_path(const char *text, const char *home, const char *base);
/* Fits @text the format? 0, or -EINVAL with *@problem. */
int member_check_text(enum setting_format format, const struct toml_node *node, const char *text,
		      struct member_problem *problem);

#endif
