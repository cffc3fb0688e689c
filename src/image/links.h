/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which name an object with several links was met under first. */
#ifndef COI_IMAGE_LINKS_H
#define COI_IMAGE_LINKS_H

#include <stddef.h>
#include <sys/stat.h>

struct link_entry;
struct links {
	struct link_entry **buckets;
	size_t count, size;
};

/* NULL when it was not met yet; borrowed. */
const char *links_find(const struct links *l, const struct stat *st);
/* From now on it is known as @name. */
void links_add(struct links *l, const struct stat *st, const char *name);
/* Fine for a zeroed one. */
void links_done(struct links *l);

#endif
