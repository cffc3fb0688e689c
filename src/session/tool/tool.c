/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/tool/tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/layout.h"
#include "base/mem.h"
#include "base/strv.h"

#define DESCRIPTION_MAX 65536
#define FORMAT 1

void tool_free(struct tool *t) {
	if (!t)
		return;
	for (size_t i = 0; i < t->file_count; i++)
		free(t->files[i].path);
	for (size_t i = 0; i < t->option_count; i++) {
		free(t->options[i].setting);
		free(t->options[i].env);
		strv_free(t->options[i].words);
		free(t->options[i].file);
		free(t->options[i].key);
	}
	for (size_t i = 0; i < t->merge_count; i++) {
		free(t->merges[i].file);
		json_decref(t->merges[i].set);
		json_decref(t->merges[i].defaults);
	}
	char *const texts[] = { t->name,	 t->summary,	 t->binary,	 t->agent,
				t->directory,	 t->context_file, t->context_key, t->project_file,
				t->sessions,	 t->offline_env };
	char **const lists[] = { t->start,  t->resume,	    t->resume_id,   t->prompt,
				 t->bypass, t->interactive, t->environment, t->paths,
				 t->saved,  t->exclude,	    t->offline_hosts, t->project_words,
				 t->first,  t->system };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		strv_free(lists[i]);
	conversation_store_done(&t->conversations);
	free(t->files);
	free(t->options);
	free(t->merges);
	free(t);
}

void tool_free_ptr(struct tool **t) {
	tool_free(*t);
}

static char *text(const json_t *j, const char *key) {
	const char *s = json_get_str(j, key, NULL);

	return s ? xstrdup(s) : NULL;
}

/* An empty list is one too: the tool can, and takes no words for it. */
static char **words(const json_t *j, const char *key) {
	const json_t *list = json_object_get(j, key);

	if (!json_is_array(list))
		return NULL;
	return json_array_size(list) ? json_get_strv(j, key) : xcalloc(1, sizeof(char *));
}

/* Below the home, and nowhere else. */
static bool is_inside(const char *path) {
	return path && *path && *path != '/' && !strstr(path, "..");
}

static int parse_files(const json_t *list, struct tool *t) {
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		const char *mode = json_get_str(item, "mode", "0");
		struct tool_file f = { .path = text(item, "path"),
				       .mode = (mode_t)strtoul(mode, NULL, 8),
				       .newer = json_get_bool(item, "newer", false) };

		t->files = xreallocarray(t->files, t->file_count + 1, sizeof(*t->files));
		t->files[t->file_count++] = f;
		if (!is_inside(f.path) || (f.mode & ~(mode_t)0700))
			return -EINVAL;
	}
	return 0;
}

static int parse_options(const json_t *list, struct tool *t) {
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		const json_t *merge = json_object_get(item, "merge");
		struct tool_option o = { .setting = text(item, "setting"),
					 .env = text(item, "env"),
					 .words = words(item, "words"),
					 .file = text(merge, "file"),
					 .key = text(merge, "key") };

		t->options = xreallocarray(t->options, t->option_count + 1, sizeof(*t->options));
		t->options[t->option_count++] = o;
		if (!o.setting || (o.file && (!is_inside(o.file) || !o.key)))
			return -EINVAL;
	}
	return 0;
}

static int parse_merges(const json_t *list, struct tool *t) {
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		const char *when = json_get_str(item, "when", "always");
		struct tool_merge m = { .file = text(item, "file"),
					.create = json_get_bool(item, "create", false),
					.set = json_incref(json_object_get(item, "set")),
					.defaults = json_incref(json_object_get(item, "default")) };

		m.when = !strcmp(when, "bypass")      ? WHEN_BYPASS :
			 !strcmp(when, "interactive") ? WHEN_INTERACTIVE :
							WHEN_ALWAYS;
		t->merges = xreallocarray(t->merges, t->merge_count + 1, sizeof(*t->merges));
		t->merges[t->merge_count++] = m;
		if (!is_inside(m.file) || (m.set && !json_is_object(m.set)) ||
		    (m.defaults && !json_is_object(m.defaults)))
			return -EINVAL;
	}
	return 0;
}

