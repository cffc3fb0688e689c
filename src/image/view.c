/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layers as one tree. overlayfs takes layers only from the mount namespace of
 * who mounts, and by path on kernels before 6.5: so a private namespace is
 * entered, the overlay made there and taken along as a detached mount.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/linux.h"
#include "base/mem.h"
#include "base/mountns.h"
#include "base/strv.h"
#include "image/layer.h"

/* Anywhere that is there: it is covered only in the private namespace. */
#define MOUNT_POINT "/proc"

static void close_all(int *fds, size_t count) {
	for (size_t i = 0; i < count; i++)
		mem_close_ptr(&fds[i]);
}

struct view {
	char **lower;      /* newest first */
	const char *upper; /* NULL: read-only */
	const char *work;
};

static void add_upper(struct buf *options, const struct view *v) {
	if (v->upper)
		buf_addf(options, ",redirect_dir=on,upperdir=%s,workdir=%s", v->upper, v->work);
	else
		buf_adds(options, ",redirect_dir=follow");
}

/* In the private namespace, with names relative to /proc/self/fd: mount(2) takes one page. */
static int mount_view(const struct view *v, struct err *err) {
	unsigned long flags = MS_NODEV | MS_NOSUID | (v->upper ? 0 : MS_RDONLY);
	char *const *paths = v->lower;
	size_t count = strv_len(paths), opened = 0;
	autofree int *fds = xcalloc(count, sizeof(*fds));
	autobuf struct buf options;
	int fd = -1, r = 0;

	buf_init(&options, 4000);
	buf_adds(&options, "metacopy=off,index=off,lowerdir=");
	for (; r == 0 && opened < count; opened++) {
		fds[opened] = open(paths[opened], O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fds[opened] < 0)
			r = err_sys(err, -errno, "cannot open a layer");
		buf_addf(&options, "%s%d", opened ? ":" : "", fds[opened]);
	}
	add_upper(&options, v);
	if (r == 0 && options.overflow)
		r = err_set(err, ERR_SYSTEM, -E2BIG, "there are too many layers");
	if (r == 0 && (chdir("/proc/self/fd") < 0 ||
		       mount("overlay", MOUNT_POINT, "overlay", flags, options.data) < 0))
		r = err_sys(err, -errno, "cannot lay the layers over each other");
	if (r == 0) {
		fd = open_tree(AT_FDCWD, MOUNT_POINT, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		if (fd < 0)
			r = err_sys(err, -errno, "cannot take the tree of the layers");
	}
	close_all(fds, opened);
	return r < 0 ? r : fd;
}

static int view_of(const struct view *v, struct err *err) {
	struct mountns ns = MOUNTNS_INIT;
	autoclose int tree = -1, root = -1;
	int r = mountns_enter(&ns);

	if (r < 0)
		return err_sys(err, r, "cannot make a mount namespace");
	tree = mount_view(v, err);
	r = mountns_leave(&ns);
	if (r < 0)
		return err_sys(err, r, "cannot go back to the mount namespace");
	if (tree < 0)
		return tree;
	root = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? err_sys(err, -errno, "cannot open the tree of the layers") :
			  steal_fd(&root);
}

int layers_view(const struct layout *l, const struct image_layer *layers, size_t count,
		const char *upper, struct err *err) {
	autostrv char **lower = NULL, **paths = NULL;
	int fd, r = image_layer_paths(l, layers, count, &lower, err);

	if (r < 0)
		return r;
	if (upper)
		strv_add(&paths, upper);
	strv_add_all(&paths, lower);
	if (strv_len(paths) > 1)
		return view_of(&(struct view){ .lower = paths }, err);
	if (!paths)
		return err_set(err, ERR_SYSTEM, -ENOENT, "there are no layers");
	fd = open(paths[0], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(err, -errno, "cannot open '%s'", paths[0]) : fd;
}

int layers_view_writable(const struct layout *l, const struct image_layer *layers, size_t count,
			 const char *upper, const char *work, struct err *err) {
	struct view v = { .upper = upper, .work = work };
	autostrv char **lower = NULL;
	int r = image_layer_paths(l, layers, count, &lower, err);

	v.lower = lower;
	return r < 0 ? r : view_of(&v, err);
}
