/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All of these are capabilities in the container's own user namespace only,
 * and those that do not stay mostly ask the kernel about the initial one. They
 * are dropped so that a kernel bug behind one of them is out of reach. What systemd,
 * docker, podman, debuggers and package managers use stays: docker refuses to start
 * a container whose usual set (mknod and audit_write in it) it does not hold itself.
 */
#include "runtime/caps.h"

#include <linux/capability.h>

#include "base/mem.h"

#define STAYS(name, number, why) { name, number, true, why }
#define GOES(name, number, why) { name, number, false, why }

#define OF_DOCKER "in docker's usual set, which docker must hold to give it: "

const struct caps_row caps_rows[] = {
	STAYS("chown", CAP_CHOWN, "package managers give files to users"),
	STAYS("dac_override", CAP_DAC_OVERRIDE, "root in the container reads and writes its files"),
	STAYS("fowner", CAP_FOWNER, "package managers set modes of users' files"),
	STAYS("fsetid", CAP_FSETID, OF_DOCKER "keeps set-id bits when it writes"),
	STAYS("kill", CAP_KILL, "systemd and sudo end what users run"),
	STAYS("setgid", CAP_SETGID, "sudo, systemd and sshd become users"),
	STAYS("setuid", CAP_SETUID, "sudo, systemd and sshd become users"),
	STAYS("setpcap", CAP_SETPCAP, "systemd and engines make the sets of services smaller"),
	STAYS("net_bind_service", CAP_NET_BIND_SERVICE, "services at ports below 1024"),
	STAYS("net_broadcast", CAP_NET_BROADCAST,
	      "no code asks for it, but the unit of systemd-networkd does"),
	STAYS("net_admin", CAP_NET_ADMIN, "docker's bridges and rules, in the container's network"),
	STAYS("net_raw", CAP_NET_RAW, "ping and tcpdump, in the container's network"),
	STAYS("ipc_lock", CAP_IPC_LOCK, "programs that carry it in their file do not start without"),
	STAYS("sys_chroot", CAP_SYS_CHROOT, "engines and package builders"),
	STAYS("sys_ptrace", CAP_SYS_PTRACE, "debuggers on processes of other users inside"),
	STAYS("sys_admin", CAP_SYS_ADMIN, "mounts: systemd and engines"),
	STAYS("sys_boot", CAP_SYS_BOOT, "systemd powers the container off"),
	STAYS("sys_nice", CAP_SYS_NICE, "priorities and processors of services"),
	STAYS("mknod", CAP_MKNOD, OF_DOCKER "harmless devices are made for it"),
	STAYS("audit_write", CAP_AUDIT_WRITE, OF_DOCKER "the kernel takes no record from here"),
	STAYS("setfcap", CAP_SETFCAP, "packages set capabilities of files; maps of user namespaces"),

	GOES("dac_read_search", CAP_DAC_READ_SEARCH, "opens by handle; dac_override does the rest"),
	GOES("linux_immutable", CAP_LINUX_IMMUTABLE,
	     "immutable files are how the host protects its own"),
	GOES("ipc_owner", CAP_IPC_OWNER, "System V memory of other users; root can become them"),
	GOES("sys_module", CAP_SYS_MODULE, "kernel modules are the host's"),
	GOES("sys_rawio", CAP_SYS_RAWIO, "ports and raw devices are the host's"),
	GOES("sys_pacct", CAP_SYS_PACCT, "process accounting writes for the whole host"),
	GOES("sys_resource", CAP_SYS_RESOURCE,
	     "limits are raised by the host's only; the rest moves where a process's parts lie"),
	GOES("sys_time", CAP_SYS_TIME, "the clock is the host's"),
	GOES("sys_tty_config", CAP_SYS_TTY_CONFIG, "virtual consoles are the host's"),
	GOES("lease", CAP_LEASE, "leases make the opener of a file wait, the host's processes too"),
	GOES("audit_control", CAP_AUDIT_CONTROL, "the audit rules are the host's"),
	GOES("audit_read", CAP_AUDIT_READ, "the audit log is the host's"),
	GOES("mac_override", CAP_MAC_OVERRIDE, "security modules are not to be overridden"),
	GOES("mac_admin", CAP_MAC_ADMIN, "security modules are set up by the host"),
	GOES("syslog", CAP_SYSLOG, "the kernel log tells addresses and other containers' doings"),
	GOES("wake_alarm", CAP_WAKE_ALARM, "waking the machine is the host's"),
	GOES("block_suspend", CAP_BLOCK_SUSPEND, "so is its sleep"),
	GOES("perfmon", CAP_PERFMON, "performance counters measure other containers"),
	GOES("bpf", CAP_BPF, "programs for the kernel; nothing in a container needs to load one"),
	GOES("checkpoint_restore", CAP_CHECKPOINT_RESTORE,
	     "chooses pids and opens what map_files shows"),
};
const size_t caps_count = ARRAY_SIZE(caps_rows);

uint64_t caps_bounding(void) {
	uint64_t set = 0;

	for (size_t i = 0; i < caps_count; i++)
		if (caps_rows[i].stays)
			set |= UINT64_C(1) << caps_rows[i].number;
	return set;
}
