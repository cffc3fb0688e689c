/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/pattern/yaml-tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/mem.h"

struct reader {
	yaml_parser_t parser;
	size_t nodes;
	unsigned line; /* to blame */
	struct err *err;
};

static void done(struct yaml_tree *node) {
	for (size_t i = 0; i < node->count; i++)
		done(&node->items[i]);
	free(node->items);
	free(node->key);
	free(node->text);
}

void yaml_tree_free(struct yaml_tree *node) {
	if (node)
		done(node);
	free(node);
}

void yaml_tree_free_ptr(struct yaml_tree **node) {
	yaml_tree_free(*node);
}

static int refuse(struct reader *r, const yaml_event_t *event, const char *why) {
	r->line = (unsigned)event->start_mark.line + 1;
	return err_set(r->err, ERR_CONFIG, -EINVAL, "%s", why);
}

/* The next event, which the caller deletes. */
static int next(struct reader *r, yaml_event_t *ret) {
	if (yaml_parser_parse(&r->parser, ret))
		return 0;
	r->line = (unsigned)r->parser.problem_mark.line + 1;
	return err_set(r->err, ERR_CONFIG, -EINVAL, "no YAML: %s",
	               r->parser.problem ? r->parser.problem : "it cannot be read");
}

static int check(struct reader *r, const yaml_event_t *event, unsigned depth) {
	const yaml_char_t *anchor = NULL, *tag = NULL;

	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return refuse(r, event, "aliases are not taken");
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		break;
	default:
		return refuse(r, event, "something is missing here");
	}
	if (anchor)
		return refuse(r, event, "anchors are not taken");
	if (tag)
		return refuse(r, event, "tags are not taken");
	if (depth > YAML_DEPTH_MAX)
		return refuse(r, event, "too deep");
	if (++r->nodes > YAML_NODES_MAX)
		return refuse(r, event, "too many values");
	return 0;
}

static int read_text(struct reader *r, const yaml_event_t *event, char **ret) {
	const char *value = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;

	if (memchr(value, '\0', len))
		return refuse(r, event, "a NUL byte in a text");
	*ret = xstrndup(value, len);
	return 0;
}

static int read_node(struct reader *r, const yaml_event_t *event, unsigned depth,
                     struct yaml_tree *ret);

static struct yaml_tree *add(struct yaml_tree *to) {
	struct yaml_tree *one;

	to->items = xreallocarray(to->items, to->count + 1, sizeof(*to->items));
	one = &to->items[to->count++];
	*one = (struct yaml_tree){ 0 };
	return one;
}

/* The key of a member; the members so far are looked through, of which there are few. */
static int read_key(struct reader *r, const yaml_event_t *event, const struct yaml_tree *map,
                    char **ret) {
	autofree char *key = NULL;
	int e;

	if (event->type != YAML_SCALAR_EVENT || event->data.scalar.anchor)
		return refuse(r, event, "a key that is no plain text");
	e = read_text(r, event, &key);
	if (e < 0)
		return e;
	if (yaml_tree_get(map, key))
		return refuse(r, event, "a key that comes twice");
	*ret = steal_ptr(key);
	return 0;
}

#define MEMBERS_MAX 1024 /* of one map, whose keys are compared with each other */

/* One member or element that begins with @event; 1: it was the end. */
static int read_item(struct reader *r, yaml_event_t *event, bool is_map, unsigned depth,
                     struct yaml_tree *to) {
	autofree char *key = NULL;
	yaml_event_t value;
	struct yaml_tree *item;
	int e;

	if (event->type == (is_map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT))
		return 1;
	if (!is_map)
		return read_node(r, event, depth, add(to));
	if (to->count == MEMBERS_MAX)
		return refuse(r, event, "too many keys");
	e = read_key(r, event, to, &key);
	if (e < 0)
		return e;
	e = next(r, &value);
	if (e < 0)
		return e;
	item = add(to);
	e = read_node(r, &value, depth, item);
	item->key = steal_ptr(key);
	yaml_event_delete(&value);
	return e;
}

static int read_items(struct reader *r, bool is_map, unsigned depth, struct yaml_tree *to) {
	for (;;) {
		yaml_event_t event;
		int e = next(r, &event);

		if (e < 0)
			return e;
		e = read_item(r, &event, is_map, depth, to);
		yaml_event_delete(&event);
		if (e)
			return e < 0 ? e : 0;
	}
}

static int read_node(struct reader *r, const yaml_event_t *event, unsigned depth,
                     struct yaml_tree *ret) {
	bool is_map = event->type == YAML_MAPPING_START_EVENT;
	int e = check(r, event, depth);

	if (e < 0)
		return e;
	ret->line = (unsigned)event->start_mark.line + 1;
	if (event->type == YAML_SCALAR_EVENT) {
		ret->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
		return read_text(r, event, &ret->text);
	}
	ret->kind = is_map ? YAML_MAP : YAML_LIST;
	return read_items(r, is_map, depth + 1, ret);
}

/* An event that has to be of @type. */
static int expect(struct reader *r, yaml_event_type_t type, const char *why) {
	yaml_event_t event;
	int e = next(r, &event);

	if (e < 0)
		return e;
	if (event.type != type)
		e = refuse(r, &event, why);
	yaml_event_delete(&event);
	return e;
}

static int read_document(struct reader *r, struct yaml_tree *ret) {
	yaml_event_t event;
	int e = expect(r, YAML_STREAM_START_EVENT, "no YAML");

	if (e == 0)
		e = expect(r, YAML_DOCUMENT_START_EVENT, "there is nothing in it");
	if (e == 0)
		e = next(r, &event);
	if (e < 0)
		return e;
	e = read_node(r, &event, 1, ret);
	yaml_event_delete(&event);
	if (e == 0)
		e = expect(r, YAML_DOCUMENT_END_EVENT, "more than one value");
	return e < 0 ? e : expect(r, YAML_STREAM_END_EVENT, "more than one document");
}

int yaml_tree_read(const char *data, size_t len, struct yaml_tree **ret, unsigned *ret_line,
                   struct err *err) {
	struct reader r = { .err = err };
	auto_yaml_tree struct yaml_tree *node = xcalloc(1, sizeof(*node));
	int e;

	*ret_line = 0;
	if (len > YAML_BYTES_MAX)
		return err_set(err, ERR_CONFIG, -E2BIG, "more than %d bytes", YAML_BYTES_MAX);
	if (!yaml_parser_initialize(&r.parser))
		return err_set(err, ERR_SYSTEM, -ENOMEM, "no memory");
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)data, len);
	e = read_document(&r, node);
	yaml_parser_delete(&r.parser);
	if (e < 0) {
		*ret_line = r.line;
		return e;
	}
	*ret = steal_ptr(node);
	return 0;
}

const struct yaml_tree *yaml_tree_get(const struct yaml_tree *node, const char *key) {
	if (!node || node->kind != YAML_MAP)
		return NULL;
	for (size_t i = 0; i < node->count; i++)
		if (node->items[i].key && !strcmp(node->items[i].key, key))
			return &node->items[i];
	return NULL;
}

const char *yaml_tree_get_text(const struct yaml_tree *node, const char *key) {
	const struct yaml_tree *one = yaml_tree_get(node, key);

	return one && one->kind == YAML_TEXT ? one->text : NULL;
}

bool yaml_tree_is_null(const struct yaml_tree *node) {
	return node->kind == YAML_TEXT && node->is_plain &&
	       (!*node->text || !strcmp(node->text, "~") || !strcmp(node->text, "null") ||
	        !strcmp(node->text, "Null") || !strcmp(node->text, "NULL"));
}
