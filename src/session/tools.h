/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The AI tools that a session can start. */
#ifndef COI_SESSION_TOOLS_H
#define COI_SESSION_TOOLS_H

#include "base/err.h"
#include "session/session.h"

/*
 * The command line of tool @name (NULL: settings.tool.name) for a new session,
 * newly allocated strv. COI_USE_DUMMY=1 replaces argv[0] by "dummy". ERR_USAGE
 * with the list of tools for an unknown one.
 */
int tool_command(const struct session *s, const char *name, char ***ret, struct err *err);
/* The names, NULL-terminated, static. */
extern const char *const tool_names[];

#endif
