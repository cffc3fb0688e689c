/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images of the OCI image specification and of `docker save`: which of those
 * in a directory is meant, and what it consists of.
 *
 *   OCI layout   oci-layout, index.json → (index →) manifest → config, layers
 *   docker save  manifest.json → config, layers; newer ones are OCI layouts too
 *
 * All of it is somebody else's text: sizes are bounded, each document that has a
 * digest is compared with it before it is read, names lead nowhere outside.
 * Of layers only the description is looked at here.
 */
#ifndef COI_IMAGE_ARCHIVE_OCI_H
#define COI_IMAGE_ARCHIVE_OCI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"

#define OCI_JSON_MAX (4u << 20)	/* of one document, as registries have it */
#define OCI_IMAGES_MAX 256	/* in one layout, all platforms */
#define OCI_DEPTH_MAX 4		/* of indexes in indexes */
#define OCI_INDEXES_MAX 256	/* one that is named twice is read twice */
#define OCI_NAME_MAX 512	/* longer ones are passed over */
#define OCI_LAYERS_MAX 300	/* of one image; containers stand on fewer than 400 */
/* Of environment or of a command line; what our records can hold. */
#define OCI_LIST_MAX 16384	/* bytes */
#define OCI_LIST_COUNT_MAX 1000
#define OCI_WORD 64

/* As the specification names them: "linux", "amd64", "v2"; "" is not said. */
struct oci_platform {
	char os[OCI_WORD];
	char arch[OCI_WORD];
	char variant[OCI_WORD];
};

/* The platform of a machine by uname(2): "x86_64" is linux/amd64. */
void oci_platform_of(const char *machine, struct oci_platform *ret);
/* The other way: "amd64" is "x86_64"; a name that is not known stays as it is. Borrowed. */
const char *oci_machine_of(const char *arch);
/* "linux/arm/v7"; newly allocated. */
char *oci_platform_text(const struct oci_platform *p);
/* How well an image for @p fits @machine: 0 best, -1 not at all. */
int oci_platform_rank(const struct oci_platform *machine, const struct oci_platform *p);

/* The 64 digits of "sha256:<64 lower-case digits>"; false when it is none. */
bool oci_digest(const char *text, char out[HASH_HEX_SIZE]);

struct oci_blob {
	char *path;
	char digest[HASH_HEX_SIZE];  /* "": not said */
	int64_t size;		     /* -1: not said */
	char diff_id[HASH_HEX_SIZE]; /* of a layer: the hash of the unpacked archive */
};

/* One of the images that a directory holds. */
struct oci_image {
	struct oci_platform platform;
	char **names;	     /* that it goes by; may be NULL */
	struct oci_blob manifest; /* path NULL: described by manifest.json */
	const json_t *docker; /* its part of manifest.json; borrowed */
};

struct oci_images {
	struct oci_image *items;
	size_t count;
	size_t indexes; /* that were read */
};
void oci_images_done(struct oci_images *list);

struct oci_want {
	struct oci_platform platform;
	const char *reference; /* a name; NULL: there is only one */
};
/*
 * The image that is meant: the one of that name for that platform, or, when
 * there is just one image, whatever it is for. ERR_USAGE with what there is when
 * that does not decide it.
 */
int oci_choose(const struct oci_images *list, const struct oci_want *want,
	       const struct oci_image **ret, struct err *err);

struct oci_plan {
	struct oci_platform platform;
	char **platforms;  /* all that there are, as text */
	char *reference;   /* a name of it, "" when it has none */
	char *description; /* "" */
	int64_t created;   /* 0: not said */
	char **env, **entrypoint, **cmd;
	char *user, *dir; /* "" */
	struct oci_blob config;
	struct oci_blob *layers; /* oldest first */
	size_t layer_count;
};
void oci_plan_done(struct oci_plan *p);
/* What a config says, with the layers that it names by their diff_id. Pure. */
int oci_parse_config(const json_t *config, struct oci_plan *plan, struct err *err);

/* Does directory @root hold such images? */
bool oci_is_there(int root);
/* Read them and choose. */
int oci_read(int root, const struct oci_want *want, struct oci_plan *ret, struct err *err);

#endif
