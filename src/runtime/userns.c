/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User namespaces that exist only to carry a map. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "runtime/idmap.h"

#define STACK_SIZE (64 * 1024)

/* Shares the caller's memory: calls nothing but the kernel until it is killed. */
static int holder(void *unused) {
	(void)unused;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		(void)pause();
	return 0;
}

static int maps_write(pid_t pid, const struct idmap *users, const struct idmap *groups) {
	char path[64], text[IDMAP_TEXT_SIZE];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
	r = file_write_value_at(AT_FDCWD, path, idmap_text(users, text));
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)pid);
	return file_write_value_at(AT_FDCWD, path, idmap_text(groups, text));
}

int idmap_userns(const struct idmap *users, const struct idmap *groups, struct err *err) {
	/* A clone that shares memory costs a tenth of a fork of a large process. */
	void *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	sigset_t all, before;
	char path[64];
	int fd, r;
	pid_t pid;

	if (stack == MAP_FAILED)
		return err_sys(err, -errno, "cannot make a stack");
	/* No handler of ours may run on the shared memory. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	pid = clone(holder, (char *)stack + STACK_SIZE, CLONE_VM | CLONE_NEWUSER | SIGCHLD, NULL);
	r = pid < 0 ? -errno : 0;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (r < 0) {
		(void)munmap(stack, STACK_SIZE);
		err_sys(err, r, "cannot make a user namespace");
		return err_hint(err, "is user.max_user_namespaces 0, or the kernel built without "
				     "CONFIG_USER_NS?");
	}
	r = maps_write(pid, users, groups);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	fd = r < 0 ? r : open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		fd = -errno;
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	(void)munmap(stack, STACK_SIZE);
	if (fd < 0)
		return err_sys(err, fd, "cannot map ids into a user namespace");
	return fd;
}
