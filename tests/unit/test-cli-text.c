/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Help, completion, the manual page, columns: what is made out of descriptors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cli/cli.h"
#include "cli/complete.h"
#include "cli/help.h"
#include "cli/man.h"
#include "cli/output.h"
#include "cli/prompts.h"

struct go_args {
	const char *where;
	const char *mode;
	bool all;
};

static const char *const modes[] = { "fast", "slow", NULL };

static const struct cli_option go_options[] = {
	{ .name = "where", .letter = 'o', CLI_TEXT(struct go_args, where, "DIR"),
	  .complete = COMPLETE_DIRECTORY, .help = "Where to" },
	{ .name = "mode", CLI_TEXT(struct go_args, mode, "MODE"), .choices = modes,
	  .help = "How" },
	{ .name = "all", .letter = 'a', CLI_BOOL(struct go_args, all), .help = "Everything" },
	{ .name = "secret", .type = OPTION_BOOL, .setting = "x.y", .flags = OPTION_HIDDEN,
	  .help = "Hidden" },
	{ 0 },
};

static const struct cli_argument go_arguments[] = {
	{ "container", ARGUMENT_REQUIRED, COMPLETE_CONTAINER, "Which one" },
	{ "file", ARGUMENT_ANY, COMPLETE_FILE, "What" },
	{ NULL },
};

static const struct cli_example go_examples[] = {
	{ "coi go 'a \"b\"' .x", "It's an example." },
	{ NULL },
};

static int nothing(struct cli *cli, const void *args, struct err *err) {
	return 0;
}

static const struct cli_command go = {
	.name = "go",
	.summary = "go there",
	.description = "First sentence. Second one, which is much longer than the first and does not "
		       "fit on one line of a terminal.\n\nSecond paragraph.",
	.arguments = go_arguments,
	.options = go_options,
	.examples = go_examples,
	.args_size = sizeof(struct go_args),
	.flags = COMMAND_FORMAT,
	.run = nothing,
};
static const struct cli_command give = { .name = "give", .summary = "give it", .run = nothing };
static const struct cli_command hidden = {
	.name = "ghost", .summary = "none", .flags = COMMAND_HIDDEN, .run = nothing,
};
static const struct cli_command *const children[] = { &go, &give, &hidden, NULL };
static const struct cli_command root = {
	.name = "coi", .summary = "a tool", .children = children, .run = nothing,
};

/* ---- help ---- */

static void wraps_text(void **state) {
	autobuf struct buf b;
	autofree char *copy = NULL;
	char *line, *rest;

	buf_init(&b, 4096);
	help_wrap("word  word\n\nnext", 4, 0, &b);
	assert_string_equal(b.data, "    word word\n\n    next\n");
	buf_reset(&b);
	help_wrap("here", 8, 8, &b);
	assert_string_equal(b.data, "here\n");
	buf_reset(&b);
	for (int i = 0; i < 40; i++)
		buf_adds(&b, "seven-7 ");
	copy = buf_steal(&b);
	help_wrap(copy, 3, 0, &b);
	rest = b.data;
	while ((line = strsep(&rest, "\n")))
		assert_true(strlen(line) <= HELP_WIDTH);
}

static void prints_help(void **state) {
	const struct cli_command *const path[] = { &root, &go };
	autobuf struct buf b;
	autofree char *copy = NULL;
	char *line, *rest;

	buf_init(&b, 65536);
	help_full(path, 2, &b);
	assert_non_null(strstr(b.data, "coi go: go there.\n"));
	assert_non_null(strstr(b.data, "  coi go [flags] container [file...]\n"));
	assert_non_null(strstr(b.data, "  -o, --where DIR"));
	assert_non_null(strstr(b.data, "How: fast, slow\n"));
	assert_non_null(strstr(b.data, "--format FORMAT"));
	assert_non_null(strstr(b.data, "\nSecond paragraph.\n"));
	assert_null(strstr(b.data, "secret"));
	copy = xstrdup(b.data);
	rest = copy;
	while ((line = strsep(&rest, "\n")))
		assert_true(strlen(line) <= HELP_WIDTH);
	buf_reset(&b);
	help_full(path, 1, &b);
	assert_null(strstr(b.data, "ghost"));
	buf_reset(&b);
	help_usage(path, 2, &b);
	assert_true(strncmp(b.data, "Usage:\n  coi go [flags]", 22) == 0);
	assert_null(strstr(b.data, "First sentence"));
}

