/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entering: what a supervisor becomes before its container starts. Owns the
 * private mount namespace; everything that is mounted here ends with it.
 */
#include "runtime/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/layout.h"
#include "base/log.h"
#include "base/mem.h"
#include "runtime/control.h"
#include "runtime/disk.h"
#include "runtime/mount.h"
#include "runtime/private.h"

/*
 * Where the merged tree is mounted, in each private namespace; outside it is an
 * empty directory. Not below the state directory: container root, as whom
 * liblxc goes on, must be able to walk there.
 */
#define ROOTFS_DIR RUNTIME_LXCPATH "/rootfs"

struct binds {
	struct bind_mount *v;
	size_t count;
};

static void binds_done(struct binds *b) {
	for (size_t i = 0; i < b->count; i++)
		bind_done(&b->v[i]);
	free(b->v);
	*b = (struct binds){ 0 };
}

static int binds_prepare_once(const struct runtime_spec *spec, const struct idset *ids,
			      struct binds *ret, struct bind_owner *ret_owner, struct err *err) {
	__attribute__((cleanup(binds_done))) struct binds b = { 0 };
	struct bind_userns last = { .fd = -1 };
	int r = 0;

	b.v = xcalloc(spec->bind_count + 1, sizeof(*b.v));
	for (; b.count < spec->bind_count; b.count++) {
		r = bind_prepare(&spec->binds[b.count], ids, &last, &b.v[b.count], ret_owner, err);
		if (r < 0)
			break;
	}
	mem_close_ptr(&last.fd);
	if (r < 0)
		return r;
	*ret = b;
	b = (struct binds){ 0 };
	return 0;
}

/* All binds; with a hole in the container's map when one of them needs it. */
static int binds_prepare(const struct runtime_spec *spec, struct idset *ids, struct binds *ret,
			 struct err *err) {
	struct bind_owner owner = { .uid = (uid_t)-1 };
	int r = binds_prepare_once(spec, ids, ret, &owner, err);

	if (r == 0 || owner.uid == (uid_t)-1 || spec->no_id_holes)
		return r;
	if (idset_hole(ids, owner.uid, owner.gid) < 0)
		return owner.uid ? r :
				   err_wrap(err, "it belongs to root, so there is no way round");
	log_debug("%s: hole for uid %u in the map", spec->name, owner.uid);
	return binds_prepare_once(spec, ids, ret, &owner, err);
}

static int init_clone(const struct runtime_spec *spec, struct err *err) {
	autofree char *standard = spec->coi_init ? NULL : layout_program("coi-init");
	const char *path = spec->coi_init ? spec->coi_init : standard;
	autoclose int fd = open(path, O_PATH | O_CLOEXEC);
	autoclose int m = -1;
	int r;

	if (fd < 0)
		return err_sys(err, -errno, "cannot open '%s'", path);
	m = mount_clone(fd);
	r = m < 0 ? m : mount_set(m, MOUNT_READONLY | MOUNT_NOSUID | MOUNT_NODEV, -1);
	if (r < 0)
		return err_sys(err, r, "cannot bind '%s'", path);
	return steal_fd(&m);
}

/*
 * The move into other groups waits for the kernel (runtime_warm_begin()); a
 * child does it meanwhile. Its exit status is the errno.
 */
static pid_t enter_cgroups_begin(const struct runtime *rt) {
	pid_t self = getpid();
	pid_t pid = fork();

	if (pid == 0) {
		struct err err = { 0 };
		int r = cgroup_enter(&rt->cgroups, CGROUP_SUPERVISOR, rt->spec->lxc_name, self,
				     &err);

		if (r < 0)
			log_debug("%s", err.msg);
		_exit(r < 0 ? -r & 0xff : 0);
	}
	return pid < 0 ? -errno : pid;
}

static int enter_cgroups_end(pid_t pid, struct err *err) {
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, -errno, "cannot enter control groups");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_sys(err, WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO,
		       "cannot enter the control group '" CGROUP_SUPERVISOR "…'");
}

static int private_mounts(struct err *err) {
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(err, -errno, "cannot make a mount namespace");
	/* Slave, not private: what the host unmounts must go here too, or we pin it. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_sys(err, -errno, "cannot make '/' a slave mount");
	return 0;
}

static int merged_attach(struct runtime *rt, int overlay, struct err *err) {
	autoclose int target = open(rt->rootfs_path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = target < 0 ? -errno : mount_attach(overlay, target);

	if (r < 0)
		return err_sys(err, r, "cannot mount '%s'", rt->rootfs_path);
	/* The mount descriptor itself is attached now and can be used from here on. */
	rt->rootfs_fd = fcntl(overlay, F_DUPFD_CLOEXEC, 3);
	return rt->rootfs_fd < 0 ? err_sys(err, -errno, "cannot keep '%s'", rt->rootfs_path) : 0;
}

static int disk_begin(const struct runtime_spec *spec, int *ret, struct err *err) {
	int r = disk_attach(AT_FDCWD, spec->disk, err);

	if (r < 0)
		return r;
	*ret = open(DISK_MOUNT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret < 0)
		return err_sys(err, -errno, "cannot open the disk of '%s'", spec->name);
	disk_room_use(*ret);
	return 0;
}

