/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a process really runs: its command line, taken apart until the rules
 * can compare words.
 *
 * Wrappers are looked through (env, busybox, exec -a, the loader), and the text
 * behind `sh -c` is read as a shell would: quotes, $IFS, variables that are set in
 * it, braces, what echo, printf and base64 -d pipe into a shell. Nothing is ever
 * run. What cannot be told, since only running it would, is marked.
 */
#ifndef COI_MONITOR_COMMAND_H
#define COI_MONITOR_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "monitor/event.h"

#define COMMAND_DEPTH_MAX 8        /* of scripts in scripts */
#define COMMAND_COUNT_MAX 1024     /* commands of one process */
#define COMMAND_WORDS_MAX 4096     /* words of one command */
#define COMMAND_WORD_MAX (128 * 1024)
#define COMMAND_BUDGET (2 * 1024 * 1024) /* bytes that are looked at in all */
#define COMMAND_CODES_MAX 64

struct redirect {
	int fd;       /* that is changed; -1: both 1 and 2 */
	char op[4];   /* "<", ">", ">>", "<>", "<&", ">&", "<<<" */
	char *target; /* a path, or the number of a descriptor */
};

struct command {
	char *program;    /* name alone, without its directory */
	char **words;     /* the program as it was written, and its arguments: a strv */
	struct redirect *redirects;
	size_t redirect_count;
	unsigned script;   /* commands of one text have the same number */
	unsigned pipeline; /* and of one pipeline */
	unsigned stage;    /* in it */
	bool is_piped;     /* a pipe leads on from it */
	bool is_top;       /* the process itself, not what its text says */
	bool is_unknown;   /* its name comes out of what only running it would tell */
	char *input;       /* what is known of its standard input; NULL: nothing */
};

enum language {
	LANGUAGE_SHELL, /* never a code: it is taken apart */
	LANGUAGE_PYTHON,
	LANGUAGE_PERL,
	LANGUAGE_RUBY,
	LANGUAGE_PHP,
	LANGUAGE_NODE,
	LANGUAGE_LUA,
	LANGUAGE_AWK,
	LANGUAGE_OTHER,
	LANGUAGE_NONE,
};

/* A program text on the command line: python -c, perl -e. */
struct code {
	enum language language;
	char *text; /* with what is hidden in it (decode.h) behind it */
};

struct commands {
	struct command *items;
	size_t count;
	struct code *codes;
	size_t code_count;
	bool is_cut;       /* a limit was hit: there is more than this */
	bool is_fork_bomb; /* a function that does nothing but start itself, twice */
	/* Of the one who takes apart. */
	unsigned scripts, pipelines, depth;
	size_t budget, brace_budget;
};

/* The process and all that its command line says. commands_done() afterwards. */
void commands_read(const struct watch_exec *exec, struct commands *ret);
void commands_done(struct commands *all);
#define auto_commands __attribute__((cleanup(commands_done)))

/* What a program of that name (and of names with a version: python3.11) reads. */
enum language command_language(const char *program);
/* Does the descriptor @fd of @c go to, or come from, @target? */
const struct redirect *command_redirect(const struct command *c, int fd);

/* " 2>&1": the descriptor where it is not the usual one, @blank before the target. */
void command_add_redirect(struct buf *out, const struct redirect *r, const char *blank);
/* The words, in quotes where a shell needs them, and the redirections. */
void command_add_line(struct buf *out, const struct command *c);

/* --- for those who take apart: shell.c, unwrap.c */

/* A text for a shell, with its parameters ($0, $1, …; may be NULL), goes to @all. */
void commands_add_script(struct commands *all, const char *text, char *const *params);
/*
 * One command, whose words and redirections are taken over; it is unwrapped, and
 * what it says is taken apart in its turn. @like: pipeline and stage.
 */
void commands_add(struct commands *all, const struct command *like);
/* A program text. */
void commands_add_code(struct commands *all, enum language language, const char *text);

#endif
