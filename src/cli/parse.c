/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/parse.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "cli/suggest.h"

struct parser {
	struct cli_parsed *out;
	char *const *argv;
	size_t at; /* of the next word */
};

/* An option and where its value goes. */
struct slot {
	const struct cli_option *option;
	char *base;
};

static const char *const bool_true[] = { "1", "t", "T", "true", "TRUE", "True", NULL };
static const char *const bool_false[] = { "0", "f", "F", "false", "FALSE", "False", NULL };

int cli_number(const char *text, int *ret) {
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (end == text || *end || *text == ' ')
		return -EINVAL;
	if (errno == ERANGE || n < INT_MIN || n > INT_MAX)
		return -ERANGE;
	*ret = (int)n;
	return 0;
}

const struct cli_command *cli_child(const struct cli_command *parent, const char *word) {
	for (size_t i = 0; parent->children && parent->children[i]; i++) {
		const struct cli_command *c = parent->children[i];

		if (strcmp(c->name, word) == 0)
			return c;
		for (size_t j = 0; c->aliases && c->aliases[j]; j++) {
			if (strcmp(c->aliases[j], word) == 0)
				return c;
		}
	}
	return NULL;
}

const struct cli_option *cli_option_in(const struct cli_option *list, const char *name, size_t len,
				       char letter) {
	for (; list && list->name; list++) {
		if (len ? strlen(list->name) == len && strncmp(list->name, name, len) == 0 :
			  list->letter == letter)
			return list;
	}
	return NULL;
}

static bool option_find(struct cli_parsed *p, const char *name, size_t len, char letter,
			struct slot *ret) {
	const struct cli_option *o = cli_option_in(p->command->options, name, len, letter);

	if (o) {
		*ret = (struct slot){ o, p->args };
		return true;
	}
	if (p->command->flags & COMMAND_FORMAT) {
		o = cli_option_in(cli_format_options, name, len, letter);
		if (o) {
			*ret = (struct slot){ o, (char *)&p->format };
			return true;
		}
	}
	o = cli_option_in(cli_global_options, name, len, letter);
	/* Only "coi" itself has --version. */
	if (!o || (p->depth > 1 && strcmp(o->name, "version") == 0))
		return false;
	*ret = (struct slot){ o, (char *)&p->globals };
	return true;
}

static bool wants_value(const struct cli_option *o) {
	return o->type != OPTION_BOOL && o->type != OPTION_OPTIONAL;
}

/* Does flag @word, as far as is known so far, take the next word as its value? */
static bool eats_next(struct cli_parsed *p, const char *word) {
	struct slot s;

	if (word[1] == '-')
		return !strchr(word, '=') && word[2] &&
		       option_find(p, word + 2, strlen(word + 2), 0, &s) && wants_value(s.option);
	for (const char *c = word + 1; *c; c++) {
		if (!option_find(p, NULL, 0, *c, &s))
			return false;
		if (wants_value(s.option))
			return !c[1];
		if (c[1] == '=')
			return false;
	}
	return false;
}

static enum cli_verdict unknown_command(const struct cli_parsed *p, const char *word,
					struct err *err) {
	autofree char *parent = cli_parsed_name(p);
	const char **names = NULL;
	size_t count = 0;
	autostrv char **near = NULL;

	for (size_t i = 0; p->command->children[i]; i++) {
		if (p->command->children[i]->flags & COMMAND_HIDDEN)
			continue;
		names = xreallocarray(names, count + 1, sizeof(*names));
		names[count++] = p->command->children[i]->name;
	}
	names = xreallocarray(names, count + 1, sizeof(*names));
	names[count] = NULL;
	near = suggest_words(word, names);
	free(names);
	err_set(err, ERR_USAGE, -EINVAL, "unknown command '%s' for '%s'", word, parent);
	if (p->command->absent && strv_contains((char *const *)p->command->absent, word)) {
		err_hint(err, "'%s' is not part of this version.", word);
		return CLI_UNKNOWN_COMMAND;
	}
	if (near) {
		autofree char *list = strv_join(near, "\n  ");

		err_hint(err, "Did you mean this?\n  %s\n\nRun '%s --help' for the commands.", list,
			 parent);
	} else {
		err_hint(err, "Run '%s --help' for the commands.", parent);
	}
	return CLI_UNKNOWN_COMMAND;
}

/*
 * First pass: which command is it? Words that belong to its name are marked in
 * @skip. A flag of the command may stand before its name, as long as it takes
 * no value from the next word.
 */
