/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a repository's settings name. They are read where the container sees them. */
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
#include "session/git-paths.h"

#define FILES_MAX 32 /* settings files */

struct named {
	const struct git_named *in;
	struct git_paths *ret;
	char **files; /* absolute: settings that were read, or will be */
	char *from;   /* the directory of the one that is being read */
};

/* The innermost one that shows @path, and not as its own top; NULL: none does. */
static const struct git_base *base_of(const struct git_named *in, const char *path) {
	const struct git_base *best = NULL;

	for (size_t i = 0; i < in->base_count; i++) {
		const struct git_base *base = &in->bases[i];

		if (path_is_below(path, base->path) && strcmp(path, base->path) != 0 &&
		    (!best || strlen(base->path) > strlen(best->path)))
			best = base;
	}
	return best;
}

/* @value as it stands in a file of @dir; NULL when the container does not see that. */
static char *place_of(const struct named *n, const char *dir, const char *value) {
	const struct privilege *who = n->in->look.who;
	size_t len = who->user ? strlen(who->user) : 0;
	bool by_name = len && value[0] == '~' && !strncmp(value + 1, who->user, len) &&
		       (!value[1 + len] || value[1 + len] == '/');
	/* "~jo/x" is "~/x" to jo; others' homes are nobody's here. */
	autofree char *plain = by_name ? xasprintf("~%s", value + 1 + len) : xstrdup(value);
	autofree char *home = path_expand_home(plain, who->home);
	autofree char *whole = *home == '/' ? xstrdup(home) : path_join(dir, home);
	char *clean = path_clean(whole);

	if (*value && base_of(n->in, clean))
		return clean;
	free(clean);
	return NULL;
}

static void on_setting(const struct git_setting *s, void *data) {
	struct named *n = data;
	autofree char *path = NULL;

	if (!strcmp(s->section, "core") && !*s->subsection && !strcmp(s->key, "hookspath")) {
		/* Relative to where hooks run. */
		path = place_of(n, n->in->look.base.path, s->value);
		if (path)
			git_paths_add(n->ret, steal_ptr(path), PROTECT_ROLE_READONLY, PROTECT_DIR);
		return;
	}
	if (strcmp(s->key, "path") != 0 ||
	    (strcmp(s->section, "include") != 0 && strcmp(s->section, "includeif") != 0))
		return;
	path = place_of(n, n->from, s->value);
	if (!path || strv_contains(n->files, path) || strv_len(n->files) >= FILES_MAX)
		return;
	strv_add(&n->files, path);
	git_paths_add(n->ret, steal_ptr(path), PROTECT_ROLE_READONLY, PROTECT_FILE);
}

static void read_settings(struct named *n, const char *file) {
	const struct git_base *base = base_of(n->in, file);
	const char *rel = base ? file + strlen(base->path) : "";

	while (*rel == '/')
		rel++;
	if (!base)
		return;
	n->from = xstrndup(file, (size_t)(path_base(file) - file) - 1);
	privilege_person_begin(n->in->look.who);
	(void)git_config_each(base->fd, rel, on_setting, n);
	privilege_person_end(n->in->look.who);
	free(n->from);
	n->from = NULL;
}

static mode_t type_of(const struct git_look *look, const char *path) {
	autoclose int fd = -1;
	struct stat st;

	privilege_person_begin(look->who);
	fd = open_beneath(look->base.fd, path, O_PATH | O_NOFOLLOW, 0);
	privilege_person_end(look->who);
	return fd < 0 || fstat(fd, &st) < 0 ? 0 : st.st_mode & S_IFMT;
}

/* A repository of the work tree, by the .git of it that lies there. */
static void add_nested(const struct named *n, const char *link) {
	const struct git_look *look = &n->in->look;
	auto_git_paths struct git_paths found = { .dirs = n->ret->dirs };

	if (type_of(look, link) == S_IFREG)
		git_paths_add(&found, xstrdup(link), PROTECT_ROLE_READONLY, PROTECT_NONE);
	else if (type_of(look, link) == S_IFDIR)
		git_paths_add_dir(look, link, &found);
	for (size_t i = 0; i < found.count; i++)
		git_paths_add(n->ret, path_join(look->base.path, found.items[i].path),
			      found.items[i].role, found.items[i].kind);
	n->ret->dirs = found.dirs;
}

static void on_module(const struct git_setting *s, void *data) {
	struct named *n = data;
	autofree char *clean = NULL, *link = NULL;

	if (strcmp(s->section, "submodule") != 0 || strcmp(s->key, "path") != 0)
		return;
	clean = protect_entry_clean(s->value);
	if (!clean || n->ret->dirs >= GIT_DIRS_MAX)
		return;
	link = path_join(clean, ".git");
	add_nested(n, link);
}

void git_named_add(const struct git_named *in, struct git_paths *ret) {
	struct named n = { .in = in, .ret = ret };
	autofree char *own = *in->own ? path_join(in->dir, in->own) : NULL;

	strv_take(&n.files, path_join(in->dir, "config"));
	strv_take(&n.files, path_join(in->dir, "config.worktree"));
	if (own)
		strv_take(&n.files, path_join(own, "config.worktree"));
	for (size_t i = 0; i < strv_len(n.files); i++) {
		autofree char *file = xstrdup(n.files[i]); /* the list grows */

		read_settings(&n, file);
	}
	strv_free(n.files);
	privilege_person_begin(in->look.who);
	(void)git_config_each(in->look.base.fd, ".gitmodules", on_module, &n);
	privilege_person_end(in->look.who);
}
