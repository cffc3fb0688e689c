/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kill, shutdown and persist have in common: names, the question, the count. */
#ifndef COI_CLI_REMOVE_H
#define COI_CLI_REMOVE_H

#include "cli/app.h"

struct remove_args {
	bool force;
	bool all;
};
extern const struct cli_argument remove_arguments[];
/* The first rows of their options. */
#define REMOVE_OPTIONS                                            \
	{                                                         \
		.name = "all",                                    \
		.letter = 'a',                                    \
		CLI_BOOL(struct remove_args, all),                \
		.help = "All containers, of all workspaces",      \
	},                                                        \
	{                                                         \
		.name = "force",                                  \
		.letter = 'f',                                    \
		CLI_BOOL(struct remove_args, force),              \
		.help = "Do not ask",                             \
	}

struct remove_words {
	const char *verb;  /* "kill" */
	const char *doing; /* "Killing"; not for remove_collect() */
	const char *done;  /* "Killed"; likewise */
};

/*
 * Remove the containers of the command line; @timeout_ms as lifecycle_remove().
 * The exit status: 0 when one at least is gone, or there was nothing to do, or
 * the person said no.
 */
int remove_containers(struct cli *cli, const struct remove_args *args,
		      const struct remove_words *words, int timeout_ms, struct err *err);
/*
 * Only which ones, after the question: 1 and a strv (NULL: none of those that
 * were named is there); 0 when there are none at all, or the person said no.
 */
int remove_collect(struct cli *cli, const struct remove_args *args,
		   const struct remove_words *words, char ***ret, struct err *err);
/* For a command's check: ERR_USAGE when nothing is named. */
int remove_check(struct cli *cli, void *args, struct err *err);

#endif
