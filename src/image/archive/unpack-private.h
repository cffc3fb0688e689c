/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to unpack*.c: one archive that is being unpacked. */
#ifndef COI_IMAGE_ARCHIVE_UNPACK_PRIVATE_H
#define COI_IMAGE_ARCHIVE_UNPACK_PRIVATE_H

#include <archive.h>
#include <archive_entry.h>

#include "image/archive/apply.h"
#include "image/archive/late.h"
#include "image/archive/policy.h"
#include "image/archive/reader.h"
#include "image/archive/unpack.h"
#include "image/content-hash.h"

struct unpack {
	const struct unpack_spec *spec;
	struct reader *reader;
	struct archive_entry *entry;
	char name[POLICY_NAME_MAX + 1]; /* of the entry at hand */
	int parent_fd;			/* of the directory that parent_name names */
	char *parent_name;
	char *parent_clean;		/* its name without links, for a layer */
	struct late *late;
	struct apply *apply; /* NULL: not a layer */
	struct unpack_result sum;
	uint64_t since_check;
	struct content_hash hash; /* of the file at hand */
	uint64_t hashed;	  /* how far; UINT64_MAX: its parts do not come in order */
	struct content_known known[512]; /* still to be written */
	size_t known_count;
};

/* The entry at hand is one that an image may not have. */
int unpack_refuse(struct unpack *u, struct err *err, const char *why);
/* @code came back where the entry at hand was to be written. */
int unpack_failed(struct unpack *u, struct err *err, int code);

/* ---- the way to an entry (unpack-way.c) ---- */

/*
 * The directory that holds the entry at hand; borrowed. *@ret_base points into
 * u->name. For a layer: nothing of layers below is in the way any more, u->name
 * has no links in it, and *@ret_takes_over says that the directory is there.
 */
int unpack_parent(struct unpack *u, const char **ret_base, bool *ret_takes_over, struct err *err);
/* Where a hard link to the clean name @target leads: its directory, the caller's to close. */
int unpack_link_parent(struct unpack *u, const char *target, const char **ret_base);
/* The entry at hand, of a layer: 1 when it was a whiteout, and what it hides is gone. */
int unpack_whiteout(struct unpack *u, struct err *err);

/* ---- attributes (unpack-attributes.c) ---- */

/* Access lists that came as plain attributes become the entry's own. */
int unpack_fold_acls(struct unpack *u, struct err *err);
/* On descriptor @fd, which is open for more than its path; -1: counted as left out. */
int unpack_xattrs(struct unpack *u, int fd, mode_t mode, struct err *err);
/* A file's list now, or at the end when it names users. */
int unpack_acls(struct unpack *u, int fd, struct err *err);
/* What of the entry at hand can be set only at the end. */
int unpack_later(struct unpack *u, struct err *err);

#endif
