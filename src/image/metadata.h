/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metadata.yaml of Incus/LXD images. Pure.
 *
 * Read: the flat part that images have, scalars at the top and below
 * `properties:` (plain, 'single' or "double" quoted), nothing else of YAML;
 * what is not understood is passed over. It comes out of an archive: hostile.
 */
#ifndef COI_IMAGE_METADATA_H
#define COI_IMAGE_METADATA_H

#include <stdint.h>
#include <time.h>

#define METADATA_MAX 65536
#define METADATA_VALUE_MAX 256

struct image_metadata {
	char architecture[METADATA_VALUE_MAX];
	char description[METADATA_VALUE_MAX];
	char os[METADATA_VALUE_MAX];
	char release[METADATA_VALUE_MAX];
	int64_t creation_date; /* 0: not said */
};

/* Never fails: what cannot be read stays empty. Values hold no control characters. */
void metadata_parse(const char *text, struct image_metadata *ret);
/* The text for an export; newly allocated. */
char *metadata_text(const struct image_metadata *m);

#endif
