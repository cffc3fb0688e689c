/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Selections: maps (all of them), lists of maps (one of them), lists of words to look for. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "monitor/pattern/set.h"
#include "monitor/pattern/sigma.h"

#define VALUES_MAX 512

/* What Sigma calls a field, and what we do. */
static const struct {
	const char *sigma, *field;
} fields[] = {
	{ "Image", "image" },
	{ "CommandLine", "command" },
	{ "ParentImage", "parent-image" },
	{ "ParentCommandLine", "parent-command" },
	{ "User", "user" },
};

static const struct {
	const char *modifier, *how;
} hows[] = {
	{ "contains", "contains" }, { "startswith", "starts" },
	{ "endswith", "ends" },     { "re", "re" },
	{ "cidr", "cidr" },
};

struct leaf {
	const char *field;
	const char *how;
	bool is_all, is_cased;
	char flags[4]; /* of "re": i, m, s */
};

static json_t *fail(const struct yaml_tree *node, unsigned *line, struct err *err, const char *what,
                    const char *word) {
	*line = node->line;
	(void)err_set(err, ERR_CONFIG, -EINVAL, "%s%s%.80s%s", what, word ? " '" : "",
	              word ? word : "", word ? "'" : "");
	return NULL;
}

static bool set_flag(struct leaf *leaf, const char *modifier) {
	size_t n = strlen(leaf->flags);

	if (strcmp(leaf->how, "re") != 0 || strlen(modifier) != 1 || !strchr("ims", *modifier) ||
	    n == 3)
		return false;
	leaf->flags[n] = *modifier;
	return true;
}

static bool set_modifier(struct leaf *leaf, const char *modifier) {
	if (!strcmp(modifier, "all"))
		return leaf->is_all = true;
	if (!strcmp(modifier, "cased"))
		return leaf->is_cased = true;
	for (size_t i = 0; i < ARRAY_SIZE(hows); i++)
		if (!strcmp(modifier, hows[i].modifier) && !strcmp(leaf->how, "equals")) {
			leaf->how = hows[i].how;
			return true;
		}
	return set_flag(leaf, modifier);
}

static bool set_field(struct leaf *leaf, const char *name) {
	/* '|all': words, wherever they are. */
	if (!*name) {
		leaf->field = "any";
		leaf->how = "contains";
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strcmp(name, fields[i].sigma)) {
			leaf->field = fields[i].field;
			return true;
		}
	return false;
}

/* What of a user is known is whether it is root. */
static bool is_known_user(const char *value) {
	return !strcmp(value, "root") || (*value && value[strspn(value, "0123456789")] == '\0');
}

static bool add_value(const struct leaf *leaf, const struct yaml_tree *value, json_t *list,
                      unsigned *line, struct err *err) {
	const char *text = value->text;
	autofree char *why = NULL;

	if (value->kind != YAML_TEXT)
		return fail(value, line, err, "a value that is no text", NULL);
	if (yaml_tree_is_null(value)) {
		json_array_append_new(list, json_null());
		return true;
	}
	if (!strcmp(leaf->field, "user") && !is_known_user(text))
		return fail(value, line, err, "a user whose name is not known here:", text);
	/* An empty one is in every text. */
	if (!*text && strcmp(leaf->how, "equals") != 0)
		return fail(value, line, err, "an empty value", NULL);
	why = pattern_value_check(leaf->how, leaf->flags, text);
	if (why)
		return fail(value, line, err, why, NULL);
	json_array_append_new(list, json_string(text));
	return true;
}

static json_t *leaf_json(const struct leaf *leaf, const struct yaml_tree *value, unsigned *line,
                         struct err *err) {
	auto_json json_t *list = json_array();

	if (value->kind == YAML_MAP)
		return fail(value, line, err, "a map where values should be", NULL);
	if (value->kind == YAML_TEXT && !add_value(leaf, value, list, line, err))
		return NULL;
	if (value->count > VALUES_MAX)
		return fail(value, line, err, "too many values", NULL);
	for (size_t i = 0; i < value->count; i++)
		if (!add_value(leaf, &value->items[i], list, line, err))
			return NULL;
	if (!json_array_size(list))
		return fail(value, line, err, "there are no values", NULL);
	return json_pack("[s, {s:s, s:s, s:s, s:b, s:b, s:O}]", "is", "field", leaf->field, "how",
	                 leaf->how, "flags", leaf->flags, "all", leaf->is_all, "cased",
	                 leaf->is_cased, "values", list);
}

/* "CommandLine|contains|all": … */
static json_t *member(const struct yaml_tree *node, unsigned *line, struct err *err) {
	struct leaf leaf = { .how = "equals" };
	size_t n = strcspn(node->key, "|");
	autofree char *name = xstrndup(node->key, n);
	autostrv char **modifiers = strv_split(node->key + n, "|");

	if (!set_field(&leaf, name))
		return fail(node, line, err, "a field that is not known of a program here:", name);
	for (char **m = modifiers; m && *m; m++)
		if (!set_modifier(&leaf, *m))
			return fail(node, line, err, "a modifier that is not known here:", *m);
	return leaf_json(&leaf, node, line, err);
}

static json_t *map(const struct yaml_tree *node, unsigned *line, struct err *err) {
	auto_json json_t *list = json_pack("[s]", "and");

	for (size_t i = 0; i < node->count; i++) {
		json_t *one = member(&node->items[i], line, err);

		if (!one)
			return NULL;
		json_array_append_new(list, one);
	}
	if (!node->count)
		return fail(node, line, err, "an empty selection", NULL);
	return steal_ptr(list);
}

json_t *sigma_selection(const struct yaml_tree *node, unsigned *ret_line, struct err *err) {
	static const struct leaf words = { .field = "any", .how = "contains" };
	auto_json json_t *list = json_pack("[s]", "or");

	if (node->kind == YAML_MAP)
		return map(node, ret_line, err);
	if (node->kind == YAML_TEXT)
		return leaf_json(&words, node, ret_line, err);
	if (!node->count)
		return fail(node, ret_line, err, "an empty selection", NULL);
	if (node->items[0].kind == YAML_TEXT)
		return leaf_json(&words, node, ret_line, err);
	for (size_t i = 0; i < node->count; i++) {
		json_t *one;

		if (node->items[i].kind != YAML_MAP)
			return fail(&node->items[i], ret_line, err, "no map in a list of maps",
			            NULL);
		one = map(&node->items[i], ret_line, err);
		if (!one)
			return NULL;
		json_array_append_new(list, one);
	}
	return steal_ptr(list);
}
