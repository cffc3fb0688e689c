/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From TOML and from text to a member, with what is wrong and where. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "config/member.h"

char *member_path(const char *text, const char *home, const char *base) {
	if (!*text)
		return xstrdup("");
	if (text[0] == '~' && (text[1] == '\0' || text[1] == '/')) {
		autofree char *expanded = path_expand_home(text, home);

		return path_clean(expanded);
	}
	if (text[0] == '/' || !base)
		return path_clean(text);

	autofree char *joined = path_join(base, text);

	return path_clean(joined);
}

int member_check_text(enum setting_format format, const struct toml_node *node, const char *text,
		      struct member_problem *problem) {
	if (strlen(text) > format_max_len(format))
		return member_fail(problem, node, false, "is longer than %u bytes",
				   format_max_len(format));
	if (!format_matches(format, text))
		return member_fail(problem, node, false, "must be %s, not '%.200s'",
				   format_expected(format), text);
	return 0;
}

static void sources_add(struct member_sources *sources, const struct member_context *ctx,
			const struct toml_node *node) {
	if (!sources)
		return;
	sources->items = xreallocarray(sources->items, sources->count + 1,
				       sizeof(struct setting_source));
	sources->items[sources->count] = ctx->source;
	if (node) {
		sources->items[sources->count].line = node->line;
		sources->items[sources->count].column = node->column;
	}
	sources->count++;
}

/* ---- scalars from text; @node says where, and may be NULL ---- */

static int set_bool(const struct toml_node *node, const char *text, void *out,
		    struct member_problem *problem) {
	static const char *const yes[] = { "true", "1", "yes", "on" };
	static const char *const no[] = { "false", "0", "no", "off" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*(bool *)out = strcmp(text, yes[i]) == 0;
			return 0;
		}
	}
	return member_fail(problem, node, true, "must be true or false, not '%.200s'", text);
}

static int set_number(const struct setting_row *row, const struct toml_node *node, double n,
		      void *out, struct member_problem *problem) {
	bool has_range = row->min != 0 || row->max != 0;
	const char *unit = row->unit ? row->unit : "";

	if (!isfinite(n) || (has_range && (n < row->min || n > row->max)))
		return member_fail(problem, node, false,
				   "must be from %.15g to %.15g%s%s, not %.15g", row->min, row->max,
				   *unit ? " " : "", unit, n);
	if (row->type == SETTING_INT)
		*(int *)out = (int)n;
	else
		*(double *)out = n;
	return 0;
}

static int set_number_text(const struct setting_row *row, const char *text, void *out,
			   struct member_problem *problem) {
	char *end = NULL;
	double n;

	errno = 0;
	n = strtod(text, &end);
	if (end == text || *end || errno || (row->type == SETTING_INT && n != trunc(n)))
		return member_fail(problem, NULL, true, "must be %s, not '%.200s'",
				   setting_type_name(row->type), text);
	return set_number(row, NULL, n, out, problem);
}

static int set_choice(const struct setting_row *row, const struct toml_node *node,
		      const char *text, void *out, struct member_problem *problem) {
	char all[256] = "";
	size_t len = 0;

	for (int i = 0; row->choices[i]; i++) {
		if (strcmp(row->choices[i], text) == 0) {
			*(int *)out = i;
			return 0;
		}
		if (*row->choices[i] && len < sizeof(all))
			len += (size_t)snprintf(all + len, sizeof(all) - len, "%s'%s'",
						len ? ", " : "", row->choices[i]);
	}
	return member_fail(problem, node, false, "must be one of %s, not '%.200s'", all, text);
}

