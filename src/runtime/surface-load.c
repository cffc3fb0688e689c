/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of surface.c as a filter of the kernel, without liblxc and without a file. */
#include <errno.h>
#include <seccomp.h>

#include "base/mem.h"
#include "runtime/surface.h"

/* What else this machine runs; what it does not know is left out. */
static int other_kinds(scmp_filter_ctx ctx) {
	static const uint32_t x86[] = { SCMP_ARCH_X86, SCMP_ARCH_X32 }, arm[] = { SCMP_ARCH_ARM };
	uint32_t native = seccomp_arch_native();
	const uint32_t *more = native == SCMP_ARCH_X86_64 ? x86 : arm;
	size_t count = native == SCMP_ARCH_X86_64  ? ARRAY_SIZE(x86) :
		       native == SCMP_ARCH_AARCH64 ? ARRAY_SIZE(arm) :
						     0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		r = seccomp_arch_add(ctx, more[i]);
		if (r == -EEXIST)
			r = 0;
	}
	return r;
}

static int refuse(scmp_filter_ctx ctx, const struct surface_call *c) {
	int number = seccomp_syscall_resolve_name(c->name);
	int r = number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(ctx, SCMP_ACT_ERRNO((uint32_t)c->error),
								 number, 0);

	return r == -EDOM || r == -EFAULT ? 0 : r;
}

int surface_load(enum surface surface) {
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	/* Set-user-id programs are to work below it, such as sudo. */
	int r = ctx ? seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0) : -ENOMEM;

	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	if (r == 0)
		r = other_kinds(ctx);
	for (const struct surface_call *c = surface_calls; r == 0 && c->name; c++)
		if (c->since <= surface)
			r = refuse(ctx, c);
	if (r == 0)
		r = seccomp_load(ctx);
	if (ctx)
		seccomp_release(ctx);
	return r;
}
