/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "base/strv.h"
#include "cli/parse.h"
#include "cli/suggest.h"

/* ---- a small tree of commands ---- */

struct go_args {
	bool all;
	bool on;
	bool force;
	int count;
	const char *name;
	const char *mode;
	const char *maybe;
	char **list;
};

static const char *const modes[] = { "fast", "slow", NULL };

static const struct cli_option go_options[] = {
	{ .name = "all", .letter = 'a', CLI_BOOL(struct go_args, all), .help = "a" },
	{ .name = "on", CLI_BOOL(struct go_args, on), .bool_default = true, .help = "o" },
	{ .name = "force", .letter = 'f', CLI_BOOL(struct go_args, force), .help = "f" },
	{ .name = "count", .letter = 'n', CLI_INT(struct go_args, count, "N"), .int_default = 7,
	  .int_min = -5, .int_max = 100, .help = "c" },
	{ .name = "name", CLI_TEXT(struct go_args, name, "NAME"), .help = "n" },
	{ .name = "mode", CLI_TEXT(struct go_args, mode, "MODE"), .choices = modes, .help = "m" },
	{ .name = "maybe", CLI_OPTIONAL(struct go_args, maybe, "X"), .help = "y" },
	{ .name = "list", .letter = 'l', CLI_LIST(struct go_args, list, "X"), .help = "l" },
	{ .name = "tool", .type = OPTION_TEXT, .value = "T", .setting = "tool.name", .help = "t" },
	{ .name = "tmux", .type = OPTION_BOOL, .setting = "shell.use_tmux", .help = "t" },
	{ .name = "pace", .type = OPTION_TEXT, .value = "P", .setting = "x.pace", .choices = modes,
	  .help = "p" },
	{ 0 },
};

static const struct cli_argument two_arguments[] = {
	{ "first", ARGUMENT_REQUIRED, COMPLETE_NONE, "f" },
	{ "second", ARGUMENT_OPTIONAL, COMPLETE_NONE, "s" },
	{ NULL },
};

static const struct cli_argument any_arguments[] = {
	{ "word", ARGUMENT_ANY, COMPLETE_NONE, "w" },
	{ NULL },
};

static const struct cli_argument inner_arguments[] = {
	{ "command", ARGUMENT_REPEATED, COMPLETE_NONE, "c" },
	{ NULL },
};

struct keep_args {
	int keep;
};

static const struct cli_option keep_options[] = {
	{ .name = "keep", CLI_INT(struct keep_args, keep, "N"), .flags = OPTION_REQUIRED,
	  .help = "k" },
	{ 0 },
};

static int nothing(struct cli *cli, const void *args, struct err *err) {
	return 0;
}

static const char *const go_aliases[] = { "walk", NULL };
static const struct cli_command go = {
	.name = "go",
	.aliases = go_aliases,
	.arguments = any_arguments,
	.options = go_options,
	.args_size = sizeof(struct go_args),
	.flags = COMMAND_FORMAT,
	.run = nothing,
};
static const struct cli_command two = { .name = "two", .arguments = two_arguments, .run = nothing };
static const struct cli_command none = { .name = "none", .run = nothing };
static const struct cli_command inner = {
	.name = "inner", .arguments = inner_arguments, .flags = COMMAND_INNER, .run = nothing,
};
static const struct cli_command keep = {
	.name = "keep", .options = keep_options, .args_size = sizeof(struct keep_args),
	.run = nothing,
};
static const struct cli_command raw = {
	.name = "raw", .arguments = any_arguments, .flags = COMMAND_RAW, .run = nothing,
};
static const struct cli_command hidden = { .name = "gone", .flags = COMMAND_HIDDEN, .run = nothing };
static const struct cli_command *const group_children[] = { &two, &none, NULL };
static const struct cli_command group = { .name = "group", .children = group_children };
static const struct cli_command *const children[] = { &go, &group, &inner, &keep, &raw, &hidden,
						      NULL };
static const char *const absent[] = { "snapshot", NULL };
static const struct cli_command root = {
	.name = "coi", .children = children, .absent = absent, .run = nothing,
};

static enum cli_verdict parse(struct cli_parsed *p, struct err *err, const char *line) {
	static char **words; /* the parser borrows them */

	strv_free(words);
	words = strv_split(line, " ");
	*err = (struct err){ 0 };
	if (!words)
		words = xcalloc(1, sizeof(char *));
	return cli_parse(&root, words, p, err);
}

#define PARSE(line_)                        \
	auto_parsed struct cli_parsed p = { 0 }; \
	struct err err;                     \
	enum cli_verdict verdict __attribute__((unused)) = parse(&p, &err, line_)
#define ARGS ((const struct go_args *)p.args)

