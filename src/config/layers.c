/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The layers: where the files are, each read once, and what the environment
 * and the command line add. A place is known by device and inode.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "config/load.h"

struct layer *layer_add(struct config *c, enum config_layer layer, bool is_trusted) {
	c->layers = xreallocarray(c->layers, c->layer_count + 1, sizeof(*c->layers));
	c->layers[c->layer_count] = (struct layer){ .layer = layer, .is_trusted = is_trusted };
	return &c->layers[c->layer_count++];
}

void file_add(struct config *c, enum config_layer layer, bool is_trusted, const char *path,
	      bool is_there) {
	c->files = xreallocarray(c->files, c->file_count + 1, sizeof(*c->files));
	c->files[c->file_count++] = (struct config_file){
		.layer = layer,
		.path = config_intern(c, path),
		.is_trusted = is_trusted,
		.is_there = is_there,
	};
}

void layers_free(struct config *c) {
	for (size_t i = 0; i < c->layer_count; i++) {
		toml_free(c->layers[i].owned_tree);
		free(c->layers[i].texts);
	}
	free(c->layers);
	c->layers = NULL;
	c->layer_count = 0;
}

char *load_env_file(const struct config_inputs *in) {
	const char *value = in->environment ? env_get(in->environment, "COI_CONFIG") : NULL;

	if (!value || !*value)
		return NULL;
	return member_path(value, in->home, in->cwd);
}

/* ---- one file ---- */

/* toml_parse() begins its message with "<file>:<line>:<column>: ". */
static void note_syntax(struct config *c, const char *file, const struct err *e) {
	struct note_at at = { .level = NOTE_ERROR, .kind = NOTE_SYNTAX, .file = file };
	const char *text = e->msg;
	size_t len = strlen(file);
	int used = 0;

	if (strncmp(text, file, len) == 0 &&
	    sscanf(text + len, ":%d:%d: %n", &at.line, &at.column, &used) == 2 && used > 0)
		text += len + (size_t)used;
	else
		at.file = NULL;
	note_add(c, &at, "%s", text);
}

static bool is_link(const struct privilege *person, int dirfd, const char *name) {
	struct stat st;
	bool yes;

	if (person)
		privilege_person_begin(person);
	yes = fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
	if (person)
		privilege_person_end(person);
	return yes;
}

/* What is said in a directory that cannot be looked into is lost: that must not be silent. */
static void note_dir(struct config *c, const char *dir, int r) {
	struct note_at at = { .level = NOTE_ERROR, .kind = NOTE_FILE };
	struct err err;

	(void)err_sys(&err, r, "cannot read the settings in '%s'", dir);
	note_add(c, &at, "%s", err.msg);
}

int layer_add_file(struct config *c, const struct layer_file *spec, int dirfd, const char *name) {
	auto_file_text struct file_text f = { 0 };
	struct err err;
	struct layer *l;
	struct file_where where = { dirfd, name, spec->path };
	int r = file_text_read(c->person, &where, spec->is_trusted ? 0 : FILE_UNTRUSTED, &f, &err);
	const char *slash = strrchr(spec->path, '/');
	autofree char *dir = xstrndup(spec->path, (size_t)(slash - spec->path));
	struct note_at at = { .level = NOTE_ERROR, .kind = NOTE_FILE };

	file_add(c, spec->layer, spec->is_trusted, spec->path, r != -ENOENT);
	if (r == -ENOENT && is_link(c->person, dirfd, name))
		note_add(c, &at, "'%s' is a symbolic link that leads nowhere", spec->path);
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		note_add(c, &at, "%s", err.msg);
		return 0;
	}
	l = layer_add(c, spec->layer, spec->is_trusted);
	l->file = config_intern(c, spec->path);
	l->real_file = config_intern(c, f.real);
	l->dir = config_intern(c, dir);
	l->work_dir = config_intern(c, spec->work_dir);
	if (toml_parse(f.text, f.len, spec->path, &l->owned_tree, &err) < 0)
		note_syntax(c, spec->path, &err);
	l->tree = l->owned_tree;
	return 1;
}

/* ---- the files ---- */

static void add_user(struct config *c, struct layer_places *p) {
	autofree char *dir = path_join(c->home, ".coi");
	autofree char *path = path_join(dir, "config.toml");
	struct layer_file spec = { LAYER_USER, true, path, c->cwd };
	autoclose int fd = file_open_dir(c->person, dir, &p->user_dir);

	p->has_user = fd >= 0;
	if (fd >= 0) {
		(void)layer_add_file(c, &spec, fd, "config.toml"); /* not there, or noted */
		return;
	}
	file_add(c, LAYER_USER, true, path, false);
	if (fd != -ENOENT || is_link(c->person, AT_FDCWD, dir))
		note_dir(c, dir, fd);
}

