/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/help.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NAME_COLUMN_MAX 28 /* a longer name has its text on the next line */

void help_wrap(const char *text, size_t indent, size_t column, struct buf *out) {
	while (*text) {
		size_t word = strcspn(text, " \n"), gap = column > indent ? 1 : 0;

		if (gap && word && column + gap + word > HELP_WIDTH) {
			buf_addc(out, '\n');
			column = gap = 0;
		}
		if (word) {
			size_t pad = column < indent ? indent - column : gap;

			buf_addf(out, "%*s", (int)pad, "");
			buf_add(out, text, word);
			column += pad + word;
		}
		text += word;
		if (*text == '\n') {
			buf_addc(out, '\n');
			column = 0;
			text++;
		}
		while (*text == ' ')
			text++;
	}
	buf_addc(out, '\n');
}

static void add_name(const struct cli_command *const *path, size_t depth, struct buf *out) {
	for (size_t i = 0; i < depth; i++)
		buf_addf(out, "%s%s", i ? " " : "", path[i]->name);
}

static void add_argument(const struct cli_argument *a, struct buf *out) {
	switch (a->count) {
	case ARGUMENT_REQUIRED:
		buf_addf(out, " %s", a->name);
		break;
	case ARGUMENT_OPTIONAL:
		buf_addf(out, " [%s]", a->name);
		break;
	case ARGUMENT_ANY:
		buf_addf(out, " [%s...]", a->name);
		break;
	case ARGUMENT_REPEATED:
		buf_addf(out, " %s...", a->name);
		break;
	}
}

/* "coi image list [flags]"; appended without a newline. */
static void help_synopsis(const struct cli_command *const *path, size_t depth, struct buf *out) {
	const struct cli_command *c = path[depth - 1];

	add_name(path, depth, out);
	if (c->children && !c->run) {
		buf_adds(out, " command");
		return;
	}
	buf_adds(out, " [flags]");
	for (const struct cli_argument *a = c->arguments; a && a->name; a++) {
		/* From here on words may be flags of somebody else. */
		if (c->flags & COMMAND_INNER && !(a + 1)->name && a != c->arguments)
			buf_adds(out, " --");
		else if (c->flags & COMMAND_INNER && a == c->arguments &&
			 a->count == ARGUMENT_REPEATED)
			buf_adds(out, " [--]");
		add_argument(a, out);
	}
}

/* "-f, --force" or "    --keep N", as the list of flags has it; newly allocated. */
static char *help_option_name(const struct cli_option *o) {
	autobuf struct buf b;

	buf_init(&b, 256);
	if (o->letter)
		buf_addf(&b, "-%c, --%s", o->letter, o->name);
	else
		buf_addf(&b, "    --%s", o->name);
	if (o->type == OPTION_OPTIONAL)
		buf_addf(&b, "[=%s]", o->value);
	else if (o->type != OPTION_BOOL)
		buf_addf(&b, " %s", o->value);
	return buf_steal(&b);
}

/* "name   text", the text wrapped in its own column. */
static void add_entry(const char *name, size_t column, const char *text, struct buf *out) {
	size_t len = strlen(name);

	buf_addf(out, "  %s", name);
	if (len + 4 > column) {
		buf_addc(out, '\n');
		help_wrap(text, column, 0, out);
		return;
	}
	buf_addf(out, "%*s", (int)(column - len - 2), "");
	help_wrap(text, column, column, out);
}

static char *option_text(const struct cli_option *o) {
	autobuf struct buf b;

	buf_init(&b, 4096);
	buf_adds(&b, o->help);
	for (size_t i = 0; o->choices && o->choices[i]; i++)
		buf_addf(&b, "%s%s", i ? ", " : ": ", o->choices[i]);
	if (o->type == OPTION_BOOL && o->bool_default)
		buf_adds(&b, " (default true)");
	if (o->type == OPTION_INT && o->int_default > 0)
		buf_addf(&b, " (default %d)", o->int_default);
	if (o->setting)
		buf_addf(&b, " (setting %s)", o->setting);
	if (o->flags & OPTION_REQUIRED)
		buf_adds(&b, " (required)");
	return buf_steal(&b);
}

