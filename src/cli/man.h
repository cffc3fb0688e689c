/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The manual page: prose from a template, lists out of the descriptors. Pure. */
#ifndef COI_CLI_MAN_H
#define COI_CLI_MAN_H

#include "base/buf.h"
#include "cli/cli.h"

/*
 * Copy @template to @out; a line that is only "@commands@", "@global-options@"
 * or "@version@" is replaced by what it names, as mdoc(7).
 */
void man_page(const struct cli_command *root, const char *version, const char *template,
	      struct buf *out);

#endif