static void find_env(struct config *c, const struct config_inputs *in, struct layer_places *p) {
	autofree char *path = load_env_file(in);

	if (!path)
		return;
	if (c->person)
		privilege_person_begin(c->person);
	p->has_env = stat(path, &p->env_file) == 0;
	if (c->person)
		privilege_person_end(c->person);
}

void layers_add_project(struct config *c, const char *base, enum config_layer layer,
			const struct layer_places *p) {
	autofree char *dir = path_join(base, ".coi");
	autofree char *path = path_join(dir, "config.toml");
	struct layer_file spec = { layer, false, path, base };
	struct stat dir_st, st;
	autoclose int fd = file_open_dir(c->person, dir, &dir_st);

	if (fd < 0) {
		file_add(c, layer, false, path, false);
		if (fd != -ENOENT && fd != -ENOTDIR)
			note_dir(c, dir, fd);
		return;
	}
	if (p->has_user && file_same(&dir_st, &p->user_dir))
		return;
	if (p->has_env && fstatat(fd, "config.toml", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    file_same(&st, &p->env_file))
		return;
	(void)layer_add_file(c, &spec, fd, "config.toml");
}

/* The file itself, or a link to it that whoever writes to the workspace can turn. */
static bool is_in_workspace(const struct config *c, const char *path, const char *real_file) {
	autofree char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	autofree char *real_dir = NULL;
	struct stat st;

	if (!c->workspace_real)
		return false;

	autoclose int fd = file_open_dir(c->person, *dir ? dir : "/", &st);

	if (fd >= 0)
		real_dir = file_real_path(fd);
	return path_is_below(real_file, c->workspace_real) ||
	       (real_dir && path_is_below(real_dir, c->workspace_real));
}

static void add_env_file(struct config *c, const struct config_inputs *in,
			 const struct layer_places *p) {
	autofree char *path = load_env_file(in);
	struct note_at at = { .level = NOTE_WARNING, .kind = NOTE_FILE };
	struct layer_file spec = { LAYER_ENV_FILE, true, path, c->cwd };
	struct stat user;
	autofree char *user_path = path_join(c->home, ".coi/config.toml");

	if (!path)
		return;
	if (!p->has_env) {
		file_add(c, LAYER_ENV_FILE, true, path, false);
		note_add(c, &at, "COI_CONFIG names '%s', which is not there", path);
		return;
	}
	/* The user's own file is read already; its lists would be there twice. */
	if (stat(user_path, &user) == 0 && file_same(&user, &p->env_file))
		return;
	if (layer_add_file(c, &spec, AT_FDCWD, path) == 0)
		return;

	const struct layer *l = &c->layers[c->layer_count - 1];

	if (is_in_workspace(c, path, l->real_file)) {
		at.file = l->file;
		note_add(c, &at, "COI_CONFIG names a file in the workspace: whoever can write to the "
			 "workspace decides what the container may do");
	}
}

static void add_environment(struct config *c, const struct config_inputs *in) {
	size_t count;
	const struct setting_row *rows = settings_rows(&count);
	struct layer *l = NULL;

	for (size_t i = 0; in->environment && i < count; i++) {
		const char *value = rows[i].env ? env_get(in->environment, rows[i].env) : NULL;

		if (!value || !*value)
			continue;
		if (!l) {
			l = layer_add(c, LAYER_ENVIRONMENT, true);
			l->texts = xcalloc(count, sizeof(*l->texts));
		}
		l->texts[l->text_count++] = (struct layer_text){
			.path = rows[i].path,
			.text = value,
			.label = rows[i].env,
		};
	}
}

void layers_add_overrides(struct config *c, const struct config_inputs *in) {
	struct layer *l;

	if (!in->override_count)
		return;
	l = layer_add(c, LAYER_FLAG, true);
	l->texts = xcalloc(in->override_count, sizeof(*l->texts));
	for (size_t i = 0; i < in->override_count; i++) {
		const struct config_override *o = &in->overrides[i];

		l->texts[l->text_count++] = (struct layer_text){
			.path = o->path,
			.text = o->text,
			.label = config_intern(c, o->flag ? o->flag : o->path),
		};
	}
}

void layers_add_files(struct config *c, const struct config_inputs *in, struct layer_places *p) {
	find_env(c, in, p);
	add_user(c, p);
	layers_add_project(c, c->cwd, LAYER_PROJECT, p);
	add_env_file(c, in, p);
	add_environment(c, in);
}
