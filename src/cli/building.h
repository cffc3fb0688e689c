/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building an image in front of a person: progress, notes, the last lines of a failure. */
#ifndef COI_CLI_BUILDING_H
#define COI_CLI_BUILDING_H

#include "session/build.h"

/* Build @recipe (a name or a directory) and say how it went. */
int building_run(struct session *s, const char *recipe, bool force, struct build_result *ret,
		 struct err *err);
/* Does this installation have a recipe of that name? */
bool building_has_recipe(const char *name);

#endif
