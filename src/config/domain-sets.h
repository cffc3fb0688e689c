/* SPDX-License-Identifier: GPL-2.0-or-later */
/* [network.domain_sets]: sets of names that allowed_domains may have as "@NAME". Pure. */
#ifndef COI_CONFIG_DOMAIN_SETS_H
#define COI_CONFIG_DOMAIN_SETS_H

#include <stdbool.h>

#include "config/settings.h"

#define DOMAIN_SETS_DEPTH 8 /* sets in sets */

/*
 * The members of "@NAME" (with its "@"), newly allocated in *@ret: NULL when it is
 * empty. False: there is no such set among those of people's own.
 */
bool domain_set_members(const struct settings *s, const char *name, char ***ret);
/* "@NAME" of each of them, newly allocated; NULL: there is none. */
char **domain_set_names(const struct settings *s);

#endif
