/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define CPU_PERIOD_US 100000

struct net_policy limits_policy(const struct settings *set) {
	static const enum net_mode modes[] = {
		[MODE_ALLOWLIST] = NET_ALLOWLIST,
		[MODE_RESTRICTED] = NET_RESTRICTED,
		[MODE_OPEN] = NET_OPEN,
	};
	struct net_policy p = net_policy_default();

	p.mode = modes[set->network.mode];
	p.block_private = set->network.block_private_networks;
	p.block_metadata = set->network.block_metadata_endpoint;
	p.allow_local_network = set->network.allow_local_network_access;
	p.refresh_s = (uint32_t)set->network.refresh_interval_minutes * 60;
	return p;
}

/* "2" is the first two processors, "0-3" and "0,2" are these. */
static char *cpuset_text(const char *count) {
	char *end;
	long n = strtol(count, &end, 10);

	if (*end || n <= 0)
		return xstrdup(count);
	return n == 1 ? xstrdup("0") : xasprintf("0-%ld", n - 1);
}

/* "50%" is half of one processor's time; "25ms/100ms" says it itself. */
static int cpu_quota(const char *allowance, struct runtime_limits *ret, struct err *err) {
	unsigned long long part = 0, period = 0;
	int used = 0;

	if (sscanf(allowance, "%llums/%llums%n", &part, &period, &used) == 2 &&
	    allowance[used] == '\0' && part > 0 && period > 0) {
		ret->cpu_quota_us = part * 1000;
		ret->cpu_period_us = period * 1000;
		return 0;
	}
	used = 0;
	if (sscanf(allowance, "%llu%%%n", &part, &used) == 1 && used && !allowance[used] && part > 0) {
		ret->cpu_quota_us = part * CPU_PERIOD_US / 100;
		ret->cpu_period_us = CPU_PERIOD_US;
		return 0;
	}
	return err_set(err, ERR_CONFIG, -EINVAL,
		       "limits.cpu.allowance is '%s', not a share like '50%%' or a time like "
		       "'25ms/100ms'", allowance);
}

static uint64_t memory_bytes(const struct setting_size *size) {
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	if (!size->percent)
		return size->bytes;
	return pages > 0 && page > 0 ? (uint64_t)pages / 100 * (uint64_t)page * size->percent : 0;
}

int limits_runtime(const struct settings *set, struct runtime_limits *ret, char **ret_cpuset,
		   struct err *err) {
	struct runtime_limits l = { 0 };
	uint64_t memory = memory_bytes(&set->limits.memory.limit);

	if (*set->limits.cpu.allowance) {
		int r = cpu_quota(set->limits.cpu.allowance, &l, err);

		if (r < 0)
			return r;
	}
	if (set->limits.memory.enforce == ENFORCE_HARD)
		l.memory_max = memory;
	else
		l.memory_high = memory;
	l.pids_max = (uint64_t)set->limits.runtime.max_processes;
	*ret_cpuset = *set->limits.cpu.count ? cpuset_text(set->limits.cpu.count) : NULL;
	l.cpuset_cpus = *ret_cpuset;
	*ret = l;
	return 0;
}
