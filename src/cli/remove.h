/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kill and shutdown have in common: names, the question, the count. */
#ifndef COI_CLI_REMOVE_H
#define COI_CLI_REMOVE_H

#include "cli/app.h"

struct remove_args {
	bool force;
	bool all;
};
extern const struct cli_argument remove_arguments[];

struct remove_words {
	const char *verb;  /* "kill" */
	const char *doing; /* "Killing" */
	const char *done;  /* "Killed" */
};

/*
 * Remove the containers of the command line; @timeout_ms as lifecycle_remove().
 * The exit status: 0 when one at least is gone, or there was nothing to do, or
 * the person said no.
 */
int remove_containers(struct cli *cli, const struct remove_args *args,
		      const struct remove_words *words, int timeout_ms, struct err *err);
/* ERR_USAGE when nothing is named. */
int remove_check(const struct cli *cli, const struct remove_args *args, struct err *err);

#endif
