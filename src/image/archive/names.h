/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a layer has put where, by name: a table that grows. */
#ifndef COI_IMAGE_ARCHIVE_NAMES_H
#define COI_IMAGE_ARCHIVE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct name_entry {
	char *name;
	bool is_ours;	   /* of this layer, or the way to something of it */
	bool is_explicit;  /* the archive has an entry for it */
	bool has_time;	   /* a directory that is changed: its time before that */
	struct timespec mtime;
};

struct names {
	struct name_entry **slots;
	size_t count, size;
};

/* NULL when there is none; borrowed, stays where it is. */
struct name_entry *names_find(const struct names *n, const char *name);
/* The same, made when there is none. */
struct name_entry *names_get(struct names *n, const char *name);
/* Fine for a zeroed one. */
void names_done(struct names *n);

#endif
