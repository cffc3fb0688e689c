/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe: tries system calls and device nodes, and prints "<name>\t<result>" for each,
 * "ok" or the name of the error. What is expected is in surface.tsv. No call here does
 * anything even where it is allowed: all have arguments that come to nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* Never a number of a call or a valid address: what is let through fails there. */
#define NOWHERE 1
#define PATIENCE_S 10

struct call {
	const char *name;
	long number; /* -1: this machine has none of that name */
	long args[6];
};

#ifdef SYS_clock_settime64
#define CLOCK_SETTIME64 SYS_clock_settime64
#else
#define CLOCK_SETTIME64 (-1)
#endif

#define CALL(name, ...) { #name, SYS_##name, { __VA_ARGS__ } }

static const struct call calls[] = {
	/* Refused in every mode. */
	CALL(kexec_load, 0, 0, 0, 0),
#ifdef SYS_kexec_file_load /* not on i386 */
	CALL(kexec_file_load, -1, -1, 0, 0, 0),
#endif
	CALL(init_module, NOWHERE, 1, NOWHERE),
	CALL(finit_module, -1, NOWHERE, 0),
	CALL(delete_module, NOWHERE, 0),
	CALL(open_by_handle_at, -1, NOWHERE, 0),
	CALL(swapon, NOWHERE, 0),
	CALL(swapoff, NOWHERE),
	CALL(acct, NOWHERE),
	CALL(quotactl, 0x800001, NOWHERE, 0, 0),
	{ "quotactl_fd", 443, { -1, 0x800001, 0, 0 } },
	CALL(settimeofday, 0, 0),
	CALL(clock_settime, 0, NOWHERE),
	CALL(syslog, 9, 0, 0),
#ifdef __x86_64__
	CALL(ioperm, 0, 1, 0),
	CALL(iopl, 0),
	CALL(create_module, 0, 0),
	CALL(get_kernel_syms, 0),
	CALL(query_module, 0, 0, 0, 0, 0),
	CALL(uselib, NOWHERE),
	CALL(ustat, 0, NOWHERE),
	CALL(sysfs, 3),
	CALL(_sysctl, NOWHERE),
#endif
	CALL(lookup_dcookie, 0, NOWHERE, 1),
	CALL(nfsservctl, 0, 0, 0),
	/* From reduce_kernel_surface on. */
	CALL(io_uring_setup, 0, NOWHERE),
	CALL(io_uring_enter, -1, 0, 0, 0, 0, 0),
	CALL(io_uring_register, -1, 0, 0, 0),
	CALL(bpf, 5, NOWHERE, 8),
	CALL(userfaultfd, 1),
	CALL(keyctl, 0, -3, 0),
	CALL(add_key, NOWHERE, NOWHERE, 0, 0, -3),
	CALL(request_key, NOWHERE, NOWHERE, 0, 0),
	/* And the strict one. */
	CALL(perf_event_open, NOWHERE, 0, -1, -1, 0),
	/* What programs in a container use, in every mode. */
	CALL(mount, NOWHERE, NOWHERE, NOWHERE, 0, 0),
	CALL(umount2, NOWHERE, 0),
	CALL(pivot_root, NOWHERE, NOWHERE),
	CALL(chroot, NOWHERE),
	CALL(unshare, 0),
	CALL(setns, -1, 0),
	CALL(fsopen, NOWHERE, 0),
	CALL(fsconfig, -1, 0, 0, 0, 0),
	CALL(fsmount, -1, 0, 0),
	CALL(move_mount, -1, NOWHERE, -1, NOWHERE, 0),
	CALL(open_tree, -1, NOWHERE, 0),
	CALL(mount_setattr, -1, NOWHERE, 0, 0, 0),
	CALL(name_to_handle_at, -1, NOWHERE, NOWHERE, NOWHERE, 0),
	CALL(mknodat, -1, NOWHERE, 0, 0),
	CALL(setxattr, NOWHERE, NOWHERE, 0, 0, 0),
	CALL(getxattr, NOWHERE, NOWHERE, 0, 0),
	CALL(ptrace, 16, 0, 0, 0),
	CALL(process_vm_readv, 0, 0, 0, 0, 0, 1),
	CALL(process_vm_writev, 0, 0, 0, 0, 0, 1),
	CALL(kcmp, 0, 0, 0, 0, 0),
	CALL(pidfd_open, 0, 0),
	CALL(pidfd_getfd, -1, 0, 0),
	CALL(pidfd_send_signal, -1, 0, 0, 0),
	CALL(seccomp, 99, 0, 0),
	CALL(landlock_create_ruleset, NOWHERE, 0, 0),
	CALL(memfd_create, NOWHERE, 0),
	CALL(inotify_init1, -1),
	CALL(fanotify_init, -1, 0),
	CALL(fanotify_mark, -1, 0, 0, -1, 0),
	CALL(epoll_create1, -1),
	CALL(eventfd2, 0, -1),
	CALL(signalfd4, -1, 0, 0, 0),
	CALL(timerfd_create, 99, 0),
	CALL(clone3, NOWHERE, 0),
	CALL(execveat, -1, NOWHERE, 0, 0, 0),
	CALL(prlimit64, 0, 99, 0, 0),
	CALL(personality, -1),
	CALL(adjtimex, NOWHERE),
	CALL(sethostname, NOWHERE, 1),
	CALL(setdomainname, NOWHERE, 1),
	CALL(reboot, 0, 0, 0, 0),
	CALL(sched_setattr, 0, NOWHERE, 0),
	CALL(setpriority, 99, 0, 0),
	CALL(ioprio_set, 99, 0, 0),
	CALL(mlock, NOWHERE, 0),
	CALL(membarrier, 99, 0, 0),
	CALL(rseq, 0, 0, 0, 0),
	CALL(copy_file_range, -1, 0, -1, 0, 1, 0),
	CALL(splice, -1, 0, -1, 0, 1, 0),
	CALL(statx, -1, NOWHERE, 0, 0, NOWHERE),
	CALL(openat2, -1, NOWHERE, NOWHERE, 24),
	CALL(socket, 99, 0, 0),
	CALL(shmget, 0, 0, 0),
	CALL(mq_open, NOWHERE, 0, 0, 0),
	CALL(move_pages, 0, 1, NOWHERE, 0, 0, 0),
	CALL(mbind, 0, 4096, 99, 0, 0, 0),
	CALL(close_range, 9, 3, 0),
#ifdef __x86_64__
	CALL(modify_ldt, 99, 0, 0),
	CALL(arch_prctl, 0, 0),
#endif
};

