/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/linux.h"
#include "base/mem.h"
#include "runtime/idmap.h"

int mount_clone(int fd) {
	struct mount_attr attr = { .propagation = MS_PRIVATE };
	autoclose int m = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (m < 0)
		return -errno;
	/* A clone of a shared mount is its peer: what is mounted in it would show on the host. */
	if (mount_setattr(m, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -errno;
	return steal_fd(&m);
}

static uint64_t attr_bits(unsigned flags) {
	return (flags & MOUNT_READONLY ? (uint64_t)MOUNT_ATTR_RDONLY : 0) |
	       (flags & MOUNT_NOSUID ? (uint64_t)MOUNT_ATTR_NOSUID : 0) |
	       (flags & MOUNT_NODEV ? (uint64_t)MOUNT_ATTR_NODEV : 0) |
	       (flags & MOUNT_NOEXEC ? (uint64_t)MOUNT_ATTR_NOEXEC : 0);
}

int mount_set(int mount_fd, unsigned flags, int userns) {
	struct mount_attr attr = { .attr_set = attr_bits(flags) };

	if (userns >= 0) {
		attr.attr_set |= MOUNT_ATTR_IDMAP;
		attr.userns_fd = (uint64_t)userns;
	}
	if (!attr.attr_set)
		return 0;
	return mount_setattr(mount_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int mount_attach(int mount_fd, int target_fd) {
	return move_mount(mount_fd, "", target_fd, "",
			  MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ?
		       -errno :
		       0;
}

int mount_tmpfs(const char *size, const char *mode, uid_t uid, gid_t gid, unsigned flags) {
	autoclose int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	char id[2][16];
	int m;

	if (fs < 0)
		return -errno;
	(void)snprintf(id[0], sizeof(id[0]), "%u", uid);
	(void)snprintf(id[1], sizeof(id[1]), "%u", gid);
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", "tmpfs", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "size", size, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "mode", mode, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "uid", id[0], 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "gid", id[1], 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	m = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attr_bits(flags));
	return m < 0 ? -errno : m;
}

int mount_can_idmap(int fd) {
	/* Any map will do; the mount is never attached. */
	const struct id_range some = { .base = 65536, .count = 65536 };
	struct idmap map;
	autoclose int m = mount_clone(fd);
	autoclose int userns = -1;
	int r;

	if (m < 0)
		return m;
	idmap_whole(&some, &map);
	userns = idmap_userns(&map, &map, NULL);
	if (userns < 0)
		return userns;
	r = mount_set(m, 0, userns);
	return r == 0 ? 1 : r == -EINVAL || r == -EOPNOTSUPP ? 0 : r;
}

static struct __user_cap_data_struct caps_before[2];

void mount_ids_begin(uid_t uid, gid_t gid) {
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };

	(void)syscall(SYS_capget, &h, caps_before);
	(void)setfsgid(gid);
	(void)setfsuid(uid);
	(void)syscall(SYS_capset, &h, caps_before);
}

void mount_ids_end(void) {
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };

	(void)setfsuid(0);
	(void)setfsgid(0);
	(void)syscall(SYS_capset, &h, caps_before);
}
