/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watch-corpus attacks|ordinary FILE.jsonl: is each line of the corpus, which
 * watch-actor has run, in the record, and with what it is? What is missing is printed;
 * the status is 1 then.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "monitor/rule.h"
#include "unit/monitor/corpus.h"

#define LAST 1000000

/* What the file has of one of them: borrowed from @file. */
struct seen {
	json_t *threats; /* an array */
	size_t execs;
};

static size_t sample_total;
static struct seen *seen;

static const struct attack *attack_of(size_t n) {
	return &attacks[n / ARRAY_SIZE(attacks[0].samples)];
}

static const struct sample *sample_of(bool are_attacks, size_t n) {
	return are_attacks ? &attack_of(n)->samples[n % ARRAY_SIZE(attacks[0].samples)]
	                   : &ordinary[n];
}

/* "mark 17" as the record has it; -1: it is another. */
static long mark_of(const json_t *j) {
	const char *args = json_get_str(j, "args", "");

	return strncmp(args, "mark ", 5) != 0 ? -1 : strtol(args + 5, NULL, 10);
}

static bool read_record(FILE *f) {
	autofree char *line = NULL;
	size_t room = 0;
	long at = -1;

	while (getline(&line, &room, f) > 0 && at != LAST) {
		auto_json json_t *j = json_loads(line, 0, NULL);
		bool is_exec = !strcmp(json_get_str(j, "type", ""), "exec");

		if (is_exec && mark_of(j) >= 0) {
			at = mark_of(j);
			continue;
		}
		if (at < 0 || (size_t)at >= sample_total)
			continue;
		seen[at].execs += is_exec;
		if (json_object_get(j, "category"))
			json_array_append(seen[at].threats, j);
	}
	return at == LAST;
}

static bool is_threat(const json_t *threat, const char *rule, enum audit_level level) {
	const json_t *p = json_object_get(json_object_get(threat, "evidence"), "process");

	return starts_with(json_get_str(p, "pattern", ""), rule) &&
	       !strcmp(json_get_str(threat, "level", ""), audit_level_to_string(level)) &&
	       strcmp(json_get_str(threat, "action", ""), "deduplicated") != 0;
}

/* The same, of the same. */
static bool is_told(const json_t *threat, const struct finding *f) {
	const json_t *p = json_object_get(json_object_get(threat, "evidence"), "process");
	const char *indicator =
		json_string_value(json_array_get(json_object_get(p, "indicators"), 0));

	return is_threat(threat, f->rule, f->level) &&
	       indicator && !strcmp(indicator, f->indicator);
}

static bool has_threat(size_t n, const char *rule, enum audit_level level) {
	for (size_t i = 0; i < json_array_size(seen[n].threats); i++)
		if (is_threat(json_array_get(seen[n].threats, i), rule, level))
			return true;
	return false;
}

/* Of equal ones within half a minute the first is told: something before raised just this. */
static bool was_told_before(size_t n) {
	const struct detect_settings set = { 0 };
	struct findings all;

	sample_judge(sample_of(true, n), &set, &all);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < json_array_size(seen[i].threats); k++)
			for (size_t f = 0; f < all.count; f++)
				if (starts_with(all.items[f].rule, attack_of(n)->rule) &&
				    all.items[f].level == attack_of(n)->level &&
				    is_told(json_array_get(seen[i].threats, k), &all.items[f]))
					return true;
	return false;
}

static size_t check_attacks(void) {
	size_t missed = 0, equal = 0;

	for (size_t n = 0; n < sample_total; n++) {
		autofree char *line = sample_show(sample_of(true, n));
		const struct attack *a = attack_of(n);

		if (seen[n].execs && has_threat(n, a->rule, a->level))
			continue;
		if (seen[n].execs && was_told_before(n)) {
			equal++;
			continue;
		}
		missed++;
		(void)printf("%s, %zu: %s: %s\n", a->name, n % ARRAY_SIZE(a->samples),
		             seen[n].execs ? "no threat" : "not recorded", line);
	}
	(void)printf("%zu of %zu found, %zu of them equal to one before\n", sample_total - missed,
	             sample_total, equal);
	return missed;
}

static size_t check_ordinary(void) {
	size_t loud = 0;

	for (size_t n = 0; n < sample_total; n++) {
		autofree char *line = sample_show(sample_of(false, n));

		if (!seen[n].execs)
			(void)printf("not recorded: %s\n", line);
		for (size_t i = 0; i < json_array_size(seen[n].threats); i++) {
			autofree char *text =
				json_dumps(json_array_get(seen[n].threats, i), JSON_COMPACT);

			(void)printf("%s\n  raises %s\n", line, text);
		}
		loud += !seen[n].execs || json_array_size(seen[n].threats);
	}
	(void)printf("%zu of %zu silent\n", sample_total - loud, sample_total);
	return loud;
}

int main(int argc, char **argv) {
	bool are_attacks = argc == 3 && !strcmp(argv[1], "attacks");
	autofclose FILE *f = argc == 3 ? fopen(argv[2], "re") : NULL;
	size_t bad;

	if (!f) {
		(void)fprintf(stderr, "usage: watch-corpus attacks|ordinary FILE.jsonl\n");
		return 2;
	}
	sample_total = are_attacks ? attack_count * ARRAY_SIZE(attacks[0].samples) : ordinary_count;
	seen = xcalloc(sample_total, sizeof(*seen));
	for (size_t i = 0; i < sample_total; i++)
		seen[i].threats = json_array();
	if (!read_record(f)) {
		(void)printf("the record does not reach the end\n");
		return 1;
	}
	bad = are_attacks ? check_attacks() : check_ordinary();
	for (size_t i = 0; i < sample_total; i++)
		json_decref(seen[i].threats);
	free(seen);
	return bad ? 1 : 0;
}
