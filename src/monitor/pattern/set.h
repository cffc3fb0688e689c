/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets of rules that come from elsewhere (Sigma, GTFOBins), and events compared
 * with them.
 *
 * A set is a JSON document, which coi-patterns makes out of the files of a
 * repository, each rule an object:
 *   id, source, file, title, description, level, given: texts
 *   when: ["and", e…] | ["or", e…] | ["not", e] | ["is", {field, how, flags, all,
 *     cased, values}]
 *   or program, words, is_exact, is_root: a command, taken apart
 * It lies where the person may write, so it is read as if a stranger had made it, and
 * only by a process without rights.
 */
#ifndef COI_MONITOR_PATTERN_SET_H
#define COI_MONITOR_PATTERN_SET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "monitor/detect.h"

#define PATTERN_SET_BYTES_MAX (8u * 1024 * 1024)
#define PATTERN_RULES_MAX 4096   /* of all sets together */
#define PATTERN_DEPTH_MAX 40     /* of an expression */
#define PATTERN_TITLE_MAX 160    /* bytes */
#define PATTERN_DESCRIPTION_MAX 480
#define PATTERN_ID_MAX 96

struct patterns;
/* Without rules. */
struct patterns *patterns_new(void);
void patterns_free(struct patterns *p);
void patterns_free_ptr(struct patterns **p);
#define auto_patterns __attribute__((cleanup(patterns_free_ptr)))

/* The rules of one set. All of them or, when one is wrong, none: it is not as we made it. */
int patterns_add(struct patterns *p, const char *data, size_t len, struct err *err);
/* One rule, of a new reference or not: it is only looked at. */
int patterns_add_rule(struct patterns *p, const json_t *rule, struct err *err);
size_t patterns_count(const struct patterns *p);

/* What is told of a rule; all borrowed from the set. */
struct pattern_info {
	const char *id, *source, *file, *title, *description;
	const char *given; /* the level that its author gave it */
	enum audit_level level;
	enum audit_category category;
};
/* @fn for each rule, until it returns non-zero. */
int patterns_each(const struct patterns *p,
		  int (*fn)(const struct pattern_info *info, void *data), void *data);

/*
 * What @e (WATCH_EXEC, @all: commands_read() of it) makes of the rules: all that fire,
 * @indicator says by what.
 * Remembers the program of the process, for what its children do. True: some rule
 * was not compared to the end, since that would have taken too long.
 */
bool patterns_match(struct patterns *p, const struct watch_event *e, const struct commands *all,
		    void (*fn)(const struct pattern_info *info, const char *indicator, void *data),
		    void *data);
/* The same, as findings; @data is a struct patterns. For detector_also(). */
void patterns_judge(const struct watch_event *e, const struct commands *all, struct findings *ret,
		    void *data);

/* --- for those who make sets */

/* What is wrong with a value; free(). NULL: nothing. @how: a word. */
char *pattern_value_check(const char *how, const char *flags, const char *text);
/* Text of strangers for people, on one line, escaped and cut. A new reference. */
json_t *pattern_text(const char *text, size_t max);
/* "sigma.<file without directory and suffix>", and ".<more>"; newly allocated. */
char *pattern_rule_id(const char *source, const char *file, const char *more);

#endif
