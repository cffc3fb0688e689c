/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user of sessions inside a container: incus.code_user with the id incus.code_uid. */
#ifndef COI_SESSION_USER_H
#define COI_SESSION_USER_H

#include "session/container.h"

/*
 * Give the user of the running container @c the id c->code_uid, when its passwd(5)
 * has another one: with its group, and what it owns in its home. Mounts below the
 * home stay as they are. It is made when it is missing. Notes that in the record.
 * ERR_CONFLICT: somebody else has that id in the container.
 */
int user_follow(struct session *s, struct container *c, struct err *err);

#endif
