/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of earlier versions that are not read now: said, with the commands to move them. */
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/path.h"
#include "config/load.h"

static bool is_there(const struct config *c, const char *path) {
	struct stat st;
	bool there;

	if (c->person)
		privilege_person_begin(c->person);
	there = lstat(path, &st) == 0;
	if (c->person)
		privilege_person_end(c->person);
	return there;
}

/* The project's own file is said at every start: what it says is lost. The others once. */
static void note_old(struct config *c, const char *base, const char *old, const char *new,
		     bool is_project) {
	autofree char *old_path = path_join(base, old);
	autofree char *new_path = new[0] == '/' ? xstrdup(new) : path_join(base, new);
	const char *slash = strrchr(new_path, '/');
	autofree char *hint = xasprintf("mkdir -p %.*s && mv %s %s", (int)(slash - new_path), new_path,
					old_path, new_path);
	struct note_at at = {
		.level = NOTE_WARNING,
		.kind = NOTE_OLD_LAYOUT,
		.hint = hint,
		.is_once = !is_project,
	};

	if (!is_there(c, old_path) || (is_project && is_there(c, new_path)))
		return;
	note_add(c, &at, "'%s' is not read: its place is '%s' now", old_path, new_path);
}

void old_layouts_note(struct config *c) {
	autofree char *user = path_join(c->home, ".coi/config.toml");

	note_old(c, c->cwd, ".coi.toml", ".coi/config.toml", true);
	note_old(c, c->home, ".coi-profiles", ".coi/profiles", false);
	if (strcmp(c->home, c->cwd) != 0)
		note_old(c, c->cwd, ".coi-profiles", ".coi/profiles", false);
	note_old(c, c->home, ".config/coi/config.toml", ".coi/config.toml", false);
	note_old(c, "/", "etc/coi/config.toml", user, false);
}
