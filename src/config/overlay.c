/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings with a few values of their own, for one container. */
#include <errno.h>
#include <string.h>

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

int config_overlay(const struct settings *base, const struct config_override *list, size_t count,
		   struct settings *ret, struct err *err) {
	*ret = *base;
	for (size_t i = 0; i < count; i++) {
		int r = change(ret, &list[i], err);

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
