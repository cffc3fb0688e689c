/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing an archive's entries below a directory.
 *
 * Runs in the cage of cage.h, and does not rely on it: every entry's parent
 * is opened with openat2(2) without following a symlink, every object is made
 * anew, nothing that is there is ever opened or replaced. A layer of an OCI
 * image replaces and removes what layers below it have, by apply.h.
 */
#ifndef COI_IMAGE_ARCHIVE_UNPACK_H
#define COI_IMAGE_ARCHIVE_UNPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct unpack_spec {
	int in;   /* the archive, read to its end */
	int root; /* the directory, empty; of a layer what it is put on (apply.h) */
	/* A layer of an OCI image, whose bytes are compared with a hash by whoever sends them. */
	bool is_layer;
	/* Where the hashes of what files hold are written to (struct content_known); -1: nowhere. */
	int hashes;
	/* Told each UNPACK_STEP bytes; may be NULL. */
	void (*progress)(uint64_t bytes, void *data);
	void *data;
};

struct unpack_result {
	uint64_t entries;
	uint64_t bytes; /* of file content, without holes */
	uint64_t dropped_xattrs;
	uint64_t skipped_devices;
};

#define UNPACK_STEP (4u << 20)

/* The whole archive; what has been written when it fails is the caller's to remove. */
int unpack_archive(const struct unpack_spec *spec, struct unpack_result *ret, struct err *err);

#endif
