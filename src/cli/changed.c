/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/changed.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"

#define ENTRIES_MAX 200000
#define NAMES_MAX 10000
#define DEPTH_MAX 64

struct walk {
	struct timespec since;
	unsigned entries;
	char **names;
	size_t count;
};

static void walk_dir(struct walk *w, int fd, const char *below, unsigned depth);

static bool is_before(const struct timespec *a, const struct timespec *b) {
	return a->tv_sec == b->tv_sec ? a->tv_nsec < b->tv_nsec : a->tv_sec < b->tv_sec;
}

static void walk_entry(struct walk *w, int dir, const char *name, const char *below,
		       unsigned depth) {
	autofree char *path = *below ? path_join(below, name) : xstrdup(name);
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISDIR(st.st_mode)) {
		if (strcmp(name, ".git") != 0 && depth < DEPTH_MAX)
			walk_dir(w, open_beneath(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0),
				 path, depth + 1);
		return;
	}
	if ((S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) && !is_before(&st.st_ctim, &w->since) &&
	    w->count < NAMES_MAX) {
		strv_add(&w->names, path);
		w->count++;
	}
}

/* Closes @fd. */
static void walk_dir(struct walk *w, int fd, const char *below, unsigned depth) {
	autoclosedir DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		mem_close_ptr(&fd);
		return;
	}
	while (w->entries < ENTRIES_MAX && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		w->entries++;
		walk_entry(w, dirfd(d), e->d_name, below, depth);
	}
}

json_t *changed_files(const char *dir, const struct timespec *since) {
	struct walk w = { .since = *since };
	json_t *list = json_array();

	walk_dir(&w, open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "", 0);
	strv_sort(w.names);
	for (size_t i = 0; i < w.count; i++)
		(void)json_array_append_new(list, json_text(w.names[i]));
	strv_free(w.names);
	return list;
}
