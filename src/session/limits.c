/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/record.h"
#include "base/strv.h"
#include "config/config.h"
#include "config/formats.h"
#include "config/rows.h"
#include "runtime/disk.h"
#include "session/container.h"
#include "session/repair.h"
#include "session/storage.h"

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

static int make(const struct settings *set, const char *dir, struct limits_plan *ret,
		struct err *err) {
	struct runtime_limits *l = &ret->runtime;
	uint64_t memory = memory_bytes(&set->limits.memory.limit);

	*ret = (struct limits_plan){ 0 };
	ret->disk_size = set->limits.disk.size.bytes;
	if (ret->disk_size && (ret->disk_size < DISK_SIZE_MIN || ret->disk_size > DISK_SIZE_MAX))
		return err_set(err, ERR_CONFIG, -ERANGE,
			       "limits.disk.size must be at least 32MiB and at most 16TiB");
	if (*set->limits.cpu.allowance) {
		int r = cpu_quota(set->limits.cpu.allowance, l, err);

		if (r < 0)
			return r;
	}
	if (set->limits.memory.enforce == ENFORCE_HARD)
		l->memory_max = memory;
	else
		l->memory_high = memory;
	swap_limit(set->limits.memory.swap, l);
	l->pids_max = (uint64_t)set->limits.runtime.max_processes;
	l->cpu_weight = weight_of(set->limits.cpu.priority);
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

/* ---- of one container ---- */

#define SECTION "set" /* of its record */
#define SET_MAX 32

struct list {
	struct config_override items[SET_MAX];
	size_t count;
};

static int add_one(const char *key, const char *value, void *data) {
	struct list *l = data;

	if (l->count < SET_MAX && settings_row(key))
		l->items[l->count++] = (struct config_override){ .path = key, .text = value };
	return 0;
}

int limits_make(const struct session *s, const struct container *c, struct limits_plan *ret,
		struct err *err) {
	struct list list = { .count = 0 };
	const struct pool *pool = NULL;
	struct settings with;
	int r;

	*ret = (struct limits_plan){ 0 };
	if (c && c->record)
		(void)record_each(c->record, SECTION, add_one, &list);
	r = config_overlay(s->settings, list.items, list.count, &with, err);
	if (r < 0)
		return r;
	/* Rates are of the disk that the files are on, below a disk of the container too. */
	if (c && pool_find(s->layout, c->pool, &pool, err) < 0)
		r = err->code;
	if (r == 0)
		r = make(&with, c ? pool->path : s->layout->root, ret, err);
	config_overlay_done(&with, list.items, list.count);
	return r;
}

static int put_text(const char *key, const char *value, void *data) {
	strv_addf(data, "%s=%s", key, value);
	return 0;
}

char **limits_list(const struct container *c) {
	char **list = NULL;

	if (c->record)
		(void)record_each(c->record, SECTION, put_text, &list);
	return list;
}

static int assign(struct container *c, const char *text, struct err *err) {
	const char *eq = strchr(text, '=');
	autofree char *key = eq ? xstrndup(text, (size_t)(eq - text)) : NULL;
	const struct setting_row *row = key ? settings_row(key) : NULL;

	if (!eq)
		return err_set(err, ERR_USAGE, -EINVAL, "'%s' is not KEY=VALUE", text);
	if (!row || strncmp(key, "limits.", 7) != 0)
		return err_set(err, ERR_USAGE, -EINVAL, "'%s' is no limit", key);
	if (row->applies != APPLIES_LIVE)
		return err_set(err, ERR_USAGE, -EINVAL, "'%s' cannot be changed while a container runs",
			       key);
	if (eq[1])
		record_set(c->record, SECTION, key, eq + 1);
	else
		record_unset(c->record, SECTION, key);
	return 0;
}

static bool names_disk(char *const *assignments) {
	for (; *assignments; assignments++)
		if (!strncmp(*assignments, "limits.disk.size=", 17))
			return true;
	return false;
}

/* @old: the record as it was, for when what it says cannot be done. */
static int set_locked(struct session *s, struct container *c, struct container *old,
		      char *const *assignments, struct err *err) {
	struct limits_plan plan = { 0 };
	struct err ignored = { 0 };
	bool has_disk = names_disk(assignments);
	int r = 0;

	for (size_t i = 0; r == 0 && assignments[i]; i++)
		r = assign(c, assignments[i], err);
	if (r == 0)
		r = limits_make(s, c, &plan, err);
	if (r == 0 && has_disk)
		r = storage_check(s, c, plan.disk_size, err);
	if (r == 0 && container_is_running(s, c))
		r = runtime_limits_apply(c->lxc_name, &plan.runtime, err);
	if (r == 0)
		r = container_store_durably(s, c, err);
	/* After the record: a disk that is larger than it says could not be started with. */
	if (r == 0 && has_disk) {
		r = storage_grow(s, c, plan.disk_size, err);
		if (r < 0)
			(void)container_store_durably(s, old, &ignored);
		if (r > 0)
			session_say(s, "The disk of container '%s' is that large when it is started "
				       "next: making it larger while it is used needs CAP_SYS_RESOURCE",
				    c->name);
		r = r < 0 ? r : 0;
	}
	limits_done(&plan);
	return r;
}

int limits_set(struct session *s, const char *name, char *const *assignments, struct err *err) {
	auto_container struct container *c = NULL, *old = NULL;
	autoclose int lock = -1;
	int r = repair_container(s, name, err);

	if (r < 0)
		return r;
	lock = container_lock(s, name, 0, err);
	if (lock < 0)
		return lock;
	r = container_load(s, name, &c, err);
	if (r == 0)
		r = container_load(s, name, &old, err);
	return r < 0 ? r : set_locked(s, c, old, assignments, err);
}