static int set_duration(const struct setting_row *row, const struct toml_node *node,
			const char *text, void *out, struct member_problem *problem) {
	struct setting_duration d = { 0 };

	if (!*text && row->zero_is_none) {
		*(struct setting_duration *)out = d;
		return 0;
	}
	if (!*text || format_parse_duration(text, &d.ms) < 0)
		return member_fail(problem, node, false, "must be %s, not '%.200s'",
				   format_expected(FORMAT_DURATION), text);
	if (d.ms == 0 && row->zero_is_none)
		return member_fail(problem, node, false, "must be longer than 0");
	if ((row->min != 0 || row->max != 0) && ((double)d.ms < row->min || (double)d.ms > row->max)) {
		char low[FORMAT_TEXT], high[FORMAT_TEXT];

		return member_fail(problem, node, false, "must be from %s to %s, not '%.200s'",
				   format_duration((int64_t)row->min, low),
				   format_duration((int64_t)row->max, high), text);
	}
	*(struct setting_duration *)out = d;
	return 0;
}

static int set_text(const struct setting_row *row, const struct toml_node *node, const char *text,
		    const struct member_context *ctx, void *out, struct member_problem *problem) {
	int r = member_check_text(row->format, node, text, problem);

	if (r < 0)
		return r;
	switch (row->type) {
	case SETTING_CHOICE:
		return set_choice(row, node, text, out, problem);
	case SETTING_DURATION:
		return set_duration(row, node, text, out, problem);
	case SETTING_SIZE: {
		struct setting_size size = { 0 };

		if (*text && format_parse_size(text, &size.bytes, &size.percent) < 0)
			return member_fail(problem, node, false, "must be %s, not '%.200s'",
					   format_expected(row->format), text);
		*(struct setting_size *)out = size;
		return 0;
	}
	case SETTING_PATH:
		*(char **)out = member_path(text, ctx->home, ctx->file_dir);
		return 0;
	default:
		*(char **)out = xstrdup(text);
		return 0;
	}
}

/* ---- from TOML ---- */

static int wrong_type(const struct setting_row *row, const struct toml_node *node,
		      struct member_problem *problem) {
	return member_fail(problem, node, true, "must be %s, not %s", setting_type_name(row->type),
			   toml_type_name(node->type));
}

static int strv_from_toml(const struct setting_row *row, const struct toml_node *node,
			  const struct member_context *ctx, void *out,
			  struct member_sources *sources, struct member_problem *problem) {
	autostrv char **list = NULL;

	if (node->type != TOML_ARRAY)
		return wrong_type(row, node, problem);
	if (node->count > MEMBER_LIST_MAX)
		return member_fail(problem, node, false, "has more than %d members", MEMBER_LIST_MAX);
	for (size_t i = 0; i < node->count; i++) {
		const struct toml_node *item = &node->items[i];
		char number[24];
		const char *text = item->text;

		if (item->type == TOML_INT && row->takes_numbers) {
			(void)snprintf(number, sizeof(number), "%lld", (long long)item->integer);
			text = number;
		} else if (item->type != TOML_STRING) {
			return member_fail(problem, item, true, "must be %s, not an array with %s",
					   setting_type_name(row->type), toml_type_name(item->type));
		}

		int r = member_check_text(row->format, item, text, problem);

		if (r < 0)
			return r;
		strv_add(&list, text);
	}
	for (size_t i = 0; i < node->count; i++)
		sources_add(sources, ctx, &node->items[i]);
	*(char ***)out = steal_ptr(list);
	return 0;
}

/* { file = "path" }; *@ret_path is newly allocated. */
static int map_file(const struct setting_row *row, const struct toml_node *item,
		    const struct member_context *ctx, char **ret_path,
		    struct member_problem *problem) {
	const struct toml_node *file = toml_get(item, "file");

	if (item->count != 1 || !file || file->type != TOML_STRING || !*file->text)
		return member_fail(problem, item, true,
				   "must be %s, or { file = \"path\" }, for '%.100s'",
				   setting_type_name(row->type), item->key);
	if (strlen(file->text) > MEMBER_TEXT_MAX)
		return member_fail(problem, file, false, "is longer than %d bytes", MEMBER_TEXT_MAX);
	*ret_path = member_path(file->text, ctx->home, ctx->file_dir);
	return 0;
}

