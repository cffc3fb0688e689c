/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mountns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/mem.h"

static void forget(struct mountns *ns) {
	mem_close_ptr(&ns->home);
	mem_close_ptr(&ns->root);
	mem_close_ptr(&ns->cwd);
	*ns = (struct mountns)MOUNTNS_INIT;
}

int mountns_enter(struct mountns *ns) {
	int r = 0;

	ns->home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	ns->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ns->cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (ns->home < 0 || ns->root < 0 || ns->cwd < 0 || unshare(CLONE_NEWNS) < 0)
		r = -errno;
	if (r < 0) {
		forget(ns);
		return r;
	}
	/* Slave, not private: what the host unmounts must go here too, or we pin it. */
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0) {
		r = -errno;
		(void)mountns_leave(ns);
	}
	return r;
}

int mountns_leave(struct mountns *ns) {
	int r = 0;

	if (ns->home < 0)
		return 0;
	/* Entering makes the namespace's root ours, which ours may not have been. */
	if (setns(ns->home, CLONE_NEWNS) < 0 || fchdir(ns->root) < 0 || chroot(".") < 0 ||
	    fchdir(ns->cwd) < 0)
		r = -errno;
	forget(ns);
	return r;
}