#ifdef __x86_64__
/* The other doors of the same kernel: calls of 32 bit, and x32. */
static const struct call calls_32[] = {
	{ "i386 init_module", 128, { 0, 0, 0 } },
	{ "i386 finit_module", 350, { -1, 0, 0 } },
	{ "i386 kexec_load", 283, { 0, 0, 0, 0 } },
	{ "i386 open_by_handle_at", 342, { -1, 0, 0 } },
	{ "i386 swapon", 87, { 0, 0 } },
	{ "i386 settimeofday", 79, { 0, 0 } },
	{ "i386 stime", 25, { 0 } },
	{ "i386 clock_settime", 264, { 0, 0 } },
	{ "i386 clock_settime64", 404, { 0, 0 } },
	{ "i386 vm86", 166, { 99, 0 } },
	{ "i386 vm86old", 113, { 0 } },
	{ "i386 bdflush", 134, { 0, 0 } },
	{ "i386 io_uring_setup", 425, { 0, 0 } },
	{ "i386 bpf", 357, { 5, 0, 8 } },
	{ "i386 userfaultfd", 374, { 1 } },
	{ "i386 keyctl", 288, { 0, -3, 0 } },
	{ "i386 perf_event_open", 336, { 0, 0, -1, -1, 0 } },
	{ "i386 getpid", 20, { 0 } },
};

static const struct call calls_x32[] = {
	{ "x32 init_module", 175, { 0, 0, 0 } },
	{ "x32 open_by_handle_at", 304, { -1, 0, 0 } },
	{ "x32 io_uring_setup", 425, { 0, 0 } },
	{ "x32 keyctl", 250, { 0, -3, 0 } },
};

#define X32_BIT 0x40000000

static long call_32(const struct call *c) {
	long r;

	/* Only what fits: the arguments above are small or -1. */
	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"((long)(unsigned)c->number), "b"((long)(unsigned)c->args[0]),
			   "c"((long)(unsigned)c->args[1]), "d"((long)(unsigned)c->args[2]),
			   "S"((long)(unsigned)c->args[3]), "D"((long)(unsigned)c->args[4])
			 : "memory", "r8", "r9", "r10", "r11");
	r = (int)r;
	if (r < 0 && r > -4096) {
		errno = (int)-r;
		return -1;
	}
	return r;
}

static long call_x32(const struct call *c) {
	return syscall(c->number | X32_BIT, c->args[0], c->args[1], c->args[2], c->args[3],
		       c->args[4], c->args[5]);
}
#endif

static long call_native(const struct call *c) {
	return syscall(c->number, c->args[0], c->args[1], c->args[2], c->args[3], c->args[4],
		       c->args[5]);
}

struct node {
	const char *name;
	mode_t type;
	unsigned major, minor;
};

