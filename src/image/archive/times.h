/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Times of libarchive's entries. Its functions take a time_t of the width that the system's
 * libraries were built with, which may be 32 bits where ours has 64 (_TIME_BITS): the
 * one file that is compiled with theirs is times.c.
 */
#ifndef COI_IMAGE_ARCHIVE_TIMES_H
#define COI_IMAGE_ARCHIVE_TIMES_H

#include <stdint.h>

struct archive_entry;

/* When it was changed, in seconds since 1970 (0: it does not say), and nanoseconds as they stand. */
int64_t times_mtime(struct archive_entry *e, long *ret_nsec);
/* The last time that the library can say, where @sec is beyond it. */
void times_set_mtime(struct archive_entry *e, int64_t sec, long nsec);

#endif
