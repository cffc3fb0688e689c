/* SPDX-License-Identifier: GPL-2.0-or-later */
/* coi-patterns, from the side of who starts it. */
#ifndef COI_MONITOR_PATTERN_HELPER_H
#define COI_MONITOR_PATTERN_HELPER_H

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * All files of a repository, as frames (frame.h). *@ret, a new reference: "rules",
 * "ignored" (how many), "skipped" ({file, line, reason} each). A file at which the
 * reader dies is skipped too, and the others go on.
 */
int pattern_compile_all(const char *kind, const struct buf *frames, json_t **ret, struct err *err);
/*
 * Sets as frames, named by their sources, and perhaps a command behind them. *@ret, a
 * new reference: "rules", "fires" (with "indicator") and "wrong" ({set, reason} each).
 */
int pattern_judge(const struct buf *frames, json_t **ret, struct err *err);

#endif
