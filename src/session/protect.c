/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/protect.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"

void protect_rules_done(struct protect_rules *r) {
	strv_free(r->paths);
	strv_free(r->writable);
	strv_free(r->secret);
	strv_free(r->own);
	*r = (struct protect_rules){ 0 };
}

char *protect_entry_clean(const char *entry) {
	size_t len = strlen(entry);
	autofree char *rooted = NULL, *clean = NULL;

	if (len == 0 || len >= PATH_MAX || *entry == '/')
		return NULL;
	for (const char *part = entry; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (!strncmp(part, "..", 2) && (part[2] == '/' || !part[2]))
			return NULL;
	}
	rooted = xasprintf("/%s", entry);
	clean = path_clean(rooted);
	return clean[1] ? xstrdup(clean + 1) : NULL;
}

/* Each entry of @from to *@to, once; those without sense to @warnings. */
static void take(char ***to, char *const *from, const char *key, char ***warnings) {
	for (; from && *from; from++) {
		autofree char *clean = protect_entry_clean(*from);

		if (!clean)
			strv_addf(warnings, "'%s' in security.%s is no path in the workspace and "
					    "protects nothing", *from, key);
		else if (!strv_contains(*to, clean))
			strv_add(to, clean);
	}
}

void protect_rules_make(const struct settings *set, struct protect_rules *ret, char ***warnings) {
	struct protect_rules r = { .immutable = set->security.host_immutable };

	take(&r.secret, set->security.secret_paths, "secret_paths", warnings);
	if (set->security.disable_protection) {
		r.immutable = false;
		*ret = r;
		return;
	}
	take(&r.paths, set->security.protected_paths, "protected_paths", warnings);
	take(&r.paths, set->security.additional_protected_paths, "additional_protected_paths",
	     warnings);
	take(&r.writable, set->security.writable_paths, "writable_paths", warnings);
	if (set->git.writable_hooks && !strv_contains(r.writable, ".git/hooks"))
		strv_add(&r.writable, ".git/hooks");
	*ret = r;
}

char **protect_select(char *const *paths, char *const *writable) {
	char **out = NULL;

	for (; paths && *paths; paths++) {
		bool spared = false;

		for (char *const *w = writable; w && *w && !spared; w++)
			spared = path_is_below(*paths, *w);
		if (!spared)
			strv_add(&out, *paths);
	}
	return out;
}

bool protect_is_git(const char *path) {
	return path_is_below(path, ".git");
}

/* Files that git reads as empty ones when they are empty; but for one that it cannot. */
enum protect_kind protect_kind_of(const char *path) {
	static const char *const files[] = { "config", "config.worktree", "attributes" };

	for (size_t i = 0; protect_is_git(path) && i < ARRAY_SIZE(files); i++)
		if (!strcmp(path_base(path), files[i]))
			return PROTECT_FILE;
	return protect_is_git(path) && !strcmp(path_base(path), "commondir") ? PROTECT_COMMONDIR
									     : PROTECT_DIR;
}

bool protect_has_stand_in(enum protect_kind kind) {
	return kind != PROTECT_NONE && kind != PROTECT_LIVE;
}

void protect_steps_done(struct protect_steps *s) {
	for (size_t i = 0; i < s->count; i++)
		free(s->items[i].path);
	free(s->items);
	*s = (struct protect_steps){ 0 };
}

static void append(struct protect_steps *s, char *path, enum protect_role role) {
	s->items = xreallocarray(s->items, s->count + 1, sizeof(*s->items));
	s->items[s->count++] = (struct protect_step){ path, role };
}

static struct protect_step *find(const struct protect_steps *s, const char *path) {
	for (size_t i = 0; i < s->count; i++)
		if (!strcmp(s->items[i].path, path))
			return &s->items[i];
	return NULL;
}

/* Read-only wins over spared; hidden wins over all. */
static int strictness(enum protect_role role) {
	static const int order[] = {
		[PROTECT_ROLE_PARENT] = 0,
		[PROTECT_ROLE_WRITABLE] = 1,
		[PROTECT_ROLE_READONLY] = 2,
		[PROTECT_ROLE_HIDDEN] = 3,
	};

	return order[role];
}

void protect_steps_add(struct protect_steps *s, const char *path, enum protect_role role) {
	struct protect_step *there = find(s, path);

	if (!there)
		append(s, xstrdup(path), role);
	else if (strictness(role) > strictness(there->role))
		there->role = role;
}

/* The role of the nearest one that holds @path; parents say nothing. */
static enum protect_role role_around(const struct protect_steps *s, const char *path) {
	autofree char *up = xstrdup(path);
	char *slash;

	while ((slash = strrchr(up, '/'))) {
		const struct protect_step *outer;

		*slash = '\0';
		outer = find(s, up);
		if (outer && outer->role != PROTECT_ROLE_PARENT)
			return outer->role;
	}
	return PROTECT_ROLE_PARENT;
}

static bool is_needless(const struct protect_steps *s, const struct protect_step *step) {
	enum protect_role around = role_around(s, step->path);

	if (around == PROTECT_ROLE_HIDDEN)
		return true;
	switch (step->role) {
	case PROTECT_ROLE_READONLY:
		return around == PROTECT_ROLE_READONLY;
	case PROTECT_ROLE_WRITABLE:
		return around != PROTECT_ROLE_READONLY;
	default:
		return false;
	}
}

static void add_parents(struct protect_steps *s, const char *path) {
	autofree char *up = xstrdup(path);
	char *slash;

	while ((slash = strrchr(up, '/'))) {
		*slash = '\0';
		/* What is in a read-only one cannot be renamed anyway. */
		if (!find(s, up) && role_around(s, up) != PROTECT_ROLE_READONLY)
			append(s, xstrdup(up), PROTECT_ROLE_PARENT);
	}
}

static int compare(const void *a, const void *b) {
	const struct protect_step *x = a, *y = b;

	return strcmp(x->path, y->path); /* a prefix comes first */
}

void protect_steps_settle(struct protect_steps *s) {
	struct protect_steps kept = { 0 };

	for (size_t i = 0; i < s->count; i++)
		if (!is_needless(s, &s->items[i]))
			append(&kept, xstrdup(s->items[i].path), s->items[i].role);
	protect_steps_done(s);
	for (size_t i = 0, wanted = kept.count; i < wanted; i++) {
		autofree char *path = xstrdup(kept.items[i].path);

		/* What hides moves along with what it hides. */
		if (kept.items[i].role != PROTECT_ROLE_HIDDEN)
			add_parents(&kept, path);
	}
	if (kept.count)
		qsort(kept.items, kept.count, sizeof(*kept.items), compare);
	*s = kept;
}

json_t *protect_rules_to_json(const struct protect_rules *r) {
	return json_pack("{s:o, s:o, s:o, s:o, s:b}", "paths", json_from_strv(r->paths), "writable",
			 json_from_strv(r->writable), "secret", json_from_strv(r->secret), "own",
			 json_from_strv(r->own), "immutable", r->immutable);
}

void protect_rules_from_json(const json_t *j, struct protect_rules *ret) {
	*ret = (struct protect_rules){
		.paths = json_get_strv(j, "paths"),
		.writable = json_get_strv(j, "writable"),
		.secret = json_get_strv(j, "secret"),
		.own = json_get_strv(j, "own"),
		.immutable = json_get_bool(j, "immutable", false),
	};
}
