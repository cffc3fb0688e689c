/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extended attributes and access lists of what is unpacked. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/mem.h"
#include "image/archive/acl.h"
#include "image/archive/unpack-private.h"

/*
 * Some write access lists as the kernel's own attributes (GNU tar with
 * --xattrs-include='*', so mmdebstrap). They become lists of the entry, and
 * with that are checked like those.
 */
int unpack_fold_acls(struct unpack *u, struct err *err) {
	static const struct {
		const char *name;
		int type;
	} raw[] = {
		{ "system.posix_acl_access", ARCHIVE_ENTRY_ACL_TYPE_ACCESS },
		{ "system.posix_acl_default", ARCHIVE_ENTRY_ACL_TYPE_DEFAULT },
	};
	const char *name;
	const void *value;
	size_t len;

	(void)archive_entry_xattr_reset(u->entry);
	while (archive_entry_xattr_next(u->entry, &name, &value, &len) == ARCHIVE_OK)
		for (size_t i = 0; name && i < ARRAY_SIZE(raw); i++)
			if (strcmp(name, raw[i].name) == 0 &&
			    !(archive_entry_acl_types(u->entry) & raw[i].type) &&
			    acl_from_xattr(u->entry, raw[i].type, value, len) < 0)
				return unpack_refuse(u, err, "its access list is not valid");
	return 0;
}

static bool is_raw_acl(const char *name) {
	return strcmp(name, "system.posix_acl_access") == 0 ||
	       strcmp(name, "system.posix_acl_default") == 0;
}

static int set_xattr(int fd, const char *path, const char *name, const void *value, size_t len) {
	int r = path ? lsetxattr(path, name, value, len, 0) : fsetxattr(fd, name, value, len, 0);

	return r < 0 ? -errno : 0;
}

/* On descriptor @fd, which is open for more than its path. */
int unpack_xattrs(struct unpack *u, int fd, mode_t mode, struct err *err) {
	const char *name;
	const void *value;
	size_t len;
	unsigned int seen = 0;

	(void)archive_entry_xattr_reset(u->entry);
	while (archive_entry_xattr_next(u->entry, &name, &value, &len) == ARCHIVE_OK) {
		autofree unsigned char *copy = NULL;
		enum policy_verdict verdict;
		int r;

		if (++seen > POLICY_XATTRS_MAX)
			return unpack_refuse(u, err, "it has too many extended attributes");
		if (!name || is_raw_acl(name))
			continue;
		if (len <= POLICY_XATTR_SIZE_MAX && len)
			copy = xmemdup(value, len);
		verdict = policy_xattr(name, mode, copy, &len);
		if (verdict == POLICY_REFUSE)
			return unpack_refuse(u, err, "it has an attribute of an overlay file system");
		if (verdict == POLICY_SKIP || fd < 0) {
			u->sum.dropped_xattrs++;
			continue;
		}
		r = set_xattr(fd, NULL, name, copy ? copy : (unsigned char *)"", len);
		if (r < 0)
			return unpack_failed(u, err, r);
	}
	return 0;
}

int unpack_later(struct unpack *u, struct err *err) {
	int r = late_add(u->late, u->name, u->entry);

	return r == -E2BIG ? unpack_refuse(u, err, "the archive has too many directories")
	       : r < 0	   ? unpack_failed(u, err, r)
			   : 0;
}

/* A file's list now, or at the end when it names users. */
int unpack_acls(struct unpack *u, int fd, struct err *err) {
	int r = late_set_acls(fd, u->entry);

	if (r == -EINVAL)
		return unpack_refuse(u, err, "its access list is not valid");
	if (r == -ENOENT)
		return unpack_later(u, err);
	return r < 0 ? unpack_failed(u, err, r) : 0;
}
