/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/monitoring.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "config/config.h"
#include "monitor/wire.h"
#include "session/container.h"

#define FILE_NAME "monitoring.json"
#define FILE_MAX 65536

/* One that does not fit is as good as none: coi update patterns cannot have made it. */
static void set_dir(struct monitoring_plan *p, size_t i, const char *dir) {
	if (dir && strlen(dir) < MONITORING_DIR_SIZE)
		(void)snprintf(p->pattern_dirs[i], MONITORING_DIR_SIZE, "%s", dir);
}

void monitoring_from_settings(const struct settings *set, struct monitoring_plan *ret) {
	static const enum detect_one_liners one_liners[] = {
		[ONE_LINERS_CRITICAL] = DETECT_ONE_LINERS_CRITICAL,
		[ONE_LINERS_WARN] = DETECT_ONE_LINERS_WARN,
		[ONE_LINERS_OFF] = DETECT_ONE_LINERS_OFF,
	};
	int spawns = set->monitoring.process_spawn_rate_threshold;

	*ret = (struct monitoring_plan){
		.is_enabled = set->monitoring.enabled,
		.pauses = set->monitoring.auto_pause_on_high,
		.kills = set->monitoring.auto_kill_on_critical,
		.keeps = set->monitoring.forensics_on_kill,
		.has_canaries = set->monitoring.enabled && set->monitoring.canaries,
		.blocks = set->monitoring.block,
		.block_secrets = strv_copy(set->monitoring.block_secrets),
		.block_tools = strv_copy(set->monitoring.block_tools),
		.sinks = strv_copy(set->monitoring.audit_sinks),
		.watches_net = set->monitoring.nft.enabled,
		.logs_queries = set->monitoring.nft.log_dns_queries,
		.net_rate = (uint32_t)set->monitoring.nft.rate_limit_per_second,
		.poll_ms = (uint64_t)set->monitoring.poll_interval_sec * 1000,
		.retention_days = set->monitoring.audit_log_retention_days,
		.detect = {
			.one_liners = one_liners[set->monitoring.reverse_shell_one_liners],
			.read_mb = set->monitoring.file_read_threshold_mb,
			.read_mb_per_s = set->monitoring.file_read_rate_mb_per_sec,
			.processes = (uint64_t)set->monitoring.process_count_threshold,
			.spawns_per_s = spawns < 0 ? MONITORING_SPAWNS_DEFAULT : (uint64_t)spawns,
			.queries_per_minute = (uint64_t)set->monitoring.nft.dns_query_threshold,
			.is_allowlist = set->network.mode == MODE_ALLOWLIST,
		},
	};
	set_dir(ret, 0, set->detection.gtfobins_dir);
	set_dir(ret, 1, set->detection.sigma_dir);
}

void monitoring_done(struct monitoring_plan *p) {
	strv_free(p->sinks);
	strv_free(p->block_secrets);
	strv_free(p->block_tools);
	p->sinks = p->block_secrets = p->block_tools = NULL;
}

json_t *monitoring_to_json(const struct monitoring_plan *p) {
	json_t *dirs = json_array(), *j;

	for (size_t i = 0; i < WATCH_SETS_MAX; i++)
		json_array_append_new(dirs, json_text(p->pattern_dirs[i]));
	j = json_pack("{s:b, s:b, s:b, s:I, s:b, s:b, s:b, s:b, s:o, s:I, s:i, s:o, s:o}", "enabled",
	                 p->is_enabled, "watches_net", p->watches_net, "logs_queries",
	                 p->logs_queries, "net_rate", (json_int_t)p->net_rate,
	                 "pauses", p->pauses, "kills", p->kills, "keeps", p->keeps, "canaries",
	                 p->has_canaries, "sinks", json_from_strv(p->sinks), "poll_ms",
	                 (json_int_t)p->poll_ms, "retention_days", p->retention_days, "detect",
	                 wire_settings(&p->detect), "pattern_dirs", dirs);
	json_object_set_new(j, "blocks", json_boolean(p->blocks));
	json_object_set_new(j, "block_secrets", json_from_strv(p->block_secrets));
	json_object_set_new(j, "block_tools", json_from_strv(p->block_tools));
	return j;
}

void monitoring_from_json(const json_t *j, struct monitoring_plan *ret) {
	*ret = (struct monitoring_plan){
		.is_enabled = json_get_bool(j, "enabled", false),
		.pauses = json_get_bool(j, "pauses", false),
		.kills = json_get_bool(j, "kills", false),
		.keeps = json_get_bool(j, "keeps", false),
		.has_canaries = json_get_bool(j, "canaries", false),
		.watches_net = json_get_bool(j, "watches_net", false),
		.logs_queries = json_get_bool(j, "logs_queries", false),
		.net_rate = (uint32_t)json_get_int(j, "net_rate", 0),
		.blocks = json_get_bool(j, "blocks", false),
		.block_secrets = json_get_strv(j, "block_secrets"),
		.block_tools = json_get_strv(j, "block_tools"),
		.sinks = json_get_strv(j, "sinks"),
		.poll_ms = (uint64_t)json_get_int(j, "poll_ms", 2000),
		.retention_days = (int)json_get_int(j, "retention_days", 0),
	};
	wire_settings_read(json_object_get(j, "detect"), &ret->detect);
	for (size_t i = 0; i < WATCH_SETS_MAX; i++)
		set_dir(ret, i, json_string_value(
				json_array_get(json_object_get(j, "pattern_dirs"), i)));
}

int monitoring_store(const struct session *s, const char *name, const struct monitoring_plan *p) {
	auto_json json_t *j = monitoring_to_json(p);

	return container_run_put(s, name, FILE_NAME, j);
}

int monitoring_load(const struct session *s, const char *name, struct monitoring_plan *ret) {
	auto_json json_t *j = NULL;
	int r = container_run_get(s, name, FILE_NAME, FILE_MAX, &j);

	monitoring_done(ret);
	*ret = (struct monitoring_plan){ 0 };
	if (r > 0)
		monitoring_from_json(j, ret);
	return r < 0 ? r : 0;
}

enum audit_action monitoring_action(const struct monitoring_plan *p, enum audit_level level) {
	if (level == AUDIT_INFO)
		return AUDIT_LOGGED;
	if (level == AUDIT_CRITICAL && p->kills)
		return AUDIT_KILLED;
	return level >= AUDIT_HIGH && p->pauses ? AUDIT_PAUSED : AUDIT_ALERTED;
}
