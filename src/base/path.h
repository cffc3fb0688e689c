/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths as text. Nothing here looks at the file system but path_absolute() (getcwd). */
#ifndef COI_BASE_PATH_H
#define COI_BASE_PATH_H

#include <stdbool.h>

/* Remove "//", "/./", "/../" and trailing slashes, by text alone. Newly allocated. */
char *path_clean(const char *path);
/* Absolute and clean: relative ones start at the working directory. */
char *path_absolute(const char *path);
char *path_join(const char *a, const char *b);
/* Is @path equal to @dir or below it? Both clean. */
bool path_is_below(const char *path, const char *dir);
/* The last component; borrowed, "" for "/". */
const char *path_base(const char *path);
/* "~" and "~/…" with @home; else a copy. */
char *path_expand_home(const char *path, const char *home);

#endif
