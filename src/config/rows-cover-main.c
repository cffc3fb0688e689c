/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run by the build: each byte of struct settings that is no padding belongs to
 * exactly one row. A member without a row ends the build here.
 */
#include <stdio.h>
#include <string.h>

#include "config/rows.h"
#include "config/settings.h"

#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
#define KNOWS_PADDING
#endif
#endif

#ifdef KNOWS_PADDING
static unsigned char used[sizeof(struct settings)];

static int use_rows(void) {
	size_t count;
	const struct setting_row *rows = settings_rows(&count);

	for (size_t i = 0; i < count; i++) {
		for (size_t b = rows[i].offset; b < rows[i].offset + rows[i].size; b++) {
			if (used[b]++ == 0)
				continue;
			(void)fprintf(stderr, "rows.c: '%s' shares its member with another row\n",
				      rows[i].path);
			return 1;
		}
	}
	return 0;
}

static int check_bytes(void) {
	struct settings s;

	memset(&s, 0xff, sizeof(s));
	__builtin_clear_padding(&s);
	for (size_t b = 0; b < sizeof(s); b++) {
		if (!((unsigned char *)&s)[b] || used[b])
			continue;
		(void)fprintf(stderr, "settings.h: a member has no row in rows.c: byte %zu of struct "
				      "settings (container is at 0, network at %zu, tool at %zu, limits "
				      "at %zu, security at %zu)\n",
			      b, offsetof(struct settings, network), offsetof(struct settings, tool),
			      offsetof(struct settings, limits), offsetof(struct settings, security));
		return 1;
	}
	return 0;
}

int main(void) {
	return use_rows() || check_bytes();
}
#else
/* Only gcc tells where padding is. */
int main(void) {
	return 0;
}
#endif
