/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What coi-patterns reads: files one behind the other, each as "LENGTH NAME\n" and its bytes. */
#ifndef COI_MONITOR_PATTERN_FRAME_H
#define COI_MONITOR_PATTERN_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define FRAME_NAME_MAX 1024
#define FRAMES_BYTES_MAX (64u * 1024 * 1024)

struct frame {
	char name[FRAME_NAME_MAX];
	const char *data; /* borrowed */
	size_t len;
};

/* Append one; the name has no newline and is short enough. */
void frame_add(struct buf *out, const char *name, const void *data, size_t len);
/* The next one of *@data, which is moved behind it. False: there is none, or it is broken. */
bool frame_next(const char **data, size_t *len, struct frame *ret);

/* Names of the frames for "coi-patterns judge": sets, and a NUL-terminated word after the other. */
#define FRAME_COMMAND "command"

#endif
