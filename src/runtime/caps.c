/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All of these are capabilities in the container's own user namespace only,
 * and most ask the kernel about the initial one. They are dropped so that a
 * kernel bug behind one of them is out of reach. What systemd, docker, podman,
 * debuggers and package managers use stays: docker refuses to start a container
 * whose usual set (mknod and audit_write in it) it does not hold itself.
 */
#include "runtime/caps.h"

#include "base/mem.h"

const struct caps_drop caps_drops[] = {
	{ "sys_module", "kernel modules are the host's" },
	{ "sys_rawio", "ports and raw devices are the host's" },
	{ "sys_time", "the clock is the host's" },
	{ "sys_pacct", "process accounting writes for the whole host" },
	{ "syslog", "the kernel log tells addresses and other containers' doings" },
	{ "mac_admin", "security modules are set up by the host" },
	{ "mac_override", "security modules are not to be overridden" },
	{ "audit_control", "the audit rules are the host's" },
	{ "audit_read", "the audit log is the host's" },
	{ "wake_alarm", "waking the machine is the host's" },
	{ "block_suspend", "so is its sleep" },
	{ "linux_immutable", "immutable files are how the host protects its own" },
	{ "lease", "leases make the opener of a file wait, the host's processes too" },
	{ "perfmon", "performance counters measure other containers" },
	{ "bpf", "programs for the kernel; nothing in a container needs to load one" },
	{ "checkpoint_restore", "chooses pids and opens what map_files shows" },
};
const size_t caps_drop_count = ARRAY_SIZE(caps_drops);
