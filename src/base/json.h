/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What we add to jansson. */
#ifndef COI_BASE_JSON_H
#define COI_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* For auto_json. */
void json_decref_ptr(json_t **j);
#define auto_json __attribute__((cleanup(json_decref_ptr)))

enum json_print_flags {
	JSON_PRINT_SORTED = 1u << 0, /* keys in alphabetical order */
	JSON_PRINT_LINE = 1u << 1,   /* one line; else indented by two spaces */
};
/*
 * To standard output with a newline at the end; not flushed, so whoever ends with that sees why
 * it did not arrive. 0 or -errno. '/' and text that is no ASCII stay as they are.
 */
int json_print(const json_t *j, unsigned flags);

/* A string of foreign bytes: what is no UTF-8 comes as U+FFFD. Never NULL. */
json_t *json_text(const char *s);
/* Borrowed string of an object's key, or @missing. */
const char *json_get_str(const json_t *obj, const char *key, const char *missing);
int64_t json_get_int(const json_t *obj, const char *key, int64_t missing);
bool json_get_bool(const json_t *obj, const char *key, bool missing);
/* A list of strings as strv (newly allocated), NULL when it is none. */
char **json_get_strv(const json_t *obj, const char *key);
json_t *json_from_strv(char *const *v);

#endif
