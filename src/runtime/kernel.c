/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/linux.h"
#include "base/mem.h"
#include "runtime/cgroup.h"
#include "runtime/mount.h"

static int missing(struct err *err, const char *what, const char *why, const char *since) {
	err_set(err, ERR_SYSTEM, -EOPNOTSUPP, "this kernel has no %s, which %s", what, why);
	return err_hint(err, "Linux %s or newer has it", since);
}

/* Overlay refused id-mapped layers before; nothing short of a mount would tell. */
static bool older_than_5_19(void) {
	unsigned major = 0, minor = 0;
	struct utsname u;

	return uname(&u) == 0 && sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
	       (major < 5 || (major == 5 && minor < 19));
}

int kernel_check(const char *dir, struct err *err) {
	auto_cgroup_trees struct cgroup_trees t = { 0 };
	autoclose int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int overlay = -1;
	int r;

	if (fd < 0)
		return err_sys(err, -errno, "cannot open '%s'", dir);
	if (access("/proc/self/ns/user", F_OK) < 0)
		return missing(err, "user namespaces", "containers are made of",
			       "3.8, built with CONFIG_USER_NS,");
	overlay = fsopen("overlay", FSOPEN_CLOEXEC);
	if (overlay < 0 && errno == ENOSYS)
		return missing(err, "mounts by descriptor", "all mounts are made with", "5.2");
	if (overlay < 0)
		return missing(err, "overlay file system", "joins layers to a root file system",
			       "3.18, built with CONFIG_OVERLAY_FS,");
	r = mount_can_idmap(fd);
	if (r == -ENOSYS)
		return missing(err, "id-mapped mounts", "give layers a container's ids", "5.19");
	if (r < 0)
		return err_sys(err, r, "cannot try an id-mapped mount of '%s'", dir);
	if (r == 0) {
		err_set(err, ERR_SYSTEM, -EOPNOTSUPP,
			"the file system of '%s' has no id-mapped mounts", dir);
		return err_hint(err, "keep it on ext4, xfs or btrfs");
	}
	if (older_than_5_19())
		return missing(err, "id-mapped layers below overlay",
			       "share an image between containers", "5.19");
	return cgroup_trees_load(&t, err);
}
