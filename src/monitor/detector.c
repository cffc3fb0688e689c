/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is told, of all that the rules find: each threat once, its equals counted
 * for half a minute, and never more than so many a second.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "monitor/command.h"
#include "monitor/detect-volume.h"
#include "monitor/detect.h"

/*
 * A threat that was told, and how often it came again. All of them are gone through at
 * every event, so that what is large about them lies elsewhere.
 */
struct remembered {
	bool is_used;
	uint64_t key;
	uint64_t first_ms;
	uint64_t insisted_ms;
	uint64_t again;
};

struct detector {
	struct detect_settings set;
	void (*also)(const struct watch_event *e, const struct commands *all, struct findings *ret,
	             void *data);
	void *also_data;
	struct volume volume;
	struct remembered told[DETECT_REMEMBERED];
	struct finding findings[DETECT_REMEMBERED]; /* of those */
	uint64_t now_ms; /* it never goes back */
	uint64_t second_ms; /* of the second in which `in_second` were told */
	unsigned in_second;
	uint64_t suppressed;
};

struct detector *detector_new(const struct detect_settings *set) {
	struct detector *d = xcalloc(1, sizeof(*d));

	d->set = *set;
	return d;
}

void detector_free(struct detector *d) {
	free(d);
}

void detector_also(struct detector *d,
                   void (*judge)(const struct watch_event *e, const struct commands *all,
                                 struct findings *ret, void *data),
                   void *data) {
	d->also = judge;
	d->also_data = data;
}

/* FNV-1a, over the rule, its level and what it was. */
static uint64_t hash_text(uint64_t h, const char *text) {
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3;
	return (h ^ 0xff) * 0x100000001b3;
}

static uint64_t key_of(const struct finding *f) {
	uint64_t h = hash_text(0xcbf29ce484222325, f->rule);

	h = hash_text(h, audit_level_to_string(f->level));
	/* What is measured is never twice the same. */
	return f->amount > 0 ? h : hash_text(h, f->indicator);
}

static struct finding *finding_of(struct detector *d, const struct remembered *t) {
	return &d->findings[t - d->told];
}

/* The end of one's time: what came again is told, as one. */
static void expire(struct detector *d, struct remembered *t, struct findings *ret) {
	if (t->again && ret->count < FINDINGS_MAX) {
		struct finding *f = &ret->items[ret->count++];

		*f = *finding_of(d, t);
		f->count = t->again;
	}
	t->is_used = false;
}

static struct remembered *find(struct detector *d, uint64_t key) {
	for (size_t i = 0; i < DETECT_REMEMBERED; i++)
		if (d->told[i].is_used && d->told[i].key == key)
			return &d->told[i];
	return NULL;
}

/* A free place, or that of the oldest. */
static struct remembered *make_room(struct detector *d, struct findings *ret) {
	struct remembered *oldest = &d->told[0];

	for (size_t i = 0; i < DETECT_REMEMBERED; i++) {
		if (!d->told[i].is_used)
			return &d->told[i];
		if (d->told[i].first_ms < oldest->first_ms)
			oldest = &d->told[i];
	}
	expire(d, oldest, ret);
	return oldest;
}

/*
 * More than so many a second are counted; the gravest always get through, and of what is acted
 * upon noise takes no room.
 */
static bool is_too_many(struct detector *d, const struct finding *f, uint64_t now) {
	if (now - d->second_ms >= 1000) {
		d->second_ms = now;
		d->in_second = 0;
	}
	if (d->in_second < (f->level >= AUDIT_HIGH ? 2 : 1) * DETECT_EACH_SECOND ||
	    f->level == AUDIT_CRITICAL) {
		d->in_second++;
		return false;
	}
	d->suppressed++;
	return true;
}

/* A grave one that comes again is counted, and reported now and then all the same. */
static void insist(struct detector *d, struct remembered *t, uint64_t now, struct findings *ret) {
	const struct finding *f = finding_of(d, t);

	if (f->level < AUDIT_HIGH || now - t->insisted_ms < DETECT_INSIST_MS ||
	    ret->count == FINDINGS_MAX)
		return;
	t->insisted_ms = now;
	ret->items[ret->count] = *f;
	ret->items[ret->count++].is_again = true;
}

static void take(struct detector *d, const struct finding *f, uint64_t now, struct findings *ret) {
	uint64_t key = key_of(f);
	struct remembered *t = find(d, key);

	if (t && now - t->first_ms < DETECT_AGAIN_MS) {
		t->again++;
		insist(d, t, now, ret);
		return;
	}
	if (is_too_many(d, f, now))
		return;
	if (t)
		expire(d, t, ret);
	else
		t = make_room(d, ret);
	*t = (struct remembered){
		.is_used = true, .key = key, .first_ms = now, .insisted_ms = now
	};
	*finding_of(d, t) = *f;
	finding_of(d, t)->slot = (size_t)(t - d->told);
	if (ret->count < FINDINGS_MAX)
		ret->items[ret->count++] = *finding_of(d, t);
}

/* What single events are judged by; NULL: by what is kept of many. */
static void (*const judges[WATCH_KIND_COUNT])(const struct watch_event *,
                                              const struct detect_settings *, struct findings *) = {
	[WATCH_CONNECT] = detect_connect,
	[WATCH_DENIED] = detect_connect,
	[WATCH_FILE] = detect_file,
	[WATCH_LINE] = detect_line,
};

static void (*const volumes[WATCH_KIND_COUNT])(struct volume *, const struct watch_event *,
                                               const struct detect_settings *,
                                               struct findings *) = {
	[WATCH_EXEC] = volume_spawn,
	[WATCH_FORK] = volume_fork,
	[WATCH_QUERY] = volume_query,
	[WATCH_COUNTERS] = volume_counters,
};

/* A command line is taken apart once, for all rules. */
static void judge_exec(struct detector *d, const struct watch_event *e, struct findings *ret) {
	auto_commands struct commands all;

	commands_read(&e->exec, &all);
	detect_exec(e, &all, &d->set, ret);
	if (d->also)
		d->also(e, &all, ret, d->also_data);
}

void detector_feed(struct detector *d, const struct watch_event *e, struct findings *ret) {
	struct findings all = { 0 };

	if (judges[e->kind])
		judges[e->kind](e, &d->set, &all);
	if (e->kind == WATCH_EXEC)
		judge_exec(d, e, &all);
	if (volumes[e->kind])
		volumes[e->kind](&d->volume, e, &d->set, &all);
	ret->count = 0;
	/* What is told late was not before what has been told. */
	if (e->when_ms > d->now_ms)
		d->now_ms = e->when_ms;
	for (size_t i = 0; i < all.count; i++)
		take(d, &all.items[i], d->now_ms, ret);
}

void detector_tick(struct detector *d, uint64_t now_ms, struct findings *ret) {
	ret->count = 0;
	for (size_t i = 0; i < DETECT_REMEMBERED && ret->count < FINDINGS_MAX; i++) {
		struct remembered *t = &d->told[i];

		if (t->is_used && (now_ms == UINT64_MAX || now_ms - t->first_ms >= DETECT_AGAIN_MS))
			expire(d, t, ret);
	}
}

uint64_t detector_next(const struct detector *d) {
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < DETECT_REMEMBERED; i++) {
		const struct remembered *t = &d->told[i];

		if (t->is_used && t->again && t->first_ms + DETECT_AGAIN_MS < next)
			next = t->first_ms + DETECT_AGAIN_MS;
	}
	return next;
}

uint64_t detector_suppressed(struct detector *d) {
	uint64_t n = d->suppressed;

	d->suppressed = 0;
	return n;
}
