/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The chain: each line names its number and a hash over all lines before it.
 *
 *   {…,"seq":7,"chain":"<sha256>"}
 *
 * The hash is of the chain of line 6 (64 digits) and of line 7 up to and with
 * its number. What a chain cannot show, that its end was cut off, the head
 * does: a small file beside it that says how far the chain has come. It is
 * written before a line (what will be) and after it (what is), so that a death
 * in between is told from a cut.
 *
 * Both are the person's. There is no key in it: who may write as the person can
 * make another chain. What no container can.
 */
#ifndef COI_AUDIT_CHAIN_H
#define COI_AUDIT_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/hash.h"

struct chain_mark {
	uint64_t seq; /* of the last line; 0: none yet */
	char hash[HASH_HEX_SIZE];
};

/* The mark before the first line. */
#define CHAIN_ZEROS "00000000000000000000000000000000"
#define CHAIN_START ((struct chain_mark){ .seq = 0, .hash = CHAIN_ZEROS CHAIN_ZEROS })
/* Longest end that chain_seal() gives to a line. */
#define CHAIN_END_MAX 128

/* @line is one JSON object and its newline: it goes to @out with number and hash; *@m moves on. */
void chain_seal(struct chain_mark *m, const char *line, size_t len, struct buf *out);
/*
 * What a line (without its newline) says it is. *@ret_body is the length of
 * what was hashed. False: it has no number and hash at its end.
 */
bool chain_read(const char *line, size_t len, struct chain_mark *ret, size_t *ret_body);
/* The hash that a line has whose body is @body and that follows @before. */
void chain_hash(const struct chain_mark *before, const char *body, size_t len,
		char out[HASH_HEX_SIZE]);
bool chain_same(const struct chain_mark *a, const struct chain_mark *b);
/* Of the last line of @fd: 1; 0: it has none; -errno. */
int chain_last(int fd, off_t size, struct chain_mark *ret);

struct chain_head {
	struct chain_mark now;
	struct chain_mark next;  /* about to be; the same as `now` when nothing is */
	struct chain_mark floor; /* of the last line that was dropped for its age or for room */
};

/*
 * The head @name below @dir. 1; 0: there is none, or none that can be believed
 * (a link, of another owner): then *@ret is an unused one. As the person.
 */
int chain_head_read(int dir, const char *name, uid_t owner, struct chain_head *ret);
/* Written in place, not synced. 0 or -errno. */
int chain_head_write(int dir, const char *name, uid_t owner, const struct chain_head *head);

#endif
