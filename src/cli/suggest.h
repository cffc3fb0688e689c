/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which known word was meant by an unknown one. Pure. */
#ifndef COI_CLI_SUGGEST_H
#define COI_CLI_SUGGEST_H

#include <stddef.h>

/* Letters to insert, delete, replace or swap with their neighbour to get from @a to @b. */
size_t suggest_distance(const char *a, const char *b);
/*
 * Those of @known (NULL-terminated) that are near @word, nearest first: newly
 * allocated strv, NULL when none is.
 */
char **suggest_words(const char *word, const char *const *known);

#endif