/* ["a", "b"] as "a b"; members of no format have a space in them. */
static int map_list(const struct setting_row *row, const struct toml_node *item, char **ret,
		    struct member_problem *problem) {
	autostrv char **list = NULL;

	if (item->type != TOML_ARRAY)
		return member_fail(problem, item, true, "must be a table of lists, but '%.100s' is %s",
				   item->key, toml_type_name(item->type));
	if (item->count > MEMBER_LIST_MAX)
		return member_fail(problem, item, false, "has more than %d members in '%.100s'",
				   MEMBER_LIST_MAX, item->key);
	for (size_t i = 0; i < item->count; i++) {
		const struct toml_node *one = &item->items[i];
		int r;

		if (one->type != TOML_STRING)
			return member_fail(problem, one, true, "must be a table of lists of strings, "
					   "not with %s", toml_type_name(one->type));
		r = member_check_text(row->lists, one, one->text, problem);
		if (r < 0)
			return r;
		strv_add(&list, one->text);
	}
	*ret = strv_join(list, " ");
	return 0;
}

static int map_from_toml(const struct setting_row *row, const struct toml_node *node,
			 const struct member_context *ctx, void *out,
			 struct member_sources *sources, struct member_problem *problem) {
	autostrv char **entries = NULL;

	if (node->type != TOML_TABLE)
		return wrong_type(row, node, problem);
	if (node->count > MEMBER_LIST_MAX)
		return member_fail(problem, node, false, "has more than %d members", MEMBER_LIST_MAX);
	for (size_t i = 0; i < node->count; i++) {
		const struct toml_node *item = &node->items[i];
		struct toml_node at_key = { .line = item->key_line, .column = item->key_column };

		bool is_file = row->takes_files && item->type == TOML_TABLE;
		autofree char *list = NULL;

		if (item->type != TOML_STRING && !is_file && !row->lists)
			return member_fail(problem, item, true, "must be %s, but '%.100s' is %s",
					   setting_type_name(row->type), item->key,
					   toml_type_name(item->type));
		if (!*item->key || !format_matches(row->format, item->key) ||
		    strlen(item->key) > format_max_len(row->format))
			return member_fail(problem, &at_key, false, "has names: %s; not '%.100s'",
					   format_expected(row->format), item->key);
		if (row->lists) {
			int r = map_list(row, item, &list, problem);

			if (r < 0)
				return r;
			strv_addf(&entries, "%s=%s", item->key, list);
			continue;
		}
		if (is_file) {
			autofree char *path = NULL;
			int r = map_file(row, item, ctx, &path, problem);

			if (r < 0)
				return r;
			strv_addf(&entries, "%s<%s", item->key, path);
			continue;
		}
		if (strlen(item->text) > MEMBER_TEXT_MAX)
			return member_fail(problem, item, false, "is longer than %d bytes",
					   MEMBER_TEXT_MAX);
		strv_addf(&entries, "%s=%s", item->key, item->text);
	}
	for (size_t i = 0; i < node->count; i++)
		sources_add(sources, ctx, &node->items[i]);
	((struct setting_map *)out)->entries = steal_ptr(entries);
	return 0;
}

