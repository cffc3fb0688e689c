/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exporting: the overlay of an image's layers as one unified Incus image. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/helper.h"
#include "image/store.h"

int image_compression_check(const char *name, struct err *err) {
	static const char *const known[] = { "none", "gzip", "xz", "zstd" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(name, known[i]) == 0)
			return 0;
	return err_set(err, ERR_USAGE, -EINVAL,
		       "compression '%s' is not known; there are none, gzip, xz, zstd", name);
}

static void close_layers(int *fds, size_t count) {
	for (size_t i = 0; i < count; i++)
		mem_close_ptr(&fds[i]);
	free(fds);
}

/* Found and opened under the lock: a deletion meanwhile takes away names, not open trees. */
static int open_image(const struct layout *l, const char *ref, struct image_info **ret, int **ret_fds,
		      struct err *err) {
	autoclose int lock = image_lock(l, true, err);
	auto_image_info struct image_info *info = NULL;
	int *fds;
	int r;

	if (lock < 0)
		return lock;
	r = store_find(l, ref, &info, err);
	if (r < 0)
		return r;
	fds = xcalloc(info->layer_count, sizeof(fds[0]));
	for (size_t i = 0; i < info->layer_count; i++) {
		fds[i] = store_open_layer(l, &info->layers[i], err);
		if (fds[i] < 0) {
			r = fds[i];
			close_layers(fds, i);
			return r;
		}
	}
	*ret = steal_ptr(info);
	*ret_fds = fds;
	return 0;
}

static char *export_metadata(const struct image_info *info) {
	struct image_metadata m = { .creation_date = info->created };

	(void)snprintf(m.architecture, sizeof(m.architecture), "%s", info->architecture);
	(void)snprintf(m.description, sizeof(m.description), "%s", info->description);
	(void)snprintf(m.os, sizeof(m.os), "%s", info->os);
	(void)snprintf(m.release, sizeof(m.release), "%s", info->release);
	return metadata_text(&m);
}

int image_export(const struct layout *l, const char *ref, int fd, const char *compression,
		 const struct image_progress *progress, struct image_export_result *ret,
		 struct err *err) {
	auto_image_info struct image_info *info = NULL;
	autofree char *metadata = NULL;
	struct helper_pack pack = { .out = fd, .prefix = "rootfs", .skip_marks = true,
				    .progress = progress };
	struct helper_result about = { 0 };
	int *fds = NULL;
	int r;

	pack.compression = compression ? compression : "zstd";
	r = image_compression_check(pack.compression, err);
	if (r == 0)
		r = open_image(l, ref, &info, &fds, err);
	if (r < 0)
		return r;
	metadata = export_metadata(info);
	pack.layers = fds;
	pack.count = info->layer_count;
	pack.metadata = metadata;
	pack.metadata_time = info->created;
	pack.total = info->size;
	r = helper_pack(&pack, &about, err);
	close_layers(fds, info->layer_count);
	if (r < 0)
		return err_wrap(err, "exporting '%s'", ref);
	if (ret)
		*ret = (struct image_export_result){
			.dropped_xattrs = about.dropped_xattrs,
			.skipped_sockets = about.skipped_sockets,
			.skipped_marks = about.skipped_marks,
		};
	return 0;
}