static enum cli_verdict find_command(struct cli_parsed *p, char *const *argv, bool *skip,
				     struct err *err) {
	for (size_t i = 0; argv[i]; i++) {
		const struct cli_command *child;

		if (strcmp(argv[i], "--") == 0)
			break;
		if (argv[i][0] == '-' && argv[i][1]) {
			if (eats_next(p, argv[i]) && argv[i + 1])
				i++;
			continue;
		}
		if (!p->command->children)
			break;
		child = cli_child(p->command, argv[i]);
		/* One that works on a thing, and has commands below it too: coi audit web. */
		if (!child && p->command->arguments)
			break;
		if (!child)
			return unknown_command(p, argv[i], err);
		skip[i] = true;
		p->command = p->path[p->depth++] = child;
		if (child->flags & COMMAND_RAW)
			break;
	}
	return CLI_RUN;
}

/* ---- values ---- */

static int bad_value(struct err *err, const struct cli_option *o, const char *wants,
		     const char *value) {
	return err_set(err, ERR_USAGE, -EINVAL, "flag '--%s' wants %s, not '%s'", o->name, wants,
		       value);
}

static void add_override(struct cli_parsed *p, const struct cli_option *o, const char *text) {
	size_t i = 0;

	while (i < p->override_count && strcmp(p->overrides[i].path, o->setting) != 0)
		i++;
	if (i == p->override_count) {
		p->override_flags[i] = xasprintf("--%s", o->name);
		p->override_count++;
	}
	p->overrides[i] = (struct config_override){
		.path = o->setting,
		.text = text,
		.flag = p->override_flags[i],
	};
}

static int set_bool(struct cli_parsed *p, const struct slot *s, const char *value,
		    struct err *err) {
	bool on = !value || strv_contains((char *const *)bool_true, value);

	if (!on && !strv_contains((char *const *)bool_false, value))
		return bad_value(err, s->option, "true or false", value);
	if (s->option->setting)
		add_override(p, s->option, on ? "true" : "false");
	else
		*(bool *)(s->base + s->option->offset) = on;
	return 0;
}

static int set_int(struct cli_parsed *p, const struct slot *s, const char *value,
		   struct err *err) {
	const struct cli_option *o = s->option;
	int n;

	if (cli_number(value, &n) < 0)
		return bad_value(err, o, "a whole number", value);
	if ((o->int_min || o->int_max) && (n < o->int_min || n > o->int_max))
		return err_set(err, ERR_USAGE, -ERANGE, "flag '--%s' wants a number from %d to %d, "
			       "not '%s'", o->name, o->int_min, o->int_max, value);
	if (o->setting)
		add_override(p, o, value);
	else
		*(int *)(s->base + o->offset) = n;
	return 0;
}

static bool is_given(const struct cli_parsed *p, const struct cli_option *o) {
	for (size_t i = 0; i < p->given_count; i++) {
		if (p->given[i] == o)
			return true;
	}
	return false;
}

/* @value NULL: the flag stood alone, which bools and optional ones allow. */
static int set_value(struct cli_parsed *p, const struct slot *s, const char *value,
		     struct err *err) {
	const struct cli_option *o = s->option;

	/* No command has that many different ones. */
	assert(p->given_count < CLI_OPTIONS_MAX);
	if (!is_given(p, o))
		p->given[p->given_count++] = o;
	if (o->type == OPTION_BOOL)
		return set_bool(p, s, value, err);
	if (o->type == OPTION_INT)
		return set_int(p, s, value, err);
	if (o->type == OPTION_OPTIONAL && !value)
		value = "auto";
	if (o->type == OPTION_LIST)
		strv_add((char ***)(void *)(s->base + o->offset), value);
	else if (o->setting)
		add_override(p, o, value);
	else
		*(const char **)(void *)(s->base + o->offset) = value;
	return 0;
}

/* ---- flags ---- */

/* Flags that coi had before 0.9, and the settings that took their place. */
static const struct {
	const char *flag;
	const char *setting;
} moved_flags[] = {
	{ "env", "[defaults] environment" },
	{ "mount", "[[mounts.default]]" },
	{ "network", "[network] mode" },
	{ "ssh-agent", "[ssh] forward_agent" },
	{ "storage", "[container] storage_pool" },
	{ "limit-cpu", "[limits.cpu] count" },
	{ "limit-cpu-allowance", "[limits.cpu] allowance" },
	{ "limit-memory", "[limits.memory] limit" },
	{ "limit-memory-swap", "[limits.memory] swap" },
	{ "limit-disk-read", "[limits.disk] read" },
	{ "limit-disk-write", "[limits.disk] write" },
	{ "limit-duration", "[limits.runtime] max_duration" },
	{ "monitor", "[monitoring] enabled" },
	{ "writable-git-hooks", "[git] writable_hooks" },
	{ "timezone", "[timezone] mode" },
};

