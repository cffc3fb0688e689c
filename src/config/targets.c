/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where mounts and sockets are put in the container: not over each other, and not
 * over what the container cannot do without.
 */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "config/load.h"

/* Of these neither the place nor what is below it; of the others the place itself. */
static const struct {
	const char *path;
	bool with_all_below;
} own[] = {
	{ "/", false },	    { "/proc", true }, { "/sys", true },  { "/dev", true },
	{ "/run", false },  { "/run/coi", true }, { "/etc", false }, { "/usr", false },
	{ "/bin", false },  { "/sbin", false }, { "/lib", false }, { "/lib64", false },
};

static const char *own_place(const char *path) {
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (strcmp(path, own[i].path) == 0 ||
		    (own[i].with_all_below && path_is_below(path, own[i].path)))
			return own[i].path;
	return NULL;
}

/* What there is to say against it; NULL when there is nothing. Newly allocated. */
static char *against_place(const struct config *c, const char *path) {
	bool is_kept = c->now.settings.paths.preserve_workspace_path && c->workspace_real;
	const char *workspace = is_kept ? c->workspace_real : "/workspace";
	const char *place = own_place(path);

	if (place)
		return xasprintf("'%s' is the container's own", place);
	if (path_is_below(workspace, path))
		return xasprintf("it would hide the workspace at '%s'", workspace);
	return NULL;
}

static char *shown_place(const struct setting_source *s) {
	return s->file && s->line ? xasprintf(" (%s:%d)", s->file, s->line) : xstrdup("");
}

static bool is_same_mount(const struct setting_mount *a, const struct setting_mount *b) {
	return strcmp(a->host, b->host) == 0 && strcmp(a->container, b->container) == 0 &&
	       a->readonly == b->readonly && a->shift == b->shift;
}

static bool is_same_socket(const struct setting_socket *a, const struct setting_socket *b) {
	return strcmp(a->host, b->host) == 0 && strcmp(a->container, b->container) == 0 &&
	       strcmp(a->env, b->env) == 0;
}

static char *against_mount(const struct setting_mount *m, const struct setting_mount *other) {
	autofree char *where = shown_place(&other->source);

	if (strcmp(m->container, other->container) == 0)
		return m->readonly && other->readonly
			       ? NULL
			       : xasprintf("there is another one%s, and only read-only ones may share a "
					   "place", where);
	/* The inner one must be read-only, whichever is said first. */
	if (path_is_below(m->container, other->container) && !m->readonly)
		return xasprintf("it lies in the mount at '%s'%s, and only a read-only one may",
				 other->container, where);
	if (path_is_below(other->container, m->container) && !other->readonly)
		return xasprintf("the mount at '%s'%s lies in it, and only a read-only one may",
				 other->container, where);
	return NULL;
}

/* A project's wrong item is left out: it could block its users else. */
static void note_item(struct config *c, const struct setting_source *s, const char *key,
		      const char *noun, const char *path, const char *why) {
	struct note_at at = {
		.level = s->is_trusted ? NOTE_ERROR : NOTE_WARNING,
		.kind = s->is_trusted ? NOTE_BAD_VALUE : NOTE_REFUSED,
		.file = s->file,
		.line = s->line,
		.column = s->column,
		.key = key,
	};

	note_add(c, &at, "the %s at '%s' is left out: %s", noun, path, why);
}

static void drop(const char *path, void *list, size_t i) {
	const struct setting_row *row = settings_row(path);
	struct member_tables gone = { 0 };

	tables_move(row->table, &gone, list, i);
	tables_free(row->table, &gone);
}

/* Of two at odds the trusted one stays, else the one that was said first. */
static bool stays(const struct setting_source *one, size_t i, const struct setting_source *other,
		  size_t k) {
	return one->is_trusted == other->is_trusted ? i < k : one->is_trusted;
}

/* 1: it stays, 0: it goes in silence, -1: it goes, and *@ret_why says why. */
static int judge_mount(const struct config *c, size_t i, char **ret_why) {
	const struct setting_mounts *all = &c->now.settings.mounts;
	const struct setting_mount *m = &all->items[i];

	*ret_why = against_place(c, m->container);
	for (size_t k = 0; !*ret_why && k < all->count; k++) {
		const struct setting_mount *other = &all->items[k];

		if (k == i || stays(&m->source, i, &other->source, k))
			continue;
		/* Said twice, by two files. */
		if (is_same_mount(m, other))
			return 0;
		*ret_why = against_mount(m, other);
	}
	return *ret_why ? -1 : 1;
}

static int judge_socket(const struct config *c, size_t i, char **ret_why) {
	const struct setting_sockets *all = &c->now.settings.sockets;
	const struct setting_socket *s = &all->items[i];

	*ret_why = against_place(c, s->container);
	for (size_t k = 0; !*ret_why && k < all->count; k++) {
		const struct setting_socket *other = &all->items[k];

		if (k == i || stays(&s->source, i, &other->source, k))
			continue;
		if (is_same_socket(s, other))
			return 0;
		if (strcmp(s->container, other->container) == 0)
			*ret_why = xstrdup("there is another one");
	}
	return *ret_why ? -1 : 1;
}

void targets_check(struct config *c) {
	struct setting_mounts *mounts = &c->now.settings.mounts;
	struct setting_sockets *sockets = &c->now.settings.sockets;

	for (size_t i = 0; i < mounts->count;) {
		autofree char *why = NULL;
		int verdict = judge_mount(c, i, &why);

		if (verdict < 0)
			note_item(c, &mounts->items[i].source, "mounts.default", "mount",
				  mounts->items[i].container, why);
		if (verdict <= 0)
			drop("mounts.default", mounts, i);
		else
			i++;
	}
	for (size_t i = 0; i < sockets->count;) {
		autofree char *why = NULL;
		int verdict = judge_socket(c, i, &why);

		if (verdict < 0)
			note_item(c, &sockets->items[i].source, "sockets", "socket",
				  sockets->items[i].container, why);
		if (verdict <= 0)
			drop("sockets", sockets, i);
		else
			i++;
	}
}
