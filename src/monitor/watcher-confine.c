/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is left of the watcher when it begins to read what a container says: no
 * user that anybody else has, no capability, no directory but an empty one, and
 * the system calls of a loop.
 */
#include "monitor/watcher-confine.h"

#include <errno.h>
#include <fcntl.h>

#include "base/confine.h"
#include "base/mem.h"
#include "monitor/source.h"

#define DESCRIPTORS_MAX 2048 /* marked files may be held */

static const int plain_calls[] = {
	SCMP_SYS(brk),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(close),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(fstatfs),
	SCMP_SYS(futex),
	SCMP_SYS(pread64),
	SCMP_SYS(getpid),
	SCMP_SYS(getrandom),
	SCMP_SYS(madvise),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	SCMP_SYS(read),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(write),
	SCMP_SYS(writev),
};

/* For those who read /proc: never to write. */
static const int file_calls[] = {
	SCMP_SYS(fcntl),      SCMP_SYS(fstat), SCMP_SYS(getdents64), SCMP_SYS(lseek),
	SCMP_SYS(newfstatat), SCMP_SYS(poll),  SCMP_SYS(readlinkat),
};

static int filter_calls(unsigned needs) {
	bool has_files = needs & WATCH_NEEDS_FILES;
	scmp_filter_ctx ctx = NULL;
	int r = confine_calls(plain_calls, ARRAY_SIZE(plain_calls), &ctx);

	if (r == 0 && has_files)
		r = confine_allow(ctx, file_calls, ARRAY_SIZE(file_calls));
	if (r == 0 && has_files)
		r = confine_allow_reading(ctx);
	return confine_load(ctx, r);
}

int watcher_confine(int root_fd, uint32_t uid, unsigned needs) {
	int r = confine_root(root_fd);

	if (r == 0)
		r = confine_privileges();
	if (r == 0)
		r = confine_limits(DESCRIPTORS_MAX, 0);
	if (r == 0)
		r = confine_user(uid, uid);
	if (r == 0)
		r = confine_capabilities(NULL, 0);
	return r < 0 ? r : filter_calls(needs);
}
