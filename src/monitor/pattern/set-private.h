/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of rules: what set.c fills and match.c compares. Private. */
#ifndef COI_MONITOR_PATTERN_SET_PRIVATE_H
#define COI_MONITOR_PATTERN_SET_PRIVATE_H

#include <sys/types.h>

#include "monitor/pattern/set.h"
#include "monitor/pattern/value.h"

enum pattern_op {
	PATTERN_AND,
	PATTERN_OR,
	PATTERN_NOT,
	PATTERN_IS,
};

enum pattern_field {
	PATTERN_IMAGE,
	PATTERN_COMMAND,
	PATTERN_PARENT_IMAGE,
	PATTERN_PARENT_COMMAND,
	PATTERN_USER,
	PATTERN_ANY_FIELD, /* image or command */
	PATTERN_FIELD_COUNT,
};

struct pattern_expr {
	enum pattern_op op;
	struct pattern_expr *items; /* of all but PATTERN_IS */
	size_t count;
	enum pattern_field field;
	bool is_all;
	enum pattern_how how;
	struct pattern_value **values; /* NULL at the end */
};

struct pattern_rule {
	struct pattern_info info;
	struct pattern_expr *when; /* or */
	char *program;
	struct pattern_value **words; /* NULL at the end */
	bool is_exact, is_root;
};

/* Who runs what: found again by the numbers of their children. */
struct pattern_parent {
	pid_t pid;
	char *image, *command;
};
#define PATTERN_PARENTS 1024
#define PATTERN_PARENT_COMMAND_MAX 1024

struct patterns {
	struct pattern_rule *rules;
	size_t count;
	json_t *texts; /* the sets, whose texts the rules point to */
	bool wants_parents;
	struct pattern_parent *parents; /* PATTERN_PARENTS of them, by number; NULL: none yet */
};

/* The word, static. */
const char *pattern_field_to_string(enum pattern_field field);

#endif
