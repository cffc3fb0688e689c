/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a layer consists of, as a text beside its tree: layers/<id>/content, whose
 * SHA-256 is `content` in layer.ini. One line for each object, in the order of a
 * walk that goes down at once and takes names in the order of their bytes:
 *
 *   TYPE MODE UID GID TIME SIZE ATTRIBUTES CONTENT PATH
 *   h FIRST PATH          another name of the object that is FIRST above
 *
 * TYPE is d f l p c b s (as find -printf %y has them, c and b with the device as
 * SIZE), MODE octal, TIME seconds.nanoseconds of the last change of content,
 * ATTRIBUTES a SHA-256 of all extended attributes or "-", CONTENT the hash of
 * content-hash.h, that of a symbolic link's target, or "-". Blanks, control
 * characters and backslashes in names are \xNN.
 */
#ifndef COI_IMAGE_CONTENT_H
#define COI_IMAGE_CONTENT_H

#include <sys/stat.h>

#include "base/buf.h"
#include "base/hash.h"
#include "image/image.h"

#define CONTENT_FILE "content"

struct content_object {
	const char *path;  /* below the tree's top, which is "" */
	const char *first; /* another name of it; NULL: none that came before */
	char type;
	struct stat st;
	char attributes[HASH_HEX_SIZE]; /* "-": none */
	char content[HASH_HEX_SIZE];	/* "-" */
	int error; /* -errno: it could not be read, and `content` is not known */
};

struct content_walk {
	int tree;	/* directory */
	/*
	 * File of struct content_known, which is used for files of that inode; -1:
	 * all are read.
	 */
	int known;
	uint64_t total; /* bytes of files that are to be read, for the progress; 0: not known */
	const struct image_progress *progress;
	/* Each object in order; negative stops. */
	int (*fn)(const struct content_object *object, void *data, struct err *err);
	void *data;
};
/* All of a tree. It may have been made by a container. */
int content_walk(const struct content_walk *walk, struct err *err);

/* An object's line, without the newline. */
void content_line(struct buf *out, const struct content_object *object);
/* The order of the walk: strcmp(3) in which a directory comes with all that is in it. */
int content_order(const char *a, const char *b);
/* The path at the end of a line, without its escapes; newly allocated, NULL for no line. */
char *content_line_path(const char *line);

struct content_sum {
	uint64_t objects;
	uint64_t size; /* on disk */
	char digest[HASH_HEX_SIZE];
};
/*
 * Write the content of "fs" below layer directory @layer_dir beside it. @known and
 * @progress as above.
 */
int content_write(int layer_dir, int known, const struct image_progress *progress,
		  struct content_sum *ret, struct err *err);
/* The same for a layer that has none yet, such as one that a snapshot made, with its record. */
int content_ensure(const struct layout *l, const struct image_layer *layer,
		   const struct image_progress *progress, struct err *err);

#endif
