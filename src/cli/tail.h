/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lines of a log file (base/linefile.h), the older ones that were put aside
 * first; and those that come. The file is all there is to it: it need not be
 * there yet, and following goes on whatever becomes of who writes it.
 */
#ifndef COI_CLI_TAIL_H
#define COI_CLI_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/err.h"
#include "base/linereader.h"
#include "base/privilege.h"

#define TAIL_OLDER_MAX 16

struct tail {
	const struct privilege *who;
	char *path;
	char *const *older; /* suffixes of older files, oldest first (a strv); NULL: none */
	struct linereader reader; /* the line is in it */
	int fds[TAIL_OLDER_MAX + 1]; /* in that order, @path last; -1: not there, or read */
	size_t count, at;
	bool was_there;     /* any of them */
	bool is_open;
	bool looked_again;
};

/*
 * Read as @who; no link is followed at the end. Of longer lines only the first
 * @line_max bytes are given (t->reader.is_cut). @older and @who are borrowed.
 */
void tail_init(struct tail *t, const struct privilege *who, const char *path, char *const *older,
	       size_t line_max);
void tail_done(struct tail *t);
/* Open what there is; tail_next() does so too. t->was_there says whether there was any. */
int tail_open(struct tail *t, struct err *err);
/*
 * 1: t->reader has the next line. 0: there is none now; ask again when the file
 * has changed. -errno with @err set; a file that is not there is an empty one.
 */
int tail_next(struct tail *t, struct err *err);

/*
 * Call @fn now and at each change in the directory of @path (made when missing), until SIGINT
 * or SIGTERM, and see to it that what it prints arrives. 0, or what @fn returned below 0, or -errno.
 */
int tail_follow(const struct privilege *who, const char *path, int (*fn)(void *data, struct err *err),
		void *data, struct err *err);

/* "90s", "10m", "2h", "1d" ago, or a time as RFC 3339 has it: 0; ERR_USAGE: it is none. */
int tail_parse_since(const char *text, time_t *ret, struct err *err);

#endif
