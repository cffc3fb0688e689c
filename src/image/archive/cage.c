/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/archive/cage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/linux.h"
#include "base/mem.h"

/* A sanitizer's shadow memory and its own system calls do not fit in the cage. */
#if defined(__SANITIZE_ADDRESS__)
#define CAGE_FULL 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CAGE_FULL 0
#endif
#endif
#ifndef CAGE_FULL
#define CAGE_FULL 1
#endif

/* xz and zstd dictionaries are the largest consumers; a bomb in memory ends here. */
#define CAGE_MEMORY (UINT64_C(2048) << 20)
#define CAGE_FILES 512

int cage_namespaces(struct err *err) {
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) < 0)
		return err_sys(err, -errno, "cannot make namespaces for the archive process");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_sys(err, -errno, "cannot detach the mounts of the archive process");
	return 0;
}

int cage_clone(int fd, bool read_only, int *ret, struct err *err) {
	autoclose int tree = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
			    (read_only ? MOUNT_ATTR_RDONLY : 0),
	};

	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return err_sys(err, -errno, "cannot bind the directory of the archive process");
	*ret = steal_fd(&tree);
	return 0;
}

int cage_nothing(int *ret, struct err *err) {
	autoclose int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	autoclose int tree = -1;

	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_sys(err, -errno, "cannot make an empty root for the archive process");
	tree = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
		       MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (tree < 0)
		return err_sys(err, -errno, "cannot mount an empty root for the archive process");
	*ret = steal_fd(&tree);
	return 0;
}

