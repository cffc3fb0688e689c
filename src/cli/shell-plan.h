/* SPDX-License-Identifier: GPL-2.0-or-later */
/* coi shell --dry-run: what would be done, without doing any of it. */
#ifndef COI_CLI_SHELL_PLAN_H
#define COI_CLI_SHELL_PLAN_H

#include "cli/app.h"
#include "session/saved.h"

/* To standard output. @saved: the session that goes on; NULL: a new one. */
int shell_plan_print(struct cli *cli, const struct saved_session *saved, struct err *err);

#endif
