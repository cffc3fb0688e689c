/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TOML 1.0 as a tree of plain structs: the one door to the C++ library.
 *
 * The text is hostile: nothing is thrown out of here, nothing aborts, and size,
 * depth and length of keys are limited. Strings and keys are valid UTF-8 without
 * NUL. Children stand in the order of the file.
 */
#ifndef COI_CONFIG_TOML_H
#define COI_CONFIG_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct err;

#define TOML_TEXT_MAX (1024 * 1024) /* bytes of one document */
#define TOML_KEY_PARTS_MAX 32       /* a.b.c has three */
#define TOML_DEPTH_MAX 32           /* arrays and inline tables in each other */

enum toml_type {
	TOML_STRING,
	TOML_INT,
	TOML_FLOAT,
	TOML_BOOL,
	TOML_TIME, /* date, time or both: nothing here wants one */
	TOML_ARRAY,
	TOML_TABLE,
};

struct toml_node {
	enum toml_type type;
	int line; /* of the value, from 1; columns count characters */
	int column;
	char *key; /* in a table; else NULL */
	int key_line;
	int key_column;
	char *text; /* TOML_STRING */
	int64_t integer;
	double real;
	bool boolean;
	struct toml_node *items; /* TOML_ARRAY, TOML_TABLE */
	size_t count;
};

/*
 * Parse @len bytes. @name is for messages: "<name>:<line>:<column>: …"
 * (ERR_CONFIG). *@ret is a table, to be freed by toml_free().
 */
int toml_parse(const char *text, size_t len, const char *name, struct toml_node **ret,
	       struct err *err);
/* NULL is fine. */
void toml_free(struct toml_node *root);
void toml_free_ptr(struct toml_node **root);
#define auto_toml __attribute__((cleanup(toml_free_ptr)))

/* The member @key of a table; NULL when there is none or @table is no table. */
const struct toml_node *toml_get(const struct toml_node *table, const char *key);
/* "a string", "an integer", … for messages. */
const char *toml_type_name(enum toml_type type);

#ifdef __cplusplus
}
#endif

#endif
