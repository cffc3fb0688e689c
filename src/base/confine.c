/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/confine.h"

#include <errno.h>
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
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ||
	    setrlimit(RLIMIT_CORE, &none) < 0)
		return -errno;
	return 0;
}

int confine_limits(uint64_t descriptors, uint64_t memory) {
	const struct {
		int what;
		rlim_t value;
	} all[] = {
		{ RLIMIT_NOFILE, descriptors },
		{ RLIMIT_AS, memory ? memory : RLIM_INFINITY },
		{ RLIMIT_FSIZE, 0 },
		{ RLIMIT_NPROC, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct rlimit l;
		rlim_t most;

		/* Never more than there is: that would want a right that is gone by now. */
		if (getrlimit(all[i].what, &l) < 0)
			return -errno;
		most = all[i].value < l.rlim_max ? all[i].value : l.rlim_max;
		l = (struct rlimit){ most, most };
		if (setrlimit(all[i].what, &l) < 0)
			return -errno;
	}
	return 0;
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

int confine_calls(const int *calls, size_t count, scmp_filter_ctx *ret) {
	/* It fails and does not kill, since libraries change. */
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = ctx ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < count; i++) {
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
		if (r == -EDOM || r == -EFAULT)
			r = 0;
	}
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r < 0 && ctx)
		seccomp_release(ctx);
	else
		*ret = ctx;
	return r;
}
