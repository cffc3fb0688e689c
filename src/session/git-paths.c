/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/git-paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"

#define ENTRIES_MAX 256 /* of work trees, and of submodules in one directory */
#define DEPTH_MAX 8

void git_paths_done(struct git_paths *p) {
	for (size_t i = 0; i < p->count; i++)
		free(p->items[i].path);
	free(p->items);
	*p = (struct git_paths){ 0 };
}

void git_paths_add(struct git_paths *p, char *path, enum protect_role role,
		   enum protect_kind kind) {
	p->items = xreallocarray(p->items, p->count + 1, sizeof(*p->items));
	p->items[p->count++] = (struct git_path){ path, role, kind };
}

static char *join(const char *dir, const char *name) {
	return *dir ? path_join(dir, name) : xstrdup(name);
}

static int open_as(const struct git_look *look, const char *path, int flags) {
	int fd;

	privilege_person_begin(look->who);
	fd = open_beneath(look->base.fd, *path ? path : ".", flags | O_NOFOLLOW, 0);
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
	const struct git_look look = { .who = who, .base = { base_fd, "" } };
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

/* The work tree whose .git the file @path names, as git writes it; NULL: it names none. */
static char *tree_of(const struct git_look *look, const char *path) {
	autoclose int fd = open_as(look, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	autobuf struct buf b = { 0 };
	autofree char *clean = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	buf_init(&b, PATH_MAX);
	if (fd_read_all(fd, &b) < 0 || *b.data != '/')
		return NULL;
	b.data[strcspn(b.data, "\r\n")] = '\0';
	clean = path_clean(b.data);
	if (strcmp(path_base(clean), ".git") != 0 || path_base(clean) - clean < 2)
		return NULL;
	return xstrndup(clean, (size_t)(path_base(clean) - clean) - 1);
}

static void add_modules(const struct git_look *look, const char *dir, int depth,
			struct git_paths *ret);

/* One that is written from inside: all but what leads git elsewhere. */
static void add_own_worktree(const struct git_look *look, const char *dir,
			     struct git_paths *ret) {
	static const struct {
		const char *name;
		enum protect_kind kind;
	} files[] = {
		/* Without the first two it is no work tree of anything. */
		{ "commondir", PROTECT_NONE },
		{ "gitdir", PROTECT_NONE },
		{ "config.worktree", PROTECT_FILE },
	};
	autofree char *modules = join(dir, "modules");

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		git_paths_add(ret, join(dir, files[i].name), PROTECT_ROLE_READONLY,
			      files[i].kind);
	add_modules(look, modules, 0, ret);
}

/*
 * What a container does not see of a work tree looks gone to git inside, which
 * would tidy its directory up.
 */
static void add_worktrees(const struct git_look *look, const char *dir, struct git_paths *ret) {
	autofree char *all = join(dir, "worktrees");
	bool many;
	autostrv char **names = directories(look, all, &many);

	if (many)
		git_paths_add(ret, xstrdup(all), PROTECT_ROLE_READONLY, PROTECT_LIVE);
	for (char **name = names; name && *name; name++) {
		autofree char *one = join(all, *name);
		autofree char *gitdir = join(one, "gitdir");
		autofree char *tree = tree_of(look, gitdir);

		if (!strcmp(one, look->own) || (tree && path_is_below(tree, look->seen)))
			add_own_worktree(look, one, ret);
		else
			git_paths_add(ret, steal_ptr(one), PROTECT_ROLE_READONLY, PROTECT_LIVE);
	}
}

/* Names of submodules have slashes: what holds no repository may hold some deeper. */
static void add_modules(const struct git_look *look, const char *dir, int depth,
			struct git_paths *ret) {
	bool many;
	autostrv char **names = directories(look, dir, &many);

	if (many || (names && (ret->dirs + strv_len(names) > GIT_DIRS_MAX || depth > DEPTH_MAX))) {
		git_paths_add(ret, xstrdup(dir), PROTECT_ROLE_READONLY, PROTECT_LIVE);
		return;
	}
	for (char **name = names; name && *name; name++) {
		autofree char *one = join(dir, *name);
		autofree char *config = join(one, "config");

		if (git_dir_is(look->who, look->base.fd, one) || type_of(look, config) == S_IFREG) {
			struct git_look inner = *look;

			inner.own = "";
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
		autofree char *inside = path_join(".git", *name);

		git_paths_add(ret, join(dir, *name), PROTECT_ROLE_READONLY, protect_kind_of(inside));
	}
	/* Without these it is no repository, and git would look for another one further up. */
	for (size_t i = 0; i < ARRAY_SIZE(whole); i++)
		git_paths_add(ret, join(dir, whole[i]), PROTECT_ROLE_PARENT, PROTECT_DIR);
	add_worktrees(look, dir, ret);
	add_modules(look, modules, 0, ret);
}

void git_paths_add_unseen(const struct git_look *look, const char *dir, struct git_paths *ret) {
	autofree char *all = join(dir, "worktrees");
	bool many;
	autostrv char **names = directories(look, all, &many);

	for (char **name = names; name && *name; name++) {
		autofree char *one = join(all, *name);
		autofree char *gitdir = join(one, "gitdir");
		autofree char *tree = tree_of(look, gitdir);

		if (tree && !path_is_below(tree, look->seen))
			git_paths_add(ret, steal_ptr(one), PROTECT_ROLE_READONLY, PROTECT_LIVE);
	}
}

void git_paths_add_trees(const struct git_look *look, struct git_paths *ret) {
	size_t len = strlen(look->base.path);
	bool many;
	autostrv char **names = directories(look, "worktrees", &many);

	for (char **name = names; name && *name; name++) {
		autofree char *one = path_join("worktrees", *name);
		autofree char *gitdir = path_join(one, "gitdir");
		autofree char *tree = tree_of(look, gitdir);

		if (tree && strcmp(one, look->own) != 0 && path_is_below(tree, look->base.path) &&
		    tree[len])
			git_paths_add(ret, xstrdup(tree + len + 1), PROTECT_ROLE_READONLY,
				      PROTECT_LIVE);
	}
}
