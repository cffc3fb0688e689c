/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to import*.c: one import. */
#ifndef COI_IMAGE_IMPORT_PRIVATE_H
#define COI_IMAGE_IMPORT_PRIVATE_H

#include <nettle/sha2.h>
#include <sys/stat.h>

#include "image/content.h"
#include "image/helper.h"
#include "image/store.h"

struct import {
	const struct layout *l;
	const struct image_import_spec *spec;
	struct stage stage;
	struct sha256_ctx hash;
	uint64_t total; /* size of all files, 0 when one is not known */
	uint64_t done;
	int hashes; /* of what was unpacked, for the list of the layer's content */
	struct content_sum content;
	struct helper_result result;
	struct image_metadata metadata;
};

/* What the record says: of metadata, of the request, of os-release in tree @fs. */
void import_describe(const struct import *i, struct image_info *info);
/* Fills in what os-release of the tree @fs says, where nothing is said yet. */
void import_os_release(int fs, struct image_info *info);
/*
 * The image in directory @dir, as one layer of ours for each of its own: those
 * that are there already are used, the others built in the stage.
 */
int import_layers(struct import *i, int dir, struct image_import_result *ret, struct err *err);
/* Is the file @fd compressed in a way that is undone here? */
bool import_is_packed(int fd);
/* A file without a name that a helper may write hashes to. */
int import_hashes(const struct import *i, struct err *err);
/* Does directory @dir hold such an image? */
bool import_is_layers(int dir);

#endif
