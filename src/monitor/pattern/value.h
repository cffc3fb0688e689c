/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a rule compares with: a text with wildcards as Sigma has them, a regular
 * expression, a network. Made once, compared often; no comparison takes longer than
 * its budget allows, whatever the rule and the text.
 */
#ifndef COI_MONITOR_PATTERN_VALUE_H
#define COI_MONITOR_PATTERN_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATTERN_VALUE_MAX 2048 /* bytes of one */

enum pattern_how {
	PATTERN_EQUALS,
	PATTERN_CONTAINS,
	PATTERN_STARTS,
	PATTERN_ENDS,
	PATTERN_RE,
	PATTERN_CIDR,
	PATTERN_NOTHING, /* the text is empty */
	PATTERN_HOW_COUNT,
};
/* The word, static; and back: PATTERN_HOW_COUNT when it is none. */
const char *pattern_how_to_string(enum pattern_how how);
enum pattern_how pattern_how_from_string(const char *word);

struct pattern_value;
/*
 * @flags: of PATTERN_RE, some of "ims". NULL, and *@ret_why (free()) says what is
 * wrong with it.
 */
struct pattern_value *pattern_value_new(enum pattern_how how, const char *flags, const char *text,
					bool is_cased, char **ret_why);
void pattern_value_free(struct pattern_value *v);
/* As it was written; borrowed. */
const char *pattern_value_text(const struct pattern_value *v);

/* A text, and the same in lower case (ASCII). Both borrowed. */
struct pattern_subject {
	const char *text, *low;
	size_t len;
};

/* What may still be spent on one event. */
struct pattern_budget {
	uint64_t steps;
	bool is_spent; /* something was not compared to the end */
};
#define PATTERN_STEPS 16000000

/* Does it? No, when the budget was spent before that was known. */
bool pattern_value_matches(const struct pattern_value *v, const struct pattern_subject *subject,
			   struct pattern_budget *budget);

#endif
