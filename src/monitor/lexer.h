/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words of a shell's text, with what a shell makes of them. Private to shell.c. */
#ifndef COI_MONITOR_LEXER_H
#define COI_MONITOR_LEXER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "monitor/command.h"

#define LEXER_VARIABLES_MAX 64

struct lexer_variable {
	char *name;
	char *value;
};

struct lexer {
	const char *text;
	size_t len, at;
	struct commands *all;
	char *const *params; /* $0, $1, …; may be NULL */
	struct lexer_variable variables[LEXER_VARIABLES_MAX];
	size_t variable_count;
};

struct lexer_word {
	char **fields;   /* what the word became: none, one or several; a strv */
	bool is_quoted;  /* some of it */
	bool is_unknown; /* some of it */
};

/* @text and @params are borrowed until lexer_done(). */
void lexer_init(struct lexer *l, struct commands *all, const char *text, char *const *params);
void lexer_done(struct lexer *l);
void lexer_word_done(struct lexer_word *w);
/* NULL when it was not set in this text. */
const char *lexer_get(const struct lexer *l, const char *name, size_t len);
void lexer_set(struct lexer *l, const char *name, size_t len, const char *value);
/*
 * The word that begins here; the text goes on behind it. @is_assignment: it is not
 * split at blanks and braces.
 */
void lexer_read(struct lexer *l, bool is_assignment, struct lexer_word *ret);
/* The length of what ends with the closing @close that fits, from @at on, without it. */
size_t lexer_nested(const char *text, size_t len, char open, char close);

#endif
