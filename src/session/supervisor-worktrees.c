/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Work trees that the person adds on the host while the container runs: their
 * directories in the repository become read-only as those of the start did. Those
 * that are made inside are left alone, so that they can be removed there.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "session/git-paths.h"
#include "session/supervisor.h"

#define ADDED_MAX 256 /* in the life of a container */

static bool has_bound(const struct supervisor *v, size_t base, const char *path) {
	for (size_t i = 0; i < v->protect.bound_count; i++)
		if (v->protect.bound[i].base == base && !strcmp(v->protect.bound[i].path, path))
			return true;
	return false;
}

/* As the bound @like of the same base is bound, but for its role. */
static void add_bound(struct supervisor *v, size_t like, const char *path,
		      enum protect_role role) {
	struct protect_binds *b = &v->protect;
	struct protect_bound bound = b->bound[like];
	struct runtime_bind bind = b->items[bound.item];
	const struct protect_base *base = &b->bases[bound.base];
	char *source = path_join(base->path, path), *target = path_join(base->target, path);
	char *own = xstrdup(path);

	strv_take(&b->names, source);
	strv_take(&b->names, target);
	strv_take(&b->names, own);
	bind.fd = -1;
	bind.source = source;
	bind.target = target;
	bind.readonly = role == PROTECT_ROLE_READONLY;
	bind.hidden = false;
	bound.item = b->count;
	bound.path = own;
	bound.role = role;
	bound.kind = PROTECT_LIVE;
	b->items = xreallocarray(b->items, b->count + 1, sizeof(*b->items));
	b->items[b->count++] = bind;
	b->bound = xreallocarray(b->bound, b->bound_count + 1, sizeof(*b->bound));
	b->bound[b->bound_count++] = bound;
}

/* Those of the git directory @dir of the base of bound @like. */
static unsigned look_in(struct supervisor *v, size_t like, const char *dir) {
	size_t base = v->protect.bound[like].base;
	const struct git_look look = {
		.who = v->session.who,
		.base = { v->protect.bases[base].fd, v->protect.bases[base].path },
		.own = "",
		.seen = v->c->workspace_path,
	};
	autofree char *list = *dir ? path_join(dir, "worktrees") : xstrdup("worktrees");
	auto_git_paths struct git_paths found = { 0 };
	unsigned added = 0;

	git_paths_add_unseen(&look, dir, &found);
	for (size_t i = 0; i < found.count && v->trees_added < ADDED_MAX; i++) {
		autofree char *gitdir = path_join(found.items[i].path, "gitdir");

		/* One that was known at the start is as it was. */
		if (has_bound(v, base, found.items[i].path) || has_bound(v, base, gitdir))
			continue;
		if (!has_bound(v, base, list))
			add_bound(v, like, list, PROTECT_ROLE_PARENT);
		add_bound(v, like, found.items[i].path, PROTECT_ROLE_READONLY);
		v->trees_added++;
		added++;
	}
	return added;
}

bool supervisor_worktrees_find(struct supervisor *v) {
	size_t count = v->protect.bound_count; /* the list grows */
	unsigned added = 0;

	/* Each git directory has a read-only configuration. */
	for (size_t i = 0; i < count; i++) {
		const struct protect_bound *b = &v->protect.bound[i];
		const char *name = path_base(b->path);
		autofree char *dir = NULL;

		if (b->role != PROTECT_ROLE_READONLY || strcmp(name, "config") != 0 ||
		    v->protect.items[b->item].hidden)
			continue;
		dir = name == b->path ? xstrdup("")
				      : xstrndup(b->path, (size_t)(name - b->path) - 1);
		if (git_dir_is(v->session.who, v->protect.bases[b->base].fd, dir))
			added += look_in(v, i, dir);
	}
	return added > 0;
}
