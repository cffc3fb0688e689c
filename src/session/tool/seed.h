/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The person's files for a tool: read here, as the person, and copied; never
 * mounted, never written.
 */
#ifndef COI_SESSION_TOOL_SEED_H
#define COI_SESSION_TOOL_SEED_H

#include "session/session.h"
#include "session/tool/place.h"
#include "session/tool/tool.h"

#define SEED_FILE_MAX ((size_t)16 << 20)

/*
 * Items for the files of @t that the person has. One that is no regular file,
 * is larger than SEED_FILE_MAX or cannot be read is left out and told. A
 * directory that is a link into @workspace, which the agent may change, has no
 * links followed in it.
 */
void seed_tool(const struct session *s, const struct tool *t, const char *workspace,
	       struct place_plan *plan);
/* Items for [[credentials]]: bundles (the files of a tool) and single files. */
void seed_credentials(const struct session *s, const char *workspace, struct place_plan *plan);

#endif
