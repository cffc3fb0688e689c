/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to helper*.c: one process of coi-archive. */
#ifndef COI_IMAGE_HELPER_PRIVATE_H
#define COI_IMAGE_HELPER_PRIVATE_H

#include <sys/types.h>

#include "base/msg.h"
#include "image/helper.h"

struct helper {
	pid_t pid;
	int socket;
};
#define HELPER_NONE { 0, -1 }

/* @lock_fd (-1: none) is lent to it for as long as it lives. */
int helper_start(int lock_fd, struct helper *ret, struct err *err);
/* Killed, if it still runs, and waited for. */
void helper_end(struct helper *h);
#define auto_helper __attribute__((cleanup(helper_end)))

/* Directories of layers, oldest first, for what is asked next. */
int helper_name_layers(struct helper *h, const int *layers, size_t count, struct err *err);
/* One message, the caller's to end (msg_done()): 1 when it is the last, 0 when not, -errno. */
int helper_hear(struct helper *h, struct msg *ret, struct err *err);
/* What it says of an image: cut to size, without control characters. */
void helper_metadata(const json_t *body, struct image_metadata *ret);

/* A stream to a helper: ours, theirs. */
int helper_stream(int ends[2], struct err *err);
/* All of @feed into stream @to, which is closed, until the helper is done or fails. */
int helper_feed(struct helper *h, int to, const struct helper_feed *feed, struct helper_result *ret,
		struct err *err);
/* Another one, which undoes the compression of @from and writes to @to. */
int helper_inflate(int lock_fd, int from, int to, struct helper *h, struct err *err);
/*
 * Another helper made the stream, and @r came of reading it, with the reason in
 * @err: what comes of both. The descriptor that was read from is closed.
 */
int helper_after(struct helper *feeder, int r, struct err *err);

#endif
