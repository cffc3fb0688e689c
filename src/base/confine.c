/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/confine.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"

int confine_root(int root_fd) {
	return fchdir(root_fd) < 0 || chroot(".") < 0 || chdir("/") < 0 ? -errno : 0;
}

int confine_privileges(void) {
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;
	return confine_limit(RLIMIT_CORE, 0);
}

int confine_limit(int what, uint64_t most) {
	struct rlimit l;

	/* Never more than there is: that would want a right that is gone by now. */
	if (getrlimit(what, &l) < 0)
		return -errno;
	l.rlim_cur = l.rlim_max = most < l.rlim_max ? (rlim_t)most : l.rlim_max;
	return setrlimit(what, &l) < 0 ? -errno : 0;
}

int confine_limits(uint64_t descriptors, uint64_t memory) {
	const struct {
		int what;
		uint64_t most;
	} all[] = {
		{ RLIMIT_NOFILE, descriptors },
		{ RLIMIT_AS, memory ? memory : RLIM_INFINITY },
		{ RLIMIT_FSIZE, 0 },
		{ RLIMIT_NPROC, 0 },
	};

	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(all); i++)
		r = confine_limit(all[i].what, all[i].most);
	return r;
}

int confine_user(uid_t uid, gid_t gid) {
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return -errno; /* EPERM: a user namespace that forbids it, where there are none */
	return setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0 ? -errno : 0;
}

int confine_capabilities(const cap_value_t *keep, size_t count) {
	cap_t now = cap_get_proc(), left = cap_init();
	int r = now && left ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < count; i++) {
		cap_flag_value_t has = CAP_CLEAR;

		/* One that is not permitted would fail the whole call. */
		if (cap_get_flag(now, keep[i], CAP_PERMITTED, &has) < 0 || has == CAP_CLEAR)
			continue;
		if (cap_set_flag(left, CAP_PERMITTED, 1, &keep[i], CAP_SET) < 0 ||
		    cap_set_flag(left, CAP_EFFECTIVE, 1, &keep[i], CAP_SET) < 0)
			r = -errno;
	}
	if (r == 0 && cap_set_proc(left) < 0)
		r = -errno;
	cap_free(now);
	cap_free(left);
	return r;
}

int confine_without(const cap_value_t *drop, size_t count) {
	cap_t caps = cap_get_proc();
	int r = caps ? 0 : -errno;

	for (size_t i = 0; r == 0 && i < count; i++) {
		if (prctl(PR_CAPBSET_READ, drop[i], 0, 0, 0) < 0)
			continue;
		/* Without CAP_SETPCAP the rest still goes. */
		if (prctl(PR_CAPBSET_DROP, drop[i], 0, 0, 0) < 0 && errno != EPERM)
			r = -errno;
		for (int set = CAP_EFFECTIVE; r == 0 && set <= CAP_INHERITABLE; set++)
			if (cap_set_flag(caps, (cap_flag_t)set, 1, &drop[i], CAP_CLEAR) < 0)
				r = -errno;
	}
	if (r == 0 && cap_set_proc(caps) < 0)
		r = -errno;
	cap_free(caps);
	return r;
}

/*
 * The same by another name: what a C library calls on machines of 32 bits, whose first
 * calls are too narrow for sizes, times and ids, and where a newer call has replaced one.
 */
