/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Amounts and rates, over time. Private to detector.c. */
#ifndef COI_MONITOR_DETECT_VOLUME_H
#define COI_MONITOR_DETECT_VOLUME_H

#include "monitor/detect.h"

#define VOLUME_SUSTAINED_MS 10000 /* a rate that lasts so long is meant */
#define VOLUME_AMOUNTS 3          /* read of the workspace, read from disks, written */
#define VOLUME_SPAWN_SLICES 10    /* the second that spawns are counted in, in tenths */

/* How often in any second. */
struct volume_rate {
	uint64_t slices[VOLUME_SPAWN_SLICES];
	uint64_t slice; /* number of the newest */
};

struct volume {
	bool has_last;
	uint64_t last_ms;
	struct watch_counters last;
	uint64_t since_ms[VOLUME_AMOUNTS]; /* the rate has been over the threshold; 0: it is not */
	struct volume_rate spawns, forks;
	bool spawn_told;
	uint64_t queries, queries_since_ms;
	bool queries_told;
};

/* What the new sums say, against the last ones. */
void volume_counters(struct volume *v, const struct watch_event *e,
		     const struct detect_settings *set, struct findings *ret);
/* More processes were made: not all of them run programs. */
void volume_fork(struct volume *v, const struct watch_event *e, const struct detect_settings *set,
		 struct findings *ret);
/* One more program was run, and one more name asked for. */
void volume_spawn(struct volume *v, const struct watch_event *e, const struct detect_settings *set,
		  struct findings *ret);
void volume_query(struct volume *v, const struct watch_event *e, const struct detect_settings *set,
		  struct findings *ret);

#endif
