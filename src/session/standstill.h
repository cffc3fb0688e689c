/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A running container that stands still, and why. Several may want that at once, from
 * different processes: a threat that a person has to look at, protected paths that are not in
 * place, files that are being copied. It goes on when the last of them is over, and not before.
 *
 * What holds is a mark in its directory of the run, which goes with the container's end. Each
 * copy has one of its own, which holds as long as it is locked, by a child of whoever copies: a
 * command can be killed, or its terminal go, and the container goes on all the same. If that
 * child is killed with it, the supervisor lets the container go on, or else the next command.
 *
 * One that is frozen by nobody of these (by hand, through its control group) stays that when a
 * copy is over.
 */
#ifndef COI_SESSION_STANDSTILL_H
#define COI_SESSION_STANDSTILL_H

#include <sys/types.h>

#include "session/container.h"

enum standstill_reason {
	STANDSTILL_THREAT,
	STANDSTILL_PROTECT,
	STANDSTILL_COPY, /* by standstill_begin() alone */
	STANDSTILL_REASON_COUNT,
};

/* Frozen, if it is not already, and marked. 0 or -errno, when one of both is not so. */
int standstill_hold(const struct session *s, const struct container *c, enum standstill_reason why,
		    struct err *err);
/* That is over: it goes on unless something else holds it. 0 or -errno. */
int standstill_release(const struct session *s, const struct container *c,
		       enum standstill_reason why, struct err *err);
/* Does that hold it? */
bool standstill_holds(const struct session *s, const struct container *c,
		      enum standstill_reason why);

/*
 * One that is frozen for what ends by itself is waited for, ten seconds at most, or until a
 * signal comes that is to end us: 0 when it goes on; -EBUSY, with the reason, when it does not.
 */
int standstill_wait(const struct session *s, const struct container *c, struct err *err);

/* A copy that was killed has left it frozen: it goes on. 0 or -errno. */
int standstill_repair(const struct session *s, const struct container *c, struct err *err);

struct standstill {
	pid_t keeper; /* 0: none */
	int end;      /* what the keeper waits for: closed by us, or with us */
};

#define STANDSTILL_NONE { 0, -1 }
/* While its files are copied. */
int standstill_begin(const struct session *s, const struct container *c, struct standstill *ret,
		     struct err *err);
/* It goes on before this returns, if nothing else holds it; fine for one that did not begin. */
void standstill_end(struct standstill *still);
#define auto_standstill __attribute__((cleanup(standstill_end)))

#endif
