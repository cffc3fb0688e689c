/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What in a repository decides which programs git runs and which settings it
 * reads: found by looking at it, relative to a descriptor. What is found is
 * protected (protect-place.h); nothing here is changed.
 */
#ifndef COI_SESSION_GIT_PATHS_H
#define COI_SESSION_GIT_PATHS_H

#include "base/err.h"
#include "base/privilege.h"
#include "session/protect.h"

struct git_path {
	char *path; /* relative to what was looked at */
	enum protect_role role;
	enum protect_kind kind;
};
struct git_paths {
	struct git_path *items;
	size_t count;
	size_t dirs; /* git directories among them */
};
void git_paths_done(struct git_paths *p);
#define auto_git_paths __attribute__((cleanup(git_paths_done)))

struct git_look {
	const struct privilege *who; /* as whom it is read */
	int base_fd;                 /* O_PATH directory */
	const char *base_path;       /* absolute, without links */
	/* What of each git directory is protected, relative to it: "hooks", "config". */
	char *const *names;
	/* "worktrees/x" of the directory: left writable, the others are not; NULL: all are. */
	const char *own_worktree;
};

/*
 * The git directory @dir below the base ("" is the base itself), with its work
 * trees' and submodules' directories. Too many of them: the directory that
 * holds them is taken as a whole.
 */
void git_paths_add_dir(const struct git_look *look, const char *dir, struct git_paths *ret);
/*
 * What the settings of that directory name and lies below the base, a work tree:
 * included files, a directory of hooks; and the repositories at the places that
 * its .gitmodules names.
 */
void git_paths_add_named(const struct git_look *look, const char *dir, struct git_paths *ret);
/* Does it look like a git directory to git? @dir as above. */
bool git_dir_is(const struct privilege *who, int base_fd, const char *dir);

#endif
