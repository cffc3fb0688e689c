/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/config.h"
#include "config/formats.h"
#include "config/rows.h"
#include "runtime/disk.h"

#define CPU_WEIGHT_MAX 10000

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

/*
 * "50%" is a share: half of what a container has without, when there is not
 * enough for all (as with coi 0.9). "25ms/100ms" is all that it ever gets.
 */
static int cpu_allowance(const char *allowance, struct runtime_limits *ret, struct err *err) {
	unsigned long long part = 0, period = 0;
	int used = 0;

	if (sscanf(allowance, "%llums/%llums%n", &part, &period, &used) == 2 &&
	    allowance[used] == '\0' && part > 0 && period > 0) {
		ret->cpu_quota_us = part * 1000;
		ret->cpu_period_us = period * 1000;
		return 0;
	}
	used = 0;
	if (sscanf(allowance, "%llu%%%n", &part, &used) == 1 && used && !allowance[used] && part > 0 &&
	    part <= CPU_WEIGHT_MAX) {
		ret->cpu_weight = (unsigned)part;
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

/* 1…10 are tenths of what a container has without: 10 is the most. */
static unsigned weight_of(int priority) {
	return (unsigned)priority * 10;
}

static void swap_limit(const char *swap, struct runtime_limits *l) {
	uint64_t share;

	if (!*swap || !strcmp(swap, "true"))
		return;
	l->swap_limited = true;
	if (strcmp(swap, "false") != 0)
		(void)format_parse_size(swap, &l->swap_max, &share);
}

/* max is for both; what is said of one of them alone is stronger. */
static void rates(const struct settings *set, struct runtime_limits *l) {
	const char *max = set->limits.disk.max;
	const char *read = *set->limits.disk.read ? set->limits.disk.read : max;
	const char *write = *set->limits.disk.write ? set->limits.disk.write : max;

	if (*read)
		(void)format_parse_rate(read, &l->read_bps, &l->read_iops);
	if (*write)
		(void)format_parse_rate(write, &l->write_bps, &l->write_iops);
}

int limits_from_settings(const struct settings *set, const char *dir, struct limits_plan *ret,
			 struct err *err) {
	struct runtime_limits *l = &ret->runtime;
	uint64_t memory = memory_bytes(&set->limits.memory.limit);

	*ret = (struct limits_plan){ 0 };
	ret->disk_size = set->limits.disk.size.bytes;
	if (ret->disk_size && (ret->disk_size < DISK_SIZE_MIN || ret->disk_size > DISK_SIZE_MAX))
		return err_set(err, ERR_CONFIG, -ERANGE,
			       "limits.disk.size must be at least 32MiB and at most 16TiB");
	l->cpu_weight = weight_of(set->limits.cpu.priority);
	if (*set->limits.cpu.allowance) {
		int r = cpu_allowance(set->limits.cpu.allowance, l, err);

		if (r < 0)
			return r;
	}
	if (set->limits.memory.enforce == ENFORCE_HARD)
		l->memory_max = memory;
	else
		l->memory_high = memory;
	swap_limit(set->limits.memory.swap, l);
	l->pids_max = (uint64_t)set->limits.runtime.max_processes;
	l->io_weight = weight_of(set->limits.disk.priority);
	rates(set, l);
	ret->cpuset = *set->limits.cpu.count ? cpuset_text(set->limits.cpu.count) : NULL;
	if (l->read_bps || l->write_bps || l->read_iops || l->write_iops || l->io_weight)
		ret->device = runtime_block_device(dir);
	l->cpuset_cpus = ret->cpuset;
	l->device = ret->device;
	ret->tmp_size = set->limits.disk.tmpfs_size.bytes;
	ret->max_ms = set->limits.runtime.max_duration.ms;
	ret->auto_stop = set->limits.runtime.auto_stop;
	ret->graceful = set->limits.runtime.stop_graceful;
	return 0;
}