static int parse_context(const json_t *j, struct tool *t) {
	const char *method = json_get_str(j, "method", "none");

	t->context = !strcmp(method, "block") ? CONTEXT_BLOCK :
		     !strcmp(method, "list")  ? CONTEXT_LIST :
						CONTEXT_NONE;
	t->context_file = text(j, "file");
	t->context_key = text(j, "key");
	t->project_file = text(j, "project_file");
	t->project_words = words(j, "project_words");
	if (t->context == CONTEXT_NONE)
		return 0;
	return is_inside(t->context_file) && (t->context == CONTEXT_BLOCK || t->context_key)
		       ? 0 : -EINVAL;
}

static void parse_command(const json_t *j, const json_t *permission, struct tool *t) {
	t->start = words(j, "new");
	t->resume = words(j, "resume");
	t->resume_id = words(j, "resume_id");
	t->prompt = words(j, "prompt");
	t->prompt_stdin = json_get_bool(j, "prompt_stdin", false);
	t->first = words(j, "first");
	t->system = words(j, "system");
	t->bypass = words(json_object_get(permission, "bypass"), "words");
	t->interactive = words(json_object_get(permission, "interactive"), "words");
}

static int parse_conversations(const json_t *j, struct conversation_store *c) {
	*c = (struct conversation_store){ .home = text(j, "home"),
					  .sessions = text(j, "sessions"),
					  .command = words(j, "command") };
	if (c->command) {
		c->id_key = text(j, "id");
		c->created_key = text(j, "created");
		c->updated_key = text(j, "updated");
		return c->id_key && c->created_key && c->updated_key ? 0 : -EINVAL;
	}
	c->file_created = text(j, "created");
	return (!c->home || is_inside(c->home)) && (!c->sessions || is_inside(c->sessions)) ? 0
											    : -EINVAL;
}

static int parse_session(const json_t *j, struct tool *t) {
	t->saved = words(j, "saved");
	t->sessions = text(j, "workspace");
	t->exclude = words(j, "exclude");
	for (char **path = t->saved; path && *path; path++)
		if (!is_inside(*path))
			return -EINVAL;
	if (parse_conversations(json_object_get(j, "conversations"), &t->conversations) < 0)
		return -EINVAL;
	return !t->sessions || is_inside(t->sessions) ? 0 : -EINVAL;
}

static void parse_environment(const json_t *j, struct tool *t) {
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)j, name, value)
		strv_addf(&t->environment, "%s=%s", name,
			  json_string_value(value) ? json_string_value(value) : "");
}

static int wrong(struct err *err, const char *name, const char *what) {
	return err_set(err, ERR_CONFIG, -EINVAL, "the description '%s' of a tool: %s", name, what);
}

int tool_parse(const char *from, const char *name, struct tool **ret, struct err *err) {
	auto_tool struct tool *t = xcalloc(1, sizeof(*t));
	json_error_t e;
	auto_json json_t *j = json_loads(from, JSON_REJECT_DUPLICATES, &e);
	const json_t *offline = json_object_get(j, "offline");

	if (!json_is_object(j))
		return err_set(err, ERR_CONFIG, -EINVAL, "the description '%s' of a tool, line %d: %s",
			       name, e.line, j ? "no object" : e.text);
	if (json_get_int(j, "format", 0) != FORMAT)
		return wrong(err, name, "another version of coi wrote it");
	t->name = text(j, "name");
	t->summary = text(j, "summary");
	t->binary = text(j, "binary");
	t->agent = text(j, "agent");
	t->directory = text(j, "directory");
	t->directory_always = json_get_bool(j, "directory_always", false);
	t->paths = words(j, "paths");
	t->offline_hosts = words(offline, "hosts");
	t->offline_env = text(offline, "env");
	parse_command(json_object_get(j, "command"), json_object_get(j, "permission"), t);
	parse_environment(json_object_get(j, "environment"), t);
	if (!t->name || !*t->name || !t->binary || !*t->binary || !t->start)
		return wrong(err, name, "name, binary or the command for a new session is missing");
	if ((t->directory && !is_inside(t->directory)) ||
	    parse_files(json_object_get(j, "files"), t) < 0 ||
	    parse_options(json_object_get(j, "options"), t) < 0 ||
	    parse_merges(json_object_get(j, "merge"), t) < 0 ||
	    parse_context(json_object_get(j, "context"), t) < 0 ||
	    parse_session(json_object_get(j, "session"), t) < 0)
		return wrong(err, name, "a path leads out of the home, or a part is malformed");
	*ret = steal_ptr(t);
	return 0;
}

