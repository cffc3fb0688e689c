/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image store: images, the layers that they are made of, and their aliases.
 *
 *   $COI_ROOT/images/<fingerprint>/image.ini   what an image is (format 1)
 *   $COI_ROOT/images/aliases.ini               alias = fingerprint (format 1)
 *   $COI_ROOT/layers/<id>/fs/                  one layer's tree, ids 0..65535 unshifted
 *   $COI_ROOT/layers/<id>/layer.ini            where it came from, how large it is
 *   $COI_ROOT/layers/<id>/content              what it consists of (content.h)
 *
 * Layers of snapshots may lie in other pools (base/pool.h), as <pool>/layers/<id>/.
 *
 * An image is a chain of layers; an overlay of all of them is its file system.
 * Layers are shared: one goes when no image and no container refers to it.
 *
 * Fingerprint, 64 lower-case hexadecimal digits:
 *   import of an OCI image SHA-256 of its config, which names all layers by their
 *                          content: what docker calls the image's ID;
 *   import of an archive   SHA-256 of the bytes of the file (split image: of
 *                          both files, metadata first), as Incus has it;
 *   import of a directory  SHA-256 of the archive that image_export() would
 *                          pack its tree into, so it depends on the content;
 *   publish                SHA-256 of the text that names the layers below, the
 *                          time, and 256 random bits. It is an identity, not a
 *                          check-sum, so that publishing by rename is O(1).
 * The one layer of an imported image has the fingerprint as its id; a published
 * layer's id is the fingerprint of the image that it was made for. Each layer of
 * an OCI image is one here, by the content of it and of all below (import-layers.c),
 * so that images which stand on the same ones share them.
 *
 * Crash-only: everything is built in layers/.tmp-* and images/.tmp-* and then
 * renamed: layer, image record, alias, in this order. A living builder holds
 * flock(2) on its directory; image_repair() removes those that nobody holds.
 *
 * Locks: functions here take the image lock (lock.h) themselves and hold it for
 * short steps only, never while archives are read or images are removed. A
 * caller that writes a record which refers to an image's layers holds
 * image_lock() from image_find() until that record is on disk.
 */
#ifndef COI_IMAGE_IMAGE_H
#define COI_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"
#include "base/layout.h"
#include "base/pool.h"

#define IMAGE_FINGERPRINT_SIZE 65 /* 64 digits and NUL */
#define IMAGE_ALIAS_MAX 100
#define IMAGE_LAYERS_MAX 400 /* overlayfs takes 500; containers add some */

/* A layer stays in the pool (file system) where it was made. */
struct image_layer {
	char *pool; /* base/pool.h; those of images are in POOL_DEFAULT */
	char id[IMAGE_FINGERPRINT_SIZE];
};

struct image_info {
	char fingerprint[IMAGE_FINGERPRINT_SIZE];
	char **aliases; /* sorted; may be NULL */
	struct image_layer *layers; /* oldest first */
	size_t layer_count;
	time_t created;
	uint64_t size; /* bytes on disk of all layers */
	char *description; /* never NULL, may be "" (as the strings below) */
	char *architecture; /* "x86_64", "aarch64": as uname(2) has it */
	char *os;
	char *release;
	char *recipe;       /* name of the recipe it was built from */
	char *recipe_hash;  /* recipe_hash() of that time */
	char *version;      /* its alias that ends in -YYYYMMDD-HHMMSS */
	char *base;         /* fingerprint of the image it was built from */
	char *base_alias;   /* and the name that this had */
	char **registries;  /* hosts of package registries it was built from; may be NULL */
	/* Of an image that came as an OCI one, and of those that are made from it: */
	char *reference;    /* the name that it had there */
	char **env;	    /* NAME=value, which commands get that are run in it; may be NULL */
	char **entrypoint, **cmd; /* what it would start elsewhere; may be NULL */
	char *user, *dir;   /* as whom, and where */
};

void image_info_free(struct image_info *i);
void image_info_free_ptr(struct image_info **i);
#define auto_image_info __attribute__((cleanup(image_info_free_ptr)))

struct image_list {
	struct image_info **items; /* newest first */
	size_t count;
};
void image_list_done(struct image_list *list);
#define auto_image_list __attribute__((cleanup(image_list_done)))

/*
 * The image lock, shared (many readers and container makers) or exclusive.
 * Returns the descriptor that holds it, or -errno. Do not call a function that
 * changes the store while holding it.
 */
int image_lock(const struct layout *l, bool shared, struct err *err);

/* Letters, digits, and . _ - / +, starts with a letter or digit, IMAGE_ALIAS_MAX at most. */
bool image_alias_is_valid(const char *alias);

