/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to image/: the confined program coi-archive, started and listened to. */
#ifndef COI_IMAGE_HELPER_H
#define COI_IMAGE_HELPER_H

#include <nettle/sha2.h>
#include <stdint.h>

#include "image/image.h"
#include "image/metadata.h"

enum helper_layout {
	HELPER_ROOTFS,	 /* the tree is the root itself */
	HELPER_UNIFIED,	 /* metadata.yaml and rootfs/ */
	HELPER_METADATA, /* metadata.yaml alone */
};

struct helper_result {
	enum helper_layout layout;
	struct image_metadata metadata;
	uint64_t entries;
	uint64_t bytes;
	uint64_t dropped_xattrs;
	uint64_t skipped_devices;
};

struct helper_unpack {
	int in;			/* archive: read to its end here, hashed, handed on */
	uint64_t total;		/* its size, 0: not known */
	uint64_t done;		/* bytes before this one (second file of a split image) */
	int target;		/* empty directory */
	int lock_fd;		/* lent to the helper, so that the lock outlives us if it does */
	struct sha256_ctx *hash; /* fed with every byte of the archive */
	const struct image_progress *progress;
};
/* Unpack; the helper is gone afterwards, whatever happened. */
int helper_unpack(const struct helper_unpack *spec, struct helper_result *ret, struct err *err);

struct helper_pack {
	const int *layers; /* directories, oldest first */
	size_t count;
	int out;
	const char *compression;
	const char *prefix;   /* may be NULL */
	const char *metadata; /* may be NULL */
	time_t metadata_time;
	uint64_t total; /* for the progress */
	const struct image_progress *progress;
};
/* Write the archive to spec->out; as above. */
int helper_pack(const struct helper_pack *spec, struct helper_result *ret, struct err *err);

/*
 * Both at once: pack directory @from and unpack it below @to->target. @to->in
 * is not used.
 */
int helper_repack(int from, const struct helper_unpack *to, struct helper_result *ret,
		  struct err *err);

#endif
