/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One layer onto the settings: walk its keys, check each against its row, merge. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "config/load.h"

void target_init(struct layer_target *t, const struct member_context *ctx) {
	size_t count;
	const struct setting_row *rows = settings_rows(&count);

	memset(&t->settings, 0, sizeof(t->settings));
	t->states = xcalloc(count, sizeof(*t->states));
	for (size_t i = 0; i < count; i++) {
		t->states[i].source = ctx->source;
		member_default(&rows[i], ctx, member_of(&rows[i], &t->settings),
			       &t->states[i].items);
	}
}

void target_done(struct layer_target *t) {
	size_t count;
	const struct setting_row *rows = settings_rows(&count);

	if (!t->states)
		return;
	for (size_t i = 0; i < count; i++) {
		member_free(&rows[i], member_of(&rows[i], &t->settings));
		free(t->states[i].items.items);
	}
	free(t->states);
	t->states = NULL;
}

/* ---- merging one member ---- */

static void append_source(struct member_sources *to, const struct setting_source *source) {
	to->items = xreallocarray(to->items, to->count + 1, sizeof(*to->items));
	to->items[to->count++] = *source;
}

static void merge_union(char ***dst, struct member_sources *dst_sources, char *const *src,
			const struct member_sources *src_sources) {
	for (size_t i = 0; src && src[i]; i++) {
		if (strv_contains(*dst, src[i]))
			continue;
		strv_add(dst, src[i]);
		append_source(dst_sources, &src_sources->items[i]);
	}
}

static void merge_keys(char ***dst, struct member_sources *dst_sources, char *const *src,
		       const struct member_sources *src_sources) {
	for (size_t i = 0; src && src[i]; i++) {
		size_t len = map_name_len(src[i]), at = 0;

		while (*dst && (*dst)[at] && (map_name_len((*dst)[at]) != len ||
					      strncmp((*dst)[at], src[i], len) != 0))
			at++;
		if (*dst && (*dst)[at]) {
			str_replace(&(*dst)[at], src[i]);
			dst_sources->items[at] = src_sources->items[i];
		} else {
			strv_add(dst, src[i]);
			append_source(dst_sources, &src_sources->items[i]);
		}
	}
}

/* Lists that layers add to, and only [] takes away from. */
static bool merge_grows(enum setting_merge merge) {
	return merge == MERGE_UNION || merge == MERGE_APPEND || merge == MERGE_NAMED;
}

void target_merge(struct layer_target *t, const struct setting_row *row, enum setting_merge merge,
		  const struct setting_source *source, void *member,
		  struct member_sources *sources) {
	void *dst = member_of(row, &t->settings);
	struct setting_state *state = &t->states[settings_row_index(row)];

	state->source = *source;
	if (merge_grows(merge) && member_is_empty(row, member))
		merge = MERGE_REPLACE;
	switch (merge) {
	case MERGE_UNION:
		merge_union(dst, &state->items, *(char ***)member, sources);
		break;
	case MERGE_KEYS:
		merge_keys(dst, &state->items, *(char ***)member, sources);
		break;
	case MERGE_APPEND:
		while (((struct member_tables *)member)->count)
			tables_move(row->table, dst, member, 0);
		break;
	case MERGE_NAMED:
		while (((struct member_tables *)member)->count)
			tables_put(row->table, dst, member, 0);
		break;
	case MERGE_REPLACE:
		member_free(row, dst);
		memcpy(dst, member, row->size);
		memset(member, 0, row->size);
		free(state->items.items);
		state->items = *sources;
		*sources = (struct member_sources){ 0 };
		break;
	}
	member_free(row, member);
	free(sources->items);
	*sources = (struct member_sources){ 0 };
}

/* ---- one key ---- */

struct walk {
	struct config *c;
	const struct layer *layer;
	struct layer_target *target;
	struct gate gate;
	char *moved; /* "'a' is now 'b'; …" */
	int moved_line;
	int moved_column;
};

static void add_note(struct walk *w, enum config_note_level level, enum config_note_kind kind,
		     int line, int column, const char *key, const char *hint, const char *message) {
	struct note_at at = {
		.level = level,
		.kind = kind,
		.file = w->layer->file,
		.line = line,
		.column = column,
		.key = key,
		.hint = hint,
	};

	note_add(w->c, &at, "%s", message);
}

static const char *place_hint(const struct layer *layer) {
	if (layer->is_borrowed)
		return "name the profile itself with --profile, or inherit from it in one of your own";
	return layer->is_profile ? PLACE_HINT_PROFILE : PLACE_HINT;
}

