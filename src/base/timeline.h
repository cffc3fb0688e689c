/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the time of a start goes: marks of this process and of others on the monotonic
 * clock, which all share. Kept when COI_TIMING_DEBUG=1 or COI_TIMING_DEBUG_JSON=PATH is
 * set, else every call does nothing.
 */
#ifndef COI_BASE_TIMELINE_H
#define COI_BASE_TIMELINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Whose time it was that ended with a mark. */
enum timeline_owner {
	TIMELINE_OWN,   /* ours */
	TIMELINE_INIT,  /* the init of the container, systemd */
	TIMELINE_AGENT, /* what runs in it */
	TIMELINE_OWNER_COUNT,
};

/* Is one of the two variables set? */
bool timeline_wanted(void);
/* First thing in main(): what the program needed until then counts too. */
void timeline_begin(void);
/* @what has come to its end; copied. */
void timeline_mark(enum timeline_owner owner, const char *what);
/* The same at another time (clock_mono_us()); marks are put in their order. */
void timeline_mark_at(enum timeline_owner owner, const char *what, uint64_t at_us);

/* For another process: an array, a new reference, NULL when there is nothing; and back. */
json_t *timeline_to_json(void);
void timeline_from_json(const json_t *marks);

/*
 * {"total_ms", "coi_ms", "init_ms", "agent_ms", "marks": [{"what", "whose", "at_ms",
 * "took_ms"}]}, since the beginning of this process: a new reference, NULL when there is
 * nothing.
 */
json_t *timeline_document(void);

#endif
