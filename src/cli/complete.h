/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can stand at the end of a half-typed command line. Pure, but for the
 * names that the caller brings.
 */
#ifndef COI_CLI_COMPLETE_H
#define COI_CLI_COMPLETE_H

#include "base/buf.h"
#include "cli/cli.h"

/* Names of a kind (COMPLETE_CONTAINER and so on), a newly allocated strv; NULL: none. */
typedef char **(*complete_names_fn)(enum cli_complete kind);

/*
 * @words are those behind "coi", the last one unfinished ("" when nothing of it
 * is typed). Appends a line "word<TAB>explanation" for each candidate that
 * begins like it, then ":file", ":directory" or ":none": what the shell should
 * offer besides.
 */
void complete_line(const struct cli_command *root, char *const *words, complete_names_fn names,
		   struct buf *out);

#endif