static int tree_build(struct runtime *rt, struct err *err) {
	__attribute__((cleanup(binds_done))) struct binds binds = { 0 };
	__attribute__((cleanup(rootfs_done))) struct rootfs_layers layers = { .container = -1 };
	const struct runtime_spec *spec = rt->spec;
	autoclose int init = -1, overlay = -1, disk = -1;
	char label[SELINUX_LABEL_SIZE];
	int r = binds_prepare(spec, &rt->ids, &binds, err);

	/* Binds are descriptors of the caller's mounts: only then may the namespace change. */
	if (r == 0)
		r = private_mounts(err);
	if (r == 0 && spec->disk)
		r = disk_begin(spec, &disk, err);
	if (r == 0)
		r = rootfs_prepare(spec, &rt->ids, &layers, err);
	if (r < 0)
		return r;
	init = init_clone(spec, err);
	if (init < 0)
		return init;
	if (rt->selinux == SELINUX_ON) {
		selinux_file_label(&spec->ids, label);
		layers.label = label;
	}
	overlay = rootfs_overlay(spec, &rt->ids, &layers, rt->rootfs_path, err);
	if (overlay < 0)
		return overlay;
	r = merged_attach(rt, overlay, err);
	if (r == 0)
		r = etc_write(spec, rt->rootfs_fd, &rt->ids, err);
	if (r == 0)
		r = rundir_setup(spec, rt->rootfs_fd, init, &rt->ids, &rt->ready_fd, err);
	if (r == 0 && spec->tmp_size)
		r = tmpdir_setup(spec, rt->rootfs_fd, &rt->ids, err);
	if (r == 0 && spec->nesting)
		r = devices_make(DEVICES_DIR, err);
	for (size_t i = 0; i < binds.count && r == 0; i++)
		r = bind_attach(&binds.v[i], rt->rootfs_fd, &rt->ids, err);
	if (disk >= 0)
		disk_room_keep(disk);
	return r;
}

static int spec_check(const struct runtime_spec *spec, struct err *err) {
	if (!spec->name || !spec->lxc_name || strchr(spec->lxc_name, '/') || !*spec->lxc_name ||
	    !spec->lxcpath || spec->lxcpath[0] != '/' || !spec->container_dir ||
	    spec->container_dir[0] != '/' || !spec->hostname ||
	    spec->ids.count < 65536 || spec->ids.base < 65536 || spec->code_uid == 0 ||
	    spec->code_uid >= spec->ids.count || spec->code_gid >= spec->ids.count ||
	    (spec->init == RUNTIME_INIT_ARGV && (!spec->init_argv || !spec->init_argv[0])))
		return err_set(err, ERR_BUG, -EINVAL, "malformed plan of a container");
	return 0;
}

static int places_make(const struct runtime_spec *spec, struct err *err) {
	const char *const dirs[] = { RUNTIME_LXCPATH, ROOTFS_DIR, DISK_MOUNT, spec->lxcpath };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (mkdir(dirs[i], 0711) < 0 && errno != EEXIST)
			return err_sys(err, -errno, "cannot make '%s'", dirs[i]);
	return 0;
}

int runtime_enter(const struct runtime_spec *spec, struct runtime **ret, struct err *err) {
	struct runtime *rt;
	pid_t mover;
	int r = spec_check(spec, err), r2;

	if (r < 0)
		return r;
	rt = xcalloc(1, sizeof(*rt));
	*rt = (struct runtime){ .spec = spec, .rootfs_fd = -1, .ready_fd = -1,
				.info = { .init_pidfd = -1, .monitor_pidfd = -1 } };
	idset_init(&rt->ids, &spec->ids, spec->code_uid, spec->code_gid);
	rt->rootfs_path = xstrdup(ROOTFS_DIR);
	r = places_make(spec, err);
	if (r == 0)
		r = selinux_look(NULL, &rt->selinux, err);
	if (r < 0)
		goto fail;
	r = cgroup_trees_load(&rt->cgroups, err);
	if (r < 0)
		goto fail;
	mover = enter_cgroups_begin(rt);
	if (mover < 0) {
		r = err_sys(err, mover, "cannot make a process");
		goto fail;
	}
	r = tree_build(rt, err);
	r2 = enter_cgroups_end(mover, r < 0 ? NULL : err);
	if (r == 0)
		r = r2;
	if (r < 0)
		goto fail;
	*ret = rt;
	return 0;
fail:
	/* In a group that nobody knows of, since nobody gets @rt. */
	if (rt->cgroups.count && runtime_leave(rt, NULL) < 0)
		log_debug("cannot leave the control group of '%s'", spec->name);
	runtime_free(rt);
	(void)err_wrap(err, "preparing '%s'", spec->name);
	return r;
}

void runtime_unmount(struct runtime *rt) {
	mem_close_ptr(&rt->rootfs_fd);
	(void)umount2(rt->rootfs_path, MNT_DETACH | UMOUNT_NOFOLLOW);
	if (rt->spec->disk)
		disk_detach();
}

int runtime_rootfs_fd(const struct runtime *rt) {
	return rt->rootfs_fd;
}

void runtime_free(struct runtime *rt) {
	if (!rt)
		return;
	cgroup_trees_done(&rt->cgroups);
	mem_close_ptr(&rt->rootfs_fd);
	mem_close_ptr(&rt->ready_fd);
	mem_close_ptr(&rt->info.init_pidfd);
	mem_close_ptr(&rt->info.monitor_pidfd);
	free(rt->rootfs_path);
	free(rt);
}
