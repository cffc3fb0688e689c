/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/nodes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/layout.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* Linux 5.19 */
#endif

#define BACKLOG 64
#define NUMBER(major, minor) ((major) << 8 | (minor))

const uint32_t nodes_devices[] = {
	NUMBER(1, 3), /* null */
	NUMBER(1, 5), /* zero */
	NUMBER(1, 7), /* full */
	NUMBER(1, 8), /* random */
	NUMBER(1, 9), /* urandom */
	NUMBER(5, 0), /* tty: the one of whoever opens it */
	0,
};

static char *socket_name(const char *lxc_name) {
	return xasprintf("%s.nodes", lxc_name);
}

void nodes_forget(const char *lxcpath, const char *lxc_name) {
	autofree char *name = socket_name(lxc_name), *path = path_join(lxcpath, name);

	(void)unlink(path);
}

static int listen_at(const char *lxcpath, const char *lxc_name) {
	autofree char *name = socket_name(lxc_name);
	autoclose int dir = open(lxcpath, O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int fd = dir < 0 ? -errno
				   : socket_make_at(dir, name, SOCK_SEQPACKET | SOCK_NONBLOCK, 0600);

	if (fd < 0)
		return fd;
	return listen(fd, BACKLOG) < 0 ? -errno : steal_fd(&fd);
}

int nodes_start(const char *lxcpath, const char *lxc_name, int root_fd, pid_t *ret,
		struct err *err) {
	autoclose int fd = listen_at(lxcpath, lxc_name);
	autofree char *path = layout_program("coi-nodes");
	char *const argv[] = { (char *)"coi-nodes", NULL };
	char *const env[] = { NULL };
	const struct spawn_fd fds[] = { { fd, NODES_FD_LISTEN }, { root_fd, NODES_FD_ROOT } };
	const struct spawn_spec spec = {
		.path = path,
		.argv = argv,
		.env = env,
		.fds = fds,
		.fd_count = ARRAY_SIZE(fds),
		.new_session = true,
		.null_stdio = true,
		.cwd = "/",
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
	};

	if (fd < 0)
		return err_sys(err, fd, "cannot make a socket in '%s'", lxcpath);
	return proc_spawn(&spec, ret, NULL, err);
}

int nodes_connect(const char *lxcpath, const char *lxc_name) {
	autofree char *name = socket_name(lxc_name);
	autoclose int dir = open(lxcpath, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return -errno;
	/* Never waits: when too many are in line already, this one goes without. */
	return socket_connect_at(dir, name, SOCK_SEQPACKET | SOCK_NONBLOCK);
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOW_HALF 0
#else
#define LOW_HALF 4
#endif
#define ARGUMENT(n) ((uint32_t)(offsetof(struct seccomp_data, args) + 8 * (n) + LOW_HALF))
#define LOAD(at) ((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (at)))
#define IF_EQUAL(k, yes, no) ((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), (yes), (no)))
#define RETURN(what) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (what)))

#ifdef SYS_mknod
#define OLDER_CALL SYS_mknod
#else
#define OLDER_CALL SYS_mknodat /* not there: never compared with success */
#endif
#define DEVICES (ARRAY_SIZE(nodes_devices) - 1)
#define PART (6 + 2 * DEVICES)

/* Is it a character device of ours? By the arguments that are in registers. */
static void put_part(struct sock_filter p[PART], uint32_t mode, uint32_t device) {
	p[0] = LOAD(ARGUMENT(mode));
	p[1] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, S_IFMT);
	p[2] = IF_EQUAL(S_IFCHR, 1, 0);
	p[3] = RETURN(SECCOMP_RET_ALLOW);
	p[4] = LOAD(ARGUMENT(device));
	for (size_t i = 0; i < DEVICES; i++) {
		p[5 + 2 * i] = IF_EQUAL(nodes_devices[i], 0, 1);
		p[6 + 2 * i] = RETURN(SECCOMP_RET_USER_NOTIF);
	}
	p[PART - 1] = RETURN(SECCOMP_RET_ALLOW);
}

/* Calls of this machine's own kind only: the other kinds get the kernel's answer. */
static int listener_make(void) {
	struct sock_filter p[7 + 2 * PART] = {
		LOAD(offsetof(struct seccomp_data, arch)),
		IF_EQUAL(seccomp_arch_native(), 1, 0),
		RETURN(SECCOMP_RET_ALLOW),
		LOAD(offsetof(struct seccomp_data, nr)),
		IF_EQUAL(SYS_mknodat, 2, 0),
		IF_EQUAL(OLDER_CALL, 1 + PART, 0),
		RETURN(SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = ARRAY_SIZE(p), .filter = p };

	put_part(&p[7], 2, 3);
	put_part(&p[7 + PART], 1, 2);
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			    SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
			    &program);
}

int nodes_filter(int fd) {
	autoclose int listener = listener_make();
	const char byte = 0;

	return listener < 0 ? -errno : fd_send(fd, &byte, 1, &listener, 1);
}
