/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/protect-find.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "session/protect-git.h"
#include "session/secret.h"

#define ITEMS_MAX 16384

struct finding {
	const struct protect_input *in;
	const struct protect_area *areas;
	struct protect_items *items;
};

/* ---- items ---- */

void protect_items_done(struct protect_items *list) {
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].key);
	free(list->items);
	*list = (struct protect_items){ 0 };
}

static void add_key(struct protect_items *list, char *key, enum protect_role role,
		    enum protect_kind kind, bool is_own) {
	list->items = xreallocarray(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = (struct protect_item){ key, role, kind, is_own };
}

void protect_items_append(struct protect_items *list, const struct protect_items *from) {
	for (size_t i = 0; i < from->count; i++) {
		const struct protect_item *item = &from->items[i];

		add_key(list, xstrdup(item->key), item->role, item->kind, item->is_own);
	}
}

json_t *protect_items_to_json(const struct protect_items *list) {
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++) {
		const struct protect_item *item = &list->items[i];

		(void)json_array_append_new(
			array, json_pack("{s:o, s:i, s:i, s:b}", "key", json_text(item->key), "role",
					 (int)item->role, "kind", (int)item->kind, "own",
					 item->is_own));
	}
	return array;
}

void protect_items_from_json(const json_t *j, struct protect_items *ret) {
	struct protect_items list = { 0 };
	const json_t *item;
	size_t i;

	json_array_foreach((json_t *)j, i, item)
		if (i < ITEMS_MAX)
			add_key(&list, xstrdup(json_get_str(item, "key", "")),
				(enum protect_role)json_get_int(item, "role", PROTECT_ROLE_READONLY),
				(enum protect_kind)json_get_int(item, "kind", PROTECT_NONE),
				json_get_bool(item, "own", false));
	*ret = list;
}

/* @path, without links, of something that one of the binds shows; else it is out of reach. */
static void add_item(const struct finding *f, const char *path, enum protect_role role,
		     enum protect_kind kind) {
	const struct protect_area *best = NULL;

	for (size_t i = 0; i < f->in->bind_count; i++) {
		const struct protect_area *a = &f->areas[i];

		if (path_is_below(path, a->path) &&
		    (!best || strlen(a->path) > strlen(best->path)))
			best = a;
	}
	if (!best)
		return;
	path += best->path[1] ? strlen(best->path) : 0;
	add_key(f->items, xasprintf("%s%s", best->key, strcmp(path, "/") != 0 ? path : ""), role,
		kind, false);
}

static void say(const struct finding *f, char *line) {
	if (f->in->say)
		f->in->say(line, f->in->say_data);
	free(line);
}

/* ---- the binds ---- */

int protect_areas_open(const struct protect_input *in, struct protect_area **ret,
		       struct err *err) {
	struct protect_area *areas = xcalloc(in->bind_count + 1, sizeof(*areas));

	for (size_t i = 0; i < in->bind_count; i++) {
		int fd = in->binds[i].fd;
		char link[32], real[PATH_MAX];
		ssize_t n = readlink(fd_proc_path(fd, link), real, sizeof(real));

		areas[i].bind = &in->binds[i];
		if (n > 0 && n < (ssize_t)sizeof(real) && real[0] == '/')
			areas[i].path = xstrndup(real, (size_t)n);
		areas[i].key = host_mounts_key(in->mounts, fd);
		if (areas[i].path && areas[i].key)
			continue;
		protect_areas_free(areas, in->bind_count);
		return err_set(err, ERR_SYSTEM, -EINVAL, "cannot tell where '%s' lies",
			       in->binds[i].source);
	}
	*ret = areas;
	return 0;
}

void protect_areas_free(struct protect_area *areas, size_t count) {
	for (size_t i = 0; areas && i < count; i++) {
		free(areas[i].path);
		free(areas[i].key);
		protect_steps_done(&areas[i].steps);
	}
	free(areas);
}

/* ---- ours ---- */

/* @path with its directory's links resolved; NULL when there is no such directory. */
static char *resolve_parent(const char *path) {
	autofree char *up = xstrndup(path, (size_t)(path_base(path) - path));
	autofree char *real = realpath(*up ? up : "/", NULL);

	return real ? path_join(real, path_base(path)) : NULL;
}

static void add_own(char ***list, const char *path) {
	autofree char *name = resolve_parent(path), *target = realpath(path, NULL);

	if (name)
		strv_add(list, name);
	/* A link, and what it leads to. */
	if (name && target && strcmp(name, target) != 0)
		strv_add(list, target);
}

char **protect_own_paths(const struct session *s) {
	autofree char *home = path_join(s->who->home, ".coi");
	const char *config = getenv("COI_CONFIG");
	char **list = NULL;

	add_own(&list, home);
	add_own(&list, s->layout->root);
	if (config && *config) {
		autofree char *absolute = path_absolute(config);

		if (access(absolute, F_OK) == 0)
			add_own(&list, absolute);
	}
	return list;
}

