/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to image/: Debian packages for a recipe that stands on an image. */
#ifndef COI_IMAGE_DEBS_H
#define COI_IMAGE_DEBS_H

#include "base/err.h"
#include "image/recipe.h"

/*
 * Those of @r that image @base lacks, with what they need, as *.deb in directory
 * @to. Which servers they came from is added to *@ret_hosts, which optional ones
 * the suite lacks to *@ret_left_out, a reason each. Needs root.
 */
int debs_fetch(const struct layout *l, const struct recipe *r, const struct image_info *base,
	       const struct recipe_report *report, int to, char ***ret_hosts, char ***ret_left_out,
	       struct err *err);

/* Private, for the unit test: names of which `apt-cache policy` says that there is one. */
char **debs_available(const char *policy);

#endif