/*
 * By alias, else by a prefix of a fingerprint (at least 4 digits, unique).
 * -ENOENT (ERR_MISSING) when there is none.
 */
int image_find(const struct layout *l, const char *ref, struct image_info **ret, struct err *err);
/* 1, 0 or -errno. */
int image_exists(const struct layout *l, const char *ref, struct err *err);
/* All images. A damaged record fails the call and is named. */
int image_list_load(const struct layout *l, struct image_list *ret, struct err *err);

/* Point @alias at the image @ref; an alias that is there moves. */
int image_alias_set(const struct layout *l, const char *alias, const char *ref, struct err *err);
/* A missing one is success. */
int image_alias_remove(const struct layout *l, const char *alias, struct err *err);

/*
 * Directories of the layers, absolute, newest first (the order of overlayfs),
 * as a newly allocated list of strings. Fails when one is missing.
 */
int image_layer_paths(const struct layout *l, const struct image_layer *layers, size_t count,
		      char ***ret, struct err *err);
/* A deep copy, for a container's record; freed by image_layers_free(). */
struct image_layer *image_layers_copy(const struct image_layer *layers, size_t count);
void image_layers_free(struct image_layer *layers, size_t count);

/* ---- who uses what ---- */

struct image_uses;
/*
 * One use: container or snapshot @by refers to image @fingerprint (may be NULL)
 * and to layer @layer_id (may be NULL). Call once for each layer.
 */
void image_uses_add(struct image_uses *u, const char *by, const char *fingerprint,
		    const char *layer_id);
/* Asked under the exclusive image lock, so that no new use can come up meanwhile. */
struct image_users {
	int (*collect)(struct image_uses *out, void *data, struct err *err); /* 0 or -errno */
	void *data;
};

/*
 * Delete an image with all its aliases, and the layers that nobody refers to
 * any more. -EBUSY (ERR_CONFLICT) with the user's name while a container uses it.
 */
int image_delete(const struct layout *l, const char *ref, const struct image_users *users,
		 struct err *err);

struct image_cleanup_result {
	char **deleted; /* aliases, oldest first; may be NULL */
	char **kept;    /* newest first; may be NULL */
	char **in_use;  /* old enough, but used by a container or named by another alias */
};
void image_cleanup_result_done(struct image_cleanup_result *r);
/*
 * Of the images with an alias that starts with @prefix and ends in
 * -YYYYMMDD-HHMMSS keep the @keep (> 0) newest, delete the others.
 */
int image_cleanup(const struct layout *l, const char *prefix, size_t keep,
		  const struct image_users *users, struct image_cleanup_result *ret,
		  struct err *err);

/*
 * Remove what a crash left: directories of builders that are gone, records of
 * aliases without an image, and, when @users is given, layers that no image
 * and no user refers to. *@ret_removed (may be NULL) counts; with @dry_run
 * that is all.
 */
int image_repair(const struct layout *l, const struct image_users *users, bool dry_run,
		 size_t *ret_removed, struct err *err);

/* ---- import and export ---- */

/*
 * Called now and then with bytes so far and the total (0: not known); NULL is
 * fine. Non-zero stops the work: -ECANCELED, nothing is left in the store.
 */
struct image_progress {
	int (*fn)(uint64_t done, uint64_t total, void *data);
	void *data;
};

struct image_import_spec {
	/*
	 * The archive or directory: @path, or @fd (borrowed, read to its end; -1:
	 * none). Tar (ustar, pax, GNU), plain or gzip, xz, zstd: a root file system
	 * or a unified Incus/LXD image (metadata.yaml, rootfs/).
	 */
	const char *path;
	int fd;
	/*
	 * Or an OCI image: a layout as an archive or a directory, or what `docker
	 * save` writes. Of several images in it the one that is called @reference
	 * (may be NULL), of several platforms this machine's.
	 */
	const char *reference;
	/* The second file of a split image: @path is then the metadata. NULL: none. */
	const char *rootfs_path;
	const char *alias;       /* may be NULL */
	const char *description; /* NULL: what the metadata says */
	const char *recipe;      /* these may be NULL: written to the record */
	const char *recipe_hash;
	const char *base_alias;
	char *const *registries;
	const struct image_progress *progress; /* may be NULL */
};

