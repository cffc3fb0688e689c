/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which name a new container gets. Private to session/. */
#ifndef COI_SESSION_SLOTS_H
#define COI_SESSION_SLOTS_H

#include "session/launch.h"

struct slot_claim {
	char *name;
	int slot;
	int lock;    /* the container's lock is held and its directory made; -1: reuse */
	bool reused; /* a stopped one is to be started again */
};

/*
 * Find a name by the rules of surface/cli.md §3.2 and claim it: a directory
 * without a record, under the container's lock.
 */
int slot_claim(struct session *s, const struct launch_request *request, const char *workspace,
	       struct slot_claim *ret, struct err *err);

#endif
