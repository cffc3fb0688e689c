/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way to an entry: its parent, and for a layer what is in the way. */
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "image/archive/unpack-private.h"

/* ---- parents ---- */

/* Parents that the archive leaves out belong to root, 0755. */
static int make_parents(int root, const char *dir) {
	autofree char *copy = xstrdup(dir);
	autoclose int at = late_open(root, "", O_PATH | O_DIRECTORY);
	char *part, *rest = copy;

	if (at < 0)
		return at;
	while ((part = strsep(&rest, "/"))) {
		int next;

		if (mkdirat(at, part, 0755) < 0 && errno != EEXIST)
			return -errno;
		next = late_open(at, part, O_PATH | O_DIRECTORY);
		if (next < 0)
			return next;
		(void)close(at);
		at = next;
	}
	return steal_fd(&at);
}

static char *dir_of(const char *name) {
	const char *slash = strrchr(name, '/');

	return slash ? xstrndup(name, (size_t)(slash - name)) : xstrdup("");
}

static const char *base_of(const char *name) {
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

/* *@clean: the name without links, which only layers may lead through. */
static int open_dir(struct unpack *u, const char *dir, char clean[POLICY_NAME_MAX + 1]) {
	int fd;

	if (u->apply)
		return apply_directory(u->apply, dir, true, clean);
	(void)snprintf(clean, POLICY_NAME_MAX + 1, "%s", dir);
	fd = late_open(u->spec->root, dir, O_PATH | O_DIRECTORY);
	return fd == -ENOENT ? make_parents(u->spec->root, dir) : fd;
}

/* Of the entry at hand; borrowed. */
static int open_parent(struct unpack *u, struct err *err) {
	autofree char *dir = dir_of(u->name);
	char clean[POLICY_NAME_MAX + 1] = "";
	int fd;

	if (u->parent_name && strcmp(u->parent_name, dir) == 0)
		return u->parent_fd;
	fd = open_dir(u, dir, clean);
	if (fd == -ELOOP || fd == -ENOTDIR || fd == -EXDEV)
		return unpack_refuse(u, err, "it lies below something that is no directory");
	if (fd < 0)
		return unpack_failed(u, err, fd);
	mem_close_ptr(&u->parent_fd);
	/* A way through links may lead elsewhere when the next entry has replaced one. */
	str_replace(&u->parent_name, strcmp(clean, dir) == 0 ? dir : NULL);
	str_replace(&u->parent_clean, clean);
	u->parent_fd = fd;
	return fd;
}

static void forget_parent(struct unpack *u) {
	mem_close_ptr(&u->parent_fd);
	u->parent_fd = -1;
	str_replace(&u->parent_name, NULL);
}

/* u->name becomes the one without links. */
static int rename_entry(struct unpack *u, struct err *err) {
	const char *dir = u->parent_clean;
	autofree char *name = xasprintf("%s%s%s", dir, *dir ? "/" : "", base_of(u->name));

	if (strlen(name) > POLICY_NAME_MAX)
		return unpack_refuse(u, err, "it is longer than 4095 bytes");
	memcpy(u->name, name, strlen(name) + 1);
	return 0;
}

int unpack_parent(struct unpack *u, const char **ret_base, bool *ret_takes_over, struct err *err) {
	bool is_dir = !archive_entry_hardlink(u->entry) &&
		      archive_entry_filetype(u->entry) == AE_IFDIR;
	int parent = open_parent(u, err), r;

	if (parent < 0)
		return parent;
	r = rename_entry(u, err);
	if (r < 0)
		return r;
	*ret_base = base_of(u->name);
	if (!u->apply)
		return parent;
	r = apply_make_room(u->apply, parent, *ret_base, u->name, is_dir);
	*ret_takes_over = r == 1;
	return r < 0 ? unpack_failed(u, err, r) : parent;
}

int unpack_link_parent(struct unpack *u, const char *target, const char **ret_base) {
	autofree char *dir = dir_of(target);
	char clean[POLICY_NAME_MAX + 1];

	*ret_base = base_of(target);
	return u->apply ? apply_directory(u->apply, dir, false, clean)
			: late_open(u->spec->root, dir, O_PATH | O_DIRECTORY);
}

/* ---- layers ---- */

/* 1: a whiteout, and what it hides is gone. */
int unpack_whiteout(struct unpack *u, struct err *err) {
	char clean[POLICY_NAME_MAX + 1];
	const char *hides = NULL;
	autofree char *dir = dir_of(u->name), *name = NULL;
	enum policy_whiteout kind = policy_whiteout(u->name, &hides);
	autoclose int parent = -1;
	int r;

	if (kind == WHITEOUT_NONE)
		return 0;
	if (kind == WHITEOUT_FOREIGN)
		return 1;
	if (kind == WHITEOUT_INVALID)
		return unpack_refuse(u, err, "it is a whiteout of nothing");
	if (!archive_entry_hardlink(u->entry) && archive_entry_filetype(u->entry) != AE_IFREG)
		return unpack_refuse(u, err, "it is a whiteout and no file");
	forget_parent(u);
	parent = apply_directory(u->apply, dir, false, clean);
	/* Layers below do not have it either. */
	if (parent == -ENOENT || parent == -ENOTDIR)
		return 1;
	if (parent == -ELOOP)
		return unpack_refuse(u, err, "it lies below something that is no directory");
	if (parent < 0)
		return unpack_failed(u, err, parent);
	if (kind == WHITEOUT_OPAQUE) {
		r = apply_hide_content(u->apply, parent, clean);
	} else {
		name = xasprintf("%s%s%s", clean, *clean ? "/" : "", hides);
		r = apply_hide(u->apply, parent, hides, name);
	}
	return r < 0 ? unpack_failed(u, err, r) : 1;
}