/* ---- completion ---- */

static char **names(enum cli_complete kind) {
	char **v = NULL;

	assert_int_equal(kind, COMPLETE_CONTAINER);
	strv_add(&v, "coi-a-1");
	strv_add(&v, "coi-b-1");
	strv_add(&v, "web");
	return v;
}

static char *complete(const char *line, const char *last) {
	autostrv char **words = strv_split(line, " ");
	autobuf struct buf b;

	strv_add(&words, last);
	buf_init(&b, 65536);
	complete_line(&root, words, names, &b);
	return buf_steal(&b);
}

#define COMPLETES(line_, last_, expected_)                       \
	do {                                                     \
		autofree char *got_ = complete(line_, last_);    \
		assert_string_equal(got_, expected_);            \
	} while (0)

static void completes(void **state) {
	autofree char *flags = complete("go", "--");

	COMPLETES("", "", "go\tgo there\ngive\tgive it\n:none\n");
	COMPLETES("", "gi", "give\tgive it\n:none\n");
	COMPLETES("-w /x", "gi", "give\tgive it\n:none\n");
	COMPLETES("", "gh", ":none\n");
	COMPLETES("go", "", "coi-a-1\t\ncoi-b-1\t\nweb\t\n:none\n");
	COMPLETES("go", "coi-b", "coi-b-1\t\n:none\n");
	COMPLETES("go --all", "w", "web\t\n:none\n");
	COMPLETES("go web", "", ":file\n");
	COMPLETES("go web x y", "z", ":file\n");
	COMPLETES("go --where", "", ":directory\n");
	COMPLETES("go -ao", "", ":directory\n");
	COMPLETES("go --mode", "s", "slow\t\n:none\n");
	COMPLETES("go", "--mode=f", "--mode=fast\t\n:none\n");
	/* As a shell that breaks words at '=' hands it over. */
	COMPLETES("go --mode =", "f", "fast\t\n:none\n");
	COMPLETES("go --mode", "=", "fast\t\nslow\t\n:none\n");
	COMPLETES("go --mode fast", "w", "web\t\n:none\n");
	COMPLETES("go --format", "", "text\t\njson\t\n:none\n");
	COMPLETES("go --", "-", ":none\n");
	COMPLETES("go", "--al", "--all\tEverything\n:none\n");
	COMPLETES("nonsense", "", ":none\n");
	assert_non_null(strstr(flags, "--where\t"));
	assert_non_null(strstr(flags, "--json\t"));
	assert_non_null(strstr(flags, "--workspace\t"));
	assert_null(strstr(flags, "secret"));
}

/* ---- the manual page ---- */

static void writes_the_manual(void **state) {
	autobuf struct buf b;

	buf_init(&b, 65536);
	man_page(&root, NULL, "1.2", ".Dt COI 1\n@version@\n@commands@\n.Sh END\n@global-options@\nlast",
		 NULL, &b);
	assert_non_null(strstr(b.data, ".Os coi 1.2\n"));
	assert_non_null(strstr(b.data, ".Ss go\n.Nm coi\n.Ic go\n.Op Ar flags\n.Ar container\n"));
	assert_non_null(strstr(b.data, "\nFirst sentence.\nSecond one,"));
	assert_non_null(strstr(b.data, "\n.Pp\nSecond paragraph.\n"));
	assert_non_null(strstr(b.data, ".It Fl o , Fl \\-where Ar DIR\n"));
	assert_non_null(strstr(b.data, ".It Li \"coi go 'a \\(dqb\\(dq' .x\"\n"));
	assert_non_null(strstr(b.data, "Fl \\-workspace Ar DIR\n"));
	assert_null(strstr(b.data, "ghost"));
	assert_null(strstr(b.data, "secret"));
	assert_true(strcmp(b.data + b.len - 5, "last\n") == 0);
}

/* ---- columns ---- */

struct pair {
	const char *name;
	int size;
};

static json_t *get_name(const void *row) {
	return json_text(((const struct pair *)row)->name);
}

