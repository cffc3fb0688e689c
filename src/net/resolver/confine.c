/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Giving up everything: an empty root directory, a user id that nobody else
 * has, no capabilities, small limits, and the system calls of a name service.
 */
#include <sys/socket.h>

#include "base/confine.h"
#include "base/mem.h"
#include "net/resolver/server.h"

#define DESCRIPTORS_MAX 256 /* flights, their timers, connections and a few */
#define MEMORY_MAX (256ul << 20)

/* Calls whose arguments are of no interest. */
static const int plain_calls[] = {
	SCMP_SYS(accept4),	 SCMP_SYS(brk),		     SCMP_SYS(clock_gettime),
	SCMP_SYS(close),	 SCMP_SYS(connect),	     SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),	 SCMP_SYS(epoll_pwait),	     SCMP_SYS(epoll_pwait2),
	SCMP_SYS(epoll_wait),	 SCMP_SYS(exit),	     SCMP_SYS(exit_group),
	SCMP_SYS(fcntl),	 SCMP_SYS(fstat),	     SCMP_SYS(futex),
	SCMP_SYS(getpid),	 SCMP_SYS(getrandom),	     SCMP_SYS(getsockopt),
	SCMP_SYS(gettimeofday),	 SCMP_SYS(lseek),	     SCMP_SYS(madvise),
	SCMP_SYS(mremap),	 SCMP_SYS(munmap),	     SCMP_SYS(newfstatat),
	SCMP_SYS(poll),		 SCMP_SYS(ppoll),	     SCMP_SYS(read),
	SCMP_SYS(recvfrom),	 SCMP_SYS(recvmsg),	     SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),    SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),	 SCMP_SYS(setsockopt),	     SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime), SCMP_SYS(write),	     SCMP_SYS(writev),
};

/* Sockets of the internet only. */
static int filter_calls(void) {
	static const int families[] = { AF_INET, AF_INET6 };
	scmp_filter_ctx ctx = NULL;
	int r = confine_calls(plain_calls, ARRAY_SIZE(plain_calls), &ctx);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	return confine_load(ctx, r);
}

int confine(int root_fd, uint32_t uid) {
	int r = confine_root(root_fd);

	if (r == 0)
		r = confine_privileges();
	if (r == 0)
		r = confine_limits(DESCRIPTORS_MAX, MEMORY_MAX);
	if (r == 0)
		r = confine_user(uid, uid);
	if (r == 0)
		r = confine_capabilities(NULL, 0);
	return r < 0 ? r : filter_calls();
}
