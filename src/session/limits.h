/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings turned into what the network and the runtime layer want. Private to session/. */
#ifndef COI_SESSION_LIMITS_H
#define COI_SESSION_LIMITS_H

#include "config/settings.h"
#include "net/policy.h"
#include "runtime/runtime.h"

/* [network] as the network layer has it. Nothing is checked: net_policy_check(). */
struct net_policy limits_policy(const struct settings *set);

/*
 * [limits] cpu, memory and processes. @ret_cpuset owns the text that
 * ret->cpuset_cpus borrows. ERR_CONFIG for what the kernel cannot be told: all
 * of it in one message.
 */
int limits_runtime(const struct settings *set, struct runtime_limits *ret, char **ret_cpuset,
		   struct err *err);

#endif
