/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON Schema and the starter file out of the rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "config/load.h"
#include "config/show.h"

static json_t *text_schema(enum setting_format format) {
	json_t *s = json_pack("{s:s}", "type", "string");

	if (format_pattern(format))
		json_object_set_new(s, "pattern", json_string(format_pattern(format)));
	json_object_set_new(s, "maxLength", json_integer(format_max_len(format)));
	return s;
}

static void add_range(json_t *s, double min, double max) {
	if (min == 0 && max == 0)
		return;
	if (min == trunc(min) && max == trunc(max)) {
		json_object_set_new(s, "minimum", json_integer((json_int_t)min));
		json_object_set_new(s, "maximum", json_integer((json_int_t)max));
	} else {
		json_object_set_new(s, "minimum", json_real(min));
		json_object_set_new(s, "maximum", json_real(max));
	}
}

static json_t *list_schema(enum setting_format format, bool takes_numbers) {
	json_t *item = text_schema(format);

	if (takes_numbers) /* they are ports */
		item = json_pack("{s:[o,{s:s,s:i,s:i}]}", "anyOf", item, "type", "integer", "minimum", 1,
				 "maximum", 65535);
	return json_pack("{s:s,s:i,s:o}", "type", "array", "maxItems", MEMBER_LIST_MAX, "items",
			 item);
}

/* What need not be there may be empty, and what must be there must not. */
static json_t *field_text_schema(const struct setting_field *f) {
	json_t *s = text_schema(f->format);

	if (!f->is_required)
		return json_pack("{s:s,s:[o,{s:i}]}", "type", "string", "anyOf", s, "maxLength", 0);
	json_object_set_new(s, "minLength", json_integer(1));
	return s;
}

static json_t *field_schema(const struct setting_field *f) {
	json_t *s;

	switch (f->type) {
	case SETTING_BOOL:
	case SETTING_TRISTATE:
		s = json_pack("{s:s}", "type", "boolean");
		break;
	case SETTING_INT:
		s = json_pack("{s:s}", "type", "integer");
		add_range(s, f->min, f->max);
		break;
	case SETTING_STRV:
		s = list_schema(f->format, f->format == FORMAT_PORTS);
		break;
	default:
		s = field_text_schema(f);
		break;
	}
	json_object_set_new(s, "description", json_string(f->summary));
	return s;
}

/* This field, or all of those. */
static json_t *either_schema(const struct setting_table *table) {
	json_t *all = json_array(), *none = json_array();

	for (size_t i = 0; table->or_all[i]; i++) {
		json_array_append_new(all, json_string(table->or_all[i]));
		json_array_append_new(none, json_pack("{s:[s]}", "required", table->or_all[i]));
	}
	return json_pack("[{s:[s],s:{s:o}},{s:o,s:{s:[s]}}]", "required", table->either, "not", "anyOf",
			 none, "required", all, "not", "required", table->either);
}

static json_t *tables_schema(const struct setting_table *table) {
	json_t *properties = json_object(), *required = json_array();

	for (const struct setting_field *f = table->fields; f->name; f++) {
		json_object_set_new(properties, f->name, field_schema(f));
		if (f->is_required)
			json_array_append_new(required, json_string(f->name));
	}

	json_t *item = json_pack("{s:s,s:o,s:o,s:b}", "type", "object", "properties", properties,
				 "required", required, "additionalProperties", false);

	if (table->either)
		json_object_set_new(item, "oneOf", either_schema(table));

	json_t *list = json_pack("{s:s,s:i,s:O}", "type", "array", "maxItems", MEMBER_LIST_MAX,
				 "items", item);

	if (table->key_field) {
		/* By key: what the key says need not be said again. */
		json_t *by_key = json_deep_copy(item);

		json_object_del(by_key, "required");
		json_object_set_new(list, "type", json_pack("[s,s]", "array", "object"));
		json_object_set_new(list, "additionalProperties", by_key);
	}
	json_decref(item);
	return list;
}

static json_t *choice_schema(const struct setting_row *row) {
	json_t *choices = json_array();

	for (size_t i = 0; row->choices[i]; i++)
		json_array_append_new(choices, json_string(row->choices[i]));
	return json_pack("{s:s,s:o}", "type", "string", "enum", choices);
}

