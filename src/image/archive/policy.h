/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an archive may hold. Pure: text and numbers in, a verdict out.
 */
#ifndef COI_IMAGE_ARCHIVE_POLICY_H
#define COI_IMAGE_ARCHIVE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define POLICY_NAME_MAX 4095      /* a whole path, as PATH_MAX without the NUL */
#define POLICY_COMPONENT_MAX 255  /* NAME_MAX */
#define POLICY_DEPTH_MAX 128      /* directories below each other */
#define POLICY_ID_MAX 65535       /* the ids of a container's map */
#define POLICY_ENTRIES_MAX (8 * 1000 * 1000)
#define POLICY_FILE_SIZE_MAX (INT64_C(1) << 44) /* holes included; what ext4 can have */
#define POLICY_XATTRS_MAX 64      /* of one entry */
#define POLICY_XATTR_SIZE_MAX 65536

enum policy_verdict {
	POLICY_KEEP,
	POLICY_SKIP,   /* leave out and count */
	POLICY_REFUSE, /* the whole archive is refused */
};

/*
 * An entry's name without "." components and doubled slashes, relative, into
 * @out (POLICY_NAME_MAX + 1 bytes); "" for the top directory. 0, or -EINVAL
 * with *@ret_why, a static text ("it is absolute").
 */
int policy_clean_name(const char *raw, char *out, const char **ret_why);

/*
 * Names that begin with ".wh." are marks of removal in layers (AUFS, the OCI
 * image specification) and have no place anywhere else: does a part of the
 * clean name @name begin so?
 */
bool policy_has_whiteout(const char *name);

enum policy_whiteout {
	WHITEOUT_NONE,	  /* an ordinary name */
	WHITEOUT_NAME,	  /* .wh.NAME: what layers below have as NAME beside it is gone */
	WHITEOUT_OPAQUE,  /* .wh..wh..opq: all that layers below have in its directory is gone */
	WHITEOUT_FOREIGN, /* .wh..wh.*: AUFS's own, of no meaning to others */
	WHITEOUT_INVALID,
};
/* What a clean name of a layer means; *@ret_hides, for WHITEOUT_NAME, points into it. */
enum policy_whiteout policy_whiteout(const char *name, const char **ret_hides);

/* A symbolic link's target may be any text that the kernel takes; else *@ret_why. */
int policy_check_target(const char *target, const char **ret_why);

/* Character and block nodes: those of a usual /dev are skipped, others refused. */
enum policy_verdict policy_device(const char *name, mode_t mode, unsigned int major_nr,
				  unsigned int minor_nr);

/*
 * An extended attribute of an entry of type @mode (S_IFMT part). A version 3
 * file capability whose namespace root is 0 is rewritten as version 2: *@value
 * (a buffer of @len bytes that may be changed) and *@len.
 */
enum policy_verdict policy_xattr(const char *name, mode_t mode, unsigned char *value, size_t *len);

#endif
