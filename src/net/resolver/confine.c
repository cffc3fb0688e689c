/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Giving up everything: an empty root directory, a user id that nobody else
 * has, no capabilities, small limits, and the system calls of a name service.
 */
#include <errno.h>
#include <grp.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/resolver/server.h"

#define DESCRIPTORS_MAX 256 /* flights, their timers, connections and a few */
#define MEMORY_MAX (256ul << 20)

static int limits(void) {
	const struct {
		int what;
		rlim_t value;
	} all[] = {
		{ RLIMIT_NOFILE, DESCRIPTORS_MAX }, { RLIMIT_AS, MEMORY_MAX },
		{ RLIMIT_FSIZE, 0 },		    { RLIMIT_CORE, 0 },
		{ RLIMIT_NPROC, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const struct rlimit l = { all[i].value, all[i].value };

		if (setrlimit((__rlimit_resource_t)all[i].what, &l) < 0)
			return -errno;
	}
	return 0;
}

static int become(uint32_t uid) {
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return -errno; /* EPERM: a user namespace that forbids it, where there are none */
	if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

static int no_capabilities(void) {
	cap_t none = cap_init();
	int r = none ? cap_set_proc(none) : -1;

	r = r < 0 ? -errno : 0;
	cap_free(none);
	return r;
}

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

/* What is not listed fails; it does not kill, since libraries change. */
static int filter_calls(void) {
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = ctx ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(plain_calls); i++) {
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, plain_calls[i], 0);
		/* Other machines lack some. */
		if (r == -EDOM || r == -EFAULT)
			r = 0;
	}
	/* Memory that holds no code, sockets of the internet. */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				     SCMP_A0(SCMP_CMP_EQ, AF_INET));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				     SCMP_A0(SCMP_CMP_EQ, AF_INET6));
	if (r == 0)
		r = seccomp_load(ctx);
	if (ctx)
		seccomp_release(ctx);
	return r;
}

int confine(int root_fd, uint32_t uid) {
	int r;

	if (fchdir(root_fd) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;
	r = limits();
	if (r == 0)
		r = become(uid);
	if (r == 0)
		r = no_capabilities();
	return r < 0 ? r : filter_calls();
}
