/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/archive/late.h"

#include <archive.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "image/archive/acl.h"
#include "image/archive/policy.h"
#include "image/archive/times.h"

#define LATE_MAX (2 * 1000 * 1000)
#define NAMES_SIZE_MAX (1u << 20)

struct late_item {
	char *name;
	mode_t mode; /* 0: no directory */
	struct timespec mtime;
	struct archive_entry *entry; /* NULL: no ACL */
};

struct late {
	struct late_item *items;
	size_t count, cap;
	struct buf users, groups; /* etc/passwd and etc/group as they were unpacked */
};

struct late *late_new(void) {
	struct late *l = xcalloc(1, sizeof(*l));

	buf_init(&l->users, NAMES_SIZE_MAX);
	buf_init(&l->groups, NAMES_SIZE_MAX);
	return l;
}

void late_free(struct late *l) {
	if (!l)
		return;
	for (size_t i = 0; i < l->count; i++) {
		free(l->items[i].name);
		if (l->items[i].entry)
			archive_entry_free(l->items[i].entry);
	}
	free(l->items);
	buf_done(&l->users);
	buf_done(&l->groups);
	free(l);
}

struct timespec late_mtime(struct archive_entry *e) {
	struct timespec t;

	t.tv_sec = (time_t)times_mtime(e, &t.tv_nsec);
	if (t.tv_nsec < 0 || t.tv_nsec > 999999999)
		t.tv_nsec = 0;
	return t;
}

int late_add(struct late *l, const char *name, struct archive_entry *e) {
	bool is_dir = archive_entry_filetype(e) == AE_IFDIR;
	struct late_item item = { .mtime = late_mtime(e) };

	if (l->count == LATE_MAX)
		return -E2BIG;
	if (l->count == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 1024;
		l->items = xreallocarray(l->items, l->cap, sizeof(l->items[0]));
	}
	if (archive_entry_acl_types(e)) {
		item.entry = archive_entry_clone(e);
		if (!item.entry)
			return -ENOMEM;
	}
	item.name = xstrdup(name);
	item.mode = is_dir ? S_IFDIR | (archive_entry_perm(e) & 07777) : 0;
	l->items[l->count++] = item;
	return 0;
}

int late_open(int dirfd, const char *name, int flags) {
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV,
	};
	long fd = syscall(SYS_openat2, dirfd, *name ? name : ".", &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* ---- names ---- */

/* "rootfs/" first: in a unified image the top is not the root. */
static void load_names(int root, const char *file, struct buf *out) {
	static const char *const tops[] = { "rootfs/etc/", "etc/" };

	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		autofree char *name = xasprintf("%s%s", tops[i], file);
		autoclose int fd = late_open(root, name, O_RDONLY | O_NONBLOCK);
		struct stat st;

		buf_reset(out);
		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		    fd_read_all(fd, out) >= 0)
			return;
	}
	buf_reset(out);
}

/* name:password:id:… in both files. */
static int find_name(const char *name, bool group, void *data) {
	const struct late *l = data;
	const char *line = group ? l->groups.data : l->users.data;
	size_t len = strlen(name);

	for (; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *field;
		char *end;
		long id;

		if (strncmp(line, name, len) != 0 || line[len] != ':')
			continue;
		field = line + len + 1;
		field += strcspn(field, ":\n");
		if (*field != ':')
			continue;
		id = strtol(field + 1, &end, 10);
		if (end != field + 1 && id >= 0 && id <= POLICY_ID_MAX)
			return (int)id;
	}
	return -ENOENT;
}

/* ---- setting ---- */

static int set_acls(int fd, struct archive_entry *e, bool is_dir, const struct acl_names *names) {
	static const char *const attributes[2] = { "system.posix_acl_access",
						   "system.posix_acl_default" };
	unsigned char value[ACL_XATTR_MAX];

	for (int i = 0; i < (is_dir ? 2 : 1); i++) {
		int len = acl_to_xattr(e, i ? ARCHIVE_ENTRY_ACL_TYPE_DEFAULT
					    : ARCHIVE_ENTRY_ACL_TYPE_ACCESS, names, value);

		if (len < 0)
			return len;
		if (len && fsetxattr(fd, attributes[i], value, (size_t)len, 0) < 0)
			return -errno;
	}
	return 0;
}

int late_set_acls(int fd, struct archive_entry *e) {
	return set_acls(fd, e, false, NULL);
}

static int apply_item(struct late *l, int root, struct late_item *item, uint64_t *dropped) {
	struct timespec times[2] = { item->mtime, item->mtime };
	const struct acl_names names = { find_name, l };
	autoclose int fd = late_open(root, item->name,
				     O_RDONLY | O_NONBLOCK | (item->mode ? O_DIRECTORY : 0));
	int r = 0;

	if (fd < 0)
		return fd;
	if (item->mode && fchmod(fd, item->mode & 07777) < 0)
		return -errno;
	if (item->entry)
		r = set_acls(fd, item->entry, item->mode != 0, &names);
	if (r == -ENOENT) {
		/* The mode, which holds what the list gives to the group, is enough without it. */
		(*dropped)++;
		r = 0;
	}
	return r == 0 && futimens(fd, times) < 0 ? -errno : r;
}

int late_apply(struct late *l, int root, uint64_t *dropped, struct err *err) {
	load_names(root, "passwd", &l->users);
	load_names(root, "group", &l->groups);
	for (size_t i = 0; i < l->count; i++) {
		int r = apply_item(l, root, &l->items[i], dropped);

		if (r == -EINVAL)
			return err_set(err, ERR_SYSTEM, -EBADMSG, "the archive is refused: entry "
				       "'%.300s': its access list is not valid", l->items[i].name);
		if (r < 0)
			return err_sys(err, r, "cannot finish '%.300s'", l->items[i].name);
	}
	return 0;
}
