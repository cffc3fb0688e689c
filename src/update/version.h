/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Versions of releases: "1.2.3", with "-rc.1" behind it for what comes before (semver.org). */
#ifndef COI_UPDATE_VERSION_H
#define COI_UPDATE_VERSION_H

#include <stdbool.h>

#define VERSION_MAX 40 /* characters */

/* Is @text one? Without a "v" before it; safe as the name of a file. */
bool version_is(const char *text);
/* Is it one that comes before a release, or not made from one ("0.9.1-dev")? */
bool version_is_early(const char *text);
/* Less than, equal to or greater than 0; both must be ones. */
int version_compare(const char *a, const char *b);
/* Without a leading "v", or the text itself; borrowed. */
const char *version_bare(const char *text);

#endif
