/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What members of all types have: a place, an end, a copy, a comparison. */
#include "config/member.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"

void *member_of(const struct setting_row *row, struct settings *s) {
	return (char *)s + row->offset;
}

const void *member_of_const(const struct setting_row *row, const struct settings *s) {
	return (const char *)s + row->offset;
}

int member_fail(struct member_problem *problem, const struct toml_node *node, bool is_type,
		const char *fmt, ...) {
	va_list ap;

	problem->line = node ? node->line : 0;
	problem->column = node ? node->column : 0;
	problem->is_type = is_type;
	va_start(ap, fmt);
	(void)vsnprintf(problem->message, sizeof(problem->message), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

size_t map_name_len(const char *entry) {
	return strcspn(entry, "=<");
}

void member_free(const struct setting_row *row, void *m) {
	switch (row->type) {
	case SETTING_STRING:
	case SETTING_PATH:
		free(*(char **)m);
		break;
	case SETTING_STRV:
	case SETTING_MAP:
		strv_free(*(char ***)m);
		break;
	case SETTING_TABLES:
		tables_free(row->table, m);
		break;
	default:
		break;
	}
	memset(m, 0, row->size);
}

void member_copy(const struct setting_row *row, void *dst, const void *src) {
	switch (row->type) {
	case SETTING_STRING:
	case SETTING_PATH:
		*(char **)dst = xstrdup(*(char *const *)src);
		break;
	case SETTING_STRV:
	case SETTING_MAP:
		*(char ***)dst = strv_copy(*(char **const *)src);
		break;
	case SETTING_TABLES:
		tables_copy(row->table, dst, src);
		break;
	default:
		memcpy(dst, src, row->size);
		break;
	}
}

static bool strv_equal(char *const *a, char *const *b) {
	size_t n = strv_len(a);

	if (n != strv_len(b))
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

bool member_equal(const struct setting_row *row, const void *a, const void *b) {
	switch (row->type) {
	case SETTING_STRING:
	case SETTING_PATH:
		return strcmp(*(char *const *)a, *(char *const *)b) == 0;
	case SETTING_STRV:
	case SETTING_MAP:
		return strv_equal(*(char **const *)a, *(char **const *)b);
	case SETTING_TABLES:
		return tables_equal(row->table, a, b);
	default:
		return memcmp(a, b, row->size) == 0;
	}
}

bool member_is_empty(const struct setting_row *row, const void *m) {
	switch (row->type) {
	case SETTING_STRING:
	case SETTING_PATH:
		return **(char *const *)m == '\0';
	case SETTING_STRV:
	case SETTING_MAP:
		return strv_len(*(char **const *)m) == 0;
	case SETTING_TABLES:
		return ((const struct member_tables *)m)->count == 0;
	case SETTING_INT:
		return row->may_be_unset ? *(const int *)m < 0 : *(const int *)m == 0;
	case SETTING_FLOAT:
		return *(const double *)m == 0;
	case SETTING_DURATION:
		return ((const struct setting_duration *)m)->ms == 0;
	case SETTING_SIZE:
		return ((const struct setting_size *)m)->bytes == 0 &&
		       ((const struct setting_size *)m)->percent == 0;
	default:
		return false;
	}
}

