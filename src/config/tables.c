/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arrays of tables, over the fields that their row names. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "config/member.h"

void *tables_item(const struct setting_table *table, const void *m, size_t i) {
	return ((const struct member_tables *)m)->items + i * table->item_size;
}

char **tables_host(const struct setting_table *table, void *item) {
	return table->fd_offset ? (char **)((char *)item + table->host_offset) : NULL;
}

int *tables_host_fd(const struct setting_table *table, void *item) {
	return table->fd_offset ? (int *)((char *)item + table->fd_offset) : NULL;
}

static void item_free(const struct setting_table *table, void *item) {
	int *fd = tables_host_fd(table, item);

	for (const struct setting_field *f = table->fields; f->name; f++) {
		char *at = (char *)item + f->offset;

		if (f->type == SETTING_STRING || f->type == SETTING_PATH)
			free(*(char **)at);
		else if (f->type == SETTING_STRV)
			strv_free(*(char ***)at);
	}
	if (fd && *fd >= 0)
		close(*fd);
}

void tables_free(const struct setting_table *table, void *m) {
	struct member_tables *t = m;

	for (size_t i = 0; i < t->count; i++)
		item_free(table, tables_item(table, m, i));
	free(t->items);
	t->items = NULL;
	t->count = 0;
}

void tables_move(const struct setting_table *table, void *to, void *from, size_t i) {
	struct member_tables *dst = to, *src = from;

	dst->items = xreallocarray(dst->items, dst->count + 1, table->item_size);
	memcpy(tables_item(table, to, dst->count), tables_item(table, from, i), table->item_size);
	dst->count++;
	memmove(src->items + i * table->item_size, src->items + (i + 1) * table->item_size,
		(src->count - i - 1) * table->item_size);
	src->count--;
}

const char *tables_name(const struct setting_table *table, const void *item) {
	const struct setting_field *f = table->fields;

	while (strcmp(f->name, table->name_field) != 0)
		f++;
	return *(char *const *)((const char *)item + f->offset);
}

/* The item of that name, as the table's name_field has it; NULL when there is none. */
static void *tables_named(const struct setting_table *table, void *m, const char *name) {
	const struct member_tables *t = m;

	for (size_t i = 0; i < t->count; i++)
		if (strcmp(tables_name(table, tables_item(table, m, i)), name) == 0)
			return tables_item(table, m, i);
	return NULL;
}

void tables_put(const struct setting_table *table, void *to, void *from, size_t i) {
	void *item = tables_item(table, from, i);
	void *there = tables_named(table, to, tables_name(table, item));
	struct member_tables *src = from;

	if (!there) {
		tables_move(table, to, from, i);
		return;
	}
	item_free(table, there);
	memcpy(there, item, table->item_size);
	memmove(src->items + i * table->item_size, src->items + (i + 1) * table->item_size,
		(src->count - i - 1) * table->item_size);
	src->count--;
}

void tables_copy(const struct setting_table *table, void *dst, const void *src) {
	const struct member_tables *from = src;
	struct member_tables *to = dst;

	to->count = from->count;
	to->items = from->count ? xmalloc(from->count * table->item_size) : NULL;
	for (size_t i = 0; i < from->count; i++) {
		void *item = tables_item(table, dst, i);
		int *fd = tables_host_fd(table, item);

		memcpy(item, tables_item(table, src, i), table->item_size);
		for (const struct setting_field *f = table->fields; f->name; f++) {
			char *at = (char *)item + f->offset;

			if (f->type == SETTING_STRING || f->type == SETTING_PATH)
				*(char **)at = xstrdup(*(char **)at);
			else if (f->type == SETTING_STRV)
				*(char ***)at = strv_copy(*(char ***)at);
		}
		if (fd && *fd >= 0)
			*fd = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
	}
}

static bool field_equal(const struct setting_field *f, const void *a, const void *b) {
	if (f->type == SETTING_STRING || f->type == SETTING_PATH)
		return strcmp(*(char *const *)a, *(char *const *)b) == 0;
	if (f->type == SETTING_STRV) {
		autofree char *x = strv_join(*(char **const *)a, "\n");
		autofree char *y = strv_join(*(char **const *)b, "\n");

		return strcmp(x, y) == 0;
	}
	if (f->type == SETTING_BOOL)
		return *(const bool *)a == *(const bool *)b;
	return *(const int *)a == *(const int *)b;
}

bool tables_equal(const struct setting_table *table, const void *a, const void *b) {
	const struct member_tables *x = a, *y = b;

	if (x->count != y->count)
		return false;
	for (size_t i = 0; i < x->count; i++)
		for (const struct setting_field *f = table->fields; f->name; f++)
			if (!field_equal(f, (char *)tables_item(table, a, i) + f->offset,
					 (char *)tables_item(table, b, i) + f->offset))
				return false;
	return true;
}

