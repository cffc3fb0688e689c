/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What holds, and who said so. */
#include "config/show.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "config/load.h"

const struct settings *config_settings(const struct config *c) {
	return &c->now.settings;
}

const struct setting_source *config_origin(const struct config *c, const char *path) {
	const struct setting_row *row = settings_row(path);

	return row ? &c->now.states[settings_row_index(row)].source : NULL;
}

const struct setting_source *config_item_origin(const struct config *c, const char *path,
						size_t index) {
	const struct setting_row *row = settings_row(path);
	const struct setting_state *state;

	if (!row)
		return NULL;
	if (row->type == SETTING_TABLES) {
		const struct member_tables *t = member_of_const(row, &c->now.settings);

		return index < t->count ? tables_item(row->table, t, index) : NULL;
	}
	state = &c->now.states[settings_row_index(row)];
	return index < state->items.count ? &state->items.items[index] : NULL;
}

bool config_is_set(const struct config *c, const char *path) {
	const struct setting_source *s = config_origin(c, path);

	return s && s->layer != LAYER_BUILTIN;
}

const char *config_layer_to_string(enum config_layer layer) {
	static const char *const names[LAYER_COUNT] = {
		[LAYER_BUILTIN] = "built-in",	 [LAYER_USER] = "user",
		[LAYER_PROJECT] = "project",	 [LAYER_ENV_FILE] = "COI_CONFIG",
		[LAYER_ENVIRONMENT] = "environment", [LAYER_PROFILE] = "profile",
		[LAYER_WORKSPACE] = "workspace", [LAYER_FLAG] = "flag",
	};

	return (unsigned)layer < LAYER_COUNT ? names[layer] : "?";
}

const char *config_profile(const struct config *c) {
	return c->profile ? c->profile : "";
}

const char *config_profile_context(const struct config *c) {
	return c->profile_context ? c->profile_context : "";
}

const char *config_profile_parent(const struct config *c) {
	return c->profile_parent ? c->profile_parent : "";
}

const struct config_file *config_files(const struct config *c, size_t *ret_count) {
	*ret_count = c->file_count;
	return c->files;
}

const struct config_gated *config_gated(const struct config *c, size_t *ret_count) {
	*ret_count = c->gated_count;
	return c->gated;
}

/* "container.build" of "container.build.base". */
static size_t section_len(const char *path) {
	const char *dot = strrchr(path, '.');

	return dot ? (size_t)(dot - path) : 0;
}

static void dump_origin(const struct setting_source *s, struct buf *out) {
	buf_addf(out, " # %s", config_layer_to_string(s->layer));
	if (s->file && s->line)
		buf_addf(out, " %s:%d:%d", s->file, s->line, s->column);
	else if (s->file)
		buf_addf(out, " %s", s->file);
}

static void dump_rows(const struct config *c, unsigned flags, bool nested, struct buf *out) {
	size_t count;
	const struct setting_row *rows = settings_rows(&count);
	const char *section = "";
	size_t section_size = 0;

	for (size_t i = 0; i < count; i++) {
		const struct setting_row *row = &rows[i];
		const struct setting_source *source = &c->now.states[i].source;
		const void *m = member_of_const(row, &c->now.settings);
		const char *path = flags & CONFIG_DUMP_PROFILE ? settings_profile_path(row) : row->path;
		size_t len = path ? section_len(path) : 0;

		if (!path || (len != 0) != nested)
			continue;
		if (!(flags & CONFIG_DUMP_ALL) && source->layer == LAYER_BUILTIN)
			continue;
		/* There is no way to write "not said". */
		if (row->may_be_unset && *(const int *)m < 0)
			continue;
		if (nested && (len != section_size || strncmp(section, path, len) != 0)) {
			section = path;
			section_size = len;
			buf_addf(out, "%s[%.*s]\n", out->len ? "\n" : "", (int)len, path);
		}
		buf_addf(out, "%s = ", nested ? path + len + 1 : path);
		member_to_toml(row, m, flags & CONFIG_DUMP_SECRETS, out);
		if (flags & CONFIG_DUMP_ORIGIN)
			dump_origin(source, out);
		buf_addc(out, '\n');
	}
}

char *config_dump(const struct config *c, unsigned flags) {
	struct buf out;
	char *text;

	buf_init(&out, CONFIG_DUMP_MAX);
	/* Keys without a section must come before the first section. */
	dump_rows(c, flags, false, &out);
	dump_rows(c, flags, true, &out);
	text = buf_steal(&out);
	buf_done(&out);
	return text;
}

json_t *config_dump_json(const struct config *c, unsigned flags) {
	size_t count;
	const struct setting_row *rows = settings_rows(&count);
	json_t *all = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct setting_source *s = &c->now.states[i].source;
		json_t *one;
		struct buf value;

		if (!(flags & CONFIG_DUMP_ALL) && s->layer == LAYER_BUILTIN)
			continue;
		buf_init(&value, CONFIG_DUMP_MAX);
		member_to_toml(&rows[i], member_of_const(&rows[i], &c->now.settings),
			       flags & CONFIG_DUMP_SECRETS, &value);
		one = json_object();
		json_object_set_new(one, "key", json_string(rows[i].path));
		/* As TOML writes it: one form for all types, and it can be pasted. */
		json_object_set_new(one, "value", json_text(value.data));
		json_object_set_new(one, "layer", json_string(config_layer_to_string(s->layer)));
		json_object_set_new(one, "trusted", json_boolean(s->is_trusted));
		if (s->file)
			json_object_set_new(one, "file", json_text(s->file));
		if (s->line) {
			json_object_set_new(one, "line", json_integer(s->line));
			json_object_set_new(one, "column", json_integer(s->column));
		}
		json_array_append_new(all, one);
		buf_done(&value);
	}
	return all;
}
