/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/pattern/confine.h"

#include <unistd.h>

#include "base/confine.h"
#include "base/mem.h"

#define NOBODY 65534
#define DESCRIPTORS_MAX 8
/* The watcher has no such limit; what is too much for this one never comes to it. */
#define MEMORY_MAX (UINT64_C(256) << 20)

static const int calls[] = {
	SCMP_SYS(brk),        SCMP_SYS(clock_gettime), SCMP_SYS(close),  SCMP_SYS(exit),
	SCMP_SYS(exit_group), SCMP_SYS(fstat),         SCMP_SYS(futex),  SCMP_SYS(getpid),
	SCMP_SYS(getrandom),  SCMP_SYS(madvise),       SCMP_SYS(mremap), SCMP_SYS(munmap),
	SCMP_SYS(newfstatat), SCMP_SYS(poll),          SCMP_SYS(read),   SCMP_SYS(rt_sigreturn),
	SCMP_SYS(setitimer),  SCMP_SYS(write),
};

int pattern_confine(void) {
	int r = confine_privileges();

	if (r == 0)
		r = confine_limits(DESCRIPTORS_MAX, MEMORY_MAX);
	/* Started by a person it stays that person's, who can open nothing any more. */
	if (r == 0 && geteuid() == 0)
		r = confine_user(NOBODY, NOBODY);
	if (r == 0)
		r = confine_capabilities(NULL, 0);
	if (r == 0)
		r = confine_calls_load(calls, ARRAY_SIZE(calls));
	return r;
}
