/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A workspace whose .git is a file: a linked work tree, a submodule, or a
 * repository that is kept elsewhere. That file says where its git directory is,
 * and who wrote it is not known: a place outside of the workspace is believed
 * only when it says by itself that this workspace is its work tree.
 */
#ifndef COI_SESSION_GIT_POINTER_H
#define COI_SESSION_GIT_POINTER_H

#include <stddef.h>

#include "base/err.h"
#include "base/privilege.h"

enum git_pointer_kind {
	GIT_POINTER_NONE,    /* .git is no regular file */
	GIT_POINTER_INSIDE,  /* it leads into the workspace */
	GIT_POINTER_OUTSIDE, /* it leads elsewhere, and that was verified */
};

struct git_pointer {
	enum git_pointer_kind kind;
	/*
	 * OUTSIDE: the directory that work trees have in common (of a submodule its
	 * git directory), O_PATH, owned; its path without links; and the git
	 * directory of this work tree relative to it ("worktrees/x"), "" when it is
	 * that one itself. INSIDE: -1; its path relative to the workspace; the same.
	 */
	int fd;
	char *path;
	char *own;
};
#define GIT_POINTER_INIT { .fd = -1 }
void git_pointer_done(struct git_pointer *p);
#define auto_git_pointer __attribute__((cleanup(git_pointer_done)))

/*
 * Follow .git of the workspace at @workspace (O_PATH), whose path without links
 * is @path. Read as the person, nothing is followed by a link. 0 with *@ret; or
 * a pointer that is not believed: ERR_TRUST, @err says why, nothing in *@ret.
 */
int git_pointer_follow(const struct privilege *who, int workspace, const char *path,
		       struct git_pointer *ret, struct err *err);

#endif
