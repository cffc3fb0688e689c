/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/pattern/sigma.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "monitor/pattern/set.h"

/*
 * What a rule of strangers may do. It never kills, and what its author calls medium or
 * less is what people do all day: an agent, too. One that its author still tries is only
 * recorded.
 */
static const struct {
	const char *theirs, *ours; /* NULL: not taken */
} levels[] = {
	{ "critical", "high" }, { "high", "warning" },     { "medium", NULL },
	{ "low", NULL },        { "informational", NULL },
};

static int fail(const struct yaml_tree *node, unsigned *line, struct err *err, const char *what,
                const char *word) {
	*line = node ? node->line : 0;
	return err_set(err, ERR_CONFIG, -EINVAL, "%s%s%.80s%s", what, word ? " '" : "",
	               word ? word : "", word ? "'" : "");
}

/* 1: it is about programs that are run on Linux. */
static int is_ours(const struct yaml_tree *rule, unsigned *line, struct err *err) {
	const struct yaml_tree *source = yaml_tree_get(rule, "logsource");
	const char *category = yaml_tree_get_text(source, "category");
	const char *product = yaml_tree_get_text(source, "product");

	if (!source || source->kind != YAML_MAP)
		return fail(rule, line, err, "no 'logsource'", NULL);
	/* Of one program's own log: there is none. */
	if (yaml_tree_get(source, "service"))
		return 0;
	return category && !strcmp(category, "process_creation") &&
	       (!product || !strcasecmp(product, "linux"));
}

/* 1 and *@ret; 0: not grave enough. */
static int read_level(const struct yaml_tree *rule, const char **ret_ours, const char **ret_theirs,
                      unsigned *line, struct err *err) {
	const struct yaml_tree *node = yaml_tree_get(rule, "level");

	if (!node || node->kind != YAML_TEXT)
		return fail(rule, line, err, "no 'level'", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		if (!strcmp(node->text, levels[i].theirs)) {
			*ret_ours = levels[i].ours;
			*ret_theirs = levels[i].theirs;
			return levels[i].ours != NULL;
		}
	return fail(node, line, err, "a level that is not known:", node->text);
}

static bool has_status(const struct yaml_tree *rule, const char *wanted) {
	const char *status = yaml_tree_get_text(rule, "status");

	return status && !strcmp(status, wanted);
}

static bool is_in_use(const struct yaml_tree *rule) {
	return !has_status(rule, "deprecated") && !has_status(rule, "unsupported");
}

/* Several conditions are one of them. */
static json_t *read_condition(const struct yaml_tree *detection, unsigned *line, struct err *err) {
	const struct yaml_tree *node = yaml_tree_get(detection, "condition");
	auto_json json_t *list = json_pack("[s]", "or");

	if (!node || node->kind == YAML_MAP) {
		(void)fail(detection, line, err, "no 'condition'", NULL);
		return NULL;
	}
	*line = node->line;
	if (node->kind == YAML_TEXT)
		return sigma_condition(node->text, detection, line, err);
	for (size_t i = 0; i < node->count; i++) {
		json_t *one;

		*line = node->items[i].line;
		if (node->items[i].kind != YAML_TEXT || i >= 16) {
			(void)fail(&node->items[i], line, err, "no condition", NULL);
			return NULL;
		}
		one = sigma_condition(node->items[i].text, detection, line, err);
		if (!one)
			return NULL;
		json_array_append_new(list, one);
	}
	return steal_ptr(list);
}

static int read_detection(const struct yaml_tree *rule, json_t **ret, unsigned *line,
                          struct err *err) {
	const struct yaml_tree *detection = yaml_tree_get(rule, "detection");

	if (!detection || detection->kind != YAML_MAP)
		return fail(rule, line, err, "no 'detection'", NULL);
	if (yaml_tree_get(detection, "timeframe"))
		return fail(yaml_tree_get(detection, "timeframe"), line, err,
		            "it counts over time, which is not done here:", "timeframe");
	*ret = read_condition(detection, line, err);
	return *ret ? 0 : -EINVAL;
}

static int read_rule(const char *file, const struct yaml_tree *rule, json_t **ret, unsigned *line,
                     struct err *err) {
	const char *title = yaml_tree_get_text(rule, "title");
	const char *description = yaml_tree_get_text(rule, "description");
	const char *ours = NULL, *theirs = NULL;
	autofree char *id = pattern_rule_id("sigma", file, NULL);
	json_t *when = NULL;
	int r;

	if (rule->kind != YAML_MAP)
		return fail(rule, line, err, "no rule", NULL);
	if (yaml_tree_get(rule, "action"))
		return fail(yaml_tree_get(rule, "action"), line, err,
		            "a collection of rules in one file is not taken:", "action");
	if (yaml_tree_get(rule, "correlation"))
		return 0; /* about several rules and time */
	r = is_ours(rule, line, err);
	if (r <= 0 || !is_in_use(rule))
		return r < 0 ? r : 0;
	r = read_level(rule, &ours, &theirs, line, err);
	if (r <= 0)
		return r;
	if (!title || !*title)
		return fail(rule, line, err, "no 'title'", NULL);
	if (has_status(rule, "experimental"))
		ours = "info";
	r = read_detection(rule, &when, line, err);
	if (r < 0)
		return r;
	*ret = json_pack("{s:s, s:s, s:o, s:o, s:o, s:s, s:s, s:o}", "id", id, "source", "sigma",
	                 "file", json_text(file), "title", pattern_text(title, PATTERN_TITLE_MAX),
	                 "description",
	                 pattern_text(description ? description : title, PATTERN_DESCRIPTION_MAX),
	                 "level", ours, "given", theirs, "when", when);
	return 1;
}

int sigma_read(const char *file, const char *data, size_t len, json_t **ret_rule,
               unsigned *ret_line, struct err *err) {
	auto_yaml_tree struct yaml_tree *root = NULL;
	int r = yaml_tree_read(data, len, &root, ret_line, err);

	return r < 0 ? r : read_rule(file, root, ret_rule, ret_line, err);
}