/* Whose word it is that is not taken. */
static const char *who_asks(const struct layer *layer) {
	return layer->is_borrowed ? "what a project's profile inherits" :
				    "a file that comes with a project";
}

static void note_refused(struct walk *w, const struct setting_row *row,
			 const struct setting_source *source, const void *proposed) {
	struct buf value, trusted;
	autofree char *message = NULL;

	buf_init(&value, 120);
	buf_init(&trusted, 120);
	member_to_toml(row, proposed, false, &value);
	member_to_toml(row, member_of_const(row, &w->c->trusted.settings), false, &trusted);
	if (row->project == PROJECT_REFUSED)
		message = xasprintf("'%s' is ignored: %s may not set it", row->path,
				    who_asks(w->layer));
	else if (row->project == PROJECT_GATED)
		message = xasprintf("'%s = %s' is ignored: %s may not take away what trusted files say",
				    row->path, value.data, who_asks(w->layer));
	else
		message = xasprintf("'%s = %s%s' is ignored: %s may only make it stricter than %s%s",
				    row->path, value.data, value.overflow ? "…" : "",
				    who_asks(w->layer), trusted.data, trusted.overflow ? "…" : "");
	add_note(w, NOTE_WARNING, NOTE_REFUSED, source->line, source->column, row->path,
		 place_hint(w->layer), message);
	buf_done(&value);
	buf_done(&trusted);
}

static void note_noted(struct walk *w, const struct setting_row *row,
		       const struct setting_source *source, const void *proposed) {
	struct buf value;
	autofree char *message = NULL;

	buf_init(&value, 120);
	member_to_toml(row, proposed, false, &value);
	message = xasprintf("this project sets '%s = %s%s'", row->path, value.data,
			    value.overflow ? "…" : "");
	add_note(w, NOTE_INFO, NOTE_NOTED, source->line, source->column, row->path, "", message);
	buf_done(&value);
}

/* An untrusted value: may it be merged, all or the rest of it? */
static bool pass_trust(struct walk *w, const struct setting_row *row,
		       const struct setting_source *source, void *proposed,
		       struct member_sources *sources, enum setting_merge *merge) {
	switch (trust_judge(row, member_of_const(row, &w->c->trusted.settings), proposed)) {
	case TRUST_NOTE:
		note_noted(w, row, source, proposed);
		break;
	case TRUST_ALLOW:
		break;
	case TRUST_SAME:
		return false;
	case TRUST_REFUSE:
		note_refused(w, row, source, proposed);
		return false;
	case TRUST_SPLIT: {
		const void *trusted = member_of_const(row, &w->c->trusted.settings);
		bool was_empty = member_is_empty(row, proposed);

		/* Nothing waits for approval there, but what the person says would be gone. */
		if (was_empty && row->project == PROJECT_GATED && !member_is_empty(row, trusted) &&
		    !merge_grows(*merge)) {
			note_refused(w, row, source, proposed);
			return false;
		}

		gate_split(w->c, &w->gate, row, w->layer, source, proposed, sources, merge);
		/* All of it waits: that is not the same as an empty list. */
		if (!was_empty && member_is_empty(row, proposed))
			return false;
		break;
	}
	}
	/* "[]" takes away what lower layers added, trusted ones too. */
	return !(merge_grows(*merge) && member_is_empty(row, proposed));
}

static void merge_value(struct walk *w, const struct setting_row *row,
			const struct setting_source *source, void *member,
			struct member_sources *sources) {
	enum setting_merge merge = row->merge;
	const struct setting_source *before = &w->target->states[settings_row_index(row)].source;

	/* Also where the profile's [container] counts once more. */
	bool yields = row->profile_yields && w->layer->is_profile &&
		      (before->layer == LAYER_PROJECT || before->layer == LAYER_WORKSPACE);

	/* The built-in profile makes things stricter: what is so already stays. */
	if (w->layer->is_profile && !w->layer->real_file && w->layer->is_trusted)
		yields |= trust_judge(row, member_of_const(row, &w->target->settings), member) ==
			  TRUST_REFUSE;
	if (!yields &&
	    (w->layer->is_trusted || pass_trust(w, row, source, member, sources, &merge))) {
		target_merge(w->target, row, merge, source, member, sources);
	} else {
		member_free(row, member);
		free(sources->items);
		sources->items = NULL;
	}
}

