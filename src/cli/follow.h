/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of a log file (linefile.h), what became "<path>.1" first, and then whatever
 * comes. The file is all there is to it: it need not be there yet, and following goes
 * on whatever becomes of who writes it.
 */
#ifndef COI_CLI_FOLLOW_H
#define COI_CLI_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/privilege.h"

struct follow {
	const char *path;            /* absolute */
	const struct privilege *who; /* read as this person; no link is followed at the end */
	size_t line_max;             /* longer ones are left out */
	long tail;                   /* only so many of those that are there; -1: all */
	bool goes_on;                /* until SIGINT or SIGTERM */
	/* Without its newline, NUL-terminated; flushes what it prints itself. */
	void (*line)(const char *text, size_t len, void *data);
	void *data;
};

/* 1 when there was a file, 0 when there was none (and it does not go on), or -errno. */
int follow_lines(const struct follow *f, struct err *err);

#endif
