/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Detection: is an event a threat? Pure, and driven by tables; nothing here
 * opens, waits or looks at a clock.
 *
 * The rules for one event are rows (rule.h). What needs more than one event (a
 * rate, the same threat again) is kept in a struct detector, which is told the
 * time with each event.
 */
#ifndef COI_MONITOR_DETECT_H
#define COI_MONITOR_DETECT_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/threat.h"
#include "monitor/event.h"

enum detect_one_liners {
	DETECT_ONE_LINERS_CRITICAL,
	DETECT_ONE_LINERS_WARN,
	DETECT_ONE_LINERS_OFF,
};

/* What a threshold of 0 says: never. */
struct detect_settings {
	enum detect_one_liners one_liners;
	double read_mb, read_mb_per_s; /* writes too */
	uint64_t processes;
	uint64_t spawns_per_s;
	uint64_t queries_per_minute;
	bool is_allowlist; /* mode of the network: what is refused is outside of the list */
};

#define FINDING_INDICATOR_MAX 512
#define FINDINGS_MAX 16 /* of one event */

struct finding {
	const char *rule; /* its id, static, or of the set of rules */
	enum audit_level level;
	enum audit_category category;
	const char *title;
	const char *description;
	enum audit_evidence evidence;
	char indicator[FINDING_INDICATOR_MAX]; /* what in the event it was: foreign text */
	uint64_t count; /* of equal ones since it was told; 0: it is the first */
	bool is_again;  /* as grave as can be, and told a moment ago: only to be acted upon */
	size_t slot;    /* below DETECT_REMEMBERED: that of the first one and of its equals */
	/* Numbers of the evidence, where it has some (detect-volume.c). */
	double amount, rate, threshold;
	uint64_t over_ms;
};

struct findings {
	struct finding items[FINDINGS_MAX];
	size_t count;
};

struct commands; /* command.h */

/*
 * The rules for one event alone, in the order of the table. Appends; what is past the end is
 * dropped. @all: what the command line of @e says, commands_read().
 */
void detect_exec(const struct watch_event *e, const struct commands *all,
		 const struct detect_settings *set, struct findings *ret);
/* WATCH_CONNECT and WATCH_DENIED. */
void detect_connect(const struct watch_event *e, const struct detect_settings *set,
		    struct findings *ret);
void detect_file(const struct watch_event *e, const struct detect_settings *set,
		 struct findings *ret);
void detect_line(const struct watch_event *e, const struct detect_settings *set,
		 struct findings *ret);
/*
 * All rules about programs, for people: @fn for each, in the order in which they are
 * tried, until it returns non-zero.
 */
int detect_each_rule(int (*fn)(const struct finding *rule, void *data), void *data);
/* "203.0.113.10:4444" into @out; without a port the address alone. */
#define DETECT_ADDRESS_MAX 64
char *detect_address(const struct watch_connect *c, char out[DETECT_ADDRESS_MAX]);
/* Append one; of several of a category the gravest is told. */
void findings_add(struct findings *all, const struct finding *one);

/*
 * All of it, over time: rates, the same again within DETECT_AGAIN_MS, and a
 * limit on how many are told.
 */
#define DETECT_AGAIN_MS 30000
#define DETECT_REMEMBERED 256
#define DETECT_INSIST_MS 1000 /* grave ones are reported again so often, for who let them go on */
#define DETECT_EACH_SECOND 20 /* threats that are told; more of them are counted */

struct detector;
/* @set is copied. */
struct detector *detector_new(const struct detect_settings *set);
void detector_free(struct detector *d);
/*
 * Programs are judged by @judge too, behind the rules of the table. What it names in
 * findings lives as long as @d.
 */
void detector_also(struct detector *d,
		   void (*judge)(const struct watch_event *e, const struct commands *all,
				 struct findings *ret, void *data),
		   void *data);
/* What @e makes of what is known: what is to be told now. @e->when_ms never goes back. */
void detector_feed(struct detector *d, const struct watch_event *e, struct findings *ret);
/*
 * Time has come to @now_ms: equal ones that were only counted and whose time is
 * over. Also when nothing happens; at the end with UINT64_MAX.
 */
void detector_tick(struct detector *d, uint64_t now_ms, struct findings *ret);
/* When detector_tick() has something to do next; UINT64_MAX: nothing. */
uint64_t detector_next(const struct detector *d);
/* Threats that were not told since the last time this was asked: there were too many. */
uint64_t detector_suppressed(struct detector *d);

#endif
