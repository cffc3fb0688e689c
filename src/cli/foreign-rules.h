/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules that 'coi update patterns' has fetched, for commands that show them. */
#ifndef COI_CLI_FOREIGN_RULES_H
#define COI_CLI_FOREIGN_RULES_H

#include <jansson.h>

#include "cli/app.h"

/*
 * What a reader without rights says of the sets that are there, and of the command @argv
 * (NULL: none): an object with lists "rules" and "fires" (monitor/pattern/helper.h), a new
 * reference. A set that cannot be used is warned of. Without sets the lists are empty.
 */
int foreign_rules_ask(const struct cli *cli, char *const *argv, size_t argc, json_t **ret,
		      struct err *err);

#endif
