/* SPDX-License-Identifier: GPL-2.0-or-later */
/* [defaults.env_commands]: variables whose value a command of the host prints. */
#ifndef COI_SESSION_ENV_COMMANDS_H
#define COI_SESSION_ENV_COMMANDS_H

#include "session/session.h"

#define ENV_VALUE_MAX 65536

/*
 * Run them all, by name, as the person and before anything is made: "NAME=value"
 * entries in *@ret, newly allocated. White space around a value goes. What
 * fails or is not done in time ends it; the error names the variable, and
 * neither the command nor anything that it said.
 */
int env_commands_run(const struct session *s, char ***ret, struct err *err);

#endif