struct image_import_result {
	struct image_info *info; /* owned by the caller */
	bool existed;            /* the same archive was there already */
	uint64_t entries;
	uint64_t dropped_xattrs;  /* trusted.*, security.* and other ones an image cannot have */
	uint64_t skipped_devices; /* nodes of a usual /dev */
	/* Of an OCI image: */
	char *platform;	   /* that it is for: "linux/amd64" */
	char **platforms;  /* all that there were */
	bool is_foreign;   /* it is for another machine than this one */
	size_t shared;	   /* layers that another image has brought before */
};
void image_import_result_done(struct image_import_result *r);

/*
 * Unpack in a confined process and add to the store. For any archive: nothing
 * outside the new layer is touched, and after a failure the store is as before.
 */
int image_import(const struct layout *l, const struct image_import_spec *spec,
		 struct image_import_result *ret, struct err *err);

#define IMAGE_DOWNLOAD_MAX (UINT64_C(64) << 30)

/* Does @path name something on the web rather than a file? */
bool image_is_url(const char *path);
/*
 * What @url holds, as an open file without a name, at its beginning, once its
 * SHA-256 has been found to be @sha256; never anything else. A transfer that
 * breaks off goes on from where it was; nothing is kept when it fails for good.
 */
int image_download(const struct layout *l, const char *url, const char *sha256,
		   const struct image_progress *progress, int *ret_fd, struct err *err);

/* "none", "gzip", "xz", "zstd"; ERR_USAGE names these. */
int image_compression_check(const char *name, struct err *err);
/* What is in the image and in no archive of it, since no import would take it. */
struct image_export_result {
	uint64_t dropped_xattrs;
	uint64_t skipped_sockets;
	uint64_t skipped_marks; /* names that begin with ".wh." */
};
/*
 * Write the image as a unified Incus image to @fd, always the same bytes for
 * the same image. @compression NULL: zstd. @ret may be NULL.
 */
int image_export(const struct layout *l, const char *ref, int fd, const char *compression,
		 const struct image_progress *progress, struct image_export_result *ret,
		 struct err *err);

/* ---- verify ---- */

struct image_verify_spec {
	const struct image_progress *progress; /* may be NULL */
	/*
	 * What is not as it was made: object @path of the layer ("" the layer itself),
	 * and in which way. Called for each; may be NULL.
	 */
	void (*report)(const char *path, const char *what, void *data);
	void *data;
};

struct image_verify_result {
	uint64_t objects;     /* looked at */
	uint64_t differences;
	bool is_unknown;      /* made before it was written down what layers consist of */
};
/*
 * Compare a layer with what it was when it was made: names, kinds, modes, owners,
 * times, attributes, content, hard links. An error is one of ours; damage is in the result.
 */
int image_verify(const struct layout *l, const struct image_layer *layer,
		 const struct image_verify_spec *spec, struct image_verify_result *ret,
		 struct err *err);

/* ---- publish ---- */

struct image_publish_spec {
	/* The upper directory, as @upper_name below @upper_parent (unshifted ids). */
	int upper_parent;
	const char *upper_name;
	/*
	 * true: the directory itself becomes the layer (O(1) on the same file system;
	 * by copy across file systems, the source then stays). For what can be made
	 * again, such as a build: a crash between the rename and the record loses it,
	 * an error gives it back. false: a copy, the source is not touched; it must
	 * not change meanwhile.
	 */
	bool consume;
	/*
	 * Oldest first. An image has layers of the default pool only: from the first
	 * one of another pool on they are made one layer with the upper directory
	 * (then never consumed), for which that is wanted as a path too.
	 */
	const struct image_layer *base_layers;
	size_t base_count;
	const char *upper_path; /* absolute, in this mount namespace; may be NULL otherwise */
	const char *alias;        /* may be NULL: no alias */
	const char *version;      /* a second alias, recorded as the version; may be NULL */
	const char *description;  /* the following may be NULL */
	const char *recipe;
	const char *recipe_hash;
	const char *base;         /* fingerprint; architecture, os, release come from it */
	const char *base_alias;
	char *const *registries;
	const struct image_progress *progress;
};
int image_publish(const struct layout *l, const struct image_publish_spec *spec,
		  struct image_info **ret, struct err *err);

/* "<name>-YYYYMMDD-HHMMSS" in UTC, newly allocated; and does an alias look like that? */
char *image_version_alias(const char *name, time_t when);
bool image_alias_is_version(const char *alias);

/*
 * Copy the tree of directory @from into the empty directory @to: owners, modes,
 * times, all xattrs (those of overlayfs too), ACLs, hard links, holes, device
 * nodes (whiteouts). Shares blocks where the file system can. Never follows a
 * symlink, never crosses into another mount. Also what a snapshot needs.
 */
int image_copy_tree(int from, int to, const struct image_progress *progress, struct err *err);

#endif
