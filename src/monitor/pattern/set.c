/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "monitor/pattern/set-private.h"

#define ITEMS_MAX 1024 /* of a list in a set */

static const char *const fields[PATTERN_FIELD_COUNT] = {
	[PATTERN_IMAGE] = "image",
	[PATTERN_COMMAND] = "command",
	[PATTERN_PARENT_IMAGE] = "parent-image",
	[PATTERN_PARENT_COMMAND] = "parent-command",
	[PATTERN_USER] = "user",
	[PATTERN_ANY_FIELD] = "any",
};

const char *pattern_field_to_string(enum pattern_field field) {
	return fields[field];
}

static int bad(struct err *err, const char *what) {
	return err_set(err, ERR_CONFIG, -EBADMSG, "this is no set of rules of ours: %s", what);
}

/* --- freeing */

static void free_values(struct pattern_value **values) {
	for (size_t i = 0; values && values[i]; i++)
		pattern_value_free(values[i]);
	free(values);
}

static void expr_done(struct pattern_expr *e) {
	for (size_t i = 0; i < e->count; i++)
		expr_done(&e->items[i]);
	free(e->items);
	free_values(e->values);
}

static void rule_done(struct pattern_rule *r) {
	if (r->when)
		expr_done(r->when);
	free(r->when);
	free(r->program);
	free_values(r->words);
}

struct patterns *patterns_new(void) {
	struct patterns *p = xcalloc(1, sizeof(*p));

	p->texts = json_array();
	return p;
}

void patterns_free(struct patterns *p) {
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++)
		rule_done(&p->rules[i]);
	for (size_t i = 0; p->parents && i < PATTERN_PARENTS; i++) {
		free(p->parents[i].image);
		free(p->parents[i].command);
	}
	free(p->parents);
	free(p->rules);
	json_decref(p->texts);
	free(p);
}

void patterns_free_ptr(struct patterns **p) {
	patterns_free(*p);
}

/* --- reading */

static int read_values(const json_t *list, enum pattern_how how, const char *flags, bool is_cased,
                       struct pattern_value ***ret, struct err *err) {
	size_t count = json_array_size(list);
	struct pattern_value **values;

	if (!json_is_array(list) || count > ITEMS_MAX)
		return bad(err, "values");
	values = xcalloc(count + 1, sizeof(struct pattern_value *));
	for (size_t i = 0; i < count; i++) {
		const json_t *one = json_array_get(list, i);
		const char *text = json_string_value(one);
		autofree char *why = NULL;

		if (json_is_null(one))
			values[i] = pattern_value_new(PATTERN_NOTHING, "", "", false, &why);
		else if (text && strlen(text) == json_string_length(one))
			values[i] = pattern_value_new(how, flags, text, is_cased, &why);
		if (!values[i]) {
			free_values(values);
			return bad(err, why ? why : "a value");
		}
	}
	*ret = values;
	return 0;
}

static int read_is(struct patterns *p, const json_t *j, struct pattern_expr *ret, struct err *err) {
	const char *field = json_get_str(j, "field", "");

	ret->op = PATTERN_IS;
	while (ret->field < PATTERN_FIELD_COUNT && strcmp(field, fields[ret->field]) != 0)
		ret->field++;
	ret->how = pattern_how_from_string(json_get_str(j, "how", ""));
	ret->is_all = json_get_bool(j, "all", false);
	if (ret->field == PATTERN_FIELD_COUNT || ret->how == PATTERN_HOW_COUNT)
		return bad(err, "a comparison");
	if (ret->field == PATTERN_PARENT_IMAGE || ret->field == PATTERN_PARENT_COMMAND)
		p->wants_parents = true;
	return read_values(json_object_get(j, "values"), ret->how, json_get_str(j, "flags", ""),
	                   json_get_bool(j, "cased", false), &ret->values, err);
}

