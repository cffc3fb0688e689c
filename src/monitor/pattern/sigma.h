/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sigma rules of the category process_creation for Linux, one a file, turned into
 * rules of a set (set.h). Pure. What a rule asks for that is not known here is
 * refused by name, and with it the rule: half a rule finds something else.
 */
#ifndef COI_MONITOR_PATTERN_SIGMA_H
#define COI_MONITOR_PATTERN_SIGMA_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "monitor/pattern/yaml-tree.h"

#define SIGMA_EXPRESSIONS_MAX 1024 /* of one rule, its selections put in where they are named */
#define SIGMA_CONDITION_MAX 4096   /* bytes */

/*
 * The rule in @data, whose file is called @file. 1: *@ret_rule is a new reference.
 * 0: it is fine, but about something else or not grave enough. -errno: @err and
 * *@ret_line (0: none) say why not.
 */
int sigma_read(const char *file, const char *data, size_t len, json_t **ret_rule,
	       unsigned *ret_line, struct err *err);

/* A selection as an expression; a new reference, or NULL with @err and *@ret_line. */
json_t *sigma_selection(const struct yaml_tree *node, unsigned *ret_line, struct err *err);
/*
 * "a and not 1 of b_*" as an expression, with the members of @detection for names.
 * A new reference, or NULL with @err.
 */
json_t *sigma_condition(const char *text, const struct yaml_tree *detection, unsigned *ret_line,
			struct err *err);

#endif
