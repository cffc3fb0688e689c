/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packing a tree as a pax archive, always the same bytes for the same tree:
 * names in byte order, numeric owners, no access times, no names of users.
 */
#ifndef COI_IMAGE_ARCHIVE_PACK_H
#define COI_IMAGE_ARCHIVE_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct pack_spec {
	int root;		 /* directory to pack */
	int out;		 /* written in order, never sought */
	const char *prefix;	 /* "rootfs": put before each name; NULL: none */
	const char *metadata;	 /* content of metadata.yaml, first entry; NULL: none */
	int64_t metadata_time;
	bool skip_marks;	 /* names that begin with ".wh.", which no import takes, are left out */
	const char *compression; /* "none", "gzip", "xz", "zstd" */
	/* Told now and then: bytes of content so far. May be NULL. */
	void (*progress)(uint64_t bytes, void *data);
	void *data;
};

struct pack_result {
	uint64_t entries;
	uint64_t bytes;
	uint64_t dropped_xattrs;
	uint64_t skipped_sockets;
	uint64_t skipped_marks;
};

/* In the cage of cage.h; the whole tree, then the end mark. */
int pack_tree(const struct pack_spec *spec, struct pack_result *ret, struct err *err);

#endif
