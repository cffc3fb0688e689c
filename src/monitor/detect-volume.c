/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/detect-volume.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MB (1024.0 * 1024.0)
#define TMP_PERCENT 80

static bool is_known(uint64_t value) {
	return value != UINT64_MAX;
}

/* In MB; 0 when either is not known, or when the counter began anew. */
static double difference(uint64_t now, uint64_t before) {
	return is_known(now) && is_known(before) && now > before ? (double)(now - before) / MB : 0;
}

/*
 * Much in one interval, or a rate that lasts: as grave as @like says, for what by itself
 * may be ordinary; when as much leaves over the network, it is high.
 */
static void check_amount(double mb, uint64_t over_ms, uint64_t now, uint64_t *since, double sent,
                         const struct detect_settings *set, const struct finding *like,
                         struct findings *ret) {
	double rate = over_ms ? mb * 1000.0 / (double)over_ms : 0;
	bool is_much = set->read_mb > 0 && mb > set->read_mb;
	bool is_fast = set->read_mb_per_s > 0 && rate > set->read_mb_per_s;
	struct finding f = *like;

	if (!is_fast)
		*since = 0;
	else if (!*since)
		*since = now;
	if (!is_much && !(is_fast && now - *since >= VOLUME_SUSTAINED_MS))
		return;
	if (sent >= mb / 2)
		f.level = AUDIT_HIGH;
	f.amount = mb;
	f.rate = rate;
	f.threshold = is_much ? set->read_mb : set->read_mb_per_s;
	f.over_ms = over_ms;
	(void)snprintf(f.indicator, sizeof(f.indicator), "%s%s",
	               is_much ? "in one interval" : "for a while",
	               f.level == AUDIT_HIGH ? ", and it went out over the network" : "");
	findings_add(ret, &f);
}

static void check_tmp(const struct watch_counters *c, struct findings *ret) {
	struct finding f = { .rule = "volume.tmp",
		             .level = AUDIT_WARNING,
		             .category = AUDIT_FILESYSTEM,
		             .title = "/tmp is nearly full",
		             .description = "a /tmp of its own has little room left",
		             .evidence = AUDIT_EVIDENCE_DISK_SPACE,
		             .indicator = "/tmp" };

	if (!is_known(c->tmp_total) || !is_known(c->tmp_used) || !c->tmp_total)
		return;
	f.amount = (double)c->tmp_used / MB;
	f.threshold = (double)c->tmp_total / MB;
	f.rate = 100.0 * (double)c->tmp_used / (double)c->tmp_total;
	if (f.rate > TMP_PERCENT)
		findings_add(ret, &f);
}

static void check_processes(const struct watch_counters *now, const struct watch_counters *before,
                            const struct detect_settings *set, struct findings *ret) {
	struct finding f = { .rule = "volume.processes",
		             .level = AUDIT_HIGH,
		             .category = AUDIT_PROC_EVENT,
		             .title = "Many processes",
		             .description =
		                     "more processes than monitoring.process_count_threshold",
		             .evidence = AUDIT_EVIDENCE_PROCESS_COUNT,
		             .indicator = "processes" };

	if (!set->processes || !is_known(now->processes) || now->processes <= set->processes)
		return;
	f.amount = (double)now->processes;
	f.threshold = (double)set->processes;
	if (is_known(before->processes))
		f.rate = (double)now->processes - (double)before->processes;
	findings_add(ret, &f);
}

#define AMOUNT "more than file_read_threshold_mb in one interval, or " \
	       "file_read_rate_mb_per_sec for ten seconds"

/* Of the workspace, by any means; and of disks, which is programs and libraries above all. */
static const struct finding read_workspace = { .rule = "volume.read",
	                                       .level = AUDIT_WARNING,
	                                       .category = AUDIT_FILESYSTEM,
	                                       .title = "Much of the workspace is read",
	                                       .description = AMOUNT,
	                                       .evidence = AUDIT_EVIDENCE_FILESYSTEM };
static const struct finding read_disk = { .rule = "volume.read-disk",
	                                  .level = AUDIT_INFO,
	                                  .category = AUDIT_FILESYSTEM,
	                                  .title = "Much is read from disks",
	                                  .description = AMOUNT,
	                                  .evidence = AUDIT_EVIDENCE_FILESYSTEM };
static const struct finding written = { .rule = "volume.write",
	                                .level = AUDIT_WARNING,
	                                .category = AUDIT_FILESYSTEM,
	                                .title = "Much is written",
	                                .description = AMOUNT,
	                                .evidence = AUDIT_EVIDENCE_FILE_WRITE };

