/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits on their way to the supervisor, which knows no settings. */
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "session/limits.h"

void limits_done(struct limits_plan *l) {
	free(l->cpuset);
	free(l->device);
	strv_free(l->texts);
	*l = (struct limits_plan){ 0 };
}

static const struct {
	const char *name;
	size_t offset;
} numbers[] = {
	{ "pids_max", offsetof(struct runtime_limits, pids_max) },
	{ "memory_max", offsetof(struct runtime_limits, memory_max) },
	{ "memory_high", offsetof(struct runtime_limits, memory_high) },
	{ "swap_max", offsetof(struct runtime_limits, swap_max) },
	{ "cpu_quota_us", offsetof(struct runtime_limits, cpu_quota_us) },
	{ "cpu_period_us", offsetof(struct runtime_limits, cpu_period_us) },
	{ "read_bps", offsetof(struct runtime_limits, read_bps) },
	{ "write_bps", offsetof(struct runtime_limits, write_bps) },
	{ "read_iops", offsetof(struct runtime_limits, read_iops) },
	{ "write_iops", offsetof(struct runtime_limits, write_iops) },
};

static uint64_t *number_of(const struct runtime_limits *l, size_t row) {
	return (uint64_t *)((char *)l + numbers[row].offset);
}

json_t *limits_to_json(const struct limits_plan *l) {
	json_t *j = json_pack("{s:b, s:i, s:i, s:o, s:o, s:I, s:I, s:b, s:b}", "swap_limited",
			      l->runtime.swap_limited, "cpu_weight", (int)l->runtime.cpu_weight,
			      "io_weight", (int)l->runtime.io_weight, "cpuset",
			      json_text(l->cpuset ? l->cpuset : ""), "device",
			      json_text(l->device ? l->device : ""), "tmp_size",
			      (json_int_t)l->tmp_size, "max_ms", (json_int_t)l->max_ms, "auto_stop",
			      l->auto_stop, "graceful", l->graceful);

	(void)json_object_set_new(j, "texts", l->texts ? json_from_strv(l->texts) : json_array());
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		(void)json_object_set_new(j, numbers[i].name,
					  json_integer((json_int_t)*number_of(&l->runtime, i)));
	return j;
}

void limits_from_json(const json_t *j, struct limits_plan *ret) {
	const char *cpuset = json_get_str(j, "cpuset", ""), *device = json_get_str(j, "device", "");
	struct runtime_limits *l = &ret->runtime;

	*ret = (struct limits_plan){
		.cpuset = *cpuset ? xstrdup(cpuset) : NULL,
		.device = *device ? xstrdup(device) : NULL,
		.tmp_size = (uint64_t)json_get_int(j, "tmp_size", 0),
		.max_ms = json_get_int(j, "max_ms", 0),
		.texts = json_get_strv(j, "texts"),
		.auto_stop = json_get_bool(j, "auto_stop", true),
		.graceful = json_get_bool(j, "graceful", true),
	};
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		*number_of(l, i) = (uint64_t)json_get_int(j, numbers[i].name, 0);
	l->swap_limited = json_get_bool(j, "swap_limited", false);
	l->cpu_weight = (unsigned)json_get_int(j, "cpu_weight", 0);
	l->io_weight = (unsigned)json_get_int(j, "io_weight", 0);
	l->cpuset_cpus = ret->cpuset;
	l->device = ret->device;
}
