/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tar archive (plain, gzip, xz, zstd) as a stream of entries, through libarchive. */
#ifndef COI_IMAGE_ARCHIVE_READER_H
#define COI_IMAGE_ARCHIVE_READER_H

#include <archive_entry.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Bytes behind the end of the archive that are read over; more is not an archive. */
#define READER_TRAILING_MAX (INT64_C(64) << 20)

struct reader;

/*
 * @in is borrowed. @is_checked: whoever gave it compares the hash of all its
 * bytes, so that its end needs no mark.
 */
int reader_open(int in, bool is_checked, struct reader **ret, struct err *err);
/* NULL is fine. */
void reader_close(struct reader *r);
/* 1: an entry, borrowed until the next call; 0: the end. */
int reader_next(struct reader *r, struct archive_entry **ret, struct err *err);
/* 1: a piece of the entry's content; 0: no more. */
int reader_data(struct reader *r, const void **data, size_t *len, int64_t *offset, struct err *err);
/* After the end: read the rest of the stream, so that whoever writes it comes to its end. */
int reader_drain(struct reader *r, struct err *err);

/* Only undo the compression of @in, if it has one, and write what comes out to @out. */
int reader_inflate(int in, int out, struct err *err);

#endif
