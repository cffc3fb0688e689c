/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One look at a running container from outside, whether it is watched or not:
 * connections, processes, what it has used, and what of that looks like an attack.
 * What its processes say is read by a watcher without rights (monitor/watch.h).
 */
#ifndef COI_SESSION_LOOK_H
#define COI_SESSION_LOOK_H

#include <jansson.h>

#include "session/container.h"
#include "session/monitoring.h"

/*
 * Everything, as `coi monitor --format json` has it; a new reference in *@ret. It
 * takes about half a second, in which rates are measured. What could not be looked at
 * is in its `errors`.
 */
void look_at(const struct session *s, const struct container *c, const struct monitoring_plan *plan,
	     json_t **ret);

/*
 * Into @processes: {pid, ppid, user, command, env_access} of each; into @threats what of
 * them looks like an attack. The numbers are the host's.
 */
int look_at_processes(const struct session *s, const struct container *c,
		      const struct runtime_ref *ref, const struct monitoring_plan *plan,
		      json_t *processes, json_t *threats, struct err *err);

#endif
