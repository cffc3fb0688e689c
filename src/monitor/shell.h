/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scripts: commands, pipelines, and what is known of the text in their pipes. */
#ifndef COI_MONITOR_SHELL_H
#define COI_MONITOR_SHELL_H

#include "monitor/command.h"
#include "monitor/lexer.h"

/*
 * What @text prints when a shell with @l's variables runs it, newly allocated;
 * NULL when it cannot be told. Its commands are taken apart too.
 */
char *shell_output(struct lexer *l, const char *text);

/*
 * What @c prints when @input (may be NULL: nothing is known) is its standard
 * input, newly allocated; NULL when it cannot be told. Pure: echo, printf, cat,
 * base64 -d and the like only.
 */
char *filter_output(const struct command *c, const char *input);

#endif
