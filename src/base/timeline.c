/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Owns: the marks of this process. */
#include "base/timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

#define MARKS_MAX 128

struct mark {
	uint64_t at_us;
	enum timeline_owner owner;
	char what[64];
};

static struct mark marks[MARKS_MAX];
static size_t mark_count;
static uint64_t begin_us;

static const char *const owner_words[TIMELINE_OWNER_COUNT] = {
	[TIMELINE_OWN] = "coi",
	[TIMELINE_INIT] = "init",
	[TIMELINE_AGENT] = "agent",
};

bool timeline_wanted(void) {
	const char *text = getenv("COI_TIMING_DEBUG"), *path = getenv("COI_TIMING_DEBUG_JSON");

	return (text && !strcmp(text, "1")) || (path && *path);
}

void timeline_begin(void) {
	struct timespec used = { 0 };

	if (!timeline_wanted())
		return;
	/* The dynamic linker works; it does not wait. */
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	begin_us = clock_mono_us() - (uint64_t)used.tv_sec * 1000000 - (uint64_t)used.tv_nsec / 1000;
	timeline_mark(TIMELINE_OWN, "load the program");
}

void timeline_mark_at(enum timeline_owner owner, const char *what, uint64_t at_us) {
	size_t i = mark_count;

	if (!timeline_wanted() || mark_count == MARKS_MAX)
		return;
	for (; i > 0 && marks[i - 1].at_us > at_us; i--)
		marks[i] = marks[i - 1];
	marks[i] = (struct mark){ .at_us = at_us, .owner = owner };
	(void)snprintf(marks[i].what, sizeof(marks[i].what), "%s", what);
	mark_count++;
}

void timeline_mark(enum timeline_owner owner, const char *what) {
	timeline_mark_at(owner, what, clock_mono_us());
}

json_t *timeline_to_json(void) {
	json_t *list;

	if (!mark_count)
		return NULL;
	list = json_array();
	for (size_t i = 0; i < mark_count; i++)
		(void)json_array_append_new(list, json_pack("{s:I, s:i, s:o}", "at",
							    (json_int_t)marks[i].at_us, "owner",
							    (int)marks[i].owner, "what",
							    json_text(marks[i].what)));
	return list;
}

void timeline_from_json(const json_t *list) {
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one) {
		int64_t owner = json_get_int(one, "owner", TIMELINE_OWN);

		if (owner >= 0 && owner < TIMELINE_OWNER_COUNT)
			timeline_mark_at((enum timeline_owner)owner, json_get_str(one, "what", ""),
					 (uint64_t)json_get_int(one, "at", 0));
	}
}

static double ms(uint64_t us) {
	return (double)us / 1000;
}

/* What came before the beginning of this process is another's. */
static uint64_t took(size_t i) {
	uint64_t before = i ? marks[i - 1].at_us : begin_us;

	return marks[i].at_us > before ? marks[i].at_us - before : 0;
}

json_t *timeline_document(void) {
	uint64_t sums[TIMELINE_OWNER_COUNT] = { 0 };
	json_t *doc, *list;

	if (!begin_us || mark_count < 2)
		return NULL;
	list = json_array();
	for (size_t i = 0; i < mark_count; i++) {
		sums[marks[i].owner] += took(i);
		(void)json_array_append_new(list,
					    json_pack("{s:o, s:s, s:f, s:f}", "what",
						      json_text(marks[i].what), "whose",
						      owner_words[marks[i].owner], "at_ms",
						      ms(marks[i].at_us - begin_us), "took_ms",
						      ms(took(i))));
	}
	doc = json_pack("{s:f, s:o}", "total_ms", ms(marks[mark_count - 1].at_us - begin_us), "marks",
			list);
	for (int k = 0; k < TIMELINE_OWNER_COUNT; k++) {
		autofree char *key = xasprintf("%s_ms", owner_words[k]);

		(void)json_object_set_new(doc, key, json_real(ms(sums[k])));
	}
	return doc;
}