static json_t *default_json(const struct setting_row *row) {
	json_t *list;

	switch (row->type) {
	case SETTING_BOOL:
		return json_boolean(row->def && strcmp(row->def, "true") == 0);
	case SETTING_INT:
		if (row->may_be_unset)
			return NULL;
		return json_integer(row->def ? strtoll(row->def, NULL, 10) : 0);
	case SETTING_FLOAT:
		return json_real(row->def ? strtod(row->def, NULL) : 0);
	case SETTING_STRV:
		list = json_array();
		for (size_t i = 0; row->def_list && row->def_list[i]; i++)
			json_array_append_new(list, json_string(row->def_list[i]));
		return list;
	case SETTING_MAP:
	case SETTING_TABLES:
		return NULL;
	default:
		return json_string(row->def ? row->def : "");
	}
}

static json_t *map_value_schema(const struct setting_row *row) {
	json_t *text = row->lists ? list_schema(row->lists, false)
				  : json_pack("{s:s}", "type", "string");

	if (!row->takes_files)
		return text;
	return json_pack("{s:[o,{s:s,s:{s:{s:s}},s:[s],s:b}]}", "anyOf", text, "type", "object",
			 "properties", "file", "type", "string", "required", "file",
			 "additionalProperties", 0);
}

static json_t *row_schema(const struct setting_row *row) {
	json_t *s, *def = default_json(row);

	switch (row->type) {
	case SETTING_BOOL:
		s = json_pack("{s:s}", "type", "boolean");
		break;
	case SETTING_INT:
	case SETTING_FLOAT:
		s = json_pack("{s:s}", "type", row->type == SETTING_INT ? "integer" : "number");
		add_range(s, row->min, row->max);
		break;
	case SETTING_CHOICE:
		s = choice_schema(row);
		break;
	case SETTING_STRV:
		s = list_schema(row->format, row->takes_numbers);
		break;
	case SETTING_MAP:
		s = json_pack("{s:s,s:o,s:{s:s,s:i}}", "type", "object", "additionalProperties",
			      map_value_schema(row), "propertyNames", "pattern",
			      format_pattern(row->format), "minLength", 1);
		break;
	case SETTING_TABLES:
		s = tables_schema(row->table);
		break;
	default:
		s = text_schema(row->format);
		break;
	}
	json_object_set_new(s, "description", json_string(row->summary));
	if (def)
		json_object_set_new(s, "default", def);
	if (row->deprecated)
		json_object_set_new(s, "deprecated", json_true());
	return s;
}

/* The "properties" of the section of @path, made on the way. *@ret_key is the last part. */
static json_t *find_section(json_t *properties, const char *path, const char **ret_key) {
	for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
		autofree char *name = xstrndup(path, (size_t)(dot - path));
		json_t *section = json_object_get(properties, name);

		if (!section) {
			section = json_pack("{s:s,s:{},s:b}", "type", "object", "properties",
					    "additionalProperties", false);
			json_object_set_new(properties, name, section);
		}
		properties = json_object_get(section, "properties");
	}
	*ret_key = path;
	return properties;
}

json_t *config_schema(bool for_profile) {
	json_t *properties = json_object();
	size_t count;
	const struct setting_row *rows = settings_rows(&count);

	if (for_profile) {
		json_object_set_new(properties, "inherits",
				    json_pack("{s:s,s:s}", "type", "string", "description",
					      "Profile that this one is based on."));
		json_object_set_new(properties, "context",
				    json_pack("{s:s,s:s}", "type", "string", "description",
					      "File that is added to the text about the sandbox."));
	}
	for (size_t i = 0; i < count; i++) {
		const char *path = for_profile ? settings_profile_path(&rows[i]) : rows[i].path;
		const char *key;

		if (!path)
			continue;

		json_t *section = find_section(properties, path, &key);

		json_object_set_new(section, key, row_schema(&rows[i]));
	}
	return json_pack("{s:s,s:s,s:s,s:o,s:b}", "$schema",
			 "https://json-schema.org/draft/2020-12/schema", "title",
			 for_profile ? "coi profile" : "coi configuration", "type", "object",
			 "properties", properties, "additionalProperties", false);
}

/* ---- the starter file ---- */

