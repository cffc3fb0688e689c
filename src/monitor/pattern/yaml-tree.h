/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Documents of strangers in YAML 1.1, through libyaml, as a tree of limited size.
 *
 * Anchors, aliases, tags, a second document, a key that comes twice and NUL bytes
 * are refused: nothing of it is needed, and each has been a way to blow up a reader.
 */
#ifndef COI_MONITOR_PATTERN_YAML_TREE_H
#define COI_MONITOR_PATTERN_YAML_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define YAML_BYTES_MAX (256 * 1024)
#define YAML_DEPTH_MAX 16
#define YAML_NODES_MAX 16384

enum yaml_kind {
	YAML_TEXT,
	YAML_LIST,
	YAML_MAP,
};

struct yaml_tree {
	enum yaml_kind kind;
	unsigned line; /* from 1 */
	char *key;     /* of a member of a map; else NULL */
	char *text;    /* YAML_TEXT: UTF-8 */
	bool is_plain; /* it stood without quotes */
	struct yaml_tree *items;
	size_t count;
};

/*
 * The one document in @data. When it fails (-EINVAL, -E2BIG) *@ret_line is the line,
 * 0 where none is to blame. yaml_tree_free() afterwards.
 */
int yaml_tree_read(const char *data, size_t len, struct yaml_tree **ret, unsigned *ret_line,
	      struct err *err);
void yaml_tree_free(struct yaml_tree *node);
void yaml_tree_free_ptr(struct yaml_tree **node);
#define auto_yaml_tree __attribute__((cleanup(yaml_tree_free_ptr)))

/* A member of a map; NULL: there is none, or @node (may be NULL) is no map. Borrowed. */
const struct yaml_tree *yaml_tree_get(const struct yaml_tree *node, const char *key);
/* The text of such a member; NULL: there is none, or it is no text. Borrowed. */
const char *yaml_tree_get_text(const struct yaml_tree *node, const char *key);
/* Nothing, as YAML writes it: null, ~ or an empty place. */
bool yaml_tree_is_null(const struct yaml_tree *node);

#endif
