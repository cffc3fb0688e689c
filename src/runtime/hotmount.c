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
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "runtime/mount.h"
#include "runtime/private.h"

/* For what is done inside, where names may lead into the container's own file systems. */
#define ANSWER_TIMEOUT_MS 5000

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

static int become_root_inside(int pidfd, struct err *err) {
	if (setns(pidfd, CLONE_NEWUSER) < 0)
		return err_sys(err, -errno, "cannot enter the user namespace");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_sys(err, -errno, "cannot become root inside");
	return 0;
}

static int enter_mounts(int pidfd, int *ret_root, struct err *err) {
	if (setns(pidfd, CLONE_NEWNS) < 0)
		return err_sys(err, -errno, "cannot enter the mount namespace");
	*ret_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *ret_root < 0 ? err_sys(err, -errno, "cannot open '/'") : 0;
}

static int add_inside(const struct hotmount_spec *spec, struct bind_mount *m, int pidfd,
		      struct err *err) {
	autoclose int root = -1;
	struct idset inside;
	int r = stage_attach(m, err);

	if (r == 0)
		r = become_root_inside(pidfd, err);
	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(err, -errno, "cannot make the container's copy");
	(void)close(m->fd);
	m->fd = open_tree(AT_FDCWD, "m", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (m->fd < 0)
		return err_sys(err, -errno, "cannot take the mount");
	r = enter_mounts(pidfd, &root, err);
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
	int r = become_root_inside(pidfd, err);

	if (r == 0)
		r = enter_mounts(pidfd, &root, err);
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

struct child_job {
	const struct hotmount_spec *spec; /* NULL: remove */
	struct bind_mount *mount;
	const char *target;
	int pidfd;
};

static void child(const struct child_job *job, int report) {
	const int keep[] = { report, job->pidfd, job->mount ? job->mount->fd : report };
	struct err result = { 0 };
	int r, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/*
	 * One who is stuck inside must not hold what others wait for: a lock of the
	 * caller, the end of its output.
	 */
	for (int i = 0; null >= 0 && i < 3; i++)
		(void)dup2(null, i);
	proc_close_fds_except(keep, ARRAY_SIZE(keep));
	r = job->spec ? add_inside(job->spec, job->mount, job->pidfd, &result) :
			remove_inside(job->target, job->pidfd, &result);
	if (r == 0)
		result = (struct err){ 0 };
	(void)fd_write_all(report, &result, sizeof(result));
	_exit(r < 0);
}

/* The record, whole; -ETIMEDOUT from a file system of the container that does not answer. */
static int result_read(int fd, struct err *ret) {
	uint64_t end = clock_mono_ms() + ANSWER_TIMEOUT_MS;
	size_t have = 0;

	while (have < sizeof(*ret)) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		uint64_t now = clock_mono_ms();
		int r = poll(&pfd, 1, now >= end ? 0 : (int)(end - now));
		ssize_t n;

		if (r == 0)
			return -ETIMEDOUT;
		n = r < 0 ? -1 : read(fd, (char *)ret + have, sizeof(*ret) - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		have += (size_t)n;
	}
	return 0;
}

/* The child's error record comes over a pipe. */
static int child_run(const struct child_job *job, struct err *err) {
	autoclose int rd = -1;
	struct err result = { 0 };
	int fds[2], r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot make a pipe");
	rd = fds[0];
	pid = fork();
	if (pid == 0)
		child(job, fds[1]);
	(void)close(fds[1]);
	if (pid < 0)
		return err_sys(err, -errno, "cannot make a process");
	r = result_read(rd, &result);
	if (r == -ETIMEDOUT)
		(void)err_set(&result, ERR_SYSTEM, r, "a file system in the container does not answer");
	else if (r < 0)
		(void)err_set(&result, ERR_SYSTEM, r, "the process that mounts has failed");
	if (r < 0)
		(void)kill(pid, SIGKILL);
	/* A question that FUSE has passed on cannot be killed: it ends with the container. */
	while (r != -ETIMEDOUT && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (result.kind == ERR_NONE)
		return 0;
	if (err)
		*err = result;
	return result.code < 0 ? result.code : -EIO;
}

int hotmount_add(const struct hotmount_spec *spec, struct err *err) {
	autoclose int pidfd = proc_id_open(&spec->ref.init);
	struct bind_userns last = { .fd = -1 };
	struct bind_owner owner;
	struct bind_mount m;
	struct idset ids;
	int r;

	if (pidfd < 0 || !runtime_alive(&spec->ref))
		return err_set(err, ERR_MISSING, -ESRCH, "'%s' is not running",
			       spec->ref.lxc_name);
	idset_init(&ids, &spec->ids, spec->code_uid, spec->code_gid);
	r = bind_prepare(&spec->bind, &ids, &last, &m, &owner, err);
	mem_close_ptr(&last.fd);
	if (r < 0)
		return r;
	r = child_run(&(struct child_job){ .spec = spec, .mount = &m, .pidfd = pidfd }, err);
	bind_done(&m);
	return r;
}

int hotmount_remove(const struct runtime_ref *ref, const char *target, struct err *err) {
	autoclose int pidfd = proc_id_open(&ref->init);

	if (pidfd < 0 || !runtime_alive(ref))
		return err_set(err, ERR_MISSING, -ESRCH, "'%s' is not running", ref->lxc_name);
	return child_run(&(struct child_job){ .target = target, .pidfd = pidfd }, err);
}