int cage_root(int tree, struct err *err) {
	/* Any directory serves as the place: the namespace is ours, and the place goes away. */
	if (move_mount(tree, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
	    fchdir(tree) < 0)
		return err_sys(err, -errno, "cannot attach the directory of the archive process");
	/* Both are ".": the old root is stacked on the new one and detached from there. */
	if (syscall(SYS_pivot_root, ".", ".") == 0) {
		if (umount2(".", MNT_DETACH) < 0)
			return err_sys(err, -errno, "cannot detach the old root");
	} else if (errno != EINVAL || chroot(".") < 0) {
		/* EINVAL: "/" is no mount that can be pivoted (initramfs, chroot). */
		return err_sys(err, -errno, "cannot change the root of the archive process");
	}
	return chdir("/") < 0 ? err_sys(err, -errno, "cannot enter the new root") : 0;
}

static const cap_value_t write_caps[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,
					  CAP_SETFCAP };
static const cap_value_t read_caps[] = { CAP_DAC_READ_SEARCH };

static int drop_capabilities(enum cage_job job) {
	bool read_only = job == CAGE_READ;
	const cap_value_t *want = read_only ? read_caps : write_caps;
	size_t count = job == CAGE_STREAM ? 0 :
		       read_only ? ARRAY_SIZE(read_caps) : ARRAY_SIZE(write_caps);
	cap_t now = cap_get_proc(), left = cap_init();
	int r = 0;

	if (!now || !left)
		r = -errno;
	for (size_t i = 0; r == 0 && i < count; i++) {
		cap_flag_value_t has = CAP_CLEAR;

		/* One that is not permitted would fail the whole call. */
		(void)cap_get_flag(now, want[i], CAP_PERMITTED, &has);
		if (has == CAP_SET &&
		    (cap_set_flag(left, CAP_PERMITTED, 1, &want[i], CAP_SET) < 0 ||
		     cap_set_flag(left, CAP_EFFECTIVE, 1, &want[i], CAP_SET) < 0))
			r = -errno;
	}
	for (int c = 0; r == 0 && prctl(PR_CAPBSET_READ, c) >= 0; c++)
		if (prctl(PR_CAPBSET_DROP, c) < 0)
			r = -errno;
	if (r == 0 && cap_set_proc(left) < 0)
		r = -errno;
	if (now)
		(void)cap_free(now);
	if (left)
		(void)cap_free(left);
	return r;
}

static int set_limits(void) {
	int r = confine_limit(RLIMIT_CORE, 0);

	if (r == 0)
		r = confine_limit(RLIMIT_NOFILE, CAGE_FILES);
	if (r == 0 && CAGE_FULL)
		r = confine_limit(RLIMIT_AS, CAGE_MEMORY);
	return r;
}

static const int common_calls[] = {
	SCMP_SYS(brk),	       SCMP_SYS(clock_gettime), SCMP_SYS(close),     SCMP_SYS(exit),
	SCMP_SYS(exit_group),  SCMP_SYS(fcntl),	        SCMP_SYS(fstat),     SCMP_SYS(fstatfs),
	SCMP_SYS(futex),       SCMP_SYS(getrandom),     SCMP_SYS(lseek),     SCMP_SYS(madvise),
	SCMP_SYS(mmap),	       SCMP_SYS(mremap),        SCMP_SYS(munmap),    SCMP_SYS(newfstatat),
	SCMP_SYS(openat),      SCMP_SYS(openat2),       SCMP_SYS(poll),      SCMP_SYS(ppoll),
	SCMP_SYS(read),	       SCMP_SYS(recvmsg),       SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(sendmsg),      SCMP_SYS(statx),     SCMP_SYS(write),
	SCMP_SYS(sysinfo), /* of qsort(3) */
	SCMP_SYS(writev),
};
static const int write_calls[] = {
	SCMP_SYS(fchmod),    SCMP_SYS(fchmodat), SCMP_SYS(fchown),    SCMP_SYS(fchownat),
	SCMP_SYS(fsetxattr), SCMP_SYS(ftruncate), SCMP_SYS(linkat),   SCMP_SYS(lsetxattr),
	SCMP_SYS(mkdirat),   SCMP_SYS(mknodat),  SCMP_SYS(pwrite64),  SCMP_SYS(symlinkat),
	SCMP_SYS(sync_file_range), SCMP_SYS(utimensat),
};
static const int read_calls[] = {
	SCMP_SYS(fgetxattr), SCMP_SYS(flistxattr), SCMP_SYS(getdents64), SCMP_SYS(getxattr),
	SCMP_SYS(lgetxattr), SCMP_SYS(listxattr),  SCMP_SYS(llistxattr), SCMP_SYS(pread64),
	SCMP_SYS(readlinkat), SCMP_SYS(sendto),
};

/* Beside those that write. */
static const int apply_calls[] = {
	SCMP_SYS(flistxattr), SCMP_SYS(fremovexattr), SCMP_SYS(getdents64), SCMP_SYS(readlinkat),
	SCMP_SYS(renameat2), SCMP_SYS(unlinkat),
};

static int load_filter(enum cage_job job) {
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!ctx)
		return -ENOMEM;
	r = confine_allow(ctx, common_calls, ARRAY_SIZE(common_calls));
	if (r == 0 && job == CAGE_READ)
		r = confine_allow(ctx, read_calls, ARRAY_SIZE(read_calls));
	if (r == 0 && (job == CAGE_WRITE || job == CAGE_APPLY))
		r = confine_allow(ctx, write_calls, ARRAY_SIZE(write_calls));
	if (r == 0 && job == CAGE_APPLY)
		r = confine_allow(ctx, apply_calls, ARRAY_SIZE(apply_calls));
	return confine_load(ctx, r);
}

int cage_rights(enum cage_job job, struct err *err) {
	int r;

	if (setgroups(0, NULL) < 0)
		return err_sys(err, -errno, "cannot drop the groups of the archive process");
	r = drop_capabilities(job);
	if (r < 0)
		return err_sys(err, r, "cannot drop the rights of the archive process");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(err, -errno, "cannot lock the rights of the archive process");
	r = set_limits();
	if (r < 0)
		return err_sys(err, r, "cannot limit the archive process");
	r = CAGE_FULL ? load_filter(job) : 0;
	return r < 0 ? err_sys(err, r, "cannot filter the calls of the archive process") : 0;
}
