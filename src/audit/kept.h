/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stays of audit files that have to go, and which have to. */
#ifndef COI_AUDIT_KEPT_H
#define COI_AUDIT_KEPT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"
#include "base/linefile.h"
#include "base/privilege.h"

#define AUDIT_KEPT_MAX (64 * 1024 * 1024)

/*
 * The threats of level warning and above that are in @fd go to "<name>.kept"
 * of @f, so that no flood of ordinary events washes them away.
 */
void audit_keep_threats(const struct linefile *f, int fd);

/*
 * Remove what is older than @days: older files of a container whose newest
 * line is, and all files of one about which nothing was written for that long.
 * How many files went. @now is the wall clock, which may be wrong: when it has gone
 * on by more than AUDIT_LEAP_DAYS since the last time, nothing goes, until it has stayed there for
 * a day.
 */
#define AUDIT_LEAP_DAYS 3
int audit_prune(const struct privilege *who, int days, time_t now, struct err *err);

/* What is kept of the clock for that; {0}: nothing yet. */
struct audit_clock {
	int64_t last; /* the wall clock at the last time */
	int64_t leapt; /* when it was first found far ahead; 0: it was not */
};
/* May the clock be believed at @now? Pure, but for *@c. */
bool audit_clock_holds(struct audit_clock *c, int64_t now);

#endif