static void finds_commands(void **state) {
	{
		PARSE("");
		assert_int_equal(verdict, CLI_RUN);
		assert_ptr_equal(p.command, &root);
	}
	{
		PARSE("group two x");
		autofree char *name = cli_parsed_name(&p);

		assert_int_equal(verdict, CLI_RUN);
		assert_ptr_equal(p.command, &two);
		assert_string_equal(name, "coi group two");
		assert_string_equal(p.words[0], "x");
	}
	{
		PARSE("-w /x walk --all");
		assert_ptr_equal(p.command, &go);
		assert_string_equal(p.globals.workspace, "/x");
		assert_true(ARGS->all);
	}
	{
		/* A flag of the command before its name. */
		PARSE("--all go");
		assert_int_equal(verdict, CLI_RUN);
		assert_true(ARGS->all);
	}
	{
		PARSE("group");
		assert_int_equal(verdict, CLI_HELP);
	}
	{
		PARSE("group none --help");
		assert_int_equal(verdict, CLI_HELP);
		assert_ptr_equal(p.command, &none);
	}
	{
		PARSE("--version");
		assert_int_equal(verdict, CLI_VERSION);
	}
	{
		PARSE("go --version");
		assert_int_equal(verdict, CLI_BAD_FLAGS);
	}
}

static void takes_flags_as_pflag_does(void **state) {
	{
		PARSE("go");
		assert_int_equal(ARGS->count, 7);
		assert_true(ARGS->on);
		assert_false(ARGS->all);
		assert_null(ARGS->name);
	}
	{
		PARSE("go a --name=x -af b --on=false -n5 --list 1 -l2 -l=3 c");
		assert_int_equal(verdict, CLI_RUN);
		assert_string_equal(ARGS->name, "x");
		assert_true(ARGS->all && ARGS->force && !ARGS->on);
		assert_int_equal(ARGS->count, 5);
		assert_int_equal(strv_len(ARGS->list), 3);
		assert_string_equal(ARGS->list[2], "3");
		assert_int_equal(p.word_count, 3);
		assert_string_equal(p.words[2], "c");
		assert_true(cli_parsed_has(&p, "name"));
		assert_false(cli_parsed_has(&p, "mode"));
	}
	{
		PARSE("go -an -3");
		assert_int_equal(verdict, CLI_RUN);
		assert_int_equal(ARGS->count, -3);
	}
	{
		PARSE("go -n=4 -f=false --name --all");
		assert_int_equal(ARGS->count, 4);
		assert_false(ARGS->force);
		/* The next word is the value, whatever it looks like. */
		assert_string_equal(ARGS->name, "--all");
		assert_false(ARGS->all);
	}
	{
		PARSE("go --maybe ID");
		assert_string_equal(ARGS->maybe, "auto");
		assert_string_equal(p.words[0], "ID");
	}
	{
		PARSE("go --maybe=ID -");
		assert_string_equal(ARGS->maybe, "ID");
		assert_string_equal(p.words[0], "-");
	}
	{
		PARSE("go -- --all -- x");
		assert_false(ARGS->all);
		assert_int_equal(p.word_count, 3);
		assert_string_equal(p.words[1], "--");
	}
	{
		PARSE("raw go --all -x");
		assert_int_equal(verdict, CLI_RUN);
		assert_int_equal(p.word_count, 3);
		assert_string_equal(p.words[1], "--all");
	}
	{
		PARSE("inner -- ls -la");
		assert_int_equal(p.word_count, 2);
		assert_string_equal(p.words[1], "-la");
	}
}

static void mirrors_settings(void **state) {
	PARSE("go --tool pi --tmux=false --tool claude");

	assert_int_equal(verdict, CLI_RUN);
	assert_int_equal(p.override_count, 2);
	assert_string_equal(p.overrides[0].path, "tool.name");
	assert_string_equal(p.overrides[0].text, "claude");
	assert_string_equal(p.overrides[0].flag, "--tool");
	assert_string_equal(p.overrides[1].text, "false");
}