static void field_to_toml(const struct setting_field *f, const void *at, struct buf *out) {
	char *const *list = NULL;

	switch (f->type) {
	case SETTING_BOOL:
		buf_adds(out, *(const bool *)at ? "true" : "false");
		break;
	case SETTING_TRISTATE:
		buf_adds(out, *(const enum setting_tristate *)at == TRI_TRUE ? "true" : "false");
		break;
	case SETTING_INT:
		buf_addf(out, "%d", *(const int *)at);
		break;
	case SETTING_STRV:
		list = *(char **const *)at;
		buf_addc(out, '[');
		for (size_t i = 0; list && list[i]; i++) {
			buf_adds(out, i ? ", " : "");
			toml_quote(list[i], out);
		}
		buf_addc(out, ']');
		break;
	default:
		toml_quote(*(char *const *)at, out);
		break;
	}
}

/* Is it what an item has that says nothing about the field? */
static bool field_is_default(const struct setting_field *f, const void *at) {
	switch (f->type) {
	case SETTING_BOOL:
		return !*(const bool *)at;
	case SETTING_TRISTATE:
		return *(const enum setting_tristate *)at == TRI_UNSET;
	case SETTING_INT:
		return *(const int *)at == 0;
	case SETTING_STRV:
		return strv_len(*(char **const *)at) == 0;
	default:
		return strcmp(*(char *const *)at, f->def ? f->def : "") == 0;
	}
}

void tables_to_toml(const struct setting_table *table, const void *m, struct buf *out) {
	const struct member_tables *t = m;

	buf_addc(out, '[');
	for (size_t i = 0; i < t->count; i++) {
		bool first = true;

		buf_adds(out, i ? ", {" : "{");
		for (const struct setting_field *f = table->fields; f->name; f++) {
			const char *at = (const char *)tables_item(table, m, i) + f->offset;

			if (!f->is_required && field_is_default(f, at))
				continue;
			buf_addf(out, "%s%s = ", first ? " " : ", ", f->name);
			field_to_toml(f, at, out);
			first = false;
		}
		buf_adds(out, " }");
	}
	buf_addc(out, ']');
}

/* ---- from TOML ---- */

static int field_wrong(const struct setting_table *table, const struct setting_field *f,
		       const struct toml_node *node, struct member_problem *problem) {
	return member_fail(problem, node, true, "'%s' of a %s must be %s, not %s", f->name,
			   table->noun, setting_type_name(f->type), toml_type_name(node->type));
}

static int field_strv(const struct setting_table *table, const struct setting_field *f,
		      const struct toml_node *node, char ***out, struct member_problem *problem) {
	autostrv char **list = NULL;

	if (node->type != TOML_ARRAY || node->count > MEMBER_LIST_MAX)
		return field_wrong(table, f, node, problem);
	for (size_t i = 0; i < node->count; i++) {
		const struct toml_node *item = &node->items[i];
		char number[24];
		const char *text = item->text;

		if (item->type == TOML_INT && f->format == FORMAT_PORTS) {
			(void)snprintf(number, sizeof(number), "%lld", (long long)item->integer);
			text = number;
		} else if (item->type != TOML_STRING) {
			return field_wrong(table, f, item, problem);
		}

		int r = member_check_text(f->format, item, text, problem);

		if (r < 0)
			return r;
		strv_add(&list, text);
	}
	*out = steal_ptr(list);
	return 0;
}

static int field_from_toml(const struct setting_table *table, const struct setting_field *f,
			   const struct toml_node *node, const struct member_context *ctx, void *at,
			   struct member_problem *problem) {
	int r;

	switch (f->type) {
	case SETTING_BOOL:
	case SETTING_TRISTATE:
		if (node->type != TOML_BOOL)
			return field_wrong(table, f, node, problem);
		if (f->type == SETTING_BOOL)
			*(bool *)at = node->boolean;
		else
			*(enum setting_tristate *)at = node->boolean ? TRI_TRUE : TRI_FALSE;
		return 0;
	case SETTING_INT:
		if (node->type != TOML_INT)
			return field_wrong(table, f, node, problem);
		if ((double)node->integer < f->min || (double)node->integer > f->max)
			return member_fail(problem, node, false,
					   "'%s' of a %s must be from %.15g to %.15g, not %lld",
					   f->name, table->noun, f->min, f->max,
					   (long long)node->integer);
		*(int *)at = (int)node->integer;
		return 0;
	case SETTING_STRV:
		return field_strv(table, f, node, at, problem);
	default:
		break;
	}
	if (node->type != TOML_STRING)
		return field_wrong(table, f, node, problem);
	if (*node->text || f->is_required) {
		r = member_check_text(f->format, node, node->text, problem);
		if (r < 0)
			return r;
	}
	if (f->is_required && !*node->text)
		return member_fail(problem, node, false, "'%s' of a %s must not be empty", f->name,
				   table->noun);

	char *text = f->type == SETTING_PATH	     ? member_path(node->text, ctx->home, ctx->work_dir)
		     : f->format == FORMAT_ABSOLUTE && *node->text ? path_clean(node->text)
								   : xstrdup(node->text);

	free(*(char **)at);
	*(char **)at = text;
	return 0;
}

