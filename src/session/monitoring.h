/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a container is watched: [monitoring] as a plain value, on its way to the
 * supervisor and to the one that takes over from it.
 */
#ifndef COI_SESSION_MONITORING_H
#define COI_SESSION_MONITORING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "audit/threat.h"
#include "monitor/detect.h"
#include "monitor/watch.h"
#include "session/session.h"

/* Without process_spawn_rate_threshold: what no build comes near. */
#define MONITORING_SPAWNS_DEFAULT 5000

#define MONITORING_DIR_SIZE 1024

struct monitoring_plan {
	bool is_enabled;
	bool pauses;  /* auto_pause_on_high */
	bool kills;   /* auto_kill_on_critical */
	bool keeps;   /* forensics_on_kill */
	bool has_canaries;
	bool blocks;  /* block, whether anything is watched or not */
	char **block_secrets, **block_tools; /* owned */
	char **sinks; /* audit_sinks; owned */
	/* [monitoring.nft] */
	bool watches_net;
	bool logs_queries;
	uint32_t net_rate; /* packets and names a second */
	uint64_t poll_ms;
	int retention_days; /* of audit files; 0: for ever */
	struct detect_settings detect;
	/* Where sets of rules may be (pattern/update.h); "": nowhere. */
	char pattern_dirs[WATCH_SETS_MAX][MONITORING_DIR_SIZE];
};

/* As the settings have it. */
void monitoring_from_settings(const struct settings *set, struct monitoring_plan *ret);
void monitoring_done(struct monitoring_plan *p);
#define auto_monitoring_plan __attribute__((cleanup(monitoring_done)))
/* A new reference; and back. What is missing is as if nothing were watched. */
json_t *monitoring_to_json(const struct monitoring_plan *p);
void monitoring_from_json(const json_t *j, struct monitoring_plan *ret);
/* In the run directory, for the next supervisor. 0 or -errno; one that has none: as above. */
int monitoring_store(const struct session *s, const char *name, const struct monitoring_plan *p);
int monitoring_load(const struct session *s, const char *name, struct monitoring_plan *ret);
/* What is done about a threat of that level. Pure. */
enum audit_action monitoring_action(const struct monitoring_plan *p, enum audit_level level);

#endif
