/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/tool/command.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/strv.h"
#include "config/rows.h"

#define FILLED_MAX (1 << 20)

/* "-home-ann-src": what is no letter and no digit is a dash. */
static char *slug_of(const char *path) {
	char *slug = xstrdup(path ? path : "");

	for (char *c = slug; *c; c++)
		if (!isascii((unsigned char)*c) || !isalnum((unsigned char)*c))
			*c = '-';
	return slug;
}

char *tool_fill(const char *text, const struct tool_place *at, const char *value) {
	autofree char *slug = slug_of(at->workspace);
	const struct {
		const char *name, *value;
	} known[] = {
		{ "{workspace}", at->workspace }, { "{home}", at->home },
		{ "{sessions}", at->sessions },	  { "{id}", at->id },
		{ "{prompt}", at->prompt },	  { "{value}", value },
		{ "{conversation}", at->conversation }, { "{file}", at->file },
		{ "{slug}", slug }, { "{first}", at->first }, { "{system}", at->system },
	};
	struct buf out;
	char *filled;

	buf_init(&out, FILLED_MAX);
	while (*text) {
		size_t i = 0;

		while (i < ARRAY_SIZE(known) && strncmp(text, known[i].name, strlen(known[i].name)) != 0)
			i++;
		if (i < ARRAY_SIZE(known)) {
			buf_adds(&out, known[i].value ? known[i].value : "");
			text += strlen(known[i].name);
		} else {
			buf_addc(&out, *text++);
		}
	}
	filled = buf_steal(&out);
	buf_done(&out);
	return filled;
}

/* The member that a row fills, as text. */
char *tool_option_value(const struct tool_option *o, const struct settings *set) {
	const struct setting_row *row = settings_row(o->setting);
	const char *member;

	if (!row)
		return xstrdup("");
	member = (const char *)set + row->offset;
	if (row->type == SETTING_CHOICE)
		return xstrdup(row->choices[*(const unsigned *)member]);
	return row->type == SETTING_STRING ? xstrdup(*(char *const *)member) : xstrdup("");
}

const char *tool_program(const struct tool *t, const struct settings *set) {
	const char *dummy = getenv("COI_USE_DUMMY");

	if (dummy && !strcmp(dummy, "1"))
		return "dummy";
	return *set->tool.binary ? set->tool.binary : t->binary;
}

static void add_filled(char ***argv, char *const *words, const struct tool_place *at,
		       const char *value) {
	for (; words && *words; words++)
		strv_take(argv, tool_fill(*words, at, value));
}

static int cannot(const struct tool *t, const char *what, struct err *err) {
	return err_set(err, ERR_USAGE, -EOPNOTSUPP, "the tool '%s' cannot %s", t->name, what);
}

/* What would hide the text about the sandbox, and that text beside it. */
static void add_context(const struct tool *t, const struct settings *set,
			const struct tool_place *at, char ***argv) {
	bool is_hidden = at->has_project_file || at->system;

	if (!set->tool.auto_context || !t->project_words || !is_hidden)
		return;
	if (at->has_project_file) {
		add_filled(argv, t->project_words, at, NULL);
		strv_addf(argv, "%s/%s", at->workspace, t->project_file);
	}
	add_filled(argv, t->project_words, at, NULL);
	strv_addf(argv, "%s/%s", at->home, t->context_file);
}

int tool_command(const struct tool *t, const struct settings *set, enum tool_start how,
		 const struct tool_place *at, char ***ret, struct err *err) {
	autostrv char **argv = NULL;
	char *const *words = how == TOOL_NEW	? t->start :
			     how == TOOL_PROMPT ? t->prompt :
			     at->conversation && t->resume_id ? t->resume_id :
						      t->resume;

	if (!words)
		return cannot(t, how == TOOL_PROMPT ? "be asked without a terminal" :
						      "go on with a conversation", err);
	strv_add(&argv, tool_program(t, set));
	add_filled(&argv, words, at, NULL);
	add_filled(&argv, set->tool.permission_mode == PERMISSION_BYPASS ? t->bypass : t->interactive,
		   at, NULL);
	for (size_t i = 0; i < t->option_count; i++) {
		autofree char *value = tool_option_value(&t->options[i], set);

		if (*value)
			add_filled(&argv, t->options[i].words, at, value);
	}
	add_context(t, set, at, &argv);
	if (at->system && !t->system)
		return cannot(t, "be given a system prompt", err);
	if (at->system)
		add_filled(&argv, t->system, at, NULL);
	if (at->first && !t->first)
		return cannot(t, "be given a first question", err);
	if (at->first)
		add_filled(&argv, t->first, at, NULL);
	if (how == TOOL_PROMPT && at->prompt && !t->prompt_stdin && !strv_contains(words, "{prompt}"))
		strv_add(&argv, at->prompt);
	*ret = steal_ptr(argv);
	return 0;
}

char **tool_environment(const struct tool *t, const struct settings *set,
			const struct tool_place *at) {
	char **env = NULL;

	for (char **e = t->environment; e && *e; e++) {
		autofree char *name = xstrndup(*e, strcspn(*e, "="));
		autofree char *value = tool_fill(*e + strcspn(*e, "=") + ((*e)[strlen(name)] == '='),
						 at, NULL);

		env_set(&env, name, value);
	}
	for (size_t i = 0; i < t->option_count; i++) {
		autofree char *value = tool_option_value(&t->options[i], set);

		if (t->options[i].env && *value)
			env_set(&env, t->options[i].env, value);
	}
	return env;
}

/* A command that ends with a status says so; timeout's own 124 is its own word. */
#define PRE_LAUNCH_BEGIN                                                                   \
	"before() {\n"                                                                     \
	"\tset -- sh -c \"$1\"\n"                                                          \
	"\tif command -v timeout >/dev/null 2>&1; then set -- timeout 300 \"$@\"; fi\n"    \
	"\t\"$@\" </dev/null >&2 && return\n"                                             \
	"\techo \"coi: a command of tool.pre_launch ended with status $?\" >&2\n"         \
	"}\n"
#define PRE_LAUNCH_MAX (100 * 1024) /* one argument has 128 KiB at most (MAX_ARG_STRLEN) */

int tool_add_pre_launch(const struct settings *set, char ***argv, struct err *err) {
	char *const *list = set->tool.pre_launch;
	autostrv char **words = NULL;
	struct buf script;

	if (!list || !list[0])
		return 0;
	buf_init(&script, PRE_LAUNCH_MAX);
	buf_adds(&script, PRE_LAUNCH_BEGIN);
	for (; *list; list++) {
		char *const one[] = { *list, NULL };
		autofree char *word = strv_to_shell(one);

		buf_addf(&script, "before %s\n", word);
	}
	buf_adds(&script, "exec \"$@\"\n");
	if (script.overflow) {
		buf_done(&script);
		return err_set(err, ERR_CONFIG, -E2BIG, "tool.pre_launch is longer than %d bytes",
			       PRE_LAUNCH_MAX);
	}
	strv_add(&words, "sh");
	strv_add(&words, "-c");
	strv_take(&words, buf_steal(&script));
	strv_add(&words, "coi");
	for (char **word = *argv; *word; word++)
		strv_add(&words, *word);
	strv_free(*argv);
	*argv = steal_ptr(words);
	buf_done(&script);
	return 0;
}
