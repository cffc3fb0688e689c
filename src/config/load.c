/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loading: put the layers in order, apply them, and tell what was wrong.
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

/*
 * An explicit profile's [container] beats the workspace's file, one of a project
 * under the rules that it had before.
 */
static void repeat_container(struct config *c, size_t first, size_t end) {
	for (size_t i = first; i < end; i++) {
		struct layer *l = layer_add(c, LAYER_PROFILE, c->layers[i].is_trusted);

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
	targets_check(c);
}

static bool is_default(const struct setting_row *row, const void *value, const struct config *c) {
	struct member_context ctx = { .home = c->home };
	union member def = { 0 };
	bool same;

	member_default(row, &ctx, &def, NULL);
	same = member_equal(row, value, &def);
	member_free(row, &def);
	return same;
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
		if (!row->without_effect)
			note_add(c, &at, "'%s' is known but not acted on by this version", row->path);
		else if (!is_default(row, value, c))
			note_add(c, &at, "'%s' has no effect: %s", row->path, row->without_effect);
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
	struct layer_places places = { 0 };
	struct stat cwd, workspace;
	size_t profile_first, profile_end;
	bool has_overlay;
	int r;

	/* Of these something is said when they count. */
	c->is_silent = in->is_profile_alone;
	old_layouts_note(c);
	layers_add_files(c, in, &places);
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
		layers_add_project(c, c->workspace, LAYER_WORKSPACE, &places);
	has_overlay = c->layer_count > profile_end;
	if (has_overlay && in->profile)
		repeat_container(c, profile_first, profile_end);
	layers_add_overrides(c, in);
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
	struct layer_file spec = {
		.layer = for_profile ? LAYER_PROFILE : LAYER_USER,
		.is_trusted = true,
		.path = path,
		.work_dir = c->cwd,
	};

	if (layer_add_file(c, &spec, AT_FDCWD, path) == 1) {
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
	gate_forget(c, 0);
	free(c->gated);
	strv_free(c->names);
	free(c->profile);
	free(c->profile_context);
	free(c->build_script_text);
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