static void collect_names(const struct cli_option *list, const char ***names, size_t *count) {
	for (; list && list->name; list++) {
		if (list->flags & OPTION_HIDDEN)
			continue;
		*names = xreallocarray(*names, *count + 2, sizeof(**names));
		(*names)[(*count)++] = list->name;
		(*names)[*count] = NULL;
	}
}

static int unknown_flag(const struct cli_parsed *p, const char *name, size_t len,
			struct err *err) {
	autofree char *bare = xstrndup(name, len);
	const char **names = NULL;
	size_t count = 0;
	autostrv char **near = NULL;
	int r = err_set(err, ERR_USAGE, -EINVAL, "unknown flag '--%s'", bare);

	for (size_t i = 0; i < ARRAY_SIZE(moved_flags); i++) {
		if (strcmp(moved_flags[i].flag, bare) == 0)
			return err_hint(err, "This is a setting: %s.", moved_flags[i].setting);
	}
	collect_names(p->command->options, &names, &count);
	if (p->command->flags & COMMAND_FORMAT)
		collect_names(cli_format_options, &names, &count);
	collect_names(cli_global_options, &names, &count);
	near = suggest_words(bare, names);
	free(names);
	if (p->command->flags & COMMAND_INNER && p->word_count)
		r = err_hint(err, "Flags of the command inside stand behind '--'.");
	else if (near)
		r = err_hint(err, "Did you mean '--%s'?", near[0]);
	return r;
}

static int long_flag(struct parser *ps, const char *word, struct err *err) {
	const char *name = word + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const char *value = equals ? equals + 1 : NULL;
	struct slot s;

	if (len == 0)
		return err_set(err, ERR_USAGE, -EINVAL, "'%s' is no flag", word);
	if (!option_find(ps->out, name, len, 0, &s))
		return unknown_flag(ps->out, name, len, err);
	if (!value && wants_value(s.option)) {
		value = ps->argv[ps->at];
		if (!value)
			return err_set(err, ERR_USAGE, -EINVAL, "flag '--%s' needs a value",
				       s.option->name);
		ps->at++;
	}
	return set_value(ps->out, &s, value, err);
}

static int letter_flags(struct parser *ps, const char *word, struct err *err) {
	for (const char *c = word + 1; *c; c++) {
		struct slot s;
		const char *value = NULL;

		if (!option_find(ps->out, NULL, 0, *c, &s)) {
			int r = err_set(err, ERR_USAGE, -EINVAL, "unknown flag '-%c' in '%s'", *c,
					word);

			if (ps->out->command->flags & COMMAND_INNER && ps->out->word_count)
				r = err_hint(err, "Flags of the command inside stand behind '--'.");
			return r;
		}
		if (c[1] == '=') {
			return set_value(ps->out, &s, c + 2, err);
		} else if (wants_value(s.option)) {
			value = c[1] ? c + 1 : ps->argv[ps->at];
			if (!value)
				return err_set(err, ERR_USAGE, -EINVAL, "flag '-%c' needs a value",
					       *c);
			if (!c[1])
				ps->at++;
			return set_value(ps->out, &s, value, err);
		}
		if (set_value(ps->out, &s, NULL, err) < 0)
			return -EINVAL;
	}
	return 0;
}

/* ---- the whole line ---- */

static void set_defaults(const struct cli_option *list, char *base) {
	for (; list && list->name; list++) {
		if (list->setting)
			continue;
		if (list->type == OPTION_BOOL)
			*(bool *)(base + list->offset) = list->bool_default;
		else if (list->type == OPTION_INT)
			*(int *)(void *)(base + list->offset) = list->int_default;
	}
}

static int check_count(const struct cli_parsed *p, struct err *err) {
	autofree char *name = cli_parsed_name(p);
	size_t least = 0, most = 0;
	bool open_end = false;

	for (const struct cli_argument *a = p->command->arguments; a && a->name; a++) {
		least += a->count == ARGUMENT_REQUIRED || a->count == ARGUMENT_REPEATED;
		most++;
		open_end |= a->count == ARGUMENT_ANY || a->count == ARGUMENT_REPEATED;
	}
	if (p->word_count < least)
		return err_set(err, ERR_USAGE, -EINVAL, "'%s' needs %s%zu argument%s, %zu given",
			       name, open_end || most > least ? "at least " : "", least,
			       least == 1 ? "" : "s", p->word_count);
	if (p->word_count > most && !open_end && most == 0)
		return err_set(err, ERR_USAGE, -EINVAL, "'%s' takes no arguments, %zu given", name,
			       p->word_count);
	if (p->word_count > most && !open_end)
		return err_set(err, ERR_USAGE, -EINVAL, "'%s' takes %s%zu argument%s, %zu given",
			       name, most > least ? "at most " : "", most, most == 1 ? "" : "s",
			       p->word_count);
	return 0;
}

