/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Diagnostics for people, on standard error or in a process's log file.
 *
 * Library folders only call log_debug(); info, warn and error belong to cli/
 * and to process mains. Debug lines show with COI_DEBUG=net,runtime (or "all");
 * the category is the folder, given to the compiler as LOG_CATEGORY.
 * Every line is escaped (escape.h).
 */
#ifndef COI_BASE_LOG_H
#define COI_BASE_LOG_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

#ifndef LOG_CATEGORY
#define LOG_CATEGORY "coi"
#endif

/* Where lines go; standard error until told otherwise. Not owned. */
void log_set_file(FILE *f);
/* Put a time stamp and the process name before each line (log files). */
void log_set_stamped(const char *process_name);
/*
 * Each warning and error also goes to @copy, escaped, on one line without stamp and
 * newline. It must not log.
 */
void log_set_copy(void (*copy)(const char *line, void *data), void *data);
bool log_debug_enabled(const char *category);

/* What log_debug() ends in; use that. */
void log_debug_to(const char *category, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_debug(...)                                           \
	do {                                                     \
		if (log_debug_enabled(LOG_CATEGORY))             \
			log_debug_to(LOG_CATEGORY, __VA_ARGS__); \
	} while (0)

/* Narration: a plain line. */
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "Warning: …" */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "Error: …" and, on a line of its own, the hint. */
void log_error(const struct err *e);

#endif
