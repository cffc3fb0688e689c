/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A child goes into the container step by step and gives up the host's rights
 * on the way; what it does with names of the container, it does as its root.
 *
 * A read-only mount stays so only when its flags are locked, which the kernel
 * does when a mount namespace is copied for another user namespace: so the
 * mount is attached in a private namespace of the host, copied into one of the
 * container's user namespace, and taken from there.
 */
#include "runtime/hotmount.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "runtime/inside.h"
#include "runtime/mount.h"
#include "runtime/private.h"

/* Ids as they are for a process inside. */
static void idset_inside(const struct hotmount_spec *spec, struct idset *ret) {
	*ret = (struct idset){
		.range = { .base = 0, .count = spec->ids.count },
		.code_uid = spec->code_uid,
		.code_gid = spec->code_gid,
		.code_uid_host = spec->code_uid,
		.code_gid_host = spec->code_gid,
	};
}

/* Working directory: a tmpfs of our own namespace, with the mount on "m". */
static int stage_attach(const struct bind_mount *m, struct err *err) {
	autoclose int tmp = -1, target = -1, root = -1;
	int r;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_sys(err, -errno, "cannot make a mount namespace");
	tmp = mount_tmpfs("64k", "0755", 0, 0, MOUNT_NOSUID | MOUNT_NODEV);
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (tmp < 0 || root < 0)
		return err_sys(err, tmp < 0 ? tmp : -errno, "cannot make a tmpfs");
	if (m->is_dir) {
		if (mkdirat(tmp, "m", 0755) < 0)
			return err_sys(err, -errno, "cannot make a mount point");
	} else {
		autoclose int fd = openat(tmp, "m", O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0644);

		if (fd < 0)
			return err_sys(err, -errno, "cannot make a mount point");
	}
	r = mount_attach(tmp, root);
	if (r == 0)
		target = openat(tmp, "m", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (r == 0)
		r = target < 0 ? -errno : mount_attach(m->fd, target);
	if (r == 0 && fchdir(tmp) < 0)
		r = -errno;
	return r < 0 ? err_sys(err, r, "cannot attach '%s'", m->bind->source) : 0;
}

static int add_inside(const struct hotmount_spec *spec, struct bind_mount *m, int pidfd,
		      struct err *err) {
	autoclose int root = -1;
	struct idset inside;
	int r = stage_attach(m, err);

	if (r == 0)
		r = inside_become_root(pidfd, err);
	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(err, -errno, "cannot make the container's copy");
	(void)close(m->fd);
	m->fd = open_tree(AT_FDCWD, "m", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (m->fd < 0)
		return err_sys(err, -errno, "cannot take the mount");
	r = inside_enter_mounts(pidfd, &root, err);
	if (r < 0)
		return r;
	idset_inside(spec, &inside);
	return bind_attach(m, root, &inside, err);
}

static int remove_inside(const char *target, int pidfd, struct err *err) {
	/* The container's /proc does not know us: our own is kept open. */
	autoclose int self = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclose int root = -1, fd = -1;
	struct statx st;
	char number[16];
	int r = inside_become_root(pidfd, err);

	if (r == 0)
		r = inside_enter_mounts(pidfd, &root, err);
	if (r < 0)
		return r;
	while (*target == '/')
		target++;
	fd = open_in_root(root, target, O_PATH, 0);
	if (fd < 0)
		return err_sys(err, fd, "cannot open '/%s' in the container", target);
	if (statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_TYPE, &st) < 0)
		return err_sys(err, -errno, "cannot look at '/%s' in the container", target);
	if (!(st.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return err_set(err, ERR_MISSING, -ENOENT,
			       "nothing is mounted on '/%s' in the container", target);
	/* By descriptor: the name may mean something else by now. */
	(void)snprintf(number, sizeof(number), "%d", fd);
	if (fchdir(self) < 0)
		return err_sys(err, -errno, "cannot open '/proc/self/fd'");
	if (umount2(number, MNT_DETACH) == 0)
		return 0;
	if (errno != EINVAL)
		return err_sys(err, -errno, "cannot unmount '/%s' in the container", target);
	return err_set(err, ERR_CONFLICT, -EBUSY,
		       "'/%s' was bound before the start and stays until the stop", target);
}

struct hotmount_job {
	const struct hotmount_spec *spec; /* NULL: remove */
	struct bind_mount *mount;
	const char *target;
};

static int act(int pidfd, void *data, struct buf *text, struct err *err) {
	const struct hotmount_job *job = data;

	(void)text;
	return job->spec ? add_inside(job->spec, job->mount, pidfd, err) :
			   remove_inside(job->target, pidfd, err);
}

int hotmount_add(const struct hotmount_spec *spec, struct err *err) {
	struct bind_userns last = { .fd = -1 };
	struct bind_owner owner;
	struct hotmount_job job;
	struct bind_mount m;
	struct idset ids;
	int r;

	if (!runtime_alive(&spec->ref))
		return err_set(err, ERR_MISSING, -ESRCH, "'%s' is not running",
			       runtime_ref_name(&spec->ref));
	idset_init(&ids, &spec->ids, spec->code_uid, spec->code_gid);
	r = bind_prepare(&spec->bind, &ids, &last, &m, &owner, err);
	mem_close_ptr(&last.fd);
	if (r < 0)
		return r;
	job = (struct hotmount_job){ .spec = spec, .mount = &m };
	r = inside_run(&(struct inside_job){ .ref = &spec->ref,
					     .keep = &m.fd,
					     .keep_count = 1,
					     .act = act,
					     .data = &job },
		       NULL, err);
	bind_done(&m);
	return r;
}

int hotmount_remove(const struct runtime_ref *ref, const char *target, struct err *err) {
	return inside_run(&(struct inside_job){ .ref = ref,
						.act = act,
						.data = &(struct hotmount_job){ .target = target } },
			  NULL, err);
}
