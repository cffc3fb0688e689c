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
 * Print the banner and run @argv with the variables @env: in a new tmux session
 * of @c, which is attached unless in the background, or directly. A tmux session
 * that is there is attached; in the background @argv is typed into its shell.
 * The exit status, or -errno.
 */
int session_show(struct cli *cli, const struct container *c, const struct shell_mode *mode,
		 char *const *argv, char *const *env, struct err *err);

#endif
