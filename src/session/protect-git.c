/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/protect-git.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "session/git-pointer.h"

/* What the list says of the repository, as it is called in a git directory. */
static char **names_in_git(char *const *paths, char *const *writable) {
	static const char *const known[] = { "hooks", "config", "config.worktree",
					     "info/attributes" };
	autostrv char **kept = protect_select(paths, writable);
	char **names = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		autofree char *path = path_join(".git", known[i]);

		if (strv_contains(kept, path) || strv_contains(kept, ".git"))
			strv_add(&names, known[i]);
	}
	/* It leads git to another directory's settings. */
	if (names)
		strv_add(&names, "commondir");
	return names;
}

/* @path as the lists of the settings would call it; NULL when they cannot. */
static char *name_in_lists(const struct protect_git *in, const char *git, const char *path) {
	size_t len = strlen(in->tree.path);

	if (path_is_below(path, in->tree.path) && path[len])
		return xstrdup(path + len + 1);
	len = strlen(git);
	return path_is_below(path, git) && path[len] ? path_join(".git", path + len + 1) : NULL;
}

/* All of @from that nobody has spared. */
static void take(const struct protect_git *in, const char *git, const struct git_paths *from,
		 struct git_paths *ret) {
	for (size_t i = 0; i < from->count; i++) {
		const struct git_path *at = &from->items[i];
		autofree char *name = name_in_lists(in, git, at->path);
		bool spared = false;

		for (char *const *w = in->writable; name && w && *w && !spared; w++)
			spared = path_is_below(name, *w);
		if (!spared)
			git_paths_add(ret, xstrdup(at->path), at->role, at->kind);
	}
}

/* The git directory @dir of @base, and what its settings name. */
static void look_at(const struct protect_git *in, const struct git_base *base, const char *dir,
		    const char *own, char *const *names, struct git_paths *ret) {
	autofree char *git = *dir ? path_join(base->path, dir) : xstrdup(base->path);
	autofree char *own_here = *dir && *own ? path_join(dir, own) : xstrdup(own);
	auto_git_paths struct git_paths found = { 0 }, all = { 0 };
	struct git_named named = {
		.look = { .who = in->who, .base = *base, .names = names, .own = own_here,
			  .seen = in->seen },
		.bases = in->bases,
		.base_count = in->base_count,
		.dir = git,
		.own = own,
	};

	git_paths_add_dir(&named.look, dir, &found);
	if (base->fd != in->tree.fd)
		git_paths_add_trees(&named.look, &found);
	for (size_t i = 0; i < found.count; i++)
		git_paths_add(&all, path_join(base->path, found.items[i].path),
			      found.items[i].role, found.items[i].kind);
	/* Of other work trees: without a HEAD they are none, and git looks further up. */
	if (*own)
		git_paths_add(&all, path_join(git, "HEAD"), PROTECT_ROLE_READONLY, PROTECT_LIVE);
	all.dirs = found.dirs;
	named.look.base = in->tree;
	named.look.own = "";
	git_named_add(&named, &all);
	take(in, git, &all, ret);
}

/* Paths without those of .git; that file itself, if @keep, when there were any. */
static void without_git(char ***paths, bool keep) {
	char **kept = NULL;

	for (char **path = *paths; path && *path; path++)
		if (!protect_is_git(*path))
			strv_add(&kept, *path);
	if (keep && strv_len(kept) < strv_len(*paths))
		strv_add(&kept, ".git");
	strv_free(*paths);
	*paths = kept;
}

/* Where the .git that is a file leads to. Whether that is believed was told by the launch. */
static void look_where_it_leads(const struct protect_git *in, char *const *names,
				struct git_paths *ret) {
	auto_git_pointer struct git_pointer p = GIT_POINTER_INIT;
	struct err ignored;

	if (in->common.fd >= 0) {
		look_at(in, &in->common, "", in->common_own, names, ret);
		return;
	}
	if (git_pointer_follow(in->who, in->tree.fd, in->tree.path, &p, &ignored) == 0 &&
	    p.kind == GIT_POINTER_INSIDE)
		look_at(in, &in->tree, p.path, p.own, names, ret);
}

int protect_git_find(const struct protect_git *in, char ***paths, struct git_paths *ret,
		     struct err *err) {
	autostrv char **names = names_in_git(*paths, in->writable);
	struct stat st = { 0 };

	if (fstatat(in->tree.fd, ".git", &st, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
		return err_sys(err, -errno, "cannot look at '%s/.git'", in->tree.path);
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		if (names)
			look_at(in, &in->tree, ".git", "", names, ret);
		return 0;
	case S_IFLNK:
		return 0; /* refused when it is opened */
	case S_IFREG:
		/* It decides whose hooks and settings git takes. */
		if (names)
			look_where_it_leads(in, names, ret);
		without_git(paths, true);
		return 0;
	default:
		/* A repository without a work tree, or nothing of git's. */
		if (names && git_dir_is(in->who, in->tree.fd, ""))
			look_at(in, &in->tree, "", "", names, ret);
		without_git(paths, false);
		return 0;
	}
}
