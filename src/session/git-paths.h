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
	char *path; /* relative to what was looked at, or absolute: as the function says */
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
/* Add one, whose @path is taken. */
void git_paths_add(struct git_paths *p, char *path, enum protect_role role, enum protect_kind kind);

#define GIT_DIRS_MAX 128 /* git directories in a struct git_paths */

/* A directory that the container sees. */
struct git_base {
	int fd;           /* O_PATH */
	const char *path; /* absolute, without links */
};

struct git_look {
	const struct privilege *who; /* as whom it is read */
	struct git_base base;
	/* What of each git directory is protected, relative to it: "hooks", "config". */
	char *const *names;
	/*
	 * Directories of work trees are read-only as a whole but for those that the
	 * container needs to write: this one ("worktrees/x", or ""), and those of
	 * work trees at or below @seen, a path inside.
	 */
	const char *own;
	const char *seen;
};

/*
 * The git directory @dir below the base ("" is the base itself), with its work
 * trees' and submodules' directories: relative to the base. Too many of them:
 * the directory that holds them is taken as a whole.
 */
void git_paths_add_dir(const struct git_look *look, const char *dir, struct git_paths *ret);
/* Of its work trees, the directories of those that the container does not see: as above. */
void git_paths_add_unseen(const struct git_look *look, const char *dir, struct git_paths *ret);
/* Other work trees of the base, a git directory, that lie in it themselves: relative to it. */
void git_paths_add_trees(const struct git_look *look, struct git_paths *ret);
/* Does it look like a git directory to git? @dir as above. */
bool git_dir_is(const struct privilege *who, int base_fd, const char *dir);

struct git_named {
	struct git_look look;         /* its base is the work tree */
	const struct git_base *bases; /* all that the container sees */
	size_t base_count;
	const char *dir;              /* the git directory, absolute */
	const char *own;              /* a work tree's directory in it, or "" */
};

/*
 * What the settings of a git directory name and the container sees: included
 * files, a directory of hooks; and the repositories at the places that
 * .gitmodules of the work tree names. Absolute paths.
 */
void git_named_add(const struct git_named *in, struct git_paths *ret);

#endif
