/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Id maps: which lines (pure) and user namespaces that hold them, for
 * mount_setattr(MOUNT_ATTR_IDMAP).
 */
#ifndef COI_RUNTIME_IDMAP_H
#define COI_RUNTIME_IDMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "runtime/ids.h"

struct idmap_line {
	uint32_t inside; /* of the namespace; for a mount: on disk */
	uint32_t outside;
	uint32_t count;
};

#define IDMAP_LINES_MAX 8

struct idmap {
	struct idmap_line line[IDMAP_LINES_MAX];
	size_t count;
};

/* 0…count ↔ base…: layers, uppers, and the container itself. */
void idmap_whole(const struct id_range *ids, struct idmap *ret);
/*
 * The container's own map with a hole: its @code is the host's @owner.
 * -EINVAL when @owner is 0 (that would make code the host's root).
 */
int idmap_hole(const struct id_range *ids, uint32_t code, uint32_t owner, struct idmap *ret);
/*
 * For a bind: disk id @owner is shown as @code_host, which is what the
 * container's map makes of @code; all others are as they are, so what root
 * inside writes lands as B.
 */
int idmap_owner(const struct id_range *ids, uint32_t code, uint32_t owner, uint32_t code_host,
		struct idmap *ret);
/* One line each: "inside outside count\n". */
#define IDMAP_TEXT_SIZE (IDMAP_LINES_MAX * 36)
char *idmap_text(const struct idmap *m, char out[IDMAP_TEXT_SIZE]);

/* A descriptor of a user namespace with these maps, or -errno. */
int idmap_userns(const struct idmap *users, const struct idmap *groups, struct err *err);

#endif
