/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings with a few values of their own, for one container. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/strv.h"
#include "config/config.h"
#include "config/member.h"

static int change(struct settings *s, const struct config_override *o, struct err *err) {
	const struct setting_row *row = settings_row(o->path);
	struct member_context ctx = { .home = "/", .file_dir = "/", .work_dir = "/" };
	struct member_problem problem = { 0 };
	union member value = { 0 };

	if (!row)
		return err_set(err, ERR_USAGE, -EINVAL, "there is no setting '%s'", o->path);
	if (member_from_text(row, o->text, &ctx, &value, NULL, &problem) < 0)
		return err_set(err, ERR_USAGE, -EINVAL, "%s: %s", o->path, problem.message);
	/* What was there belongs to the settings below. */
	memcpy(member_of(row, s), &value, row->size);
	return 0;
}

static bool is_earlier(const struct config_override *list, size_t i) {
	for (size_t k = 0; k < i; k++)
		if (!strcmp(list[k].path, list[i].path))
			return true;
	return false;
}

int config_overlay(const struct settings *base, const struct config_override *list, size_t count,
		   struct settings *ret, struct err *err) {
	*ret = *base;
	for (size_t i = 0; i < count; i++) {
		/* The second one would lose the first, and free it twice. */
		int r = is_earlier(list, i) ? err_set(err, ERR_BUG, -EINVAL, "'%s' is set twice",
						      list[i].path) :
					      change(ret, &list[i], err);

		if (r < 0) {
			config_overlay_done(ret, list, i);
			return r;
		}
	}
	return 0;
}

void config_overlay_done(struct settings *s, const struct config_override *list, size_t count) {
	for (size_t i = 0; i < count; i++) {
		const struct setting_row *row = settings_row(list[i].path);

		member_free(row, member_of(row, s));
	}
}

#define TEXT_MAX 4096

char **config_texts(const struct settings *s, const char *prefix) {
	size_t count;
	const struct setting_row *rows = settings_rows(&count);
	char **list = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct setting_row *row = &rows[i];
		const void *m = member_of_const(row, s);
		autobuf struct buf text;

		if (strncmp(row->path, prefix, strlen(prefix)) != 0 ||
		    row->type == SETTING_STRV || row->type == SETTING_MAP ||
		    row->type == SETTING_TABLES)
			continue;
		buf_init(&text, TEXT_MAX);
		if (row->type == SETTING_STRING)
			buf_adds(&text, *(char *const *)m);
		else
			member_to_toml(row, m, true, &text);
		/* What is quoted there has nothing in it that wants quoting. */
		if (text.len >= 2 && text.data[0] == '"' && row->type != SETTING_STRING)
			strv_addf(&list, "%s=%.*s", row->path, (int)text.len - 2, text.data + 1);
		else
			strv_addf(&list, "%s=%s", row->path, text.data);
	}
	return list;
}