/* Made, and opened when that worked. */
static const struct node nodes[] = {
	{ "mknod whiteout", S_IFCHR, 0, 0 },   { "mknod mem", S_IFCHR, 1, 1 },
	{ "mknod port", S_IFCHR, 1, 4 },       { "mknod kmsg", S_IFCHR, 1, 11 },
	{ "mknod sda", S_IFBLK, 8, 0 },	       { "mknod vda", S_IFBLK, 254, 0 },
	{ "mknod loop0", S_IFBLK, 7, 0 },      { "mknod loop-control", S_IFCHR, 10, 237 },
	{ "mknod device-mapper", S_IFCHR, 10, 236 }, { "mknod tun", S_IFCHR, 10, 200 },
	{ "mknod fuse", S_IFCHR, 10, 229 },    { "mknod kvm", S_IFCHR, 10, 232 },
	{ "mknod tty1", S_IFCHR, 4, 1 },       { "mknod ttyS0", S_IFCHR, 4, 64 },
	{ "mknod fifo", S_IFIFO, 0, 0 },       { "mknod socket", S_IFSOCK, 0, 0 },
};

static const struct {
	const char *path;
	int flags;
} files[] = {
	{ "/dev/null", O_RDWR },
	{ "/dev/zero", O_RDWR },
	{ "/dev/full", O_RDWR },
	{ "/dev/random", O_RDONLY },
	{ "/dev/urandom", O_RDONLY },
	{ "/dev/ptmx", O_RDWR | O_NOCTTY },
	{ "/dev/fuse", O_RDWR },
	{ "/dev/net/tun", O_RDWR },
	{ "/dev/mem", O_RDONLY },
	{ "/dev/port", O_RDONLY },
	{ "/dev/kmsg", O_RDONLY },
	{ "/dev/vda", O_RDONLY },
	{ "/dev/loop-control", O_RDWR },
	{ "/dev/mapper/control", O_RDWR },
	{ "/dev/kvm", O_RDWR },
	{ "/dev/vhost-net", O_RDWR },
	{ "/dev/userfaultfd", O_RDWR },
	{ "/dev/rtc0", O_RDONLY },
	{ "/dev/hwrng", O_RDONLY },
	{ "/proc/kcore", O_RDONLY },
	{ "/proc/sysrq-trigger", O_WRONLY },
	{ "/proc/sys/kernel/core_pattern", O_WRONLY },
	{ "/proc/sys/kernel/modprobe", O_WRONLY },
	{ "/proc/sys/vm/overcommit_memory", O_WRONLY },
	{ "/proc/sys/kernel/randomize_va_space", O_WRONLY },
	{ "/proc/irq/default_smp_affinity", O_WRONLY },
	{ "/sys/kernel/uevent_helper", O_WRONLY },
	{ "/sys/power/state", O_WRONLY },
	{ "/sys/module/kernel/parameters/panic", O_WRONLY },
};

static void tell(const char *name, long r, int code) {
	const char *text = r >= 0 ? "ok" : strerrorname_np(code);

	(void)printf("%s\t%s\n", name, text ? text : "?");
}

/* In a process of its own, since some end or change their caller. */
static void try_call(const struct call *c, long (*act)(const struct call *)) {
	int status = 0;
	pid_t pid;

	if (c->number < 0)
		return;
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		long r;

		(void)alarm(PATIENCE_S);
		errno = 0;
		r = act(c);
		tell(c->name, r, errno);
		(void)fflush(stdout);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || WIFSIGNALED(status))
		(void)printf("%s\tkilled %d\n", c->name, WTERMSIG(status));
}

static void try_node(const struct node *n, const char *path) {
	int r = mknod(path, n->type | 0600, makedev(n->major, n->minor)), code = errno;

	tell(n->name, r, code);
	if (r == 0 && n->major) {
		char name[64];
		int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);

		(void)snprintf(name, sizeof(name), "%s, opened", n->name);
		tell(name, fd, errno);
		(void)close(fd);
	}
	(void)unlink(path);
}

int main(void) {
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		try_call(&calls[i], call_native);
#ifdef __x86_64__
	for (size_t i = 0; i < sizeof(calls_32) / sizeof(*calls_32); i++)
		try_call(&calls_32[i], call_32);
	for (size_t i = 0; i < sizeof(calls_x32) / sizeof(*calls_x32); i++)
		try_call(&calls_x32[i], call_x32);
#endif
	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++)
		try_node(&nodes[i], "/probe-node");
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		int fd = open(files[i].path, files[i].flags | O_NONBLOCK, 0600);

		tell(files[i].path, fd, errno);
		(void)close(fd);
	}
	return 0;
}
