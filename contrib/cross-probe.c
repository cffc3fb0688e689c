/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Of contrib/cross: what the unit tests use and an emulator of a machine may not pass on
 * to the kernel. Prints one word and its meaning for each that is not there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NETLINK_NETFILTER 12

static int has_openat2(void) {
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC };

	return syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how)) >= 0;
}

static int has_seccomp(void) {
	unsigned action = SECCOMP_RET_ERRNO;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static int has_netfilter(void) {
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER) >= 0;
}

/* /proc tells of the program and not of what runs it. */
static int has_name(void) {
	char name[32] = "";
	FILE *f = fopen("/proc/self/comm", "re");

	return f && fgets(name, sizeof(name), f) && !strncmp(name, "probe", 5);
}

/* Whoever gets more descriptors than there is room for is told so. */
static int has_ctrunc(void) {
	union {
		char room[CMSG_SPACE(sizeof(int) * 2)];
		struct cmsghdr align;
	} control = { 0 };
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room,
			    .msg_controllen = sizeof(control.room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int pair[2], fds[2] = { 0, 0 };

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		return 0;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	if (sendmsg(pair[0], &m, 0) != 1)
		return 0;
	m.msg_controllen = CMSG_LEN(sizeof(int));
	return recvmsg(pair[1], &m, 0) == 1 && (m.msg_flags & MSG_CTRUNC);
}

/* Which mount a file is on. */
static int has_mount_id(void) {
	struct statx sx = { 0 };

	return statx(AT_FDCWD, "/", 0, STATX_MNT_ID, &sx) == 0 && (sx.stx_mask & STATX_MNT_ID) &&
	       sx.stx_mnt_id;
}

static const struct {
	int (*is_there)(void);
	const char *word, *meaning;
} all[] = {
	{ has_openat2, "openat2", "no openat2(2)" },
	{ has_seccomp, "seccomp", "no filters of system calls" },
	{ has_netfilter, "netfilter", "no sockets to netfilter" },
	{ has_name, "name", "/proc has the emulator's name and not the program's" },
	{ has_ctrunc, "ctrunc", "nobody is told of descriptors that did not fit" },
	{ has_mount_id, "mount-id", "statx(2) does not tell mounts apart" },
};

int main(void) {
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!all[i].is_there())
			printf("%s\t%s\n", all[i].word, all[i].meaning);
	return 0;
}
