/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The merged root file system: id-mapped clones of the layers and of the
 * container's directory below one overlay. Layers and upper keep the ids
 * 0…65535 on disk; the maps are all that makes them this container's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/linux.h"
#include "base/log.h"
#include "base/mem.h"
#include "runtime/disk.h"
#include "runtime/mount.h"
#include "runtime/private.h"

#define FULL_BYTES 65536

static int layer_clone(const char *path, unsigned flags, int userns, struct err *err) {
	autoclose int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autoclose int m = -1;
	int r;

	if (fd < 0)
		return err_sys(err, -errno, "cannot open '%s'", path);
	m = mount_clone(fd);
	if (m < 0)
		return err_sys(err, m, "cannot clone the mount of '%s'", path);
	r = mount_set(m, flags, userns);
	if (r == -EINVAL || r == -EOPNOTSUPP) {
		err_set(err, ERR_CONFLICT, r, "the file system of '%s' has no id-mapped mounts",
			path);
		return err_hint(err, "keep containers on ext4, xfs or btrfs (COI_ROOT)");
	}
	if (r < 0)
		return err_sys(err, r, "cannot map the ids of '%s'", path);
	return steal_fd(&m);
}

/* Where upper/ and work/ are. */
static const char *rootfs_files_dir(const struct runtime_spec *spec) {
	return spec->disk ? DISK_MOUNT : spec->files_dir ? spec->files_dir : spec->container_dir;
}

static int dirs_make(const char *files_dir, struct err *err) {
	static const struct {
		const char *name;
		mode_t mode;
	} dirs[] = { { "upper", 0755 }, { "work", 0700 } };
	autoclose int dir = open(files_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return err_sys(err, -errno, "cannot open '%s'", files_dir);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		if (mkdirat(dir, dirs[i].name, dirs[i].mode) == 0) {
			/* Whatever the umask: the upper's mode is the container's "/". */
			if (fchmodat(dir, dirs[i].name, dirs[i].mode, 0) < 0)
				return err_sys(err, -errno, "cannot set the mode of '%s/%s'",
					       files_dir, dirs[i].name);
		} else if (errno != EEXIST) {
			return err_sys(err, -errno, "cannot make '%s/%s'", files_dir,
				       dirs[i].name);
		}
	}
	return 0;
}

void rootfs_done(struct rootfs_layers *l) {
	for (size_t i = 0; i < l->count; i++)
		mem_close_ptr(&l->layer[i]);
	free(l->layer);
	mem_close_ptr(&l->container);
	*l = (struct rootfs_layers){ .container = -1 };
}

int rootfs_prepare(const struct runtime_spec *spec, const struct idset *ids,
		   struct rootfs_layers *ret, struct err *err) {
	__attribute__((cleanup(rootfs_done))) struct rootfs_layers l = { .container = -1 };
	autoclose int userns = -1;
	size_t count = 0;
	int r = dirs_make(rootfs_files_dir(spec), err);

	if (r < 0)
		return r;
	while (spec->layers && spec->layers[count])
		count++;
	if (count == 0 || count > RUNTIME_LAYERS_MAX)
		return err_set(err, ERR_CONFIG, -E2BIG, "'%s' has %zu layers; 1 to %d can be used",
			       spec->name, count, RUNTIME_LAYERS_MAX);
	userns = idmap_userns(&ids->users, &ids->groups, err);
	if (userns < 0)
		return userns;
	l.layer = xcalloc(count, sizeof(*l.layer));
	for (; l.count < count; l.count++) {
		l.layer[l.count] = layer_clone(spec->layers[l.count], MOUNT_READONLY, userns, err);
		if (l.layer[l.count] < 0)
			return l.layer[l.count];
	}
	l.container = layer_clone(rootfs_files_dir(spec), 0, userns, err);
	if (l.container < 0)
		return l.container;
	*ret = l;
	l = (struct rootfs_layers){ .container = -1 };
	return 0;
}

/* What the kernel said to this mount context, after the error's own message. */
static int fs_error(int fs, int code, const char *what, struct err *err) {
	char text[256];
	ssize_t n = read(fs, text, sizeof(text) - 1);

	if (n <= 0)
		return err_sys(err, code, "cannot mount the overlay (%s)", what);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	/* "e overlay: …": the first letter is the severity. */
	return err_set(err, ERR_SYSTEM, code, "cannot mount the overlay (%s): %s", what,
		       n > 2 ? text + 2 : text);
}

