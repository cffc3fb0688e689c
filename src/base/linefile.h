/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file of lines that several processes append to, in a directory of a person.
 *
 * Opened anew for each line, appended whole under a lock; a line that a crash
 * tore is ended first. A file that is a symlink, no regular file, hard-linked
 * or not the owner's is refused (ERR_CONFLICT). Past its maximum it becomes
 * "<name>.1". Call it as the person (privilege_person_begin()).
 */
#ifndef COI_BASE_LINEFILE_H
#define COI_BASE_LINEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct linefile {
	int dir;           /* of the file; borrowed */
	const char *name;  /* in it; made with mode 0600 when missing */
	const char *shown; /* for messages: "audit file '/home/x/.coi/audit/y.jsonl'" */
	uid_t owner;
	uint64_t max;      /* bytes */
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

#endif