static json_t *get_size(const void *row) {
	int size = ((const struct pair *)row)->size;

	return size ? json_integer(size) : NULL;
}

static char *text_size(const void *row) {
	return xasprintf("%d B", ((const struct pair *)row)->size);
}

static json_t *get_flag(const void *row) {
	return json_true();
}

static json_t *get_list(const void *row) {
	return json_pack("[s,s]", "x", "y");
}

static const struct output_column columns[] = {
	{ .key = "name", .title = "NAME", .get = get_name },
	{ .key = "size", .title = "SIZE", .get = get_size, .text = text_size },
	{ .key = "flag", .get = get_flag },
	{ .title = "LIST", .get = get_list },
	{ 0 },
};

/* What @print writes to standard output; newly allocated. */
static char *captured(void (*print)(void)) {
	char path[] = "/tmp/test-cli-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC), saved;
	char *text = xcalloc(1, 4096);
	ssize_t n;

	assert_true(fd >= 0);
	(void)unlink(path);
	(void)fflush(stdout);
	saved = dup(STDOUT_FILENO);
	(void)dup2(fd, STDOUT_FILENO);
	print();
	(void)fflush(stdout);
	(void)dup2(saved, STDOUT_FILENO);
	(void)close(saved);
	n = pread(fd, text, 4095, 0);
	(void)close(fd);
	assert_true(n >= 0);
	return text;
}

static const struct pair pairs[] = { { "a\033[2J", 5 }, { "longer", 0 } };

static void print_table(void) {
	const void *rows[] = { &pairs[0], &pairs[1] };

	output_table(columns, rows, 2);
}

static void print_block(void) {
	output_block(columns, &pairs[0], 2);
}

static void print_prompt(void) {
	output_line("%s", "x\033]0;y\007z");
}

static void prints_columns(void **state) {
	autofree char *table = captured(print_table), *block = captured(print_block);
	autofree char *line = captured(print_prompt);
	auto_json json_t *first = output_json_row(columns, &pairs[0]);
	auto_json json_t *second = output_json_row(columns, &pairs[1]);

	assert_string_equal(table, "NAME      SIZE  LIST\n"
				   "a\\x1b[2J  5 B   x, y\n"
				   "longer    0 B   x, y\n");
	assert_string_equal(block, "  NAME: a\\x1b[2J\n  SIZE: 5 B\n  LIST: x, y\n");
	assert_string_equal(line, "x\\x1b]0;y\\x07z\n");
	assert_int_equal(json_object_size(first), 3);
	assert_int_equal(json_integer_value(json_object_get(first, "size")), 5);
	/* No value, no key. */
	assert_null(json_object_get(second, "size"));
	assert_null(json_object_get(second, "LIST"));
}

/* ---- questions ---- */

static FILE *scratch(void) {
	char path[] = "/tmp/test-cli-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	assert_true(fd >= 0);
	(void)unlink(path);
	return fdopen(fd, "w+");
}

static void answer_with(const char *text) {
	FILE *in = scratch();

	(void)fputs(text, in);
	rewind(in);
	stdin = in;
}

static void asks(void **state) {
	static const struct {
		const char *answer;
		bool yes;
	} rows[] = {
		{ "y\n", true }, { "Y\n", true }, { "yes\n", true }, { "YES\n", true },
		{ " Yes \r\n", true }, { "n\n", false }, { "\n", false }, { "yess\n", false },
		{ "y", true }, { "", false }, { "no y\n", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		autofclose FILE *out = scratch();
		char text[128] = "";

		answer_with(rows[i].answer);
		assert_int_equal(prompt_yes(out, "Really?"), rows[i].yes);
		rewind(out);
		(void)!fread(text, 1, sizeof(text) - 1, out);
		assert_true(strncmp(text, "Really? [y/N]: ", 15) == 0);
		(void)fclose(stdin);
		assert_int_equal(strstr(text, "Cancelled.") != NULL, !rows[i].yes);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wraps_text),       cmocka_unit_test(prints_help),
		cmocka_unit_test(completes),        cmocka_unit_test(writes_the_manual),
		cmocka_unit_test(prints_columns),   cmocka_unit_test(asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
