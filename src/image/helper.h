/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to image/: the confined program coi-archive, started and listened to. */
#ifndef COI_IMAGE_HELPER_H
#define COI_IMAGE_HELPER_H

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "image/image.h"
#include "image/metadata.h"

enum helper_layout {
	HELPER_ROOTFS,	 /* the tree is the root itself */
	HELPER_UNIFIED,	 /* metadata.yaml and rootfs/ */
	HELPER_METADATA, /* metadata.yaml alone */
	HELPER_OCI,	 /* an OCI layout, or what `docker save` writes */
};

struct helper_result {
	enum helper_layout layout;
	struct image_metadata metadata;
	uint64_t entries;
	uint64_t bytes;
	uint64_t dropped_xattrs;
	uint64_t skipped_devices;
	uint64_t skipped_sockets;
	uint64_t skipped_marks; /* names that begin with ".wh." */
};

/* Bytes on their way to the helper, which are hashed by who does not interpret them. */
struct helper_feed {
	int in;			 /* read to its end */
	int file;		 /* whose position is the progress; -1: bytes are counted */
	uint64_t total;		 /* 0: not known */
	uint64_t done;		 /* before this one (second file of a split image) */
	struct sha256_ctx *hash; /* fed with every byte */
	const struct image_progress *progress;
};

struct helper_unpack {
	struct helper_feed feed; /* the archive */
	bool is_plain;		/* known not to be compressed */
	int target;		/* empty directory */
	int hashes;		/* file that gets struct content_known of each file; -1: none */
	int lock_fd;		/* lent to the helper, so that the lock outlives us if it does */
};
/* Unpack; the helper is gone afterwards, whatever happened. */
int helper_unpack(const struct helper_unpack *spec, struct helper_result *ret, struct err *err);

struct helper_pack {
	const int *layers; /* directories, oldest first */
	size_t count;
	int out;
	const char *compression;
	bool skip_marks;
	const char *prefix;   /* may be NULL */
	const char *metadata; /* may be NULL */
	time_t metadata_time;
	uint64_t total; /* for the progress */
	const struct image_progress *progress;
};
/* Write the archive to spec->out; as above. */
int helper_pack(const struct helper_pack *spec, struct helper_result *ret, struct err *err);

/*
 * Both at once: pack directory @from and unpack it below @to->target. @to->feed.in
 * is not used.
 */
int helper_repack(int from, const struct helper_unpack *to, struct helper_result *ret,
		  struct err *err);

/* ---- images of layers (helper-layer.c) ---- */

struct helper_layer {
	char *path;		     /* below the image's directory */
	char digest[HASH_HEX_SIZE];  /* of the file; "": not said */
	char diff_id[HASH_HEX_SIZE]; /* of the archive without compression */
	int64_t size;		     /* -1: not said */
};

struct helper_plan {
	struct image_metadata metadata;
	char *platform;	  /* "linux/amd64" */
	char **platforms; /* all that there are */
	char *reference;  /* its name there, "" */
	char *config;	  /* path of the document whose hash is the image's identity */
	char **env, **entrypoint, **cmd;
	char *user, *dir;
	struct helper_layer *layers; /* oldest first */
	size_t count;
};
void helper_plan_done(struct helper_plan *p);
/*
 * Which image directory @dir holds (an OCI layout or an unpacked `docker save`)
 * for @machine (uname(2)), by name @reference (may be NULL).
 */
int helper_plan(int dir, const char *machine, const char *reference, struct helper_plan *ret,
		struct err *err);

struct helper_apply {
	int blob;	   /* the layer's file, from its beginning */
	bool is_packed;	   /* it is compressed */
	const int *lower;  /* the layers below, oldest first */
	size_t lower_count;
	int upper, work;   /* empty directories */
	int hashes, lock_fd; /* as above */
	struct sha256_ctx *hash; /* of the archive without compression */
	uint64_t total, done;
	const struct image_progress *progress;
};
/* Put a layer on those below; what it changes becomes the content of @upper. */
int helper_apply(const struct helper_apply *spec, struct helper_result *ret, struct err *err);

#endif