static void item_defaults(const struct setting_table *table, const struct toml_node *node,
			  const struct member_context *ctx, void *item) {
	struct setting_source *source = item;
	int *fd = tables_host_fd(table, item);

	memset(item, 0, table->item_size);
	*source = ctx->source;
	source->line = node->line;
	source->column = node->column;
	if (fd)
		*fd = -1;
	for (const struct setting_field *f = table->fields; f->name; f++)
		if (f->type == SETTING_STRING || f->type == SETTING_PATH)
			*(char **)((char *)item + f->offset) = xstrdup(f->def ? f->def : "");
}

/* Did the table's key say it? */
static bool has_key(const struct setting_table *table, const struct setting_field *f,
		    const void *item) {
	return table->key_field && !strcmp(f->name, table->key_field) &&
	       **(char *const *)((const char *)item + f->offset);
}

static bool says(const struct toml_node *item, const char *key) {
	const struct toml_node *n = toml_get(item, key);

	return n && n->type == TOML_STRING && *n->text;
}

static int check_either(const struct setting_table *table, const struct toml_node *node,
			struct member_problem *problem) {
	size_t said = 0, all = strv_len((char *const *)table->or_all);

	if (!table->either)
		return 0;
	for (size_t i = 0; i < all; i++)
		said += says(node, table->or_all[i]);
	if (says(node, table->either) ? said == 0 : said == all)
		return 0;

	autofree char *others = strv_join((char *const *)table->or_all, "' and '");

	return member_fail(problem, node, false, "a %s must have either '%s', or '%s'", table->noun,
			   table->either, others);
}

static int item_from_toml(const struct setting_table *table, const struct toml_node *node,
			  const struct member_context *ctx, void *item,
			  struct member_problem *problem) {
	if (node->type != TOML_TABLE)
		return member_fail(problem, node, true, "must be an array of tables, not of %s",
				   toml_type_name(node->type));
	for (size_t i = 0; i < node->count; i++) {
		const struct toml_node *value = &node->items[i];
		const struct setting_field *f = table->fields;
		struct toml_node at_key = { .line = value->key_line, .column = value->key_column };

		while (f->name && strcmp(f->name, value->key) != 0)
			f++;
		if (!f->name)
			return member_fail(problem, &at_key, false, "a %s has no key '%.100s'",
					   table->noun, value->key);

		int r = field_from_toml(table, f, value, ctx, (char *)item + f->offset, problem);

		if (r < 0)
			return r;
	}
	for (const struct setting_field *f = table->fields; f->name; f++)
		if (f->is_required && !toml_get(node, f->name) && !has_key(table, f, item))
			return member_fail(problem, node, false, "'%s' of this %s is missing",
					   f->name, table->noun);
	return check_either(table, node, problem);
}

/* [x.KEY] instead of [[x]]: the key is one of the item's texts. */
static int item_take_key(const struct setting_table *table, const struct toml_node *node,
			 void *item, struct member_problem *problem) {
	const struct setting_field *f = table->fields;
	char **at;
	int r;

	while (strcmp(f->name, table->key_field) != 0)
		f++;
	at = (char **)((char *)item + f->offset);
	r = member_check_text(f->format, node, node->key, problem);
	if (r == 0)
		str_replace(at, node->key);
	return r;
}

int tables_from_toml(const struct setting_row *row, const struct toml_node *node,
		     const struct member_context *ctx, void *out, struct member_problem *problem) {
	const struct setting_table *table = row->table;
	struct member_tables t = { 0 };

	if (node->type != TOML_ARRAY && !(node->type == TOML_TABLE && table->key_field))
		return member_fail(problem, node, true, "must be %s, not %s",
				   setting_type_name(row->type), toml_type_name(node->type));
	if (node->count > MEMBER_LIST_MAX)
		return member_fail(problem, node, false, "has more than %d members", MEMBER_LIST_MAX);
	t.items = node->count ? xcalloc(node->count, table->item_size) : NULL;
	for (size_t i = 0; i < node->count; i++) {
		void *item = tables_item(table, &t, t.count++);

		item_defaults(table, &node->items[i], ctx, item);

		int r = node->type == TOML_TABLE ? item_take_key(table, &node->items[i], item, problem) :
						   0;

		if (r == 0)
			r = item_from_toml(table, &node->items[i], ctx, item, problem);
		if (r == 0 && table->name_field &&
		    tables_named(table, &t, tables_name(table, item)) != item)
			r = member_fail(problem, &node->items[i], false, "has two of the name '%s'",
					tables_name(table, item));
		if (r < 0) {
			tables_free(table, &t);
			return r;
		}
	}
	*(struct member_tables *)out = t;
	return 0;
}
