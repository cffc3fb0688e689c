/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of earlier versions that are not read now: said, with commands that move
 * them. The commands overwrite nothing, also when they are typed much later, and
 * follow no link that a project has laid.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/escape.h"
#include "base/mem.h"
#include "base/path.h"
#include "config/load.h"

#define OLD_NAMES_MAX 100

enum old_kind {
	OLD_PROJECT_FILE, /* said at every start: what it says is lost */
	OLD_FILE,
	OLD_SYSTEM_FILE, /* everybody's: copied, not moved */
	OLD_DIRECTORY,   /* of profiles */
};

struct old_layout {
	enum old_kind kind;
	const char *from; /* absolute */
	const char *to;
	const char *project; /* the directory that came with the project; NULL: the person's */
};

/* *@ret_mode is 0 where nothing is. */
static void look(const struct config *c, const char *path, mode_t *ret_mode) {
	struct stat st;

	if (c->person)
		privilege_person_begin(c->person);
	*ret_mode = lstat(path, &st) == 0 ? st.st_mode : 0;
	if (c->person)
		privilege_person_end(c->person);
}

static bool is_there(const struct config *c, const char *path) {
	mode_t mode;

	look(c, path, &mode);
	return mode != 0;
}

/* A name beside @path that is free: what is there already is not for us to merge. */
static char *free_name(const struct config *c, const char *path) {
	for (int i = 1; i < OLD_NAMES_MAX; i++) {
		autofree char *name = i == 1 ? xasprintf("%s.old", path)
					     : xasprintf("%s.old%d", path, i);

		if (!is_there(c, name))
			return steal_ptr(name);
	}
	return xasprintf("%s.old", path); /* then nothing is moved */
}

static char *move_file(const struct config *c, const struct old_layout *old) {
	bool taken = is_there(c, old->to);
	autofree char *to = taken ? free_name(c, old->to) : xstrdup(old->to);
	autofree char *dir = xstrndup(to, (size_t)(strrchr(to, '/') - to));
	autofree char *dir_word = escape_shell(dir), *to_word = escape_shell(to);
	autofree char *from_word = escape_shell(old->from);

	return xasprintf("mkdir -p %s && %s -nT %s %s", dir_word,
			 old->kind == OLD_SYSTEM_FILE ? "cp" : "mv", from_word, to_word);
}

static char *move_directory(const struct config *c, const struct old_layout *old) {
	autofree char *above = xstrndup(old->to, (size_t)(strrchr(old->to, '/') - old->to));
	autofree char *above_word = escape_shell(above), *to_word = escape_shell(old->to);
	autofree char *from_word = escape_shell(old->from);

	if (!is_there(c, old->to))
		return xasprintf("mkdir -p %s && mv -nT %s %s", above_word, from_word, to_word);
	/* One by one; what has the name of one that is there stays, and rmdir says so. */
	return xasprintf("find %s -mindepth 1 -maxdepth 1 -exec mv -nt %s {} + && rmdir %s", from_word,
			 to_word, from_word);
}

static char *how_to_move(const struct config *c, const struct old_layout *old) {
	autofree char *dir = old->project ? path_join(old->project, ".coi") : NULL;
	mode_t mode = 0;

	/*
	 * A project's .coi that is a link may lead to the person's own: what is moved
	 * there would be trusted from then on.
	 */
	if (dir)
		look(c, dir, &mode);
	if (S_ISLNK(mode))
		return xasprintf("'%s' is a symbolic link: look where it leads before you move "
				 "anything", dir);
	return old->kind == OLD_DIRECTORY ? move_directory(c, old) : move_file(c, old);
}

static void note_old(struct config *c, const struct old_layout *old) {
	bool is_lost = old->kind == OLD_PROJECT_FILE;
	autofree char *hint = NULL;
	struct note_at at = {
		.level = NOTE_WARNING,
		.kind = NOTE_OLD_LAYOUT,
		.is_once = !is_lost,
	};

	if (!is_there(c, old->from) || (is_lost && is_there(c, old->to)))
		return;
	at.hint = hint = how_to_move(c, old);
	note_add(c, &at, "'%s' is not read: its place is '%s' now%s", old->from, old->to,
		 old->kind != OLD_DIRECTORY && is_there(c, old->to)
			 ? ", where there is one already: put by hand into it what is still wanted"
			 : "");
}

void old_layouts_note(struct config *c) {
	autofree char *user = path_join(c->home, ".coi/config.toml");
	autofree char *user_profiles = path_join(c->home, ".coi/profiles");
	autofree char *project = path_join(c->cwd, ".coi/config.toml");
	autofree char *project_profiles = path_join(c->cwd, ".coi/profiles");
	autofree char *old_project = path_join(c->cwd, ".coi.toml");
	autofree char *old_profiles = path_join(c->home, ".coi-profiles");
	autofree char *old_project_profiles = path_join(c->cwd, ".coi-profiles");
	autofree char *old_user = path_join(c->home, ".config/coi/config.toml");
	bool at_home = strcmp(c->home, c->cwd) == 0;
	const char *came_with = at_home ? NULL : c->cwd;
	const struct old_layout list[] = {
		{ OLD_PROJECT_FILE, old_project, project, came_with },
		{ OLD_DIRECTORY, old_profiles, user_profiles, NULL },
		{ OLD_DIRECTORY, old_project_profiles, project_profiles, came_with },
		{ OLD_FILE, old_user, user, NULL },
		{ OLD_SYSTEM_FILE, "/etc/coi/config.toml", user, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		/* Home as working directory: one place, not two. */
		if (!at_home || list[i].from != old_project_profiles)
			note_old(c, &list[i]);
}