int member_from_toml(const struct setting_row *row, const struct toml_node *node,
		     const struct member_context *ctx, void *out, struct member_sources *sources,
		     struct member_problem *problem) {
	switch (row->type) {
	case SETTING_BOOL:
		if (node->type != TOML_BOOL)
			return wrong_type(row, node, problem);
		*(bool *)out = node->boolean;
		return 0;
	case SETTING_INT:
		if (node->type != TOML_INT)
			return wrong_type(row, node, problem);
		return set_number(row, node, (double)node->integer, out, problem);
	case SETTING_FLOAT:
		if (node->type != TOML_INT && node->type != TOML_FLOAT)
			return wrong_type(row, node, problem);
		return set_number(row, node,
				  node->type == TOML_INT ? (double)node->integer : node->real, out,
				  problem);
	case SETTING_STRV:
		return strv_from_toml(row, node, ctx, out, sources, problem);
	case SETTING_MAP:
		return map_from_toml(row, node, ctx, out, sources, problem);
	case SETTING_TABLES:
		return tables_from_toml(row, node, ctx, out, problem);
	default:
		if (node->type != TOML_STRING)
			return wrong_type(row, node, problem);
		return set_text(row, node, node->text, ctx, out, problem);
	}
}

/* ---- from text ---- */

static int strv_from_text(const struct setting_row *row, const char *text,
			  const struct member_context *ctx, void *out,
			  struct member_sources *sources, struct member_problem *problem) {
	autostrv char **list = strv_split(text, ",");

	for (size_t i = 0; list && list[i]; i++) {
		int r = member_check_text(row->format, NULL, list[i], problem);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; list && list[i]; i++)
		sources_add(sources, ctx, NULL);
	*(char ***)out = steal_ptr(list);
	return 0;
}

static int map_from_text(const struct setting_row *row, const char *text,
			 const struct member_context *ctx, void *out,
			 struct member_sources *sources, struct member_problem *problem) {
	const char *eq = strchr(text, '=');
	autofree char *name = eq ? xstrndup(text, (size_t)(eq - text)) : NULL;

	if (!eq || !*name || !format_matches(row->format, name))
		return member_fail(problem, NULL, false, "must be NAME=value, not '%.200s'", text);

	autostrv char **members = row->lists ? strv_split(eq + 1, " ") : NULL;
	struct setting_map map = { NULL };

	for (size_t i = 0; members && members[i]; i++)
		if (member_check_text(row->lists, NULL, members[i], problem) < 0)
			return -EINVAL;
	strv_add(&map.entries, text);
	sources_add(sources, ctx, NULL);
	*(struct setting_map *)out = map;
	return 0;
}

int member_from_text(const struct setting_row *row, const char *text,
		     const struct member_context *ctx, void *out, struct member_sources *sources,
		     struct member_problem *problem) {
	switch (row->type) {
	case SETTING_BOOL:
		return set_bool(NULL, text, out, problem);
	case SETTING_INT:
	case SETTING_FLOAT:
		return set_number_text(row, text, out, problem);
	case SETTING_STRV:
		return strv_from_text(row, text, ctx, out, sources, problem);
	case SETTING_MAP:
		return map_from_text(row, text, ctx, out, sources, problem);
	case SETTING_TABLES:
		return member_fail(problem, NULL, true, "cannot be set from the command line");
	default:
		return set_text(row, NULL, text, ctx, out, problem);
	}
}

void member_default(const struct setting_row *row, const struct member_context *ctx, void *out,
		    struct member_sources *sources) {
	struct member_problem problem;

	memset(out, 0, row->size);
	if (row->type == SETTING_STRV) {
		char **list = NULL;

		for (size_t i = 0; row->def_list && row->def_list[i]; i++) {
			strv_add(&list, row->def_list[i]);
			sources_add(sources, ctx, NULL);
		}
		*(char ***)out = list;
		return;
	}
	if (row->type == SETTING_INT && row->may_be_unset) {
		*(int *)out = -1;
		return;
	}
	if (row->type == SETTING_PATH) {
		*(char **)out = member_path(row->def ? row->def : "", ctx->home, ctx->file_dir);
		return;
	}
	/* Not checked against the format: a test does that, once and not at each start. */
	if (row->type == SETTING_STRING) {
		*(char **)out = xstrdup(row->def ? row->def : "");
		return;
	}
	if (!row->def)
		return;

	int r = member_from_text(row, row->def, ctx, out, sources, &problem);

	assert(r == 0);
	(void)r;
}
