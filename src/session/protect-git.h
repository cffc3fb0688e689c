/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which paths of a repository are protected beyond the list of the settings:
 * what the list says of .git holds for the git directory wherever it lies, and
 * for those of submodules and work trees.
 */
#ifndef COI_SESSION_PROTECT_GIT_H
#define COI_SESSION_PROTECT_GIT_H

#include "session/git-paths.h"
#include "session/protect.h"

struct protect_git {
	const struct privilege *who;
	struct git_base tree;         /* the work tree */
	const char *seen;             /* where it is seen inside */
	/*
	 * Where .git of it leads to (git-pointer.h) when that is mounted, and the
	 * work tree's own directory in it; fd -1: it is not.
	 */
	struct git_base common;
	const char *common_own;
	const struct git_base *bases; /* all that the container sees */
	size_t base_count;
	char *const *writable;        /* of the settings */
};

/*
 * What is to be protected, absolute, into *@ret. *@paths are those of the
 * settings, relative to the work tree: those of .git are taken out where they
 * mean nothing there.
 */
int protect_git_find(const struct protect_git *in, char ***paths, struct git_paths *ret,
		     struct err *err);

#endif
