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
	uint64_t tmp_size;
	int64_t max_ms; /* how long it may run; 0: as long as it likes */
	bool auto_stop; /* then it is stopped; else that is only said */
	bool graceful;
};

/*
 * @dir: where containers are kept, whose disk the rates are of. ERR_CONFIG for
 * what the kernel cannot be told. limits_done() in every case.
 */
int limits_make(const struct settings *set, const char *dir, struct limits_plan *ret,
		struct err *err);
void limits_done(struct limits_plan *l);
/* To the supervisor, and there. */
json_t *limits_to_json(const struct limits_plan *l);
void limits_from_json(const json_t *j, struct limits_plan *ret);

#endif
