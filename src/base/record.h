/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records: small INI files of ours, first key `format = N`.
 *
 * Read with inih; order and unknown keys are kept when rewritten. Any value
 * without a NUL byte comes back as it was: control characters are escaped and
 * long values go over several lines. In a file written by hand, lines that
 * start with white space go on with the value above, joined by a newline.
 * A record of a newer format is refused. Limits: 256 KiB, 4096 keys; one that
 * would pass them is not written.
 */
#ifndef COI_BASE_RECORD_H
#define COI_BASE_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct record;

/* An empty record with `format = @format`. */
struct record *record_new(int format);
void record_free(struct record *r);
void record_free_ptr(struct record **r);
#define auto_record __attribute__((cleanup(record_free_ptr)))

/*
 * Load @name below @dirfd. -ENOENT (ERR_MISSING) when it is not there; a
 * damaged one and one of a newer format than @max_format are ERR_SYSTEM and
 * name file and line.
 */
int record_load(int dirfd, const char *name, int max_format, struct record **ret, struct err *err);
/* Parse text; @name is for messages. @max_format 0: a `format` key is not wanted (recipes). */
int record_parse(const char *text, const char *name, int max_format, struct record **ret,
		 struct err *err);
/* Write atomically and durably (file_write_atomic_at()). */
int record_store(const struct record *r, int dirfd, const char *name, mode_t mode, struct err *err);
/* Atomically, but not to the disk (file_write_quick_at()). */
int record_store_quick(const struct record *r, int dirfd, const char *name, mode_t mode,
		       struct err *err);
/* The text of the record; newly allocated. NULL: it passes the limits. */
char *record_text(const struct record *r);

/* @section "" is the head. Borrowed, NULL when not set. */
const char *record_get(const struct record *r, const char *section, const char *key);
int64_t record_get_int(const struct record *r, const char *section, const char *key, int64_t missing);
bool record_get_bool(const struct record *r, const char *section, const char *key, bool missing);
void record_set(struct record *r, const char *section, const char *key, const char *value);
void record_setf(struct record *r, const char *section, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void record_unset(struct record *r, const char *section, const char *key);
/* All keys of a section that have @prefix, in order: @fn until it returns non-zero. */
int record_each(const struct record *r, const char *section,
		int (*fn)(const char *key, const char *value, void *data), void *data);

#endif
