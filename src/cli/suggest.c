/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/suggest.h"

#include <string.h>

#include "base/mem.h"
#include "base/strv.h"

#define WORD_MAX 32 /* longer ones are no typing error of ours */
#define NEAR_MAX 2

static size_t min3(size_t a, size_t b, size_t c) {
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

size_t suggest_distance(const char *a, const char *b) {
	size_t rows[3][WORD_MAX + 1];
	size_t len_a = strlen(a), len_b = strlen(b);
	size_t *before = rows[0], *above = rows[1], *here = rows[2];

	if (len_a > WORD_MAX || len_b > WORD_MAX)
		return len_a > len_b ? len_a : len_b;
	for (size_t j = 0; j <= len_b; j++)
		above[j] = j;
	for (size_t i = 1; i <= len_a; i++) {
		size_t *oldest = before;

		here[0] = i;
		for (size_t j = 1; j <= len_b; j++) {
			size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;

			here[j] = min3(above[j] + 1, here[j - 1] + 1, above[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < here[j])
				here[j] = before[j - 2] + 1;
		}
		before = above;
		above = here;
		here = oldest;
	}
	return above[len_b];
}

char **suggest_words(const char *word, const char *const *known) {
	char **near = NULL;
	size_t limit = strlen(word) <= 3 ? 1 : NEAR_MAX;

	for (size_t distance = 0; distance <= limit; distance++) {
		for (size_t i = 0; known[i]; i++) {
			if (suggest_distance(word, known[i]) == distance &&
			    !strv_contains(near, known[i]))
				strv_add(&near, known[i]);
		}
	}
	/* What begins like that is meant too: "shut" for "shutdown". */
	for (size_t i = 0; strlen(word) >= 2 && known[i]; i++) {
		if (strncmp(known[i], word, strlen(word)) == 0 && !strv_contains(near, known[i]))
			strv_add(&near, known[i]);
	}
	return near;
}
