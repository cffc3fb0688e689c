/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layers that belong to no image: a container's writable directory, frozen for
 * a snapshot. They lie in the pool that the directory is in, <pool>/layers/<id>/,
 * have a random id and `source = snapshot` in layer.ini, and go, like the
 * others, when nobody refers to them.
 */
#ifndef COI_IMAGE_LAYER_H
#define COI_IMAGE_LAYER_H

#include "base/record.h"
#include "image/image.h"

/* A new id, IMAGE_FINGERPRINT_SIZE bytes to @out. */
int layer_new_id(char out[IMAGE_FINGERPRINT_SIZE], struct err *err);
/*
 * Make the layer with an empty tree, durably. The caller has written down, in a
 * record that container_image_users() counts, that it uses it. -EEXIST.
 */
int layer_make(const struct layout *l, const struct image_layer *layer, struct err *err);
/*
 * The layer's tree and directory @name below @parent_fd change places, in one
 * step: what was there is frozen, and an empty directory of the same owner and
 * mode is in its place. Both must be on one file system (-EXDEV).
 */
int layer_exchange(const struct layout *l, const struct image_layer *layer, int parent_fd,
		   const char *name, struct err *err);
/* Copy the tree @from_fd into the layer, which is empty. Shares blocks where it can. */
int layer_fill(const struct layout *l, const struct image_layer *layer, int from_fd,
	       const struct image_progress *progress, struct err *err);
/* 1 when the layer is there, 0, or -errno. */
int layer_exists(const struct layout *l, const struct image_layer *layer);
/* Bytes on disk, 0 when it is not there. */
uint64_t layer_size(const struct layout *l, const struct image_layer *layer);

/* As records have a chain of layers: "[layers] 0 = pool:id …" with their count. */
void layers_to_record(struct record *r, const struct image_layer *layers, size_t count);
/* @name is for messages. ERR_SYSTEM when the record makes no sense. */
int layers_from_record(const struct record *r, const char *name, struct image_layer **ret,
		       size_t *ret_count, struct err *err);

/*
 * Remove those of @layers that neither an image nor @users refers to. Those of
 * which it is not known stay, and go with the next repair, and so do those of a
 * pool that is not there.
 */
int layers_drop(const struct layout *l, const struct image_layer *layers, size_t count,
		const struct image_users *users, struct err *err);

/*
 * Remove what is in that pool and nobody refers to: layers, and what building
 * one has left. For the disk of a container, whose layers only it can use.
 */
int layers_sweep(const struct layout *l, const char *pool, const struct image_users *users,
		 struct err *err);

/*
 * One read-only tree of all layers (oldest first), and of directory @upper
 * above them when it is not NULL: a detached overlay mount, O_RDONLY. Needs
 * CAP_SYS_ADMIN; the process is in another mount namespace meanwhile, so it
 * must have one thread.
 */
int layers_view(const struct layout *l, const struct image_layer *layers, size_t count,
		const char *upper, struct err *err);

/*
 * As above, to be written to: changes go to directory @upper, with @work beside
 * it. Nobody else may have an overlay on them.
 */
int layers_view_writable(const struct layout *l, const struct image_layer *layers, size_t count,
			 const char *upper, const char *work, struct err *err);

enum layer_change_kind {
	CHANGE_ADDED,
	CHANGE_MODIFIED, /* content, target or type */
	CHANGE_MODE,     /* owner, mode or extended attributes only */
	CHANGE_DELETED,  /* with all that was below it */
};
/* The word for it in JSON; static. */
const char *layer_change_to_string(enum layer_change_kind kind);

/* Valid during the call only. */
struct layer_change {
	enum layer_change_kind kind;
	const char *path; /* below the top, as the container has it: hostile */
	const char *name; /* its last component */
	int new_parent;   /* directory that has it now; -1: it was deleted */
	const struct stat *st; /* as it is now; as it was when deleted */
};
enum layers_compare_flags {
	/*
	 * Also, as CHANGE_MODE, objects of several names that were touched and are as
	 * they were: one of the names may be new.
	 */
	LAYERS_COMPARE_LINKS = 1u << 0,
};
/*
 * What changed from tree @from to tree @to (two views), directories before what
 * is in them, by name. @fn non-zero stops: -ECANCELED, unless it is an error of
 * its own (then @err is set and it is returned). Opens nothing but files and
 * directories, follows nothing.
 */
int layers_compare(int from, int to, unsigned int flags,
		   int (*fn)(const struct layer_change *change, void *data, struct err *err),
		   void *data, struct err *err);

/* One layer in place of many; nothing else is changed. */
struct layers_squash {
	const struct image_layer *chain;
	size_t below; /* the first so many stay as they are ... */
	size_t count; /* ... and those up to here become one */
	const char *upper; /* and this directory, which is above all of them; NULL: none */
	const struct image_progress *progress;
};
/* Fill the empty directory @to with it. */
int layers_squash(const struct layout *l, const struct layers_squash *what, int to,
		  struct err *err);
/* The same for the tree of the empty layer @layer. */
int layer_squash(const struct layout *l, const struct layers_squash *what,
		 const struct image_layer *layer, struct err *err);

#endif
