/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/git-paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "session/git-config.h"

#define DIRS_MAX 128    /* git directories */
#define ENTRIES_MAX 256 /* of work trees, and of submodules in one directory */
#define DEPTH_MAX 8
#define FILES_MAX 32    /* settings files */

void git_paths_done(struct git_paths *p) {
	for (size_t i = 0; i < p->count; i++)
		free(p->items[i].path);
	free(p->items);
	*p = (struct git_paths){ 0 };
}

static void add(struct git_paths *p, char *path, enum protect_role role, enum protect_kind kind) {
	p->items = xreallocarray(p->items, p->count + 1, sizeof(*p->items));
	p->items[p->count++] = (struct git_path){ path, role, kind };
}

static char *join(const char *dir, const char *name) {
	return *dir ? path_join(dir, name) : xstrdup(name);
}

static int open_as(const struct git_look *look, const char *path, int flags) {
	int fd;

	privilege_person_begin(look->who);
	fd = open_beneath(look->base_fd, *path ? path : ".", flags | O_NOFOLLOW, 0);
	privilege_person_end(look->who);
	return fd;
}

/* 0: nothing, or a link. */
static mode_t type_of(const struct git_look *look, const char *path) {
	autoclose int fd = open_as(look, path, O_PATH);
	struct stat st;

	return fd < 0 || fstat(fd, &st) < 0 || S_ISLNK(st.st_mode) ? 0 : st.st_mode & S_IFMT;
}

bool git_dir_is(const struct privilege *who, int base_fd, const char *dir) {
	const struct git_look look = { .who = who, .base_fd = base_fd };
	autofree char *head = join(dir, "HEAD"), *objects = join(dir, "objects");
	autofree char *refs = join(dir, "refs");

	return type_of(&look, head) == S_IFREG && type_of(&look, objects) == S_IFDIR &&
	       type_of(&look, refs) == S_IFDIR;
}

/* The directories in @dir, by name; more than ENTRIES_MAX: NULL and *@many. */
static char **directories(const struct git_look *look, const char *dir, bool *many) {
	autoclose int fd = open_as(look, dir, O_RDONLY | O_DIRECTORY);
	autoclosedir DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	char **names = NULL;
	struct dirent *e;
	size_t count = 0;

	*many = false;
	if (!stream)
		return NULL;
	fd = -1;
	while ((e = readdir(stream))) {
		autofree char *path = join(dir, e->d_name);

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    type_of(look, path) != S_IFDIR)
			continue;
		if (++count > ENTRIES_MAX) {
			strv_free(names);
			*many = true;
			return NULL;
		}
		strv_add(&names, e->d_name);
	}
	if (names)
		strv_sort(names);
	return names;
}

static void add_worktrees(const struct git_look *look, const char *dir, struct git_paths *ret) {
	autofree char *all = join(dir, "worktrees");
	bool many;
	autostrv char **names = directories(look, all, &many);

	if (many)
		add(ret, xstrdup(all), PROTECT_ROLE_READONLY, PROTECT_DIR);
	for (char **name = names; name && *name; name++) {
		static const char *const files[] = { "commondir", "gitdir", "config.worktree" };
		autofree char *one = join(all, *name);
		autofree char *own = path_join("worktrees", *name);

		if (look->own_worktree && strcmp(own, look->own_worktree) != 0) {
			add(ret, steal_ptr(one), PROTECT_ROLE_READONLY, PROTECT_NONE);
			continue;
		}
		for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
			autofree char *path = join(one, files[i]);

			/* Without the first two it is no work tree of anything. */
			add(ret, steal_ptr(path), PROTECT_ROLE_READONLY,
			    i == 2 ? PROTECT_FILE : PROTECT_NONE);
		}
	}
}

/* Names of submodules have slashes: what holds no repository may hold some deeper. */
static void add_modules(const struct git_look *look, const char *dir, int depth,
			struct git_paths *ret) {
	bool many;
	autostrv char **names = directories(look, dir, &many);

	if (many || (names && (ret->dirs + strv_len(names) > DIRS_MAX || depth > DEPTH_MAX))) {
		add(ret, xstrdup(dir), PROTECT_ROLE_READONLY, PROTECT_DIR);
		return;
	}
	for (char **name = names; name && *name; name++) {
		autofree char *one = join(dir, *name);
		autofree char *config = join(one, "config");

		if (git_dir_is(look->who, look->base_fd, one) || type_of(look, config) == S_IFREG) {
			struct git_look inner = *look;

			inner.own_worktree = NULL;
			git_paths_add_dir(&inner, one, ret);
		} else {
			add_modules(look, one, depth + 1, ret);
		}
	}
}