static const char *const options[][2] = {
	/* Else renaming a directory of a layer gives EXDEV. */
	{ "redirect_dir", "on" },
	{ "index", "off" },
	{ "metacopy", "off" },
};

/*
 * Layers by descriptor. -EOPNOTSUPP when this kernel is older: before 6.5 it says that itself,
 * before 6.15 EBADF, since ours are O_PATH (and EINVAL before 6.13 if they were not).
 */
static int overlay_by_fd(const struct runtime_spec *spec, const struct rootfs_layers *l, int upper,
			 int work, struct err *err) {
	autoclose int fs = fsopen("overlay", FSOPEN_CLOEXEC);
	int m;

	if (fs < 0)
		return err_sys(err, -errno, "cannot use overlay");
	for (size_t i = 0; i < l->count; i++)
		if (fsconfig(fs, FSCONFIG_SET_FD, "lowerdir+", NULL, l->layer[i]) < 0)
			return i == 0 && (errno == EBADF || errno == EINVAL || errno == EOPNOTSUPP) ?
				       -EOPNOTSUPP :
				       fs_error(fs, -errno, "layer", err);
	if (fsconfig(fs, FSCONFIG_SET_FD, "upperdir", NULL, upper) < 0)
		return fs_error(fs, -errno, "upper", err);
	if (fsconfig(fs, FSCONFIG_SET_FD, "workdir", NULL, work) < 0)
		return fs_error(fs, -errno, "work", err);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (fsconfig(fs, FSCONFIG_SET_STRING, options[i][0], options[i][1], 0) < 0)
			return fs_error(fs, -errno, options[i][0], err);
	if (spec->no_sync && fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0) < 0)
		return fs_error(fs, -errno, "volatile", err);
	if (l->label && fsconfig(fs, FSCONFIG_SET_STRING, "context", l->label, 0) < 0)
		return fs_error(fs, -errno, "context", err);
	(void)fsconfig(fs, FSCONFIG_SET_STRING, "source", "coi", 0);
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fs_error(fs, -errno, "create", err);
	/*
	 * liblxc gives /dev; a device node that came in by a layer opens nothing. Where root
	 * inside makes harmless ones (nodes.h), they work: others come in by no layer, since
	 * what unpacks them lacks the right to make any, and by no call.
	 */
	m = fsmount(fs, FSMOUNT_CLOEXEC, spec->nesting ? 0 : MOUNT_ATTR_NODEV);
	return m < 0 ? fs_error(fs, -errno, "mount", err) : m;
}

static int attach_named(int dir, const char *name, int mount_fd) {
	autoclose int target = -1;

	if (mkdirat(dir, name, 0700) < 0)
		return -errno;
	target = openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return target < 0 ? -errno : mount_attach(mount_fd, target);
}

/* In the staging directory, with short names, since an old mount(2) takes 4096 bytes at most. */
static int overlay_by_name(const struct runtime_spec *spec, const struct rootfs_layers *l,
			   int dir, const struct idset *ids, struct err *err) {
	autobuf struct buf opt;
	int r = 0;

	buf_init(&opt, 4095);
	buf_adds(&opt, "lowerdir=");
	for (size_t i = 0; i < l->count && r == 0; i++) {
		char name[24];

		(void)snprintf(name, sizeof(name), "%zx", i);
		r = attach_named(dir, name, l->layer[i]);
		buf_addf(&opt, "%s%s", i ? ":" : "", name);
	}
	if (r == 0)
		r = attach_named(dir, "c", l->container);
	if (r == 0 && mkdirat(dir, "m", 0700) < 0)
		r = -errno;
	if (r < 0)
		return err_sys(err, r, "cannot attach the layers");
	buf_adds(&opt, ",upperdir=c/upper,workdir=c/work");
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		buf_addf(&opt, ",%s=%s", options[i][0], options[i][1]);
	if (spec->no_sync)
		buf_adds(&opt, ",volatile");
	if (l->label)
		buf_addf(&opt, ",context=\"%s\"", l->label); /* it has a comma */
	if (opt.overflow)
		return err_set(err, ERR_CONFIG, -E2BIG, "too many layers for this kernel");
	mount_ids_begin(ids->range.base, ids->range.base);
	r = mount("coi", "m", "overlay", spec->nesting ? 0 : MS_NODEV, opt.data) < 0 ? -errno : 0;
	mount_ids_end();
	return r < 0 ? err_sys(err, r, "cannot mount the overlay") : 0;
}

