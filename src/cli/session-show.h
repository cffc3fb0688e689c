/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A session on the caller's terminal, or in the background: with tmux or without. */
#ifndef COI_CLI_SESSION_SHOW_H
#define COI_CLI_SESSION_SHOW_H

#include "cli/app.h"
#include "session/container.h"

struct shell_mode {
	const char *tool; /* for the banner; borrowed */
	bool tmux;
	bool background; /* with tmux only */
};

/*
 * With tmux: a session of @c in which @argv runs with the variables @env. When there
 * is one it stays; in the background @argv is typed into its shell. 0 or -errno.
 */
int session_begin(struct cli *cli, const struct container *c, const struct shell_mode *mode,
		  char *const *argv, char *const *env, struct err *err);
/*
 * Print the banner, and attach that session unless it is in the background; without
 * tmux run @argv here. The exit status, or -errno. @ret_asked: whether a SIGINT or SIGTERM
 * to us was its end.
 */
int session_show(struct cli *cli, const struct container *c, const struct shell_mode *mode,
		 char *const *argv, char *const *env, bool *ret_asked, struct err *err);

#endif
