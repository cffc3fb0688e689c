/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A container that is not there, or does not run, since monitoring has killed it: out of
 * its records, so that it need not exist.
 */
#ifndef COI_CLI_KILLED_H
#define COI_CLI_KILLED_H

#include "cli/app.h"
#include "session/container.h"

#define KILLED_STATUS 137 /* of a command that was killed */

/*
 * "monitoring killed it at 2026-11-29T12:00:00+01:00: Reverse shell (what that is)", when that
 * is the last that is known of it; newly allocated, NULL when it is not.
 */
char *killed_text(const struct privilege *who, const char *name);
/* The same of one that is there: NULL as long as it runs. */
char *killed_text_of(const struct cli *cli, const struct container *c);
/*
 * The newest of the workspace's that has been killed in the last day and is not there any more;
 * *@ret_name is newly allocated then, as is what is returned.
 */
char *killed_text_here(struct cli *cli, char **ret_name);
/* A warning when that is how it ended: 1, else 0. */
int killed_tell(const struct container *c);
/* To an error that says that it is not there or does not run: why, and where more is said. */
int killed_explain(const struct privilege *who, const char *name, struct err *err);

/* The error itself: it does not run, and why. */
int killed_not_running(const struct container *c, struct err *err);

#endif
