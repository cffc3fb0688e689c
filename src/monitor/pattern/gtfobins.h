/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GTFOBins: one file a program, with YAML at its head that has examples of what the
 * program can be used for. The examples are taken apart as command lines are
 * (command.h), and become rules of a set that compare words. Pure.
 *
 * Only what no ordinary work looks like becomes a rule: shells over the network, and
 * shells out of a program that runs as root.
 */
#ifndef COI_MONITOR_PATTERN_GTFOBINS_H
#define COI_MONITOR_PATTERN_GTFOBINS_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

#define GTFOBINS_RULES_MAX 64 /* of one file */

/*
 * The rules of @data are appended to @rules; *@ret_ignored: examples that are none.
 * 0, or -errno with @err and *@ret_line (0: none).
 */
int gtfobins_read(const char *file, const char *data, size_t len, json_t *rules,
		  size_t *ret_ignored, unsigned *ret_line, struct err *err);

#endif
