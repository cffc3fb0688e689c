/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to image/: running the programs that fetch (mmdebstrap, npm, apt-get). */
#ifndef COI_IMAGE_TOOL_H
#define COI_IMAGE_TOOL_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

struct tool_spec {
	char *const *argv;	/* argv[0] is looked up in PATH */
	const char *name;	/* for messages; NULL: argv[0] */
	char *const *env;	/* NULL: ours */
	const char *cwd;	/* NULL: ours */
	int out_fd;		/* standard output; -1: told by lines, as standard error is */
	uid_t uid;		/* (uid_t)-1: unchanged */
	/* Each line, without its end; may be NULL. Foreign text. */
	void (*line)(const char *text, void *data);
	void *data;
};

#define TOOL_NONE ((uid_t)-1)

/*
 * Run to the end. Success is exit status 0; else the error has the last lines
 * that the program wrote. The program gets no standard input, and dies with us.
 */
int tool_run(const struct tool_spec *spec, struct err *err);
/* Its standard output, at most the maximum of @out (-EFBIG); the rest as above. */
int tool_output(const struct tool_spec *spec, struct buf *out, struct err *err);
/* Is there a program of that name in PATH? */
bool tool_exists(const char *name);

#endif
