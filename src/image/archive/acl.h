/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * POSIX ACLs between libarchive's entries and the kernel's extended attributes
 * system.posix_acl_access and system.posix_acl_default (linux/posix_acl_xattr.h:
 * version 2, then tag, permissions, id for each line, little-endian). Pure.
 */
#ifndef COI_IMAGE_ARCHIVE_ACL_H
#define COI_IMAGE_ARCHIVE_ACL_H

#include <archive_entry.h>
#include <stdbool.h>
#include <stddef.h>

#define ACL_LINES_MAX 256
#define ACL_XATTR_MAX (4 + 8 * ACL_LINES_MAX)

/* The id of a user or group, -ENOENT when there is none of that name. */
struct acl_names {
	int (*find)(const char *name, bool group, void *data);
	void *data;
};

/*
 * The entry's ACL of @type (ARCHIVE_ENTRY_ACL_TYPE_ACCESS or _DEFAULT) as the
 * attribute's value in @out (ACL_XATTR_MAX bytes). Its length, 0 when there is
 * none beyond the mode, -EINVAL for one that the kernel would not take, and
 * -ENOENT for one with a name instead of a number that @names (may be NULL)
 * does not know.
 */
int acl_to_xattr(struct archive_entry *e, int type, const struct acl_names *names,
		 unsigned char *out);
/* The other way: adds the lines of @value to the entry. 0 or -EINVAL. */
int acl_from_xattr(struct archive_entry *e, int type, const unsigned char *value, size_t len);

#endif