void volume_counters(struct volume *v, const struct watch_event *e,
                     const struct detect_settings *set, struct findings *ret) {
	const struct watch_counters *c = &e->counters, *last = &v->last;
	const struct {
		uint64_t now, before;
		const struct finding *like;
	} amounts[VOLUME_AMOUNTS] = {
		{ c->workspace_bytes, last->workspace_bytes, &read_workspace },
		{ c->read_bytes, last->read_bytes, &read_disk },
		{ c->write_bytes, last->write_bytes, &written },
	};
	uint64_t over = e->when_ms - v->last_ms;
	double sent = difference(c->sent_bytes, last->sent_bytes);

	check_tmp(c, ret);
	check_processes(c, v->has_last ? last : c, set, ret);
	for (size_t i = 0; v->has_last && over && i < VOLUME_AMOUNTS; i++)
		check_amount(difference(amounts[i].now, amounts[i].before), over, e->when_ms,
		             &v->since_ms[i], sent, set, amounts[i].like, ret);
	v->last = *c;
	v->last_ms = e->when_ms;
	v->has_last = true;
}

/* When it happened, not when it was read: what has waited did not happen all at once. */
static uint64_t happened_ms(const struct watch_event *e) {
	return e->at_us ? e->at_us / 1000 : e->when_ms;
}

/* @count more; how many there were in the second before. */
static uint64_t rate_add(struct volume_rate *r, uint64_t when_ms, uint64_t count) {
	uint64_t slice = when_ms / (1000 / VOLUME_SPAWN_SLICES), sum = 0;

	/* Of another processor, a moment late. */
	if (slice < r->slice)
		slice = r->slice;
	if (slice - r->slice >= VOLUME_SPAWN_SLICES)
		memset(r->slices, 0, sizeof(r->slices));
	else
		for (uint64_t s = r->slice + 1; s <= slice; s++)
			r->slices[s % VOLUME_SPAWN_SLICES] = 0;
	r->slice = slice;
	r->slices[slice % VOLUME_SPAWN_SLICES] += count;
	for (size_t i = 0; i < VOLUME_SPAWN_SLICES; i++)
		sum += r->slices[i];
	return sum;
}

/* Programs and processes are one rate: the larger counts, and one is not told for the other. */
static void check_rate(struct volume *v, uint64_t when_ms, uint64_t programs, uint64_t processes,
                       const struct detect_settings *set, struct findings *ret) {
	uint64_t runs = rate_add(&v->spawns, when_ms, programs);
	uint64_t made = rate_add(&v->forks, when_ms, processes), most = made > runs ? made : runs;
	struct finding f = { .rule = "volume.spawns",
		             .level = AUDIT_HIGH,
		             .category = AUDIT_PROC_EVENT,
		             .title = made > runs ? "Many new processes" : "Many new programs",
		             .description = "more a second than "
		                            "monitoring.process_spawn_rate_threshold",
		             .evidence = AUDIT_EVIDENCE_PROCESS_COUNT,
		             .indicator = "a second" };

	if (!set->spawns_per_s || most <= set->spawns_per_s) {
		v->spawn_told = false;
		return;
	}
	/* Once each time that it is passed. */
	if (v->spawn_told)
		return;
	v->spawn_told = true;
	f.amount = (double)most;
	f.threshold = (double)set->spawns_per_s;
	findings_add(ret, &f);
}

void volume_spawn(struct volume *v, const struct watch_event *e, const struct detect_settings *set,
                  struct findings *ret) {
	check_rate(v, happened_ms(e), 1, 0, set, ret);
}

void volume_fork(struct volume *v, const struct watch_event *e, const struct detect_settings *set,
                 struct findings *ret) {
	check_rate(v, happened_ms(e), 0, e->fork.count, set, ret);
}

void volume_query(struct volume *v, const struct watch_event *e, const struct detect_settings *set,
                  struct findings *ret) {
	struct finding f = { .rule = "network.queries",
		             .level = AUDIT_WARNING,
		             .category = AUDIT_NETWORK,
		             .title = "Many names asked for",
		             .description =
		                     "more names a minute than monitoring.nft.dns_query_threshold",
		             .evidence = AUDIT_EVIDENCE_NETWORK };

	if (e->when_ms - v->queries_since_ms >= 60000) {
		v->queries_since_ms = e->when_ms;
		v->queries = 0;
		v->queries_told = false;
	}
	v->queries++;
	if (!set->queries_per_minute || v->queries <= set->queries_per_minute || v->queries_told)
		return;
	v->queries_told = true;
	f.amount = (double)v->queries;
	f.threshold = (double)set->queries_per_minute;
	(void)snprintf(f.indicator, sizeof(f.indicator), "more than %" PRIu64 " in a minute",
	               set->queries_per_minute);
	findings_add(ret, &f);
}
