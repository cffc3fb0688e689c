/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be set only when everything has been unpacked: modes, ACLs and times
 * of directories (a default ACL would be inherited, each new child changes the
 * time), and ACLs that name users, who are found in the unpacked etc/passwd.
 */
#ifndef COI_IMAGE_ARCHIVE_LATE_H
#define COI_IMAGE_ARCHIVE_LATE_H

#include <archive_entry.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"

struct late;

/* Empty. */
struct late *late_new(void);
/* NULL is fine. */
void late_free(struct late *l);
/* Entry @e of the clean name @name. -E2BIG when there are too many. */
int late_add(struct late *l, const char *name, struct archive_entry *e);
/* Below @root. *@dropped counts lists that name somebody who is not there. */
int late_apply(struct late *l, int root, uint64_t *dropped, struct err *err);

/* The time of an entry as its mtime, 0 when it has none. */
struct timespec late_mtime(struct archive_entry *e);
/* openat2(2) below @dirfd that follows nothing and crosses nothing; "" is @dirfd. */
int late_open(int dirfd, const char *name, int flags);
/* Sets both lists on @fd: -ENOENT for a name without a number, -EINVAL for an invalid list. */
int late_set_acls(int fd, struct archive_entry *e);

#endif