static struct setting_source layer_source(const struct layer *layer, int line, int column) {
	return (struct setting_source){
		.file = layer->file,
		.layer = layer->layer,
		.is_trusted = layer->is_trusted,
		.line = line,
		.column = column,
	};
}

static struct member_context layer_context(const struct walk *w) {
	return (struct member_context){
		.source = layer_source(w->layer, 0, 0),
		.home = w->c->home,
		.file_dir = w->layer->dir ? w->layer->dir : w->c->cwd,
		.work_dir = w->layer->work_dir ? w->layer->work_dir : w->c->cwd,
	};
}

static void note_problem(struct walk *w, const char *path, const struct member_problem *p) {
	autofree char *message = xasprintf("'%s' %s", path, p->message);

	add_note(w, NOTE_ERROR, p->is_type ? NOTE_WRONG_TYPE : NOTE_BAD_VALUE, p->line, p->column,
		 path, "", message);
}

static void apply_node(struct walk *w, const struct setting_row *row,
		       const struct toml_node *node, const char *path) {
	struct member_context ctx = layer_context(w);
	struct setting_source source = layer_source(w->layer, node->line, node->column);
	struct member_sources sources = { 0 };
	struct member_problem problem;
	union member member = { 0 };

	if (member_from_toml(row, node, &ctx, &member, &sources, &problem) < 0) {
		note_problem(w, path, &problem);
		return;
	}
	if (row->deprecated) {
		autofree char *message = xasprintf("'%s' does nothing; '%s' is its new place", path,
						   row->deprecated);

		add_note(w, NOTE_WARNING, NOTE_DEPRECATED, node->key_line, node->key_column,
			 row->path, "", message);
	}
	merge_value(w, row, &source, &member, &sources);
}

static void note_text_problem(struct walk *w, const struct layer_text *text,
			      enum config_note_kind kind, const char *message) {
	struct note_at at = { .level = NOTE_ERROR, .kind = kind, .key = text->path };

	if (w->layer->layer == LAYER_FLAG && !w->c->flag_error.code)
		(void)err_set(&w->c->flag_error, ERR_USAGE, -EINVAL, "'%s' %s", text->label, message);
	note_add(w->c, &at, "'%s' %s", text->label, message);
}

static void apply_text(struct walk *w, const struct layer_text *text) {
	const struct setting_row *row = settings_row(text->path);
	struct member_context ctx = layer_context(w);
	struct setting_source source = layer_source(w->layer, 0, 0);
	struct member_sources sources = { 0 };
	struct member_problem problem;
	union member member = { 0 };

	if (!row) {
		note_text_problem(w, text, NOTE_UNKNOWN_KEY, "there is no such setting");
		return;
	}
	source.file = ctx.source.file = text->label;
	if (member_from_text(row, text->text, &ctx, &member, &sources, &problem) < 0) {
		note_text_problem(w, text, problem.is_type ? NOTE_WRONG_TYPE : NOTE_BAD_VALUE,
				  problem.message);
		return;
	}
	merge_value(w, row, &source, &member, &sources);
}

/* ---- the tree ---- */

static bool has_rows_below(const char *path, bool in_profile) {
	size_t count, len = strlen(path);
	const struct setting_row *rows = settings_rows(&count);

	for (size_t i = 0; i < count; i++) {
		const char *key = in_profile ? settings_profile_path(&rows[i]) : rows[i].path;

		if (key && strncmp(key, path, len) == 0 && key[len] == '.')
			return true;
	}
	return false;
}

static bool note_moved(struct walk *w, const char *path, const struct toml_node *node) {
	size_t count;
	const struct setting_moved *moved = settings_moved(&count);

	for (size_t i = 0; i < count; i++) {
		const char *old = moved[i].path;

		if (w->layer->is_profile && strncmp(old, "defaults.", 9) == 0)
			old += 9;
		if (strcmp(old, path) != 0 || (w->layer->is_profile && !moved[i].in_profile))
			continue;

		char *all = xasprintf("%s%s'%s' is now '%s'", w->moved ? w->moved : "",
				      w->moved ? "; " : "", path, moved[i].to);

		if (!w->moved) {
			w->moved_line = node->key_line;
			w->moved_column = node->key_column;
		}
		free(w->moved);
		w->moved = all;
		return true;
	}
	return false;
}