static void starter_range(const struct setting_row *row, struct buf *out) {
	if (row->type == SETTING_CHOICE) {
		buf_adds(out, "# One of:");
		for (size_t i = 0; row->choices[i]; i++)
			buf_addf(out, "%s \"%s\"", i ? "," : "", row->choices[i]);
		buf_adds(out, ".\n");
	} else if (row->type == SETTING_DURATION && row->max != 0) {
		char low[FORMAT_TEXT], high[FORMAT_TEXT];

		buf_addf(out, "# From %s to %s.\n", format_duration((int64_t)row->min, low),
			 format_duration((int64_t)row->max, high));
	} else if (row->min != 0 || row->max != 0) {
		buf_addf(out, "# From %.15g to %.15g%s%s.\n", row->min, row->max,
			 row->unit ? " " : "", row->unit ? row->unit : "");
	}
}

static void starter_value(const struct setting_row *row, struct buf *out) {
	struct member_context ctx = { .home = "~" };
	union member member = { 0 };

	if (row->may_be_unset) {
		buf_adds(out, "0");
	} else if (row->type == SETTING_PATH) {
		toml_quote(row->def ? row->def : "", out);
	} else {
		member_default(row, &ctx, &member, NULL);
		member_to_toml(row, &member, true, out);
		member_free(row, &member);
	}
}

static void starter_tables(const struct setting_row *row, const char *path, struct buf *out) {
	buf_addf(out, "\n# %s\n# [[%s]]\n", row->summary, path);
	for (const struct setting_field *f = row->table->fields; f->name; f++) {
		buf_addf(out, "# %s = ", f->name);
		switch (f->type) {
		case SETTING_BOOL:
		case SETTING_TRISTATE:
			buf_adds(out, "false");
			break;
		case SETTING_INT:
			buf_addf(out, "%d", (int)f->min);
			break;
		case SETTING_STRV:
			buf_adds(out, "[]");
			break;
		default:
			toml_quote(f->def ? f->def : "", out);
			break;
		}
		buf_addf(out, "  # %s%s\n", f->summary, f->is_required ? " Needed." : "");
	}
}

static void starter_section(const char *path, size_t len, bool for_profile, struct buf *out) {
	size_t count;
	const struct setting_row *rows = settings_rows(&count);

	for (size_t i = 0; i < count; i++) {
		const char *key = for_profile ? settings_profile_path(&rows[i]) : rows[i].path;
		const char *dot = key ? strrchr(key, '.') : NULL;

		if (!key || rows[i].deprecated || rows[i].type == SETTING_TABLES ||
		    (dot ? (size_t)(dot - key) : 0) != len || strncmp(key, path, len) != 0)
			continue;
		buf_addf(out, "\n# %s\n", rows[i].summary);
		starter_range(&rows[i], out);
		buf_addf(out, "# %s = ", dot ? dot + 1 : key);
		starter_value(&rows[i], out);
		buf_addc(out, '\n');
	}
}

char *config_starter(bool for_profile) {
	size_t count, section_len = 0;
	const struct setting_row *rows = settings_rows(&count);
	const char *section = "";
	struct buf out;
	char *text;

	buf_init(&out, CONFIG_DUMP_MAX);
	buf_addf(&out, "# Settings of coi%s. Each line that begins with '# name =' is the default:\n"
		       "# take the '#' away and change it.\n",
		 for_profile ? " for a profile" : "");
	if (for_profile)
		buf_adds(&out, "\n# Profile that this one is based on.\n# inherits = \"default\"\n"
			       "\n# File that is added to the text about the sandbox.\n"
			       "# context = \"context.md\"\n");
	starter_section("", 0, for_profile, &out);
	for (size_t i = 0; i < count; i++) {
		const char *key = for_profile ? settings_profile_path(&rows[i]) : rows[i].path;
		const char *dot = key ? strrchr(key, '.') : NULL;
		size_t len = dot ? (size_t)(dot - key) : 0;

		if (!dot || rows[i].type == SETTING_TABLES || rows[i].deprecated ||
		    (len == section_len && strncmp(section, key, len) == 0))
			continue;
		section = key;
		section_len = len;
		buf_addf(&out, "\n[%.*s]\n", (int)len, key);
		starter_section(key, len, for_profile, &out);
	}
	for (size_t i = 0; i < count; i++) {
		const char *key = for_profile ? settings_profile_path(&rows[i]) : rows[i].path;

		if (key && rows[i].type == SETTING_TABLES)
			starter_tables(&rows[i], key, &out);
	}
	text = buf_steal(&out);
	buf_done(&out);
	return text;
}