static const struct {
	int call, other;
} others[] = {
	{ SCMP_SYS(clock_gettime), SCMP_SYS(clock_gettime64) },
	{ SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait) },
	{ SCMP_SYS(fchown), SCMP_SYS(fchown32) },
	{ SCMP_SYS(fcntl), SCMP_SYS(fcntl64) },
	{ SCMP_SYS(fork), SCMP_SYS(clone) },
	{ SCMP_SYS(fstat), SCMP_SYS(fstat64) },
	{ SCMP_SYS(fstatfs), SCMP_SYS(fstatfs64) },
	{ SCMP_SYS(ftruncate), SCMP_SYS(ftruncate64) },
	{ SCMP_SYS(futex), SCMP_SYS(futex_time64) },
	{ SCMP_SYS(gettimeofday), SCMP_SYS(clock_gettime64) },
	{ SCMP_SYS(lseek), SCMP_SYS(_llseek) },
	{ SCMP_SYS(mmap), SCMP_SYS(mmap2) },
	{ SCMP_SYS(newfstatat), SCMP_SYS(fstatat64) },
	{ SCMP_SYS(poll), SCMP_SYS(ppoll) },
	{ SCMP_SYS(poll), SCMP_SYS(ppoll_time64) },
	{ SCMP_SYS(ppoll), SCMP_SYS(ppoll_time64) },
	{ SCMP_SYS(recvfrom), SCMP_SYS(recv) },
	{ SCMP_SYS(rt_sigreturn), SCMP_SYS(sigreturn) },
	{ SCMP_SYS(sendto), SCMP_SYS(send) },
	{ SCMP_SYS(setfsgid), SCMP_SYS(setfsgid32) },
	{ SCMP_SYS(setfsuid), SCMP_SYS(setfsuid32) },
	{ SCMP_SYS(setgroups), SCMP_SYS(setgroups32) },
	{ SCMP_SYS(sync_file_range), SCMP_SYS(sync_file_range2) },
	{ SCMP_SYS(sync_file_range), SCMP_SYS(arm_sync_file_range) },
	{ SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_settime64) },
	{ SCMP_SYS(utimensat), SCMP_SYS(utimensat_time64) },
#if __SIZEOF_LONG__ == 4
	/* glibc >= 2.33: nothing else gives it times of 64 bits. */
	{ SCMP_SYS(fstat), SCMP_SYS(statx) },
	{ SCMP_SYS(newfstatat), SCMP_SYS(statx) },
#endif
};

size_t confine_names(int call, int ret[CONFINE_NAMES_MAX]) {
	size_t n = 0;

	ret[n++] = call;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (others[i].call == call) {
			assert(n < CONFINE_NAMES_MAX);
			ret[n++] = others[i].other;
		}
	return n;
}

/* libseccomp: a call that this machine lacks has a negative number, and is left out. */
static int allow_one(scmp_filter_ctx ctx, int call) {
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 0);

	return r == -EDOM || r == -EFAULT ? 0 : r;
}

int confine_allow(scmp_filter_ctx ctx, const int *calls, size_t count) {
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		int names[CONFINE_NAMES_MAX];
		size_t n = confine_names(calls[i], names);

		for (size_t k = 0; r == 0 && k < n; k++)
			r = allow_one(ctx, names[k]);
	}
	return r;
}

int confine_calls(const int *calls, size_t count, scmp_filter_ctx *ret) {
	/* Where there is mmap2(2), mmap(2) has its arguments in memory, where none can be looked at. */
	static const int memory[] = { SCMP_SYS(mmap2) < 0 ? SCMP_SYS(mmap) : SCMP_SYS(mmap2),
				      SCMP_SYS(mprotect) };
	/* It fails and does not kill, since libraries change. */
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = ctx ? confine_allow(ctx, calls, count) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(memory); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, memory[i], 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r < 0 && ctx)
		seccomp_release(ctx);
	else
		*ret = ctx;
	return r;
}

int confine_allow_reading(scmp_filter_ctx ctx) {
	return seccomp_rule_add(
		ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
		SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
}

int confine_load(scmp_filter_ctx ctx, int r) {
	if (r == 0)
		r = seccomp_load(ctx);
	if (ctx)
		seccomp_release(ctx);
	return r;
}

int confine_calls_load(const int *calls, size_t count) {
	scmp_filter_ctx ctx = NULL;
	int r = confine_calls(calls, count, &ctx);

	return confine_load(ctx, r);
}