static int read_expr(struct patterns *p, const json_t *j, unsigned depth, struct pattern_expr *ret,
                     struct err *err) {
	const char *op = json_string_value(json_array_get(j, 0));
	size_t count = json_array_size(j);

	if (!op || count < 2 || count > ITEMS_MAX || depth > PATTERN_DEPTH_MAX)
		return bad(err, "an expression");
	if (!strcmp(op, "is"))
		return read_is(p, json_array_get(j, 1), ret, err);
	if (!strcmp(op, "not"))
		ret->op = PATTERN_NOT;
	else if (!strcmp(op, "and") || !strcmp(op, "or"))
		ret->op = *op == 'a' ? PATTERN_AND : PATTERN_OR;
	else
		return bad(err, "an operator");
	if (ret->op == PATTERN_NOT && count != 2)
		return bad(err, "a negation");
	ret->items = xcalloc(count - 1, sizeof(*ret->items));
	for (size_t i = 1; i < count; i++) {
		int r = read_expr(p, json_array_get(j, i), depth + 1, &ret->items[ret->count++],
		                  err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_info(const json_t *j, struct pattern_info *ret, struct err *err) {
	*ret = (struct pattern_info){
		.id = json_get_str(j, "id", NULL),
		.source = json_get_str(j, "source", NULL),
		.file = json_get_str(j, "file", NULL),
		.title = json_get_str(j, "title", NULL),
		.description = json_get_str(j, "description", NULL),
		.given = json_get_str(j, "given", ""),
		.level = audit_level_from_string(json_get_str(j, "level", "")),
		.category = AUDIT_PROCESS,
	};
	if (!ret->id || !ret->source || !ret->file || !ret->title || !ret->description)
		return bad(err, "a rule without a name");
	if (strlen(ret->id) > 2 * PATTERN_ID_MAX || strlen(ret->title) > 2 * PATTERN_TITLE_MAX ||
	    strlen(ret->description) > 2 * PATTERN_DESCRIPTION_MAX)
		return bad(err, "a text that is too long");
	/* A rule of strangers never kills, whatever it says. */
	if (ret->level > AUDIT_HIGH)
		return bad(err, "a level");
	return 0;
}

static int read_rule(struct patterns *p, const json_t *j, struct pattern_rule *ret,
                     struct err *err) {
	const json_t *when = json_object_get(j, "when");
	const char *program = json_get_str(j, "program", NULL);
	int r = read_info(j, &ret->info, err);

	if (r < 0)
		return r;
	if (when) {
		ret->when = xcalloc(1, sizeof(*ret->when));
		return read_expr(p, when, 1, ret->when, err);
	}
	if (!program || !*program)
		return bad(err, "a rule that says nothing");
	ret->program = xstrdup(program);
	ret->is_exact = json_get_bool(j, "is_exact", false);
	ret->is_root = json_get_bool(j, "is_root", false);
	return read_values(json_object_get(j, "words"), PATTERN_EQUALS, "", false, &ret->words,
	                   err);
}

int patterns_add_rule(struct patterns *p, const json_t *rule, struct err *err) {
	struct pattern_rule one = { 0 };
	int r;

	if (p->count == PATTERN_RULES_MAX)
		return bad(err, "too many rules");
	r = read_rule(p, rule, &one, err);
	if (r < 0) {
		rule_done(&one);
		return r;
	}
	json_array_append(p->texts, (json_t *)rule);
	p->rules = xreallocarray(p->rules, p->count + 1, sizeof(*p->rules));
	p->rules[p->count++] = one;
	return 0;
}

/* What came so far from a set that is wrong goes again. */
static void cut(struct patterns *p, size_t count) {
	while (p->count > count) {
		rule_done(&p->rules[--p->count]);
		json_array_remove(p->texts, json_array_size(p->texts) - 1);
	}
}

int patterns_add(struct patterns *p, const char *data, size_t len, struct err *err) {
	json_error_t why;
	auto_json json_t *set = json_loadb(data, len, JSON_REJECT_DUPLICATES, &why);
	const json_t *rules = json_object_get(set, "rules");
	size_t before = p->count;

	if (!set)
		return bad(err, why.text);
	if (json_get_int(set, "format", 0) != 1 || !json_is_array(rules))
		return bad(err, "its format is not known");
	for (size_t i = 0; i < json_array_size(rules); i++) {
		int r = patterns_add_rule(p, json_array_get(rules, i), err);

		if (r < 0) {
			cut(p, before);
			return r;
		}
	}
	return 0;
}

size_t patterns_count(const struct patterns *p) {
	return p->count;
}

int patterns_each(const struct patterns *p, int (*fn)(const struct pattern_info *info, void *data),
                  void *data) {
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->count; i++)
		r = fn(&p->rules[i].info, data);
	return r;
}

/* --- for those who make sets */

char *pattern_value_check(const char *how, const char *flags, const char *text) {
	char *why = NULL;

	pattern_value_free(
		pattern_value_new(pattern_how_from_string(how), flags, text, false, &why));
	return why;
}

json_t *pattern_text(const char *text, size_t max) {
	autofree char *line = xstrdup(text), *safe = NULL;
	char *to = line;

	for (const char *c = line; *c; c++)
		if (!isspace((unsigned char)*c))
			*to++ = *c;
		else if (to > line && to[-1] != ' ')
			*to++ = ' ';
	while (to > line && to[-1] == ' ')
		to--;
	*to = '\0';
	safe = escape_text(line, max);
	return json_text(safe);
}

char *pattern_rule_id(const char *source, const char *file, const char *more) {
	const char *base = path_base(file), *dot = strrchr(base, '.');
	size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);
	char *id = xasprintf("%s.%.*s%s%s", source, (int)(n > 64 ? 64 : n), base, more ? "." : "",
	                     more ? more : "");

	for (char *c = id; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr(".-_+", *c))
			*c = '_';
	return id;
}
