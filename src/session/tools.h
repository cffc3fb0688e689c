/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The AI tools that a session can start. */
#ifndef COI_SESSION_TOOLS_H
#define COI_SESSION_TOOLS_H

#include <stdbool.h>

#include "base/err.h"
#include "session/session.h"

/* The session that a tool is started for. */
struct tool_session {
	const char *id;  /* ours, a UUID; NULL: none is kept */
	bool is_resumed; /* what was saved of it is back in the home */
};

/*
 * The command line of tool @name (NULL: settings.tool.name) for @session,
 * newly allocated strv. COI_USE_DUMMY=1 replaces argv[0] by "dummy". ERR_USAGE
 * with the list of tools for an unknown one.
 */
int tool_command(const struct session *s, const char *name, const struct tool_session *session,
		 char ***ret, struct err *err);
/* What is saved of a session of that tool: paths below the home; NULL-terminated, static. */
const char *const *tool_state_paths(const char *name);
/* The names, NULL-terminated, static. */
extern const char *const tool_names[];

#endif
