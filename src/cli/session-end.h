/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What has become of a container when its session returns, told to the person. */
#ifndef COI_CLI_SESSION_END_H
#define COI_CLI_SESSION_END_H

#include "cli/app.h"
#include "session/container.h"

/*
 * A SIGINT or SIGTERM has come for the command that started @c: its session is ended in
 * order, saved, and its container deleted, or kept stopped when it is one that is kept.
 */
void session_end(struct cli *cli, const struct container *c);
/*
 * The terminal of @c is ours no more: detached, ended, or the container is
 * powering off, which is waited for. Says what is left and how to go on.
 */
void session_end_tell(struct cli *cli, const struct container *c);

#endif
