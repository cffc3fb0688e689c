/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What security.secret_paths names in a workspace: found once, at the start. */
#ifndef COI_SESSION_SECRET_H
#define COI_SESSION_SECRET_H

#include "base/err.h"
#include "base/privilege.h"

#define SECRET_PATHS_MAX 1024
#define SECRET_LOOKS_MAX 100000

/*
 * Paths that match @pattern, relative to the workspace, links resolved, added
 * to *@found. A pattern is a path whose components may be globs (fnmatch(3),
 * hidden files too); "dir" and "dir" with two asterisks behind it both are the
 * whole directory. Looks as the person. How many matched; those that lead out
 * of the workspace are in *@outside. -E2BIG when there is too much to look at.
 */
int secret_find(const struct privilege *who, int workspace_fd, const char *workspace,
		const char *pattern, char ***found, char ***outside, struct err *err);

#endif
