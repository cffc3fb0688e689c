/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building an image in front of a person: progress, notes, the last lines of a failure. */
#ifndef COI_CLI_BUILDING_H
#define COI_CLI_BUILDING_H

#include "cli/app.h"
#include "session/build.h"

/* What is built: a recipe, or what the settings say. */
struct building {
	const char *recipe; /* a name or a directory; NULL: container.image by [container.build] */
	const char *script; /* with the settings: text of the script; NULL: the commands */
	bool force;
};
/*
 * What makes the image of the settings: its recipe, else their [container.build].
 * ERR_MISSING where there is neither. *@ret_script is newly allocated, or NULL.
 */
int building_of_settings(const struct cli *cli, struct building *ret, char **ret_script,
			 struct err *err);
/* Build it in front of a person. */
int building_run(struct session *s, const struct building *what, struct build_result *ret,
		 struct err *err);
/* Does this installation have a recipe of that name? */
bool building_has_recipe(const char *name);

#endif
