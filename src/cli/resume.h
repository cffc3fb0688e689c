/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --resume and --continue: which saved session, and what of it counts for the next start. */
#ifndef COI_CLI_RESUME_H
#define COI_CLI_RESUME_H

#include "cli/app.h"
#include "session/saved.h"
#include "session/tool/conversation.h"

/* The value of --continue, else of --resume; NULL: neither was given. "auto" without a value. */
const char *resume_wanted(const struct cli *cli);
/* By its id, and not the newest one whichever that is. */
bool resume_is_certain(const struct cli *cli);
/* When the session had its conversations; @is_there: its container is still there. */
struct conversation_window resume_window(const struct saved_session *saved, bool is_there);
/* ERR_USAGE: what was given cannot be an id. */
int resume_check(const struct cli *cli, struct err *err);
/*
 * The session that is meant: by id, else the newest of this workspace. The
 * settings are read again with its profile, unless one was asked for, and its
 * slot is taken, unless one was. ERR_MISSING when there is none.
 */
int resume_find(struct cli *cli, struct saved_session *ret, struct err *err);
/*
 * Its own container, when that is still there: 1, and *@ret; 0: a new one is
 * needed.
 */
int resume_container(struct cli *cli, const struct saved_session *saved, struct container **ret,
		     struct err *err);

#endif
