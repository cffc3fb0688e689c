/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Help out of the descriptors, 80 columns. Pure: it fills buffers. */
#ifndef COI_CLI_HELP_H
#define COI_CLI_HELP_H

#include "base/buf.h"
#include "cli/cli.h"

#define HELP_WIDTH 80

/* The usage line and the flags: what stands below a bad command line. */
void help_usage(const struct cli_command *const *path, size_t depth, struct buf *out);
/* Everything that --help shows. */
void help_full(const struct cli_command *const *path, size_t depth, struct buf *out);

/*
 * Append @text with @indent blanks before each line, broken at blanks and at
 * its newlines; the cursor stands in column @column (0 or @indent) already. A
 * newline ends it.
 */
void help_wrap(const char *text, size_t indent, size_t column, struct buf *out);

#endif