static struct tool *from_setting(const struct setting_tool *c) {
	struct tool *t = xcalloc(1, sizeof(*t));

	t->name = xstrdup(c->name);
	t->summary = xstrdup(c->name);
	t->binary = xstrdup(*c->binary ? c->binary : c->name);
	t->is_custom = true;
	t->start = c->new_words ? strv_copy(c->new_words) : xcalloc(1, sizeof(char *));
	t->resume = strv_copy(c->resume);
	t->prompt = strv_copy(c->prompt);
	t->bypass = strv_copy(c->bypass);
	t->environment = strv_copy(c->environment);
	if (*c->directory) {
		t->directory = xstrdup(c->directory);
		t->directory_always = true;
		strv_add(&t->saved, c->directory);
	}
	for (char **file = c->files; file && *file; file++) {
		t->files = xreallocarray(t->files, t->file_count + 1, sizeof(*t->files));
		t->files[t->file_count++] = (struct tool_file){ .path = xstrdup(*file) };
	}
	if (*c->context_file) {
		t->context = CONTEXT_BLOCK;
		t->context_file = xstrdup(c->context_file);
	}
	return t;
}

/* The last one of that name: a higher layer's goes before a lower one's. */
static const struct setting_tool *find_custom(const struct settings *set, const char *name) {
	for (size_t i = set->tool.custom.count; i > 0; i--)
		if (!strcmp(set->tool.custom.items[i - 1].name, name))
			return &set->tool.custom.items[i - 1];
	return NULL;
}

/* A name from the settings becomes part of a path. */
static bool is_name(const char *name) {
	return *name && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == strlen(name);
}

int tool_load(const struct settings *set, const char *name, struct tool **ret, struct err *err) {
	autofree char *file = NULL, *all = NULL;
	autostrv char **names = NULL;
	const struct setting_tool *custom;
	autobuf struct buf b = { 0 };
	int r;

	if (!name || !*name)
		name = set->tool.name;
	custom = find_custom(set, name);
	if (custom) {
		*ret = from_setting(custom);
		return 0;
	}
	if (is_name(name)) {
		autofree char *relative = xasprintf("tools/%s.json", name);

		file = layout_data(relative);
		r = file_read_at(AT_FDCWD, file, DESCRIPTION_MAX, &b);
		if (r == 0)
			return tool_parse(b.data, file, ret, err);
		if (r != -ENOENT)
			return err_sys(err, r, "cannot read '%s'", file);
	}
	names = tool_names(set);
	all = strv_join(names, ", ");
	(void)err_set(err, ERR_USAGE, -EINVAL, "there is no tool '%s'", name);
	return err_hint(err, "the tools are %s", all ? all : "");
}

char **tool_names(const struct settings *set) {
	autofree char *path = layout_data("tools");
	autoclosedir DIR *d = opendir(path);
	struct dirent *e;
	char **names = NULL;

	while (d && (e = readdir(d))) {
		const char *dot = strrchr(e->d_name, '.');

		if (dot && dot != e->d_name && !strcmp(dot, ".json"))
			strv_take(&names, xstrndup(e->d_name, (size_t)(dot - e->d_name)));
	}
	for (size_t i = 0; set && i < set->tool.custom.count; i++)
		if (!strv_contains(names, set->tool.custom.items[i].name))
			strv_add(&names, set->tool.custom.items[i].name);
	if (names)
		strv_sort(names);
	return names;
}
