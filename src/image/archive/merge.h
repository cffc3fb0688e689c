/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Layers as one tree, in the mount namespace of the archive process. */
#ifndef COI_IMAGE_ARCHIVE_MERGE_H
#define COI_IMAGE_ARCHIVE_MERGE_H

#include <stddef.h>

#include "base/err.h"

struct merge {
	int *layers; /* oldest first; opened anew */
	size_t count;
	/* What is written to, with the directory that overlayfs works in; -1: read-only. */
	int upper, work;
};

/* The overlay's top as a descriptor to *@ret; covers /tmp in our namespace. */
int merge_layers(struct merge *m, int *ret, struct err *err);

#endif
