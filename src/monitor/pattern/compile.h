/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One file of a repository of rules, as an answer of coi-patterns. Pure. */
#ifndef COI_MONITOR_PATTERN_COMPILE_H
#define COI_MONITOR_PATTERN_COMPILE_H

#include <jansson.h>
#include <stddef.h>

/*
 * "rules" (a list), "ignored" (how many were fine and not taken), and of one that is
 * wrong "line" and "reason". @kind: "sigma" or "gtfobins". A new reference.
 */
json_t *pattern_compile(const char *kind, const char *file, const char *data, size_t len);

#endif
