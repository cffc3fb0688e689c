/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/path.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/strv.h"

char *path_clean(const char *path) {
	bool absolute = *path == '/';
	char **parts = strv_split(path, "/");
	const char **kept = xcalloc(strv_len(parts) + 1, sizeof(*kept));
	struct buf b;
	size_t n = 0;

	for (size_t i = 0; parts && parts[i]; i++) {
		bool up = !strcmp(parts[i], "..");

		if (!strcmp(parts[i], "."))
			continue;
		if (up && n && strcmp(kept[n - 1], "..") != 0) {
			n--;
		} else if (!up || !absolute) {
			kept[n++] = parts[i];
		}
	}
	buf_init(&b, SIZE_MAX / 2);
	if (absolute)
		buf_addc(&b, '/');
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s%s", i ? "/" : "", kept[i]);
	if (!b.len)
		buf_addc(&b, '.');
	strv_free(parts);
	free(kept);
	return b.data;
}

char *path_join(const char *a, const char *b) {
	size_t len = strlen(a);

	while (*b == '/')
		b++;
	return xasprintf("%s%s%s", a, len && a[len - 1] == '/' ? "" : "/", b);
}

char *path_absolute(const char *path) {
	autofree char *cwd = NULL, *joined = NULL;

	if (*path == '/')
		return path_clean(path);
	cwd = getcwd(NULL, 0);
	joined = path_join(cwd ? cwd : "/", path);
	return path_clean(joined);
}

bool path_is_below(const char *path, const char *dir) {
	size_t len = strlen(dir);

	if (!strcmp(dir, "/"))
		return *path == '/';
	return !strncmp(path, dir, len) && (path[len] == '\0' || path[len] == '/');
}

const char *path_base(const char *path) {
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *path_expand_home(const char *path, const char *home) {
	if (path[0] == '~' && (path[1] == '\0' || path[1] == '/'))
		return path[1] ? path_join(home, path + 2) : xstrdup(home);
	return xstrdup(path);
}