static int overlay_staged(const struct runtime_spec *spec, const struct idset *ids,
			  const struct rootfs_layers *l, const char *staging, struct err *err) {
	autoclose int tmp = mount_tmpfs("1m", "0700", 0, 0, MOUNT_NOSUID | MOUNT_NODEV);
	autoclose int target = open(staging, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autoclose int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int m = -1;
	int r = tmp < 0 || target < 0 || before < 0 ? -EIO : mount_attach(tmp, target);

	if (r < 0)
		return err_sys(err, r, "cannot make a place for the layers");
	if (fchdir(tmp) < 0)
		return err_sys(err, -errno, "cannot enter the place for the layers");
	r = overlay_by_name(spec, l, tmp, ids, err);
	if (r == 0) {
		m = open_tree(tmp, "m", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		if (m < 0)
			r = err_sys(err, -errno, "cannot take the overlay");
	}
	if (fchdir(before) < 0 && r == 0)
		r = err_sys(err, -errno, "cannot go back to the working directory");
	/* The overlay has clones of the layers' mounts of its own. */
	(void)umount2(staging, MNT_DETACH);
	return r < 0 ? r : steal_fd(&m);
}

/* @container: the directory that has upper and work, which overlay could not write to. */
static int check_writable(int m, int container, const struct runtime_spec *spec,
			  struct err *err) {
	struct statvfs s, below;

	if (fstatvfs(m, &s) < 0)
		return err_sys(err, -errno, "cannot look at the overlay");
	if (!(s.f_flag & ST_RDONLY))
		return 0;
	if (fstatvfs(container, &below) == 0 &&
	    (below.f_bavail * below.f_frsize < FULL_BYTES || !below.f_favail)) {
		(void)err_sys(err, -ENOSPC, "cannot write to '%s'", rootfs_files_dir(spec));
		return spec->disk ? err_hint(err, "'coi container set %s limits.disk.size=SIZE' "
						  "makes its disk larger", spec->name) :
				    err_hint(err, "its file system is full");
	}
	err_set(err, ERR_SYSTEM, -EROFS, "the overlay is read-only");
	return err_hint(err, "the container's directory must be on a writable file system with "
			     "d_type and trusted extended attributes, and not on another overlay");
}

/*
 * One that was to go at its end (no_sync) and is kept after all: the kernel has left a mark,
 * and mounts what has it no more (Documentation/filesystems/overlayfs.rst, "Volatile mount").
 */
static int settle(const struct runtime_spec *spec, struct err *err) {
	autoclose int dir = open(rootfs_files_dir(spec), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int marks = dir < 0 ? -errno
				      : open_beneath(dir, "work/work/incompat",
						     O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int r;

	if (marks == -ENOENT || (marks >= 0 && faccessat(marks, "volatile", F_OK, AT_SYMLINK_NOFOLLOW)
							       < 0 && errno == ENOENT))
		return 0;
	r = marks < 0 ? marks : syncfs(marks) < 0 ? -errno : tree_remove_at(marks, "volatile");
	if (r < 0)
		return err_sys(err, r, "cannot take up '%s', which was to go at its end", spec->name);
	return 0;
}

int rootfs_overlay(const struct runtime_spec *spec, const struct idset *ids,
		   const struct rootfs_layers *l, const char *staging, struct err *err) {
	const char *forced = getenv("COI_RUNTIME_NO_OVERLAY_FD");
	autoclose int upper = openat(l->container, "upper", O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int work = openat(l->container, "work", O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int m = -1;
	int r;

	if (upper < 0 || work < 0)
		return err_sys(err, -errno, "cannot open upper and work of '%s'", spec->name);
	r = spec->no_sync ? 0 : settle(spec, err);
	if (r < 0)
		return r;
	if (forced && *forced) {
		m = -EOPNOTSUPP;
	} else {
		/*
		 * The mounter must be somebody whom the maps of upper and work know, or
		 * overlay silently mounts read-only (EOVERFLOW when it makes work/work).
		 */
		mount_ids_begin(ids->range.base, ids->range.base);
		m = overlay_by_fd(spec, l, upper, work, err);
		mount_ids_end();
	}
	if (m == -EOPNOTSUPP) {
		log_debug("overlay by path");
		m = overlay_staged(spec, ids, l, staging, err);
	}
	if (m < 0)
		return m;
	r = check_writable(m, l->container, spec, err);
	return r < 0 ? r : steal_fd(&m);
}
