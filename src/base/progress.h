/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Progress of work that takes longer than a second, on standard error.
 *
 * On a terminal one line is rewritten, at most ten times a second, first after
 * 300 ms; elsewhere a line is printed at the start and at the end of a step.
 */
#ifndef COI_BASE_PROGRESS_H
#define COI_BASE_PROGRESS_H

#include <stdint.h>

struct progress;

/* @total in bytes or steps, 0 when it is not known. @what is copied. */
struct progress *progress_begin(const char *what, uint64_t total);
/* When it comes to be known later, or what is counted begins anew. */
void progress_set_total(struct progress *p, uint64_t total);
/* @done bytes so far, 0 where nobody counts; @detail (may be NULL): foreign text, is escaped. */
void progress_update(struct progress *p, uint64_t done, const char *detail);
/* Takes the line away and frees; NULL is fine. @result (may be NULL) is printed instead. */
void progress_end(struct progress *p, const char *result);

#endif