/* By the directory that it is in, since it need not be there; and by itself. */
static void add_own_keys(const struct finding *f, const char *path) {
	autofree char *up = xstrndup(path, (size_t)(path_base(path) - path));
	autoclose int parent = open(up, O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int self = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	autofree char *dir = parent < 0 ? NULL : host_mounts_key(f->in->mounts, parent);
	char *key = self < 0 ? NULL : host_mounts_key(f->in->mounts, self);

	if (key)
		add_key(f->items, key, PROTECT_ROLE_READONLY, PROTECT_DIR, true);
	if (dir)
		add_key(f->items, xasprintf("%s/%s", dir, path_base(path)), PROTECT_ROLE_READONLY,
			PROTECT_DIR, true);
}

/* ---- the workspace ---- */

static void add_inside(const struct finding *f, char *const *paths, enum protect_role role) {
	for (; paths && *paths; paths++) {
		autofree char *path = path_join(f->areas[0].path, *paths);

		add_item(f, path, role, protect_kind_of(*paths));
	}
}

/* What cannot be hidden must not be taken for hidden. */
static int add_secrets(const struct finding *f, struct err *err) {
	const char *workspace = f->areas[0].path;
	autostrv char **found = NULL;

	for (char **pattern = f->in->rules->secret; pattern && *pattern; pattern++) {
		autostrv char **outside = NULL;
		int n = secret_find(f->in->session->who, f->in->binds[0].fd, workspace, *pattern,
				    &found, &outside, err);

		if (n < 0)
			return n;
		for (char **path = outside; path && *path; path++)
			say(f, xasprintf("'%s' of security.secret_paths leads to '%s', outside of "
					 "the workspace, and is not hidden", *pattern, *path));
		if (n == 0 && !outside)
			say(f, xasprintf("nothing in the workspace matches '%s' of "
					 "security.secret_paths: nothing is hidden by it", *pattern));
	}
	add_inside(f, found, PROTECT_ROLE_HIDDEN);
	return 0;
}

/* What a repository needs beyond the list: that at bind @tree. */
static int add_git(const struct finding *f, size_t tree, char ***paths, struct err *err) {
	autofree struct git_base *bases = xcalloc(f->in->bind_count, sizeof(*bases));
	bool has_common = f->in->has_workspace && tree == 0 && f->in->common;
	auto_git_paths struct git_paths found = { 0 };
	int r;

	for (size_t i = 0; i < f->in->bind_count; i++)
		bases[i] = (struct git_base){ f->in->binds[i].fd, f->areas[i].path };
	r = protect_git_find(&(struct protect_git){
				     .who = f->in->session->who,
				     .tree = bases[tree],
				     .seen = f->in->binds[tree].target,
				     .common = has_common ? bases[f->in->common]
							  : (struct git_base){ -1, "" },
				     .common_own = f->in->common_own,
				     .bases = bases,
				     .base_count = f->in->bind_count,
				     .writable = f->in->rules->writable,
			     },
			     paths, &found, err);
	for (size_t i = 0; i < found.count; i++)
		add_item(f, found.items[i].path, found.items[i].role, found.items[i].kind);
	return r;
}

static int add_workspace(const struct finding *f, struct err *err) {
	const struct protect_rules *rules = f->in->rules;
	autostrv char **paths = strv_copy(rules->paths), **kept = NULL;
	int r;

	r = add_secrets(f, err);
	if (r < 0 || !paths)
		return r;
	r = add_git(f, 0, &paths, err);
	if (r < 0)
		return r;
	kept = protect_select(paths, rules->writable);
	add_inside(f, kept, PROTECT_ROLE_READONLY);
	add_inside(f, rules->writable, PROTECT_ROLE_WRITABLE);
	return 0;
}

/* Another directory that has a repository at its top: the host's git works there too. */
static int add_other(const struct finding *f, size_t i, struct err *err) {
	autostrv char **paths = NULL;
	autofree char *link = path_join(f->areas[i].path, ".git");
	bool was_there;

	for (char **path = f->in->rules->paths; path && *path; path++)
		if (protect_is_git(*path))
			strv_add(&paths, *path);
	was_there = strv_contains(paths, ".git");
	if (f->in->binds[i].readonly || !paths)
		return 0;
	if (add_git(f, i, &paths, err) < 0)
		return err->code == -ENOTDIR ? 0 : err->code; /* a file is mounted */
	/* It is a file, which leads to the repository. */
	if (!was_there && strv_contains(paths, ".git"))
		add_item(f, link, PROTECT_ROLE_READONLY, PROTECT_NONE);
	return 0;
}

int protect_find(const struct protect_input *in, const struct protect_area *areas,
		 struct protect_items *ret, struct err *err) {
	auto_protect_items struct protect_items items = { 0 };
	struct finding f = { in, areas, &items };
	int r = 0;

	for (char **own = in->rules->own; own && *own; own++)
		add_own_keys(&f, *own);
	if (in->has_workspace)
		r = add_workspace(&f, err);
	for (size_t i = in->has_workspace ? 1 : 0; i < in->bind_count && r == 0; i++)
		if (!in->common || i != in->common)
			r = add_other(&f, i, err);
	if (r < 0)
		return r;
	*ret = items;
	items = (struct protect_items){ 0 };
	return 0;
}
