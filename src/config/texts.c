/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Texts that settings name by file: build script and prompts.
 *
 * A script that an untrusted file names was read when it was judged (gate.c): no
 * path of theirs is walked here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "config/load.h"

_Static_assert(CONFIG_TEXT_MAX == TOML_TEXT_MAX, "files of settings have one limit");

static int take(struct file_text *f, const char *path, char **ret, struct err *err) {
	if (memchr(f->text, '\0', f->len))
		return err_set(err, ERR_CONFIG, -EINVAL, "'%s' holds NUL bytes: it is no text", path);
	*ret = steal_ptr(f->text);
	return 1;
}

static int read_trusted(const struct privilege *person, const char *path, char **ret,
			struct err *err) {
	struct file_where where = { AT_FDCWD, path, NULL };
	auto_file_text struct file_text f = { 0 };
	int r = file_text_read(person, &where, 0, &f, err);

	if (r == -ENOENT)
		return err_set(err, ERR_MISSING, r, "there is no file '%s'", path);
	return r < 0 ? r : take(&f, path, ret, err);
}

int config_build_script(const struct config *c, const struct privilege *person, char **ret,
			struct err *err) {
	const char *path = c->now.settings.container.build.script;

	if (!*path)
		return 0;
	if (config_origin(c, "container.build.script")->is_trusted)
		return read_trusted(person, path, ret, err);
	if (!c->build_script_text)
		return err_set(err, ERR_MISSING, -ENOENT, "there was no file '%s'", path);
	*ret = xstrdup(c->build_script_text);
	return 1;
}

int config_prompt(const struct config *c, const struct privilege *person, const char *name,
		  char **ret, struct err *err) {
	char *const *entries = c->now.settings.prompts.entries;
	autostrv char **names = NULL;
	autofree char *all = NULL;

	for (size_t i = 0; entries && entries[i]; i++) {
		size_t len = map_name_len(entries[i]);

		if (strlen(name) == len && strncmp(entries[i], name, len) == 0) {
			if (entries[i][len] == '<')
				return read_trusted(person, entries[i] + len + 1, ret, err);
			*ret = xstrdup(entries[i] + len + 1);
			return 1;
		}
		strv_take(&names, xstrndup(entries[i], len));
	}
	strv_sort(names);
	all = strv_join(names, ", ");
	(void)err_set(err, ERR_MISSING, -ENOENT, "there is no prompt '%s'", name);
	return err_hint(err, "%s%s", names ? "There are: " : "[prompts] names none",
			names ? all : "");
}
