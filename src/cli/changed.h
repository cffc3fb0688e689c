/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which files of a workspace have changed since a moment. */
#ifndef COI_CLI_CHANGED_H
#define COI_CLI_CHANGED_H

#include <jansson.h>
#include <time.h>

/*
 * A sorted list of paths below @dir: files and links whose content or inode changed
 * at or after @since (CLOCK_REALTIME_COARSE, which
 * file systems use); not what lies in .git. A very large tree is looked
 * at in part. What was deleted is not seen.
 */
json_t *changed_files(const char *dir, const struct timespec *since);

#endif
