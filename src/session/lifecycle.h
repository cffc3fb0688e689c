/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ending containers, and what a running one can be asked for. By name. */
#ifndef COI_SESSION_LIFECYCLE_H
#define COI_SESSION_LIFECYCLE_H

#include "session/container.h"

/*
 * Stop: ask init, wait at most @timeout_ms, then kill; 0 kills at once. The
 * container stays, whatever it was made for. ERR_CONFLICT when it is stopped.
 */
int lifecycle_stop(struct session *s, const char *name, int timeout_ms, struct err *err);
/* Delete; a running one only with @force (killed first), else ERR_CONFLICT. */
int lifecycle_delete(struct session *s, const char *name, bool force, struct err *err);
/*
 * Stop (as above) and delete, persistent ones too: kill (0) and shutdown. One
 * that is gone meanwhile counts as done.
 */
int lifecycle_remove(struct session *s, const char *name, int timeout_ms, struct err *err);
/*
 * Kill, and delete it if that is what its record says now, unless @keep: the end
 * of a run whose supervisor died.
 */
int lifecycle_end(struct session *s, const char *name, bool keep, struct err *err);
/* When it is ending: wait until its supervisor has cleaned up. Repaired when it has none. */
int lifecycle_wait_stopped(struct session *s, const char *name, struct err *err);
/*
 * It stays from now on when it stops: 1, or 0 when it did so already. A session's
 * metadata tells it too.
 */
int lifecycle_persist(struct session *s, const char *name, struct err *err);
/* Start it when the machine has been started, or do not: 1, or 0 when it was so already. */
int lifecycle_set_at_boot(struct session *s, const char *name, bool at_boot, struct err *err);
/*
 * Another session lives in it from now on: id, tool, profile and state paths of
 * @like (a stub that has only these).
 */
int lifecycle_set_session(struct session *s, const char *name, const struct container *like,
			  struct err *err);
/*
 * Let go on what was frozen for a threat, or by hand. ERR_CONFLICT when it does not run, or stays
 * frozen for something else.
 */
int lifecycle_unfreeze(struct session *s, const char *name, struct err *err);
/*
 * Bind a host directory or file into the container, for good (every start) and
 * at once when it runs. ERR_CONFLICT: the device's name is taken.
 */
int lifecycle_mount(struct session *s, const char *name, const struct container_mount *mount,
		    struct err *err);

#endif
