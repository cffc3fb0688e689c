/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What 'coi update' does after the program itself. */
#ifndef COI_CLI_UPDATE_H
#define COI_CLI_UPDATE_H

#include <stdbool.h>

#include "cli/cli.h"

/*
 * Fetch the rules of all sources in the settings ([detection]), and put them in place, or
 * with @is_dry only say what would be new. 0; -errno of the first source that failed, the
 * others are done all the same; -ENOENT: there is no source.
 */
int update_patterns(struct cli *cli, bool is_dry, struct err *err);

#endif
