/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Canaries: credentials that are none, where a thief looks for some. Nobody has any
 * business with them, so that a touch is proof enough.
 *
 * They are a layer of their own below all others of a container's root file system,
 * made anew at each start: whatever file the image or the container has at the same
 * place hides them, no snapshot and no image ever has them, and they end with the
 * mount. Names that programs open unasked (~/.netrc, ~/.ssh/id_ed25519) are not among
 * them: git, pip and ssh would set off the alarm in ordinary work.
 */
#ifndef COI_SESSION_CANARY_H
#define COI_SESSION_CANARY_H

#include "session/container.h"

/*
 * Make the layer of @c, in place of an earlier one; *@ret_path (newly allocated) is its
 * directory, with ids as layers have them.
 */
int canary_make(const struct session *s, const struct container *c, char **ret_path,
		struct err *err);
/*
 * Absolute paths inside of those that are seen in @root_fd, the merged root file system:
 * where no file of the container's own is in the way. Newly allocated strv, NULL for none.
 */
char **canary_seen(const struct session *s, const struct container *c, int root_fd);
/* 0 or -errno; success when there is none. */
int canary_remove(const struct session *s, const char *name);

#endif
