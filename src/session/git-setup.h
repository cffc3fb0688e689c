/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Git in the container, as [git] of the settings wants it: whose commits they
 * are, what is taken out of their messages, which branches are left alone.
 *
 * The container has it as files that its system configuration includes
 * (/etc/gitconfig, GIT_SETUP_INSIDE) and that are made anew at each start: an
 * image made of the container has nothing of a person in it.
 */
#ifndef COI_SESSION_GIT_SETUP_H
#define COI_SESSION_GIT_SETUP_H

#include <jansson.h>
#include <stdbool.h>

#include "session/container.h"

#define GIT_SETUP_INSIDE "/run/coi/git"
#define GIT_SETUP_DIR "git" /* in the run directory */

struct git_setup {
	bool is_wanted;   /* else nothing is done */
	char *name;       /* "" for both, or neither */
	char *email;
	bool is_fixed;    /* it cannot be changed inside */
	char **patterns;  /* lines that are taken out of messages: extended regular expressions */
	char **branches;  /* that are neither committed to nor pushed */
	char **hooks;     /* of git_hook_rare_names, that a repository has */
	char **safe;      /* directories inside that git is to trust, whoever owns them */
};
void git_setup_done(struct git_setup *g);
#define auto_git_setup __attribute__((cleanup(git_setup_done)))

/*
 * What the settings of @s say for @c; the identity is theirs, else that of the
 * person's own git. ERR_CONFIG for one that is to be fixed and is not there, and
 * for a pattern that is none. @ret->safe and @ret->hooks are left to the caller.
 */
int git_setup_make(const struct session *s, const struct container *c, struct git_setup *ret,
		   struct err *err);
/* Add those hooks that the repository at @dir (a work tree, or a git directory) has. */
void git_setup_add_hooks(struct git_setup *g, int dir);
/* For the wire: a new reference; and back. */
json_t *git_setup_to_json(const struct git_setup *g);
void git_setup_from_json(const json_t *j, struct git_setup *ret);

/*
 * Its files, in the directory @dir of the host, which is empty or an earlier
 * one's: to be bound read-only at GIT_SETUP_INSIDE. 0 or -errno.
 */
int git_setup_write(const struct git_setup *g, int dir);
/* A file that is bound at .gitconfig of the home when the identity is fixed. */
#define GIT_SETUP_FIXED "fixed"

/* What a running container was started with; all empty and -ENOENT when it has nothing of it. */
int git_setup_load(const struct session *s, const struct container *c, struct git_setup *ret);
/*
 * The variables that a session has for it, as far as the running container @c
 * has its files; they go before what the settings say.
 */
void git_setup_environment(const struct session *s, const struct container *c, char ***env);

#endif
