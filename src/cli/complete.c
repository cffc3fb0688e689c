/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/complete.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"

struct state {
	const struct cli_command *root;
	const struct cli_command *command;
	size_t depth;
	size_t words;                    /* arguments so far */
	const struct cli_option *wanting; /* its value comes next */
	bool flags_ended;
	complete_names_fn names;
	const char *typed; /* the unfinished word */
	size_t kept;       /* bytes of it that stand before each candidate: "--flag=" */
	struct buf *out;
};

static const struct cli_option *find_option(const struct state *st, const char *name, size_t len,
					    char letter) {
	const struct cli_option *o = cli_option_in(st->command->options, name, len, letter);

	if (!o && st->command->flags & COMMAND_FORMAT)
		o = cli_option_in(cli_format_options, name, len, letter);
	return o ? o : cli_option_in(cli_global_options, name, len, letter);
}

static bool takes_next(const struct cli_option *o) {
	return o && o->type != OPTION_BOOL && o->type != OPTION_OPTIONAL;
}

/* A word that is finished. */
static void walk(struct state *st, const char *word) {
	const struct cli_command *child;

	if (st->wanting) {
		/* Shells may hand over "--flag", "=", "value". */
		if (strcmp(word, "=") != 0)
			st->wanting = NULL;
		return;
	}
	if (!st->flags_ended && strcmp(word, "--") == 0) {
		st->flags_ended = true;
	} else if (!st->flags_ended && word[0] == '-' && word[1] == '-') {
		const struct cli_option *o = find_option(st, word + 2, strcspn(word + 2, "="), 0);

		st->wanting = takes_next(o) && !strchr(word, '=') ? o : NULL;
	} else if (!st->flags_ended && word[0] == '-' && word[1]) {
		const struct cli_option *o = find_option(st, NULL, 0, word[strlen(word) - 1]);

		st->wanting = takes_next(o) ? o : NULL;
	} else if (st->command->children && (child = cli_child(st->command, word))) {
		st->command = child;
		st->depth++;
	} else {
		st->words++;
	}
}

static void offer(struct state *st, const char *typed, const char *word, const char *meaning) {
	if (strncmp(word, typed, strlen(typed)) == 0)
		buf_addf(st->out, "%.*s%s\t%s\n", (int)st->kept, st->typed, word,
			 meaning ? meaning : "");
}

static void offer_children(struct state *st, const struct cli_command *parent, const char *typed) {
	for (size_t i = 0; parent->children && parent->children[i]; i++) {
		if (!(parent->children[i]->flags & COMMAND_HIDDEN))
			offer(st, typed, parent->children[i]->name, parent->children[i]->summary);
	}
}

/* Words of that kind; the directive for the shell. */
static const char *offer_kind(struct state *st, enum cli_complete kind, const char *typed) {
	autostrv char **names = NULL;

	switch (kind) {
	case COMPLETE_NONE:
		return ":none";
	case COMPLETE_FILE:
		return ":file";
	case COMPLETE_DIRECTORY:
		return ":directory";
	case COMPLETE_COMMAND:
		offer_children(st, st->root, typed);
		return ":none";
	case COMPLETE_CONTAINER:
	case COMPLETE_RUNNING:
	case COMPLETE_IMAGE:
	case COMPLETE_RECIPE:
	case COMPLETE_PROFILE:
	case COMPLETE_TOOL:
	case COMPLETE_MODE:
	case COMPLETE_STATUS:
		break;
	}
	names = st->names ? st->names(kind) : NULL;
	for (char **name = names; name && *name; name++)
		offer(st, typed, *name, NULL);
	return ":none";
}

static const char *offer_value(struct state *st, const struct cli_option *o, const char *typed) {
	if (!o->choices)
		return offer_kind(st, o->complete, typed);
	for (size_t i = 0; o->choices[i]; i++)
		offer(st, typed, o->choices[i], NULL);
	return ":none";
}

static void offer_flags(struct state *st, const struct cli_option *list, const char *typed) {
	for (; list && list->name; list++) {
		autofree char *flag = xasprintf("--%s", list->name);

		if (cli_option_shows(list, st->command))
			offer(st, typed, flag, list->help);
	}
}

static const char *offer_argument(struct state *st, const char *typed) {
	const struct cli_argument *a = st->command->arguments;

	if (st->command->children && st->words == 0)
		offer_children(st, st->command, typed);
	if (!a || !a->name)
		return ":none";
	for (size_t i = 0; i < st->words; i++) {
		bool repeats = a->count == ARGUMENT_ANY || a->count == ARGUMENT_REPEATED;

		if (!repeats)
			a++;
		if (!a->name)
			return ":none";
	}
	/* A command for the inside: what lies in the workspace is as good a guess as any. */
	if (st->command->flags & COMMAND_INNER && a->complete == COMPLETE_NONE)
		return ":file";
	return offer_kind(st, a->complete, typed);
}

void complete_line(const struct cli_command *root, char *const *words, complete_names_fn names,
		   struct buf *out) {
	struct state st = { .root = root, .command = root, .names = names, .out = out };
	const char *typed = "", *directive = ":none", *equals;

	for (; words && *words; words++) {
		if (words[1])
			walk(&st, *words);
		else
			typed = *words;
	}
	if (st.wanting && strcmp(typed, "=") == 0)
		typed = "";
	st.typed = typed;
	equals = strchr(typed, '=');
	if (st.wanting) {
		directive = offer_value(&st, st.wanting, typed);
	} else if (!st.flags_ended && typed[0] == '-' && equals) {
		const struct cli_option *o = find_option(&st, typed + 2,
							 (size_t)(equals - typed) - 2, 0);

		st.kept = (size_t)(equals - typed) + 1;
		if (typed[1] == '-' && o)
			directive = offer_value(&st, o, equals + 1);
	} else if (!st.flags_ended && typed[0] == '-') {
		offer_flags(&st, st.command->options, typed);
		if (st.command->flags & COMMAND_FORMAT)
			offer_flags(&st, cli_format_options, typed);
		offer_flags(&st, cli_global_options, typed);
	} else {
		directive = offer_argument(&st, typed);
	}
	buf_addf(out, "%s\n", directive);
}
