/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * or:      and { "or" and }
 * and:     not { "and" not }
 * not:     "not" not | "(" or ")" | ("1" | "any" | "all") "of" ("them" | NAME*) | NAME
 */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "monitor/pattern/sigma.h"

#define DEPTH_MAX 16

struct condition {
	char **words; /* the signs are words too */
	size_t at;
	const struct yaml_tree *detection;
	size_t expressions;
	unsigned depth;
	unsigned *line;
	struct err *err;
};

static json_t *fail(struct condition *c, const char *what, const char *word) {
	(void)err_set(c->err, ERR_CONFIG, -EINVAL, "the condition: %s%s%.80s%s", what,
	              word ? " '" : "", word ? word : "", word ? "'" : "");
	return NULL;
}

static const char *word(const struct condition *c) {
	return c->words && c->words[c->at] ? c->words[c->at] : "";
}

static bool take(struct condition *c, const char *wanted) {
	if (strcasecmp(word(c), wanted) != 0)
		return false;
	c->at++;
	return true;
}

static json_t *read_or(struct condition *c);

/* How many expressions are in one, roughly: each list is one. */
static size_t weight(const json_t *j) {
	size_t n = 1;

	for (size_t i = 0; json_is_array(j) && i < json_array_size(j); i++)
		n += weight(json_array_get(j, i));
	return n;
}

static json_t *selection(struct condition *c, const struct yaml_tree *node) {
	auto_json json_t *j = sigma_selection(node, c->line, c->err);

	if (!j)
		return NULL;
	c->expressions += weight(j);
	if (c->expressions > SIGMA_EXPRESSIONS_MAX)
		return fail(c, "it is too large, with its selections put in", NULL);
	return steal_ptr(j);
}

static bool is_selection(const struct yaml_tree *node) {
	return strcmp(node->key, "condition") != 0 && strcmp(node->key, "timeframe") != 0;
}

/* Names with "_" at the front are not meant by "them". */
static bool is_meant(const char *name, const char *pattern) {
	if (!strcasecmp(pattern, "them"))
		return *name != '_';
	return fnmatch(pattern, name, FNM_NOESCAPE) == 0;
}

static json_t *read_of(struct condition *c, bool is_all) {
	const char *pattern = word(c);
	auto_json json_t *list = json_pack("[s]", is_all ? "and" : "or");

	if (!*pattern || strpbrk(pattern, "()|[?\\"))
		return fail(c, "'of' wants names behind it, not", pattern);
	c->at++;
	for (size_t i = 0; i < c->detection->count; i++) {
		const struct yaml_tree *node = &c->detection->items[i];
		json_t *one;

		if (!is_selection(node) || !is_meant(node->key, pattern))
			continue;
		one = selection(c, node);
		if (!one)
			return NULL;
		json_array_append_new(list, one);
	}
	if (json_array_size(list) < 2)
		return fail(c, "there is no selection called", pattern);
	return steal_ptr(list);
}

static json_t *read_name(struct condition *c) {
	const char *name = word(c);
	const struct yaml_tree *node = yaml_tree_get(c->detection, name);

	if (!*name || !strcmp(name, ")") || !strcmp(name, "|"))
		return fail(c, "something is missing", *name ? name : NULL);
	if (!node || !is_selection(node))
		return fail(c, "there is no selection called", name);
	c->at++;
	return selection(c, node);
}

static json_t *read_not(struct condition *c);

static json_t *negate(json_t *one) {
	return one ? json_pack("[s, o]", "not", one) : NULL;
}

static json_t *read_inner(struct condition *c) {
	bool is_all = !strcasecmp(word(c), "all");
	bool is_quantity = is_all || !strcmp(word(c), "1") || !strcasecmp(word(c), "any");
	const char *behind = *word(c) ? c->words[c->at + 1] : NULL;

	if (take(c, "not"))
		return negate(read_not(c));
	if (take(c, "(")) {
		auto_json json_t *inner = read_or(c);

		if (inner && !take(c, ")"))
			return fail(c, "a ')' is missing", NULL);
		return steal_ptr(inner);
	}
	if (behind && !strcasecmp(behind, "of")) {
		if (!is_quantity)
			return fail(c, "only '1 of' and 'all of' are known, not", word(c));
		c->at += 2;
		return read_of(c, is_all);
	}
	return read_name(c);
}

static json_t *read_not(struct condition *c) {
	json_t *ret;

	if (++c->depth > DEPTH_MAX)
		return fail(c, "it is too deep", NULL);
	ret = read_inner(c);
	c->depth--;
	return ret;
}

static json_t *read_chain(struct condition *c, const char *joint,
                          json_t *(*read)(struct condition *)) {
	auto_json json_t *list = json_pack("[s]", joint);

	do {
		json_t *one = read(c);

		if (!one)
			return NULL;
		json_array_append_new(list, one);
	} while (take(c, joint));
	if (json_array_size(list) == 2)
		return json_incref(json_array_get(list, 1));
	return steal_ptr(list);
}

static json_t *read_and(struct condition *c) {
	return read_chain(c, "and", read_not);
}

static json_t *read_or(struct condition *c) {
	return read_chain(c, "or", read_and);
}

/* Words, and each of the signs as one. */
static char **split(const char *text) {
	char **words = NULL;

	while (*text) {
		size_t n = strcspn(text, " \t\r\n()|");

		if (strchr(" \t\r\n", *text)) {
			text++;
			continue;
		}
		if (!n)
			n = 1;
		strv_take(&words, xstrndup(text, n));
		text += n;
	}
	return words;
}

json_t *sigma_condition(const char *text, const struct yaml_tree *detection, unsigned *ret_line,
                        struct err *err) {
	autostrv char **words = NULL;
	struct condition c = { .detection = detection, .line = ret_line, .err = err };
	auto_json json_t *ret = NULL;

	if (strlen(text) > SIGMA_CONDITION_MAX)
		return fail(&c, "it is too long", NULL);
	c.words = words = split(text);
	ret = read_or(&c);
	if (!ret)
		return NULL;
	/* "selection | count() by User > 5": more than one event, which nobody keeps here. */
	if (take(&c, "|"))
		return fail(&c, "it counts over many events, which is not done here: ", word(&c));
	if (!strcasecmp(word(&c), "near"))
		return fail(&c, "it looks at many events, which is not done here:", word(&c));
	if (*word(&c))
		return fail(&c, "nobody knows what is meant by", word(&c));
	return steal_ptr(ret);
}
