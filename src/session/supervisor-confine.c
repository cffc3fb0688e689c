/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A supervisor is root and mounts, and so do its children: what it keeps is enough to
 * take the machine. What it and they never use goes all the same, before anything that
 * a container has a hand in is read: no module, no clock, no port, no kernel log.
 */
#include "session/supervisor-confine.h"

#include <errno.h>
#include <sys/prctl.h>

#include "base/confine.h"
#include "base/mem.h"

/* CAP_MAC_ADMIN stays: liblxc has AppArmor load a profile. */
static const cap_value_t never_used[] = {
	CAP_AUDIT_CONTROL,      CAP_AUDIT_READ,     CAP_AUDIT_WRITE, CAP_BLOCK_SUSPEND,
	CAP_CHECKPOINT_RESTORE, CAP_IPC_OWNER,      CAP_LEASE,       CAP_MAC_OVERRIDE,
	CAP_NET_BROADCAST,      CAP_SYS_BOOT,       CAP_SYS_MODULE,  CAP_SYS_PACCT,
	CAP_SYS_RAWIO,          CAP_SYS_TIME,       CAP_SYS_TTY_CONFIG,
	CAP_SYSLOG,             CAP_WAKE_ALARM,
};

int supervisor_confine(struct err *err) {
	int r = confine_without(never_used, ARRAY_SIZE(never_used));

	/* Its memory has what commands are given: no core dump, no ptrace without a right to. */
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0) < 0)
		r = -errno;
	return r < 0 ? err_sys(err, r, "the supervisor cannot give up rights") : 0;
}
