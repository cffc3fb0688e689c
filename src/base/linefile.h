/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file of lines that several processes append to, in a directory of a person.
 *
 * Opened anew for each line, appended whole under a lock; a line that a crash
 * tore is ended first. A file that is a symlink, no regular file, hard-linked
 * or not the owner's is refused (ERR_CONFLICT). Past its maximum it becomes
 * "<name>.1", that one "<name>.2" and so on; the oldest is dropped. Call it as
 * the person (privilege_person_begin()).
 */
#ifndef COI_BASE_LINEFILE_H
#define COI_BASE_LINEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/err.h"

struct linefile {
	int dir;           /* of the file; borrowed */
	const char *name;  /* in it; made with mode 0600 when missing */
	const char *shown; /* for messages: "audit file '/home/x/.coi/audit/y.jsonl'" */
	uid_t owner;
	uint64_t max;      /* bytes */
	unsigned keep;     /* older ones; 0: one */
	/* May be NULL. @old is about to be replaced; the lock is held. */
	void (*on_drop)(const struct linefile *f, const char *old);
	void *data;        /* the caller's */
	bool sync;         /* wait for the disk too */
};

/* @line ends in a newline. */
int linefile_append(const struct linefile *f, const char *line, size_t len, struct err *err);
/*
 * The same by a path that we trust, absolute: f->dir and f->name are not used. The
 * directory above is made (0700) when it is missing.
 */
int linefile_append_path(const char *path, const struct linefile *f, const char *line, size_t len,
			 struct err *err);

/*
 * The two halves of it, for lines that depend on what is there. The descriptor
 * holds the lock, the file has room for @len bytes more (a single line may be
 * larger than the maximum), *@ret_st is what it is now. linefile_write() takes
 * whole lines; when it fails, none of them is in the file.
 */
int linefile_open(const struct linefile *f, size_t len, struct stat *ret_st, struct err *err);
int linefile_write(const struct linefile *f, int fd, off_t size, const char *lines, size_t len,
		   struct err *err);

#endif
