/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A supervisor is root and mounts, and so do its children: what it keeps is enough to
 * take the machine. What it and they never use goes all the same, before anything that
 * a container has a hand in is read: no module, no clock, no port, no kernel log.
 *
 * A filter of system calls is inherited by the container, whose init is started from
 * here, and can only become narrower. So it cannot be the list of what a supervisor
 * uses, which is far less than what people run; it is the table of what is refused in
 * every container, which neither the supervisor nor a program that it starts needs.
 * The user, network, pid and cgroup namespaces are the host's of necessity: mounts of
 * the host's files, liblxc's sockets, pidfds, groups. The host's System V memory, its
 * message queues and its name are of no use here.
 */
#include "session/supervisor-confine.h"

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>

#include "base/confine.h"
#include "base/mem.h"
#include "runtime/surface.h"

/* CAP_MAC_ADMIN stays: the profile of AppArmor is loaded here (runtime/apparmor.h). */
static const cap_value_t never_used[] = {
	CAP_AUDIT_CONTROL,      CAP_AUDIT_READ,     CAP_AUDIT_WRITE, CAP_BLOCK_SUSPEND,
	CAP_CHECKPOINT_RESTORE, CAP_IPC_OWNER,      CAP_LEASE,       CAP_MAC_OVERRIDE,
	CAP_NET_BROADCAST,      CAP_SYS_BOOT,       CAP_SYS_MODULE,  CAP_SYS_PACCT,
	CAP_SYS_RAWIO,          CAP_SYS_TIME,       CAP_SYS_TTY_CONFIG,
	CAP_SYSLOG,             CAP_WAKE_ALARM,
};

int supervisor_confine(struct err *err) {
	int r = confine_without(never_used, ARRAY_SIZE(never_used));

	if (r == 0 && unshare(CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		r = -errno;
	if (r == 0)
		r = surface_load(SURFACE_DEFAULT);
	/* Its memory has what commands are given: no core dump, no ptrace without a right to. */
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0) < 0)
		r = -errno;
	return r < 0 ? err_sys(err, r, "the supervisor cannot give up rights") : 0;
}
