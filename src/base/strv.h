/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of strings: a NULL-terminated array that owns its members. NULL is the empty list. */
#ifndef COI_BASE_STRV_H
#define COI_BASE_STRV_H

#include <stdbool.h>
#include <stddef.h>

/* Members before the NULL. */
size_t strv_len(char *const *v);
/* Append a copy of @s. */
void strv_add(char ***v, const char *s);
/* Append @s itself, which the list owns from then on. */
void strv_take(char ***v, char *s);
void strv_addf(char ***v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Append a copy of each member of @more (may be NULL). */
void strv_add_all(char ***v, char *const *more);
char **strv_copy(char *const *v);
bool strv_contains(char *const *v, const char *s);
/* Sort by strcmp, in place. */
void strv_sort(char **v);
/* Split at each character of @separators; empty pieces are left out. */
char **strv_split(const char *s, const char *separators);
char *strv_join(char *const *v, const char *separator);
/* As a command line for a POSIX shell: words that need quotes have them. */
char *strv_to_shell(char *const *v);
void strv_free(char **v);
void strv_free_ptr(char ***v);
#define autostrv __attribute__((cleanup(strv_free_ptr)))

/*
 * Environment lists ("NAME=value"): set replaces the entry of that name,
 * get returns the value (borrowed) or NULL.
 */
void env_set(char ***env, const char *name, const char *value);
const char *env_get(char *const *env, const char *name);

#endif
