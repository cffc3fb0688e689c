/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trees between a container's home and a person's, for saved.h.
 *
 * One side belongs to container root, who may change it while it is read:
 * every component is opened below the directory before it, without following a
 * link and without leaving the mount, and looked at before it is read. What is
 * neither a file nor a directory is left out. Private to session/saved*.c.
 */
#ifndef COI_SESSION_SAVED_COPY_H
#define COI_SESSION_SAVED_COPY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* As whom one side is read or written. */
struct copy_side {
	bool as_root; /* else with these file system ids */
	uid_t uid;
	gid_t gid;
};

struct copy_job {
	struct copy_side from;
	struct copy_side to;
	mode_t mode_mask;   /* of what is made */
	uint64_t bytes_max; /* of all files; more is an error */
	uint64_t file_max;  /* a larger file is left out */
	unsigned entries_max;
	unsigned skipped;   /* links, devices and what was too large */
};

/* Until copy_side_end() files are opened and made with the ids of that side. */
void copy_side_begin(const struct copy_side *side);
/* Our own again. */
void copy_side_end(void);

/*
 * The file or directory @path below @from (components of it that are missing:
 * -ENOENT) to the same path below @to, where directories on the way are made
 * and what is there is added to; files there are replaced. -EFBIG past the
 * limits, -ELOOP when it nests too deep.
 */
int copy_path(struct copy_job *job, int from, int to, const char *path, struct err *err);

#endif
