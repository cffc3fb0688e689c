/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines out of a descriptor, one by one, none longer than a maximum. At the
 * end of the file it can be asked again later: what was appended follows.
 */
#ifndef COI_BASE_LINEREADER_H
#define COI_BASE_LINEREADER_H

#include <stdbool.h>
#include <stddef.h>

struct linereader {
	int fd; /* borrowed */
	size_t max;
	char *line;    /* what there is of the line so far, NUL-terminated */
	size_t len;
	bool is_cut;   /* the line was longer: this is its beginning */
	bool is_done;  /* `line` was given out */
	char *block;
	size_t at, end; /* of what is left in it */
};

/* @max bytes of a line are kept. Ends with linereader_done(). */
void linereader_init(struct linereader *r, int fd, size_t max);
void linereader_done(struct linereader *r);
/* Go on with another file, from where it stands. */
void linereader_reset(struct linereader *r, int fd);
/*
 * 1: r->line has the next line, without its newline, until the next call.
 * 0: there is no whole line any more; r->line has the beginning of one. -errno.
 */
int linereader_next(struct linereader *r);
#define auto_linereader __attribute__((cleanup(linereader_done)))

#endif
