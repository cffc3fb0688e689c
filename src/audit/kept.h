/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stays of audit files that have to go, and which have to. */
#ifndef COI_AUDIT_KEPT_H
#define COI_AUDIT_KEPT_H

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
 * How many files went.
 */
int audit_prune(const struct privilege *who, int days, struct err *err);

#endif
