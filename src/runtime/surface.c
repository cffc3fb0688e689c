/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What no program in a container needs is refused before it reaches the code
 * behind it. The rules count for every kind of call that the machine knows (32 bit
 * and x32 too), and for whoever is attached. What docker, podman, systemd, debuggers
 * and compilers use is left alone by default.
 */
#include "runtime/surface.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define REFUSED(name, why) { name, EPERM, SURFACE_DEFAULT, why }
#define OBSOLETE(name, why) { name, ENOSYS, SURFACE_DEFAULT, why }
#define REDUCED(name, why) { name, EPERM, SURFACE_REDUCED, why }
#define STRICT(name, why) { name, EPERM, SURFACE_STRICT, why }

#define ANOTHER_KERNEL "loads another kernel"
#define MODULES "kernel modules are the host's"
#define OLD_MODULES "how modules were loaded before Linux 2.6"
#define SWAP "swap is the whole machine's"
#define QUOTAS "quotas are the host's file systems'"
#define CLOCK "the clock is the whole machine's"
#define PORTS "input and output ports are the machine's"
#define OLD "hardly anybody has looked at it for years"
#define RINGS "a second way to the kernel, past what is watched and refused here; many bugs"
#define KEYS "key rings have no namespace of their own"

const struct surface_call surface_calls[] = {
	REFUSED("kexec_load", ANOTHER_KERNEL),
	REFUSED("kexec_file_load", ANOTHER_KERNEL),
	REFUSED("init_module", MODULES),
	REFUSED("finit_module", MODULES),
	REFUSED("delete_module", MODULES),
	REFUSED("open_by_handle_at", "opens files past mount points and directories' modes"),
	REFUSED("swapon", SWAP),
	REFUSED("swapoff", SWAP),
	REFUSED("acct", "process accounting writes for the whole host"),
	REFUSED("quotactl", QUOTAS),
	REFUSED("quotactl_fd", QUOTAS),
	REFUSED("settimeofday", CLOCK),
	REFUSED("clock_settime", CLOCK),
	REFUSED("clock_settime64", CLOCK),
	REFUSED("stime", CLOCK),
	REFUSED("syslog", "the kernel's log tells what the host and other containers do"),
	REFUSED("ioperm", PORTS),
	REFUSED("iopl", PORTS),
	REFUSED("vm86", "a processor of 1978 inside this one"),
	REFUSED("vm86old", "a processor of 1978 inside this one"),
	OBSOLETE("create_module", OLD_MODULES),
	OBSOLETE("get_kernel_syms", OLD_MODULES),
	OBSOLETE("query_module", OLD_MODULES),
	OBSOLETE("lookup_dcookie", OLD),
	OBSOLETE("nfsservctl", OLD),
	OBSOLETE("uselib", OLD),
	OBSOLETE("ustat", OLD),
	OBSOLETE("sysfs", OLD),
	OBSOLETE("_sysctl", OLD),
	OBSOLETE("bdflush", OLD),
	REDUCED("io_uring_setup", RINGS),
	REDUCED("io_uring_enter", RINGS),
	REDUCED("io_uring_register", RINGS),
	REDUCED("bpf", "programs for the kernel"),
	REDUCED("userfaultfd", "stops the kernel in the middle of a copy: races are easy to win then"),
	REDUCED("keyctl", KEYS),
	REDUCED("add_key", KEYS),
	REDUCED("request_key", KEYS),
	STRICT("perf_event_open", "large, and measures what others do"),
	{ NULL, 0, SURFACE_DEFAULT, NULL },
};

static const char *const names[] = {
	[SURFACE_DEFAULT] = "default",
	[SURFACE_REDUCED] = "reduced",
	[SURFACE_STRICT] = "strict",
};

const char *surface_to_string(enum surface surface) {
	return names[surface];
}

enum surface surface_from_string(const char *word) {
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], word))
			return (enum surface)i;
	return SURFACE_STRICT;
}

bool surface_nests(enum surface surface) {
	return surface == SURFACE_DEFAULT;
}

char *surface_policy(enum surface surface) {
	autobuf struct buf b;

	buf_init(&b, 16 * 1024);
	/* What unmounting by force does is the host's business: reject_force_umount. */
	buf_adds(&b, "2\ndenylist\nreject_force_umount\n[all]\n");
	for (const struct surface_call *c = surface_calls; c->name; c++)
		if (c->since <= surface)
			buf_addf(&b, "%s errno %d\n", c->name, c->error);
	return buf_steal(&b);
}
