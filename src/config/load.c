/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loading: find the files, read each once, and put the layers in order.
 *
 * Owns struct config. The trees of the files live until the last layer has
 * been applied and no longer.
 */
#include <assert.h>
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

static void layers_free(struct config *c) {
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

struct file_spec {
	enum config_layer layer;
	bool is_trusted;
	const char *path; /* absolute, for messages */
	const char *work_dir;
};

/* Add the layer of one file below @dirfd. 1: added; 0: not there, or noted as unusable. */
static int add_file(struct config *c, const struct file_spec *spec, int dirfd, const char *name) {
	auto_file_text struct file_text f = { 0 };
	struct err err;
	struct layer *l;
	struct file_where where = { dirfd, name, spec->path };
	int r = file_text_read(c->person, &where, spec->is_trusted ? 0 : FILE_UNTRUSTED, &f, &err);
	const char *slash = strrchr(spec->path, '/');
	autofree char *dir = xstrndup(spec->path, (size_t)(slash - spec->path));
	struct note_at at = { .level = NOTE_ERROR, .kind = NOTE_FILE };

	file_add(c, spec->layer, spec->is_trusted, spec->path, r != -ENOENT);
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

/* What is where, by device and inode: a spelling proves nothing. */
struct places {
	bool has_user;
	struct stat user_dir; /* ~/.coi */
	bool has_env;
	struct stat env_file; /* the file that COI_CONFIG names */
};

static void add_user(struct config *c, struct places *p) {
	autofree char *dir = path_join(c->home, ".coi");
	autofree char *path = path_join(dir, "config.toml");
	struct file_spec spec = { LAYER_USER, true, path, c->cwd };
	autoclose int fd = file_open_dir(c->person, dir, &p->user_dir);

	p->has_user = fd >= 0;
	if (fd >= 0)
		(void)add_file(c, &spec, fd, "config.toml"); /* not there, or noted */
	else
		file_add(c, LAYER_USER, true, path, false);
}

static void find_env(struct config *c, const struct config_inputs *in, struct places *p) {
	autofree char *path = load_env_file(in);

	if (!path)
		return;
	if (c->person)
		privilege_person_begin(c->person);
	p->has_env = stat(path, &p->env_file) == 0;
	if (c->person)
		privilege_person_end(c->person);
}

/* <dir>/.coi/config.toml of a project, unless it is a trusted file by another name. */
static void add_project(struct config *c, const char *base, enum config_layer layer,
			const struct places *p) {
	autofree char *dir = path_join(base, ".coi");
	autofree char *path = path_join(dir, "config.toml");
	struct file_spec spec = { layer, false, path, base };
	struct stat dir_st, st;
	autoclose int fd = file_open_dir(c->person, dir, &dir_st);

	if (fd < 0) {
		file_add(c, layer, false, path, false);
		return;
	}
	if (p->has_user && file_same(&dir_st, &p->user_dir))
		return;
	if (p->has_env && fstatat(fd, "config.toml", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    file_same(&st, &p->env_file))
		return;
	(void)add_file(c, &spec, fd, "config.toml");
}

static void add_env_file(struct config *c, const struct config_inputs *in,
			 const struct places *p) {
	autofree char *path = load_env_file(in);
	struct note_at at = { .level = NOTE_WARNING, .kind = NOTE_FILE };
	struct file_spec spec = { LAYER_ENV_FILE, true, path, c->cwd };
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
	if (add_file(c, &spec, AT_FDCWD, path) == 0)
		return;

	const struct layer *l = &c->layers[c->layer_count - 1];

	if (c->workspace_real && path_is_below(l->real_file, c->workspace_real)) {
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

static void add_overrides(struct config *c, const struct config_inputs *in) {
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

/* ---- old layouts ---- */

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

static void note_old_layouts(struct config *c) {
	autofree char *user = path_join(c->home, ".coi/config.toml");

	note_old(c, c->cwd, ".coi.toml", ".coi/config.toml", true);
	note_old(c, c->home, ".coi-profiles", ".coi/profiles", false);
	if (strcmp(c->home, c->cwd) != 0)
		note_old(c, c->cwd, ".coi-profiles", ".coi/profiles", false);
	note_old(c, c->home, ".config/coi/config.toml", ".coi/config.toml", false);
	note_old(c, "/", "etc/coi/config.toml", user, false);
}

/* ---- the profile ---- */

/* defaults.profile as trusted files and flags say it; they are not merged yet. */
static const char *default_profile(const struct config *c) {
	const char *name = "";

	for (size_t i = 0; i < c->layer_count; i++) {
		const struct layer *l = &c->layers[i];
		const struct toml_node *n = toml_get(toml_get(l->tree, "defaults"), "profile");

		if (l->is_trusted && !l->is_profile && n && n->type == TOML_STRING)
			name = n->text;
	}
	return name;
}

static int add_profile(struct config *c, const struct config_inputs *in, struct err *err) {
	size_t before = c->layer_count;
	const char *name = in->profile ? in->profile : default_profile(c);
	struct note_at at = { .level = NOTE_ERROR, .kind = NOTE_PROFILE, .key = name };
	struct err local = { 0 };
	int r;

	for (size_t i = 0; !in->profile && i < in->override_count; i++)
		if (strcmp(in->overrides[i].path, "defaults.profile") == 0)
			name = in->overrides[i].text;
	c->profile = xstrdup(name);
	if (!*name)
		return 0;
	r = profile_add_layers(c, in, c->profile, &local);
	if (r == 0)
		return 0;
	if (r == -ENOENT)
		(void)err_hint(&local, "coi profile list shows those that are there");
	if (in->profile) {
		if (err)
			*err = local;
		return r;
	}
	/* Half a profile is none. */
	for (size_t i = before; i < c->layer_count; i++)
		toml_free(c->layers[i].owned_tree);
	c->layer_count = before;
	str_replace(&c->profile, "");
	str_replace(&c->profile_context, NULL);
	str_replace(&c->profile_parent, NULL);
	at.hint = local.hint;
	note_add(c, &at, "%s", local.msg);
	return 0;
}

/* An explicit profile's [container] beats the workspace's file. */
static void repeat_container(struct config *c, size_t first, size_t end) {
	for (size_t i = first; i < end; i++) {
		/* A project's own profile would only repeat its requests for approval. */
		if (!c->layers[i].is_trusted)
			continue;

		struct layer *l = layer_add(c, LAYER_PROFILE, true);

		*l = c->layers[i];
		l->owned_tree = NULL;
		l->only = "container";
	}
}

/* ---- applying ---- */

static void apply_all(struct config *c) {
	struct member_context builtin = {
		.source = { .layer = LAYER_BUILTIN, .is_trusted = true },
		.home = c->home,
	};
	bool any_untrusted = false;

	for (size_t i = 0; i < c->layer_count; i++)
		any_untrusted |= !c->layers[i].is_trusted;
	if (any_untrusted) {
		/* What untrusted layers are measured against, wherever they stand. */
		c->is_silent = true;
		target_init(&c->trusted, &builtin);
		for (size_t i = 0; i < c->layer_count; i++)
			if (c->layers[i].is_trusted)
				layer_apply(c, &c->layers[i], &c->trusted);
		c->is_silent = false;
	}
	target_init(&c->now, &builtin);
	for (size_t i = 0; i < c->layer_count; i++)
		if (c->layers[i].is_profile || !c->is_profile_alone)
			layer_apply(c, &c->layers[i], &c->now);
	target_done(&c->trusted);
}

static void note_not_acted(struct config *c) {
	size_t count;
	const struct setting_row *rows = settings_rows(&count);

	for (size_t i = 0; i < count; i++) {
		const struct setting_row *row = &rows[i];
		const struct setting_source *s = &c->now.states[i].source;
		const void *value = member_of_const(row, &c->now.settings);
		struct note_at at = {
			.level = NOTE_WARNING,
			.kind = NOTE_NOT_ACTED,
			.file = s->file,
			.line = s->line,
			.column = s->column,
			.key = row->path,
		};

		if (row->acted_since || row->deprecated || s->layer == LAYER_BUILTIN)
			continue;
		/* Off, or nothing: that is what happens anyway. */
		if (member_is_empty(row, value) ||
		    (row->type == SETTING_BOOL && !*(const bool *)value))
			continue;
		note_add(c, &at, "'%s' is known but not acted on by this version", row->path);
	}
}

static int first_error(const struct config *c, struct err *err) {
	for (size_t i = 0; i < c->note_count; i++) {
		const struct config_note *n = &c->notes[i];

		if (n->level != NOTE_ERROR)
			continue;

		autofree char *text = config_note_text(n);

		if (c->error_count > 1)
			(void)err_set(err, ERR_CONFIG, -EINVAL, "%s (and %zu more)", text,
				      c->error_count - 1);
		else
			(void)err_set(err, ERR_CONFIG, -EINVAL, "%s", text);
		if (*n->hint)
			(void)err_hint(err, "%s", n->hint);
		return -EINVAL;
	}
	return 0;
}

static struct config *config_new(const struct config_inputs *in) {
	struct config *c = xcalloc(1, sizeof(*c));
	const char *trust_all = in->environment ? env_get(in->environment, "COI_TRUST_ALL") : NULL;
	struct stat st;

	c->person = in->person;
	c->is_profile_alone = in->is_profile_alone;
	c->home = path_clean(in->home);
	c->cwd = path_clean(in->cwd);
	c->workspace = path_clean(in->workspace ? in->workspace : in->cwd);
	c->workspace_fd = file_open_dir(in->person, c->workspace, &st);
	if (c->workspace_fd >= 0)
		c->workspace_real = file_real_path(c->workspace_fd);
	if (trust_all) {
		trust_all += strspn(trust_all, " \t");

		size_t len = strcspn(trust_all, " \t");
		static const char *const yes[] = { "1", "true", "yes" };

		for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
			c->trust_all |= strlen(yes[i]) == len &&
					strncasecmp(trust_all, yes[i], len) == 0;
	}
	return c;
}

static int find_layers(struct config *c, const struct config_inputs *in, struct err *err) {
	struct places places = { 0 };
	struct stat cwd, workspace;
	size_t profile_first, profile_end;
	bool has_overlay;
	int r;

	/* Of these something is said when they count. */
	c->is_silent = in->is_profile_alone;
	note_old_layouts(c);
	find_env(c, in, &places);
	add_user(c, &places);
	add_project(c, c->cwd, LAYER_PROJECT, &places);
	add_env_file(c, in, &places);
	add_environment(c, in);
	profile_first = c->layer_count;
	c->is_silent = false;
	r = add_profile(c, in, err);
	if (r < 0 || in->is_profile_alone)
		return r;
	profile_end = c->layer_count;
	/* The same directory has been read as the project. */
	if (strcmp(c->workspace, c->cwd) != 0 &&
	    (stat(c->cwd, &cwd) < 0 || stat(c->workspace, &workspace) < 0 ||
	     !file_same(&cwd, &workspace)))
		add_project(c, c->workspace, LAYER_WORKSPACE, &places);
	has_overlay = c->layer_count > profile_end;
	if (has_overlay && in->profile)
		repeat_container(c, profile_first, profile_end);
	add_overrides(c, in);
	return 0;
}

int config_load(const struct config_inputs *in, struct config **ret, struct err *err) {
	struct config *c = config_new(in);
	int r = find_layers(c, in, err);

	if (r == 0) {
		apply_all(c);
		note_not_acted(c);
		if (c->flag_error.code) {
			/* A flag that makes no sense is an error for every command. */
			r = c->flag_error.code;
			if (err)
				*err = c->flag_error;
		} else if (in->is_strict) {
			r = first_error(c, err);
		}
	}
	layers_free(c);
	c->person = NULL;
	if (r < 0) {
		config_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

int config_check(const struct config_inputs *in, const char *path, bool for_profile,
		 struct config **ret, struct err *err) {
	struct config *c = config_new(in);
	struct file_spec spec = {
		.layer = for_profile ? LAYER_PROFILE : LAYER_USER,
		.is_trusted = true,
		.path = path,
		.work_dir = c->cwd,
	};

	if (add_file(c, &spec, AT_FDCWD, path) == 1) {
		c->layers[0].is_profile = for_profile;
		if (for_profile)
			profile_check_keys(c, &c->layers[0]);
		apply_all(c);
		note_not_acted(c);
	}
	layers_free(c);
	c->person = NULL;
	if (!c->files[0].is_there) {
		config_free(c);
		return err_set(err, ERR_MISSING, -ENOENT, "there is no file '%s'", path);
	}
	*ret = c;
	return 0;
}

void config_free(struct config *c) {
	if (!c)
		return;
	layers_free(c);
	target_done(&c->now);
	target_done(&c->trusted);
	notes_free(c);
	for (size_t i = 0; i < c->gated_count; i++) {
		free(c->gated[i].canonical);
		free(c->gated[i].what);
	}
	free(c->gated);
	strv_free(c->names);
	free(c->profile);
	free(c->profile_context);
	free(c->profile_parent);
	free(c->files);
	free(c->home);
	free(c->cwd);
	free(c->workspace);
	free(c->workspace_real);
	if (c->workspace_fd >= 0)
		close(c->workspace_fd);
	free(c);
}

void config_free_ptr(struct config **c) {
	config_free(*c);
	*c = NULL;
}
