/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/man.h"

#include <string.h>

#include "base/mem.h"
#include "cli/mdoc.h"

static void add_option(struct buf *b, const struct cli_option *o) {
	buf_adds(b, ".It");
	if (o->letter)
		buf_addf(b, " Fl %c ,", o->letter);
	buf_adds(b, " Fl \\-");
	mdoc_text(b, o->name);
	if (o->type == OPTION_OPTIONAL)
		buf_addf(b, " Ns Op = Ns Ar %s", o->value);
	else if (o->type != OPTION_BOOL)
		buf_addf(b, " Ar %s", o->value);
	buf_addc(b, '\n');
	mdoc_text(b, o->help);
	for (size_t i = 0; o->choices && o->choices[i]; i++)
		buf_addf(b, "%s%s", i ? ", " : ": ", o->choices[i]);
	buf_adds(b, ".\n");
	if (o->type == OPTION_BOOL && o->bool_default)
		buf_adds(b, "On unless switched off by\n.Sq =false .\n");
	if (o->type == OPTION_INT && o->int_default > 0)
		buf_addf(b, "Default: %d.\n", o->int_default);
	if (o->setting)
		buf_addf(b, "Wins over the setting\n.Ic %s .\n", o->setting);
	if (o->flags & OPTION_REQUIRED)
		buf_adds(b, "Must be given.\n");
}

static void add_options(struct buf *b, const struct cli_option *list, const struct cli_option *more) {
	bool any = false;

	for (int pass = 0; pass < 2; pass++) {
		for (const struct cli_option *o = pass ? more : list; o && o->name; o++) {
			if (!cli_option_shows(o, NULL))
				continue;
			if (!any)
				buf_adds(b, ".Bl -tag -width Ds\n");
			any = true;
			add_option(b, o);
		}
	}
	if (any)
		buf_adds(b, ".El\n");
}

static void add_arguments(struct buf *b, const struct cli_command *c) {
	if (!c->arguments || !c->arguments->name)
		return;
	buf_adds(b, ".Bl -tag -width Ds\n");
	for (const struct cli_argument *a = c->arguments; a->name; a++) {
		buf_addf(b, ".It Ar %s\n", a->name);
		mdoc_sentence(b, a->help);
	}
	buf_adds(b, ".El\n");
}

static void add_examples(struct buf *b, const struct cli_command *c) {
	if (!c->examples)
		return;
	buf_adds(b, ".Pp\nExamples:\n");
	buf_adds(b, ".Bl -tag -width Ds -compact\n");
	for (const struct cli_example *e = c->examples; e->command; e++) {
		buf_adds(b, ".It Li ");
		mdoc_argument(b, e->command);
		buf_addc(b, '\n');
		mdoc_sentence(b, e->meaning);
	}
	buf_adds(b, ".El\n");
}

/* "coi image list [flags] …" */
static void add_synopsis(struct buf *b, const char *prefix, const struct cli_command *c) {
	buf_addf(b, ".Nm coi\n.Ic %s%s\n", prefix, c->name);
	buf_adds(b, ".Op Ar flags\n");
	for (const struct cli_argument *a = c->arguments; a && a->name; a++) {
		bool optional = a->count == ARGUMENT_OPTIONAL || a->count == ARGUMENT_ANY;
		bool many = a->count == ARGUMENT_ANY || a->count == ARGUMENT_REPEATED;

		buf_addf(b, ".%sAr %s%s\n", optional ? "Op " : "", a->name, many ? " ..." : "");
	}
}

/* What it does, with its arguments and flags; examples are for the caller to place. */
static void add_body(struct buf *b, const struct cli_command *c) {
	autofree char *summary = xstrdup(c->summary);

	if (summary[0] >= 'a' && summary[0] <= 'z')
		summary[0] = (char)(summary[0] - 'a' + 'A');
	mdoc_sentence(b, summary);
	if (c->description)
		mdoc_prose(b, c->description);
	for (size_t i = 0; c->aliases && c->aliases[i]; i++)
		buf_addf(b, "Also called\n.Ic %s .\n", c->aliases[i]);
	if (!c->run)
		return;
	add_arguments(b, c);
	add_options(b, c->options, c->flags & COMMAND_FORMAT ? cli_format_options : NULL);
}

static void add_command(struct buf *b, const char *prefix, const struct cli_command *c) {
	if (c->flags & COMMAND_HIDDEN)
		return;
	if (c->run) {
		buf_addf(b, ".Ss %s%s\n", prefix, c->name);
		add_synopsis(b, prefix, c);
		buf_adds(b, ".Pp\n");
		add_body(b, c);
		add_examples(b, c);
	}
	for (size_t i = 0; c->children && c->children[i]; i++) {
		autofree char *deeper = xasprintf("%s%s ", prefix, c->name);

		add_command(b, deeper, c->children[i]);
	}
}

static bool is_slot(const char *line, size_t len, const char *slot) {
	return strlen(slot) == len && strncmp(line, slot, len) == 0;
}

static void add_commands(const struct cli_command *root, struct buf *out) {
	for (size_t i = 0; root->children[i]; i++)
		add_command(out, "", root->children[i]);
}

/* The lines of the page of one command that come out of its descriptor. */
static bool add_own_slot(const char *line, size_t len, const struct cli_command *c,
			 struct buf *out) {
	if (is_slot(line, len, "@title@")) {
		buf_adds(out, ".Dt COI\\-");
		for (const char *p = c->name; *p; p++)
			buf_addc(out, (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p));
		buf_adds(out, " 1\n");
	} else if (is_slot(line, len, "@name@")) {
		buf_addf(out, ".Nm coi\\-%s\n.Nd %s\n", c->name, c->summary);
	} else if (is_slot(line, len, "@synopsis@")) {
		if (c->run)
			add_synopsis(out, "", c);
		for (size_t i = 0; c->children && c->children[i]; i++) {
			autofree char *prefix = xasprintf("%s ", c->name);

			if (c->children[i]->run && !(c->children[i]->flags & COMMAND_HIDDEN))
				add_synopsis(out, prefix, c->children[i]);
		}
	} else if (is_slot(line, len, "@body@")) {
		autofree char *prefix = xasprintf("%s ", c->name);

		add_body(out, c);
		add_examples(out, c);
		for (size_t i = 0; c->children && c->children[i]; i++)
			add_command(out, prefix, c->children[i]);
	} else {
		return false;
	}
	return true;
}

static bool add_slot(const char *line, size_t len, const struct man_slot *slots, struct buf *out) {
	for (; slots && slots->name; slots++) {
		if (!is_slot(line, len, slots->name))
			continue;
		slots->add(out);
		return true;
	}
	return false;
}

void man_page(const struct cli_command *root, const struct cli_command *one, const char *version,
	      const char *template, const struct man_slot *more, struct buf *out) {
	while (*template) {
		size_t len = strcspn(template, "\n");

		if (is_slot(template, len, "@commands@")) {
			add_commands(root, out);
		} else if (is_slot(template, len, "@global-options@")) {
			add_options(out, cli_global_options, NULL);
		} else if (is_slot(template, len, "@version@")) {
			buf_addf(out, ".Os coi %s\n", version);
		} else if (!(one && add_own_slot(template, len, one, out)) &&
			   !add_slot(template, len, more, out)) {
			buf_add(out, template, len);
			buf_addc(out, '\n');
		}
		template += len + (template[len] == '\n');
	}
}
