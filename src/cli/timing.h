/* SPDX-License-Identifier: GPL-2.0-or-later */
/* COI_TIMING_DEBUG=1 and COI_TIMING_DEBUG_JSON=PATH: what took how long (base/timeline.h). */
#ifndef COI_CLI_TIMING_H
#define COI_CLI_TIMING_H

#include "cli/app.h"
#include "session/container.h"

/*
 * In a session that has just begun: wait until the agent's screen is at rest, and mark
 * that. Does nothing when no timeline is wanted.
 */
void timing_watch_agent(struct cli *cli, const struct container *c);
/* Print it, and write it as JSON with the person's rights: once, now or at the end. */
void timing_tell(const struct cli *cli);

#endif
