/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions to the person at the terminal. */
#ifndef COI_CLI_PROMPTS_H
#define COI_CLI_PROMPTS_H

#include <stdbool.h>
#include <stdio.h>

/*
 * "<question> [y/N]: " on @out; true for "y" and "yes" in any case. Anything
 * else, and the end of the input, is no, which is told by "Cancelled.".
 */
bool prompt_yes(FILE *out, const char *question);
/* Is there a person: are standard input and standard error terminals? */
bool prompt_is_possible(void);

#endif
