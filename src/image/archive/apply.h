/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A layer of an OCI image is a change to a tree: it adds, replaces and, by
 * whiteouts, removes. The tree is an overlay of the layers below with an empty
 * one on top, so what is done here becomes the layer, and what is removed its
 * whiteouts, exactly as the kernel writes them.
 *
 * As the specification has it, whiteouts are for what layers below have; what
 * the layer itself has stays, whichever comes first. An entry replaces what is
 * below, but for directories, which keep what is in them. A name may lead
 * through symbolic links of the tree, as for every program that applies layers:
 * they are followed here by hand, with this tree as the root.
 */
#ifndef COI_IMAGE_ARCHIVE_APPLY_H
#define COI_IMAGE_ARCHIVE_APPLY_H

#include <stdbool.h>

struct apply;

/* @root is the top of the tree; borrowed. */
struct apply *apply_new(int root);
/* NULL is fine. */
void apply_free(struct apply *a);

/*
 * The directory that the clean name @dir leads to, as a descriptor of its path,
 * and its name without links to @out (POLICY_NAME_MAX + 1 bytes). With @make,
 * what is missing on the way is made, root's and 0755, else -ENOENT. -ENOTDIR,
 * -ELOOP, -ENAMETOOLONG.
 */
int apply_directory(struct apply *a, const char *dir, bool make, char *out);

/*
 * The layer has an entry @name, @base of directory @parent. Layers below lose
 * what they have there, unless both are directories: 1, and the entry's owner,
 * mode and attributes take the place of those (apply_strip()). Else 0; when the
 * layer itself had it before, making it will fail. -errno.
 */
int apply_make_room(struct apply *a, int parent, const char *base, const char *name, bool is_dir);
/* Takes away the attributes and access lists of a file that is taken over. 0 or -errno. */
int apply_strip(int fd);

/*
 * Whiteouts: @base of directory @parent, or all that directory @name holds
 * (@name: without links). What is not there needs no removing. 0 or -errno.
 */
int apply_hide(struct apply *a, int parent, const char *base, const char *name);
int apply_hide_content(struct apply *a, int dir, const char *name);

/* When all is done: directories that only hold changes get their times back. */
int apply_finish(struct apply *a);

#endif