static size_t name_column(const struct cli_option *list, const struct cli_command *c) {
	size_t column = 0;

	for (; list->name; list++) {
		autofree char *name = help_option_name(list);
		size_t needs = strlen(name) + 4;

		if (cli_option_shows(list, c) && needs > column && needs <= NAME_COLUMN_MAX)
			column = needs;
	}
	return column ? column : NAME_COLUMN_MAX;
}

static bool has_visible(const struct cli_option *list, const struct cli_command *c) {
	for (; list && list->name; list++) {
		if (cli_option_shows(list, c))
			return true;
	}
	return false;
}

static void add_options(const struct cli_option *list, const struct cli_command *c, size_t column,
			struct buf *out) {
	for (; list && list->name; list++) {
		autofree char *name = help_option_name(list), *text = option_text(list);

		if (cli_option_shows(list, c))
			add_entry(name, column, text, out);
	}
}

static void add_flags(const struct cli_command *c, struct buf *out) {
	size_t column = c->options ? name_column(c->options, c) : 0;
	bool has_format = (c->flags & COMMAND_FORMAT) != 0;

	if (has_format && name_column(cli_format_options, c) > column)
		column = name_column(cli_format_options, c);
	if (has_visible(c->options, c) || has_format) {
		buf_adds(out, "\nFlags:\n");
		add_options(c->options, c, column, out);
		if (has_format)
			add_options(cli_format_options, c, column, out);
	}
	buf_adds(out, "\nGlobal flags:\n");
	add_options(cli_global_options, c, name_column(cli_global_options, c), out);
}

void help_usage(const struct cli_command *const *path, size_t depth, struct buf *out) {
	buf_adds(out, "Usage:\n  ");
	help_synopsis(path, depth, out);
	buf_addc(out, '\n');
	add_flags(path[depth - 1], out);
}

static void add_children(const struct cli_command *c, struct buf *out) {
	size_t column = 0;

	for (size_t i = 0; c->children[i]; i++) {
		size_t needs = strlen(c->children[i]->name) + 5;

		if (!(c->children[i]->flags & COMMAND_HIDDEN) && needs > column)
			column = needs;
	}
	for (int group = 0; group < GROUP_COUNT; group++) {
		bool titled = false;

		for (size_t i = 0; c->children[i]; i++) {
			const struct cli_command *child = c->children[i];

			if ((int)child->group != group || child->flags & COMMAND_HIDDEN)
				continue;
			if (!titled)
				buf_addf(out, "\n%s:\n", cli_group_to_string((enum cli_group)group));
			titled = true;
			add_entry(child->name, column, child->summary, out);
		}
	}
}

static void add_arguments(const struct cli_command *c, struct buf *out) {
	size_t column = 0;

	for (const struct cli_argument *a = c->arguments; a->name; a++) {
		if (strlen(a->name) + 5 > column)
			column = strlen(a->name) + 5;
	}
	buf_adds(out, "\nArguments:\n");
	for (const struct cli_argument *a = c->arguments; a->name; a++)
		add_entry(a->name, column, a->help, out);
}

void help_full(const struct cli_command *const *path, size_t depth, struct buf *out) {
	const struct cli_command *c = path[depth - 1];

	add_name(path, depth, out);
	buf_addf(out, ": %s.\n\nUsage:\n  ", c->summary);
	help_synopsis(path, depth, out);
	buf_addc(out, '\n');
	if (c->children && c->run) {
		buf_adds(out, "  ");
		add_name(path, depth, out);
		buf_adds(out, " command\n");
	}
	for (size_t i = 0; c->aliases && c->aliases[i]; i++)
		buf_addf(out, "%s%s", i ? ", " : "\nAlso called: ", c->aliases[i]);
	if (c->aliases)
		buf_addc(out, '\n');
	if (c->description) {
		buf_addc(out, '\n');
		help_wrap(c->description, 0, 0, out);
	}
	if (c->children)
		add_children(c, out);
	if (c->arguments && c->arguments->name)
		add_arguments(c, out);
	add_flags(c, out);
	if (c->examples)
		buf_adds(out, "\nExamples:\n");
	for (const struct cli_example *e = c->examples; e && e->command; e++) {
		buf_addf(out, "  %s\n", e->command);
		help_wrap(e->meaning, 6, 0, out);
	}
	if (c->children) {
		buf_adds(out, "\nRun '");
		add_name(path, depth, out);
		buf_adds(out, " command --help' for more about a command.\n");
	}
}
