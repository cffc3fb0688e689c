/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is the chain of a container's records whole? */
#ifndef COI_AUDIT_VERIFY_H
#define COI_AUDIT_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/privilege.h"

struct audit_verdict {
	uint64_t lines;     /* that are links of the chain */
	uint64_t unchained; /* before it began */
	uint64_t first, last; /* their numbers; 0: none */
	uint64_t dropped;   /* up to this one they were dropped for age or room */
	bool has_head;      /* else nobody knows whether the end was cut off */
	bool was_interrupted; /* the last write was never done */
	uint64_t problems;
	char **told;        /* the first AUDIT_PROBLEMS_MAX of them, one line each: a strv */
};
#define AUDIT_PROBLEMS_MAX 20

/*
 * Look at all files of @stem (audit_stem()), under the lock of those who write.
 * Problems are in the verdict; an error is that it cannot be told at all
 * (-ENOENT: there are no records). audit_verdict_done() afterwards.
 */
int audit_verify(const struct privilege *who, const char *stem, struct audit_verdict *ret,
		 struct err *err);
void audit_verdict_done(struct audit_verdict *v);
#define auto_audit_verdict __attribute__((cleanup(audit_verdict_done)))

#endif
