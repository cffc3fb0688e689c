/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hook of [git] that runs in the container. Nothing of it runs on the host. */
#ifndef COI_SESSION_GIT_HOOK_H
#define COI_SESSION_GIT_HOOK_H

/* A program for sh(1), which knows by its name which hook it is. */
extern const char git_hook_text[];
/* All names it has, NULL-terminated. */
extern const char *const git_hook_names[];
/*
 * Those that git calls for each branch and each look at the work tree: too dear
 * where nobody has one.
 */
extern const char *const git_hook_rare_names[];

#endif