static int check_required(const struct cli_parsed *p, struct err *err) {
	for (const struct cli_option *o = p->command->options; o && o->name; o++) {
		if (o->flags & OPTION_REQUIRED && !cli_parsed_has(p, o->name))
			return err_set(err, ERR_USAGE, -EINVAL, "flag '--%s' is required", o->name);
	}
	return 0;
}

static const char *override_of(const struct cli_parsed *p, const char *setting) {
	for (size_t i = 0; i < p->override_count; i++) {
		if (strcmp(p->overrides[i].path, setting) == 0)
			return p->overrides[i].text;
	}
	return NULL;
}

static int check_choices(const struct cli_parsed *p, const struct cli_option *list,
			 const char *base, struct err *err) {
	for (; list && list->name; list++) {
		const char *value;

		if (!list->choices || list->type != OPTION_TEXT)
			continue;
		value = list->setting ? override_of(p, list->setting) :
			*(const char *const *)(const void *)(base + list->offset);
		if (value && !strv_contains((char *const *)list->choices, value)) {
			autofree char *all = strv_join((char *const *)list->choices, ", ");

			return err_set(err, ERR_USAGE, -EINVAL, "'%s' is no value for '--%s': %s",
				       value, list->name, all);
		}
	}
	return 0;
}

static int parse_words(struct parser *ps, const bool *skip, struct err *err) {
	bool flags_ended = false;

	while (ps->argv[ps->at]) {
		const char *word = ps->argv[ps->at];
		int r = 0;

		if (skip[ps->at++]) {
			flags_ended |= (ps->out->command->flags & COMMAND_RAW) != 0;
			continue;
		}
		if (!flags_ended && strcmp(word, "--") == 0)
			flags_ended = true;
		else if (flags_ended || word[0] != '-' || !word[1]) {
			strv_add(&ps->out->words, word);
			ps->out->word_count++;
		} else if (word[1] == '-')
			r = long_flag(ps, word, err);
		else
			r = letter_flags(ps, word, err);
		if (r < 0)
			return r;
	}
	return 0;
}

enum cli_verdict cli_parse(const struct cli_command *root, char *const *argv,
			   struct cli_parsed *ret, struct err *err) {
	autofree bool *skip = xcalloc(strv_len(argv) + 1, sizeof(*skip));
	struct parser ps = { .out = ret, .argv = argv };
	enum cli_verdict verdict;

	*ret = (struct cli_parsed){ .command = root, .path = { root }, .depth = 1 };
	verdict = find_command(ret, argv, skip, err);
	if (verdict != CLI_RUN)
		return verdict;
	if (ret->command->args_size)
		ret->args = xcalloc(1, ret->command->args_size);
	set_defaults(ret->command->options, ret->args);
	if (parse_words(&ps, skip, err) < 0)
		return CLI_BAD_FLAGS;
	if (ret->globals.help)
		return CLI_HELP;
	if (ret->globals.version)
		return CLI_VERSION;
	if (!ret->command->run)
		return CLI_HELP;
	if (check_required(ret, err) < 0 || check_count(ret, err) < 0)
		return CLI_BAD_FLAGS;
	if (check_choices(ret, ret->command->options, ret->args, err) < 0 ||
	    (ret->command->flags & COMMAND_FORMAT &&
	     check_choices(ret, cli_format_options, (char *)&ret->format, err) < 0))
		return CLI_BAD_VALUE;
	return CLI_RUN;
}

void cli_parsed_done(struct cli_parsed *p) {
	const struct cli_option *o = p->args ? p->command->options : NULL;

	for (; o && o->name; o++) {
		if (o->type == OPTION_LIST)
			strv_free(*(char ***)(void *)((char *)p->args + o->offset));
	}
	free(p->args);
	p->args = NULL;
	strv_free(p->words);
	p->words = NULL;
	for (size_t i = 0; i < p->override_count; i++)
		free(p->override_flags[i]);
	p->override_count = 0;
}

bool cli_parsed_has(const struct cli_parsed *p, const char *name) {
	for (size_t i = 0; i < p->given_count; i++) {
		if (strcmp(p->given[i]->name, name) == 0)
			return true;
	}
	return false;
}

char *cli_parsed_name(const struct cli_parsed *p) {
	autostrv char **words = NULL;

	for (size_t i = 0; i < p->depth; i++)
		strv_add(&words, p->path[i]->name);
	return strv_join(words, " ");
}
