/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals that wait for whoever can act on them in order: the launch, which
 * undoes, or the command inside, which they are handed to.
 */
#ifndef COI_CLI_HOLD_H
#define COI_CLI_HOLD_H

#include <signal.h>
#include <stdbool.h>

/* Block SIGINT, SIGTERM and SIGHUP; @before is for hold_end(), where one that waits ends us. */
void hold_begin(sigset_t *before);
void hold_end(const sigset_t *before);
/* Does a SIGINT or SIGTERM wait? */
bool hold_is_interrupted(void);

#endif
