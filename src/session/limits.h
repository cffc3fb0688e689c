/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings turned into what the network and the runtime layer want. Private to session/. */
#ifndef COI_SESSION_LIMITS_H
#define COI_SESSION_LIMITS_H

#include <jansson.h>

#include "config/settings.h"
#include "net/policy.h"
#include "runtime/runtime.h"

/* [network] as the network layer has it. Nothing is checked: net_policy_check(). */
struct net_policy limits_policy(const struct settings *set);

/* [limits] as the plan has it. */
struct limits_plan {
	struct runtime_limits runtime; /* borrows the following two */
	char *cpuset;
	char *device;
	char **texts; /* what settings said: "limits.cpu.count=2" …, all of them */
	uint64_t disk_size; /* of what it may write; 0: as much as there is room */
	uint64_t tmp_size;
	int64_t max_ms; /* how long it may run; 0: as long as it likes */
	bool auto_stop; /* then it is stopped; else that is only said */
	bool graceful;
};

struct container;
struct session;
/* ERR_CONFIG for what the kernel cannot be told. @dir: the files are on its disk. */
int limits_from_settings(const struct settings *set, const char *dir, struct limits_plan *ret,
			 struct err *err);
/*
 * Those of @c: what was set for it alone, and for all else what it was started
 * with, or the settings when it does not run. limits_done() in every case.
 */
int limits_make(const struct session *s, const struct container *c, struct limits_plan *ret,
		struct err *err);
void limits_done(struct limits_plan *l);

/*
 * Set limits for one container, for good, and at once when it runs:
 * "limits.memory.limit=2GiB"; with nothing behind '=' it is again what the
 * settings say. ERR_USAGE for what is no limit that a running container can
 * get, and for values that are none: nothing is changed then.
 */
int limits_set(struct session *s, const char *name, char *const *assignments, struct err *err);
/*
 * @now runs, started with what was set in @before: what somebody has set in
 * between it gets now.
 */
int limits_catch_up(const struct session *s, const struct container *before,
		    const struct container *now, struct err *err);
/* What was set so: "limits.memory.limit=2GiB" …, newly allocated, NULL: nothing. */
char **limits_list(const struct container *c);
/* To the supervisor, and there. */
json_t *limits_to_json(const struct limits_plan *l);
void limits_from_json(const json_t *j, struct limits_plan *ret);

#endif