static void note_unknown(struct walk *w, const char *path, const struct toml_node *node) {
	autofree char *message = NULL;
	const char *near;

	/* The search is dear, and a file may hold a hundred thousand such keys. */
	if (w->c->is_silent || w->c->note_count > CONFIG_NOTES_MAX)
		return;
	near = nearest_key(path, w->layer->is_profile);
	if (strncmp(path, "profiles.", 9) == 0 || strcmp(path, "profiles") == 0)
		message = xasprintf("'%s' is not read: a profile is a directory with a config.toml",
				    path);
	else if (near)
		message = xasprintf("unknown key '%s': did you mean '%s'?", path, near);
	else
		message = xasprintf("unknown key '%s'", path);
	add_note(w, NOTE_WARNING, NOTE_UNKNOWN_KEY, node->key_line, node->key_column, path, "",
		 message);
}

/* Mounts in the spelling of the other kind of file: taken, and said. */
static const struct setting_row *other_form(struct walk *w, const char *path,
					    const struct toml_node *node) {
	bool in_profile = w->layer->is_profile;
	const char *right = in_profile ? "[[mounts]]" : "[[mounts.default]]";
	autofree char *message = NULL;

	if (strcmp(path, in_profile ? "mounts.default" : "mounts") != 0 ||
	    node->type != TOML_ARRAY)
		return NULL;
	message = xasprintf("in %s this is written %s; it was read all the same",
			    in_profile ? "a profile" : "a config.toml that is no profile's", right);
	add_note(w, NOTE_WARNING, NOTE_WRONG_FORM, node->key_line, node->key_column,
		 "mounts.default", "", message);
	return settings_row("mounts.default");
}

static void walk_table(struct walk *w, const struct toml_node *table, const char *prefix);

static void walk_key(struct walk *w, const struct toml_node *node, const char *path) {
	bool in_profile = w->layer->is_profile;
	const struct setting_row *row = in_profile ? settings_row_in_profile(path)
						   : settings_row(path);

	/* [mounts] with a list in it, in a profile: its row is of the name "mounts". */
	if (in_profile && row && strcmp(path, "mounts") == 0 && node->type == TOML_TABLE) {
		walk_table(w, node, path);
		return;
	}
	if (!row)
		row = other_form(w, path, node);
	/* A quoted key with a dot in it is one key, and none of ours has one. */
	if (strchr(node->key, '.'))
		row = NULL;
	if (row) {
		apply_node(w, row, node, path);
	} else if (has_rows_below(path, in_profile) && !strchr(node->key, '.')) {
		if (node->type == TOML_TABLE) {
			walk_table(w, node, path);
			return;
		}

		struct member_problem p;

		(void)member_fail(&p, node, true, "must be a table, not %s",
				  toml_type_name(node->type));
		note_problem(w, path, &p);
	} else if (!note_moved(w, path, node)) {
		note_unknown(w, path, node);
	}
}

static void walk_table(struct walk *w, const struct toml_node *table, const char *prefix) {
	static const char *const profile_keys[] = { "inherits", "context" };

	for (size_t i = 0; i < table->count; i++) {
		const struct toml_node *node = &table->items[i];
		bool skip = false;

		for (size_t k = 0; !*prefix && w->layer->is_profile && k < ARRAY_SIZE(profile_keys); k++)
			skip |= strcmp(node->key, profile_keys[k]) == 0;
		if (!*prefix && w->layer->only && strcmp(node->key, w->layer->only) != 0)
			skip = true;
		if (skip)
			continue;

		autofree char *path = *prefix ? xasprintf("%s.%s", prefix, node->key)
					      : xstrdup(node->key);

		walk_key(w, node, path);
	}
}

void layer_apply(struct config *c, const struct layer *layer, struct layer_target *t) {
	struct walk w = {
		.c = c,
		.layer = layer,
		.target = t,
		.gate = { .first_item = c->gated_count },
	};
	bool was_silent = c->is_silent;

	/* What there is to say has been said when all of the file was applied. */
	c->is_silent |= layer->only != NULL;
	for (size_t i = 0; i < layer->text_count; i++)
		apply_text(&w, &layer->texts[i]);
	if (layer->tree)
		walk_table(&w, layer->tree, "");
	if (w.moved)
		add_note(&w, NOTE_ERROR, NOTE_DEPRECATED, w.moved_line, w.moved_column, "", "",
			 w.moved);
	free(w.moved);
	gate_close(c, &w.gate, layer);
	c->is_silent = was_silent;
	/* Kept parts were merged into the effective settings by gate_close(). */
}
