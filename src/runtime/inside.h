/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A piece of our own program inside a running container.
 *
 * A child of the caller goes into the user and mount namespaces and gives up the
 * host's rights on the way: what names of the container lead to there, it does
 * with rights that the container has anyway. It cannot be traced from inside,
 * holds no descriptors but those it is given, and has a deadline, since a file
 * system of the container may never answer.
 */
#ifndef COI_RUNTIME_INSIDE_H
#define COI_RUNTIME_INSIDE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "runtime/control.h"

#define INSIDE_TEXT_MAX 65536

struct inside_job {
	const struct runtime_ref *ref; /* init must be known */
	const int *keep;               /* descriptors that the child needs */
	size_t keep_count;
	/* In the child; @pidfd of init. What goes into @text is the caller's in the end. */
	int (*act)(int pidfd, void *data, struct buf *text, struct err *err);
	void *data; /* as it was at the call: a copy */
};

/*
 * Run it to the end. @ret_text may be NULL, else it is initialised and gets what
 * act() has said, at most INSIDE_TEXT_MAX bytes, which may hold foreign text.
 * ERR_MISSING when it does not run; -ETIMEDOUT when it gives no answer; what act() says.
 */
int inside_run(const struct inside_job *job, struct buf *ret_text, struct err *err);

/* For act(): container root; in its mount namespace too (its "/"); and then somebody else. */
int inside_become_root(int pidfd, struct err *err);
int inside_enter_mounts(int pidfd, int *ret_root, struct err *err);
int inside_become(uid_t uid, gid_t gid, struct err *err);

#endif
