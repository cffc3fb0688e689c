/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to image/: records, aliases and the directories that things are built in. */
#ifndef COI_IMAGE_STORE_H
#define COI_IMAGE_STORE_H

#include "base/record.h"
#include "image/image.h"

#define IMAGE_FORMAT 1
#define IMAGE_LOCK "image"
#define STAGE_PREFIX ".tmp-"
#define STORE_CACHE "cache/npm" /* below the root: archives that were fetched */

/* ---- records (image-record.c, pure) ---- */

/* The caller frees it. */
struct record *image_to_record(const struct image_info *i);
/* ERR_SYSTEM when the record does not make sense. @name for messages. */
int image_from_record(const struct record *r, const char *name, struct image_info **ret,
		      struct err *err);
struct image_info *image_info_new(void);
void image_info_add_layer(struct image_info *i, const char *pool, const char *id);
/* What an image has of the one that it was made from: architecture, environment, … */
void image_info_inherit(struct image_info *i, const struct image_info *base);
bool image_fingerprint_is_valid(const char *text);

/* ---- the store (store.c) ---- */

/* Every image, with its aliases; without the lock: the caller holds it. */
int store_load_all(const struct layout *l, struct image_list *ret, struct err *err);
/* An empty record when there is none yet. */
int store_load_aliases(const struct layout *l, struct record **ret, struct err *err);
int store_save_aliases(const struct layout *l, const struct record *aliases, struct err *err);
int store_find(const struct layout *l, const char *ref, struct image_info **ret, struct err *err);
/* A layer's directory, and its tree "fs" in there, O_DIRECTORY. */
int store_open_layer_dir(const struct layout *l, const struct image_layer *layer,
			 struct err *err);
int store_open_layer(const struct layout *l, const struct image_layer *layer, struct err *err);

/* ---- building (stage.c) ---- */

/*
 * A directory ".tmp-<random>" below layers/ or images/, locked by us as long as
 * we live, so that a repair leaves it alone.
 */
struct stage {
	int parent_fd; /* borrowed */
	int dir_fd;
	int lock_fd;
	char name[32];
};

#define STAGE_NONE { -1, -1, -1, "" }
/* Make one below @parent_fd. */
int stage_begin(const struct layout *l, int parent_fd, struct stage *ret, struct err *err);
/*
 * Rename to @name; the caller holds the exclusive lock. -EEXIST when there is
 * something. The stage is over on success.
 */
int stage_commit(struct stage *s, const char *name, struct err *err);
/* Take @name back into a stage, under the same lock that it was committed under. */
int stage_uncommit(struct stage *s, int parent_fd, const char *name);
/* Directory @part of the stage alone; and back. Under the lock, as above. */
int stage_commit_part(const struct stage *s, const char *part, const char *name, struct err *err);
int stage_uncommit_part(const struct stage *s, const char *part, const char *name);
/* Remove it and all in it; fine for one that is over or never began. */
void stage_abort(struct stage *s);
#define auto_stage __attribute__((cleanup(stage_abort)))
/* Remove the stages below @parent_fd that nobody holds, or count them; under the exclusive lock. */
int stage_repair(int parent_fd, bool dry_run, size_t *removed, struct err *err);

/*
 * Take @name out of sight: renamed to a name that a repair removes, which goes
 * to @tmp (32 bytes). Under the exclusive lock; remove it when that is gone.
 */
int store_retire(int parent_fd, const char *name, char *tmp, struct err *err);

/* ---- copying object by object (copy.c; a whole tree: image_copy_tree()) ---- */

/* Objects with several links are linked again, below @top of the copy (borrowed). */
struct image_copier;
/* Never NULL; ends with image_copier_free(). @progress may be NULL. */
struct image_copier *image_copier_new(int top, const struct image_progress *progress);
void image_copier_free(struct image_copier *c);
/*
 * @name of directory @from, with all that is below it when it is a directory,
 * to @name of directory @to, where there is none. @path: the same below the top.
 */
int image_copier_object(struct image_copier *c, int from, int to, const char *name,
			const char *path, struct err *err);
/* Owner, mode, xattrs and times alone. */
int image_copier_attributes(struct image_copier *c, int from, int to, const char *name,
			    const char *path, struct err *err);

/* A layer that was built: directory @name of the stage becomes layer @id. */
struct store_part {
	char name[32]; /* "": the stage itself */
	char id[IMAGE_FINGERPRINT_SIZE];
};
/* The stage itself as layer @id. */
void store_part_whole(struct store_part *part, const char *id);

/*
 * Add what has been built: those of @parts that are not there yet, the record
 * @info, the aliases (may be NULL). Takes the lock; -EAGAIN when a layer of
 * @info that is not among the parts has gone. After a failure the store is as
 * before and the layers are in @stage again. *@ret_existed: an image of that
 * fingerprint was there.
 */
int store_commit(const struct layout *l, struct stage *stage, const struct store_part *parts,
		 size_t count, const struct image_info *info, const char *const aliases[2],
		 bool *ret_existed, struct err *err);

#endif
