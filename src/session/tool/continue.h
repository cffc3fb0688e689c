/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a resumed session goes on with: the agent's own conversation that belongs to it
 * (conversation.h), looked for in the container. Private to session/tool/.
 */
#ifndef COI_SESSION_TOOL_CONTINUE_H
#define COI_SESSION_TOOL_CONTINUE_H

#include "session/tool/place.h"
#include "session/tool/prepare.h"

/* Look at the container, for the conversation too when @request resumes one. */
int continue_look(struct session *s, const struct container *c, const struct tool *t,
		  const struct tool_request *request, struct place_seen *seen, struct err *err);
/*
 * Which command it is: that of @request, or TOOL_NEW where there is nothing to go on
 * with. Puts the conversation into @at, with *@ret_file (newly allocated) as its file. A
 * tool with a command for that is asked, with the variables @env.
 */
enum tool_start continue_choose(struct session *s, const struct container *c, const struct tool *t,
				const struct tool_request *request, struct place_seen *seen,
				struct tool_place *at, char *const *env, char **ret_file);

#endif