static void refuses(void **state) {
	static const struct {
		const char *line;
		enum cli_verdict verdict;
		const char *message;
		const char *hint; /* a part of it */
	} rows[] = {
		{ "goo", CLI_UNKNOWN_COMMAND, "unknown command 'goo' for 'coi'", "  go\n" },
		{ "gr", CLI_UNKNOWN_COMMAND, "unknown command 'gr' for 'coi'", "group" },
		{ "xyz", CLI_UNKNOWN_COMMAND, "unknown command 'xyz' for 'coi'", "coi --help" },
		{ "snapshot list", CLI_UNKNOWN_COMMAND, "unknown command 'snapshot' for 'coi'",
		  "not part of this version" },
		{ "group tow", CLI_UNKNOWN_COMMAND, "unknown command 'tow' for 'coi group'", "two" },
		{ "go --al", CLI_BAD_FLAGS, "unknown flag '--al'", "--all" },
		{ "go --network open", CLI_BAD_FLAGS, "unknown flag '--network'", "[network] mode" },
		{ "go -ax", CLI_BAD_FLAGS, "unknown flag '-x' in '-ax'", "" },
		{ "inner ls -la", CLI_BAD_FLAGS, "unknown flag '-l' in '-la'", "'--'" },
		{ "inner ls --color", CLI_BAD_FLAGS, "unknown flag '--color'", "'--'" },
		{ "go --name", CLI_BAD_FLAGS, "flag '--name' needs a value", "" },
		{ "go -n", CLI_BAD_FLAGS, "flag '-n' needs a value", "" },
		{ "go --count x", CLI_BAD_FLAGS, "flag '--count' wants a whole number, not 'x'", "" },
		{ "go --count=", CLI_BAD_FLAGS, "flag '--count' wants a whole number, not ''", "" },
		{ "go --count 1x", CLI_BAD_FLAGS, "flag '--count' wants a whole number, not '1x'", "" },
		{ "go --count 101", CLI_BAD_FLAGS,
		  "flag '--count' wants a number from -5 to 100, not '101'", "" },
		{ "go --count 99999999999999999999", CLI_BAD_FLAGS,
		  "flag '--count' wants a whole number, not '99999999999999999999'", "" },
		{ "go --on=maybe", CLI_BAD_FLAGS, "flag '--on' wants true or false, not 'maybe'", "" },
		{ "go --=x", CLI_BAD_FLAGS, "'--=x' is no flag", "" },
		{ "go --mode odd", CLI_BAD_VALUE, "'odd' is no value for '--mode': fast, slow", "" },
		{ "go --pace odd", CLI_BAD_VALUE, "'odd' is no value for '--pace': fast, slow", "" },
		{ "go --format xml", CLI_BAD_VALUE, "'xml' is no value for '--format': text, json",
		  "" },
		{ "group none --format json", CLI_BAD_FLAGS, "unknown flag '--format'", "" },
		{ "group none x", CLI_BAD_FLAGS, "'coi group none' takes no arguments, 1 given", "" },
		{ "group two", CLI_BAD_FLAGS, "'coi group two' needs at least 1 argument, 0 given", "" },
		{ "group two a b c", CLI_BAD_FLAGS,
		  "'coi group two' takes at most 2 arguments, 3 given", "" },
		{ "inner", CLI_BAD_FLAGS, "'coi inner' needs at least 1 argument, 0 given", "" },
		{ "keep", CLI_BAD_FLAGS, "flag '--keep' is required", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		PARSE(rows[i].line);

		print_message("# %s\n", rows[i].line);
		assert_string_equal(err.msg, rows[i].message);
		assert_int_equal(verdict, rows[i].verdict);
		assert_non_null(strstr(err.hint, rows[i].hint));
	}
}

static void does_not_suggest_hidden_commands(void **state) {
	PARSE("gonee");

	assert_int_equal(verdict, CLI_UNKNOWN_COMMAND);
	assert_null(strstr(err.hint, "gone\n"));
}

static void measures_distance(void **state) {
	assert_int_equal(suggest_distance("shell", "shell"), 0);
	assert_int_equal(suggest_distance("shel", "shell"), 1);
	assert_int_equal(suggest_distance("sehll", "shell"), 1);
	assert_int_equal(suggest_distance("", "abc"), 3);
	assert_int_equal(suggest_distance("kitten", "sitting"), 3);
	assert_int_equal(suggest_distance("ca", "abc"), 3);
	assert_int_equal(suggest_distance("aaaaaaaaaaaaaaaaaaaaaaaaaaaa"
					  "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a"),
			 56);
}

static void suggests_nearest_first(void **state) {
	static const char *const known[] = { "list", "kill", "launch", "shutdown", NULL };
	autostrv char **near = suggest_words("lsit", known);
	autostrv char **begins = suggest_words("shut", known);
	autostrv char **far = suggest_words("qqqqqq", known);

	assert_string_equal(near[0], "list");
	assert_string_equal(begins[0], "shutdown");
	assert_null(far);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_commands),
		cmocka_unit_test(takes_flags_as_pflag_does),
		cmocka_unit_test(mirrors_settings),
		cmocka_unit_test(refuses),
		cmocka_unit_test(does_not_suggest_hidden_commands),
		cmocka_unit_test(measures_distance),
		cmocka_unit_test(suggests_nearest_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
