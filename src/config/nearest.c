/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "did you mean": the least number of edits, by rows of the matrix. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "config/load.h"

#define KEY_LEN_MAX 96

static size_t min3(size_t a, size_t b, size_t c) {
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

static size_t distance(const char *a, const char *b) {
	size_t n = strlen(a), m = strlen(b);
	size_t row[KEY_LEN_MAX + 1];

	if (n > KEY_LEN_MAX || m > KEY_LEN_MAX)
		return KEY_LEN_MAX;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t above = row[j];

			row[j] = min3(row[j] + 1, row[j - 1] + 1,
				      diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
			diagonal = above;
		}
	}
	return row[m];
}

static const char *last_part(const char *path) {
	const char *dot = strrchr(path, '.');

	return dot ? dot + 1 : path;
}

const char *nearest_key(const char *path, bool in_profile) {
	size_t count, best = KEY_LEN_MAX;
	const struct setting_row *rows = settings_rows(&count);
	const char *found = NULL;

	for (size_t i = 0; i < count; i++) {
		const char *key = in_profile ? settings_profile_path(&rows[i]) : rows[i].path;

		if (!key)
			continue;

		size_t d = distance(path, key);

		/* The right key in the wrong section is nearer than its edits say. */
		if (strcmp(last_part(path), last_part(key)) == 0 && d > 2)
			d = 2;
		if (d < best) {
			best = d;
			found = key;
		}
	}
	/* More than a third of it wrong is another word. */
	return best <= 1 + strlen(path) / 4 && best <= 6 ? found : NULL;
}

const char *config_nearest(const char *path) {
	return nearest_key(path, false);
}
