/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules of others on this machine: a clone of their repository in a directory of the
 * person's, with the set that was made of it (set.h) in its .git, where nothing of the
 * repository can lie.
 *
 * A new one is made beside it (".NAME.new"), and takes its place in one step, with its
 * set: whoever looks sees the old one or the new one.
 */
#ifndef COI_MONITOR_PATTERN_UPDATE_H
#define COI_MONITOR_PATTERN_UPDATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/privilege.h"
#include "monitor/pattern/set.h"

#define PATTERN_COMMIT_SIZE 65 /* SHA-1 or SHA-256, and NUL */

enum pattern_kind {
	PATTERN_GTFOBINS,
	PATTERN_SIGMA,
	PATTERN_KIND_COUNT,
};
/* The word, static. */
const char *pattern_kind_to_string(enum pattern_kind kind);
/* Where in its repository the rules are; static. */
const char *pattern_kind_directory(enum pattern_kind kind);

struct pattern_source {
	enum pattern_kind kind;
	const char *url; /* https://…, or file:///… */
	const char *dir; /* absolute */
};

/* What has changed, or would. */
struct pattern_change {
	char commit[PATTERN_COMMIT_SIZE];
	char before[PATTERN_COMMIT_SIZE]; /* "": there was none */
	bool is_same;                     /* nothing was done */
	size_t rules, added, removed, changed, ignored;
	json_t *skipped; /* {file, line, reason} each; owned */
	char *kept;      /* where a clone that was not ours has been moved; or NULL; owned */
};
void pattern_change_done(struct pattern_change *c);

/* Is @url one that is taken? ERR_CONFIG says why not. */
int pattern_url_check(const char *url, struct err *err);

/*
 * Fetch, compile and put in place; not when @is_dry. @step (may be NULL) is told what is
 * being done. Whatever fails or ends it: what was there before is there still.
 */
int pattern_update(const struct pattern_source *source, const struct privilege *who, bool is_dry,
		   void (*step)(const char *what, void *data), void *data,
		   struct pattern_change *ret, struct err *err);

/*
 * The set in @dir, opened as the person @who: a regular file that is not too large.
 * The descriptor; -ENOENT: there is none; -errno.
 */
int pattern_set_open(const char *dir, const struct privilege *who);

/* --- of pattern_update() */

/* All files of @kind below the clone @dirfd as frames; what cannot be taken goes to @skipped. */
struct buf;
int pattern_collect(enum pattern_kind kind, int dirfd, struct buf *frames, json_t *skipped,
		    struct err *err);
/* The commit at the head of @url, by asking. */
int pattern_git_head(const char *url, const char *dir, const struct privilege *who,
		     char ret[PATTERN_COMMIT_SIZE], struct err *err);
/* What of @url is wanted for @kind, into the empty directory @dir; and which commit it is. */
int pattern_git_clone(enum pattern_kind kind, const char *url, const char *dir,
		      const struct privilege *who, char ret[PATTERN_COMMIT_SIZE], struct err *err);

#endif