void git_paths_add_dir(const struct git_look *look, const char *dir, struct git_paths *ret) {
	static const char *const whole[] = { "refs", "objects" };
	autofree char *modules = join(dir, "modules");

	ret->dirs++;
	for (char *const *name = look->names; name && *name; name++) {
		char *path = join(dir, *name);
		autofree char *inside = path_join(".git", *name);

		add(ret, path, PROTECT_ROLE_READONLY, protect_kind_of(inside));
	}
	/* Without these it is no repository, and git would look for another one further up. */
	for (size_t i = 0; i < ARRAY_SIZE(whole); i++)
		add(ret, join(dir, whole[i]), PROTECT_ROLE_PARENT, PROTECT_DIR);
	add_worktrees(look, dir, ret);
	add_modules(look, modules, 0, ret);
}

/* ---- what settings name ---- */

struct named {
	const struct git_look *look;
	struct git_paths *ret;
	char **files; /* relative to the base: settings that were read, or will be */
	char *from;   /* where the one that is being read lies */
};

/* Relative to the base; NULL when it lies elsewhere. */
static char *below_base(const struct named *n, const char *dir, const char *value) {
	autofree char *home = path_expand_home(value, n->look->who->home);
	autofree char *start = path_join(n->look->base_path, dir);
	autofree char *whole = *home == '/' ? xstrdup(home) : path_join(start, home);
	autofree char *clean = path_clean(whole);
	size_t len = strlen(n->look->base_path);

	if (!path_is_below(clean, n->look->base_path) || !clean[len])
		return NULL;
	return xstrdup(clean + len + 1);
}

static void on_setting(const struct git_setting *s, void *data) {
	struct named *n = data;
	autofree char *path = NULL;

	if (!strcmp(s->section, "core") && !*s->subsection && !strcmp(s->key, "hookspath")) {
		path = *s->value ? below_base(n, "", s->value) : NULL;
		if (path)
			add(n->ret, steal_ptr(path), PROTECT_ROLE_READONLY, PROTECT_DIR);
		return;
	}
	if (strcmp(s->key, "path") != 0 ||
	    (strcmp(s->section, "include") != 0 && strcmp(s->section, "includeif") != 0))
		return;
	path = *s->value ? below_base(n, n->from, s->value) : NULL;
	if (!path || strv_contains(n->files, path) || strv_len(n->files) >= FILES_MAX)
		return;
	strv_add(&n->files, path);
	add(n->ret, steal_ptr(path), PROTECT_ROLE_READONLY, PROTECT_FILE);
}

static void on_module(const struct git_setting *s, void *data) {
	struct named *n = data;
	autofree char *clean = NULL, *link = NULL;

	if (strcmp(s->section, "submodule") != 0 || strcmp(s->key, "path") != 0)
		return;
	clean = protect_entry_clean(s->value);
	if (!clean || n->ret->dirs >= DIRS_MAX)
		return;
	link = path_join(clean, ".git");
	switch (type_of(n->look, link)) {
	case S_IFREG:
		add(n->ret, steal_ptr(link), PROTECT_ROLE_READONLY, PROTECT_NONE);
		break;
	case S_IFDIR:
		git_paths_add_dir(n->look, link, n->ret);
		break;
	default:
		break;
	}
}

void git_paths_add_named(const struct git_look *look, const char *dir, struct git_paths *ret) {
	struct named n = { .look = look, .ret = ret };

	strv_take(&n.files, join(dir, "config"));
	strv_take(&n.files, join(dir, "config.worktree"));
	for (size_t i = 0; i < strv_len(n.files); i++) {
		const char *file = n.files[i], *name = path_base(file);

		n.from = name == file ? xstrdup("")
				      : xstrndup(file, (size_t)(name - file) - 1);
		privilege_person_begin(look->who);
		(void)git_config_each(look->base_fd, file, on_setting, &n);
		privilege_person_end(look->who);
		free(n.from);
	}
	strv_free(n.files);
	n.files = NULL;
	privilege_person_begin(look->who);
	(void)git_config_each(look->base_fd, ".gitmodules", on_module, &n);
	privilege_person_end(look->who);
}
