/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files and trees of src/base: fd.c, tree.c. Hostile trees are made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"

static char top_path[64];
static int top;

static int make_top(void **state) {
	(void)snprintf(top_path, sizeof(top_path), "/tmp/coi-test-fd.XXXXXX");
	if (!mkdtemp(top_path))
		return -1;
	top = open(top_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return top < 0 ? -1 : 0;
}

static int remove_top(void **state) {
	autoclose int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)close(top);
	return tree_remove_at(tmp, top_path + strlen("/tmp/")) < 0 ? -1 : 0;
}

static void put(const char *name, const char *text) {
	autoclose int fd = openat(top, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static void read_all_keeps_the_maximum(void **state) {
	struct buf b;

	put("f", "0123456789");
	assert_int_equal(file_read_at(top, "f", 10, &b), 0);
	assert_string_equal(b.data, "0123456789");
	buf_done(&b);
	assert_int_equal(file_read_at(top, "f", 9, &b), -EFBIG);
	/* Size 0 in stat(2), content all the same. */
	assert_int_equal(file_read_at(AT_FDCWD, "/proc/self/status", 16, &b), -EFBIG);
}

static void read_refuses_what_is_no_file(void **state) {
	struct buf b;

	assert_int_equal(mkdirat(top, "dir", 0755), 0);
	assert_int_equal(mkfifoat(top, "fifo", 0644), 0);
	assert_int_equal(file_read_at(top, "dir", 10, &b), -EISDIR);
	assert_int_equal(file_read_at(top, "fifo", 10, &b), -ENXIO); /* and does not hang */
	assert_int_equal(file_read_at(top, "none", 10, &b), -ENOENT);
}

static void read_line_takes_the_first(void **state) {
	char *line = NULL;

	put("f", "first\nsecond\n");
	assert_int_equal(file_read_line_at(top, "f", &line), 0);
	assert_string_equal(line, "first");
	free(line);
	line = (char *)"untouched";
	assert_int_equal(file_read_line_at(top, "none", &line), -ENOENT);
	assert_string_equal(line, "untouched");
}

static void write_atomic_replaces(void **state) {
	struct stat st;
	struct buf b;

	put("f", "old");
	assert_int_equal(file_write_atomic_at(top, "f", "new", 3, 0600, (uid_t)-1, (gid_t)-1), 0);
	assert_int_equal(file_read_at(top, "f", 10, &b), 0);
	assert_string_equal(b.data, "new");
	buf_done(&b);
	assert_int_equal(fstatat(top, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void write_atomic_replaces_a_link_not_its_target(void **state) {
	struct stat st;
	struct buf b;

	put("target", "keep");
	assert_int_equal(symlinkat("target", top, "link"), 0);
	assert_int_equal(file_write_atomic_at(top, "link", "new", 3, 0644, (uid_t)-1, (gid_t)-1), 0);
	assert_int_equal(fstatat(top, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(file_read_at(top, "target", 10, &b), 0);
	assert_string_equal(b.data, "keep");
	buf_done(&b);
}

static void write_atomic_failing_leaves_nothing(void **state) {
	autoclose int sub = open_dir_make(top, "sub", 0755);

	assert_int_equal(mkdirat(sub, "f", 0755), 0);
	/* A file cannot replace a directory. */
	assert_true(file_write_quick_at(sub, "f", "x", 1, 0644) < 0);
	assert_int_equal(unlinkat(sub, "f", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(top, "sub", AT_REMOVEDIR), 0); /* empty: no temporary file */
}

static void write_value_wants_an_existing_file(void **state) {
	struct buf b;

	put("v", "xxxx");
	assert_int_equal(file_write_value_at(top, "v", "12"), 0);
	assert_int_equal(file_read_at(top, "v", 10, &b), 0);
	assert_string_equal(b.data, "12xx");
	buf_done(&b);
	assert_int_equal(file_write_value_at(top, "none", "1"), -ENOENT);
	assert_int_equal(symlinkat("v", top, "link"), 0);
	assert_int_equal(file_write_value_at(top, "link", "1"), -ELOOP);
}

static void open_beneath_stays_beneath(void **state) {
	static const char *const bad[] = { "../x", "sub/../../etc", "/etc/passwd", "out", "out/passwd",
					   "in", "sub/../f" };
	int fd;

	assert_int_equal(mkdirat(top, "sub", 0755), 0);
	put("f", "x");
	assert_int_equal(symlinkat("/etc", top, "out"), 0);
	assert_int_equal(symlinkat("f", top, "in"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad) - 1; i++) {
		fd = open_beneath(top, bad[i], O_RDONLY, 0);
		if (fd >= 0)
			fail_msg("'%s' opened", bad[i]);
	}
	fd = open_beneath(top, "sub/../f", O_RDONLY, 0); /* ".." is fine while it stays below */
	assert_true(fd >= 3);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	(void)close(fd);
}

static void open_in_root_is_a_chroot(void **state) {
	struct buf b;
	int fd;

	assert_int_equal(mkdirat(top, "etc", 0755), 0);
	put("etc/passwd", "inside");
	assert_int_equal(symlinkat("/etc", top, "out"), 0);
	assert_int_equal(symlinkat("../../../../etc/passwd", top, "up"), 0);
	assert_int_equal(symlinkat("/proc/self/root", top, "magic"), 0);
	for (int i = 0; i < 3; i++) {
		fd = open_in_root(top, i == 0 ? "out/passwd" : i == 1 ? "up" : "/../etc/passwd",
				  O_RDONLY, 0);
		assert_true(fd >= 0);
		buf_init(&b, 100);
		assert_int_equal(fd_read_all(fd, &b), 0);
		assert_string_equal(b.data, "inside");
		buf_done(&b);
		(void)close(fd);
	}
	assert_true(open_in_root(top, "magic", O_RDONLY, 0) < 0);
}

static void mkdir_beneath_follows_no_link(void **state) {
	int fd = open_mkdir_beneath(top, "a/b//c", 0700);
	struct stat st;

	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(fstatat(top, "a/b/c", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(symlinkat("/tmp", top, "link"), 0);
	assert_true(open_mkdir_beneath(top, "link/coi-should-not-be", 0700) < 0);
	assert_int_equal(exists_at(AT_FDCWD, "/tmp/coi-should-not-be"), 0);
	assert_true(open_mkdir_beneath(top, "../coi-should-not-be", 0700) < 0);
}

static void open_dir_make_makes_parents(void **state) {
	autofree char *deep = xasprintf("%s/x/y/z", top_path);
	autoclose int fd = open_dir_make(AT_FDCWD, deep, 0711), again = -1, file = -1;

	assert_true(fd >= 0);
	again = open_dir_make(AT_FDCWD, deep, 0711);
	assert_true(again >= 0);
	put("plain", "x");
	file = open_dir_make(top, "plain", 0700);
	assert_int_equal(file, -ENOTDIR);
}

static void copy_between_kinds_of_files(void **state) {
	autoclose int from = -1, to = -1;
	int ends[2];
	struct buf b;

	put("from", "some bytes");
	from = openat(top, "from", O_RDONLY | O_CLOEXEC);
	to = openat(top, "to", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(fd_copy(from, to), 10);
	assert_int_equal(lseek(from, 5, SEEK_SET), 5);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fd_copy(from, ends[1]), 5);
	(void)close(ends[1]);
	buf_init(&b, 100);
	assert_int_equal(fd_read_all(ends[0], &b), 0);
	assert_string_equal(b.data, "bytes");
	(void)close(ends[0]);
	buf_done(&b);
}

static void write_all_waits_for_a_slow_reader(void **state) {
	static char block[1 << 18];
	int pair[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fd_set_nonblock(pair[0], true), 0);
	pid = fork();
	if (pid == 0) {
		struct buf b;

		(void)close(pair[0]);
		buf_init(&b, sizeof(block));
		_exit(fd_read_all(pair[1], &b) == 0 && b.len == sizeof(block) ? 0 : 1);
	}
	(void)close(pair[1]);
	assert_int_equal(fd_write_all(pair[0], block, sizeof(block)), 0);
	(void)close(pair[0]);
	{
		int status;

		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

static void descriptor_flags(void **state) {
	int fd = open("/dev/null", O_RDONLY);
	int zero = dup(0);

	assert_int_equal(fd_set_cloexec(fd, true), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fd_set_cloexec(fd, false), 0);
	assert_false(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fd_set_nonblock(fd, true), 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_set_nonblock(-1, true), -EBADF);
	assert_int_equal(fd_above_stdio(fd), fd);
	assert_int_equal(dup2(fd, 0), 0);
	(void)close(fd);
	fd = fd_above_stdio(0);
	assert_true(fd >= 3);
	assert_int_equal(fcntl(0, F_GETFD), -1);
	assert_int_equal(dup2(zero, 0), 0);
	(void)close(zero);
	(void)close(fd);
	assert_int_equal(fd_above_stdio(-7), -7);
}

static void exists_sees_dangling_links(void **state) {
	put("f", "x");
	assert_int_equal(symlinkat("nowhere", top, "dangling"), 0);
	assert_int_equal(exists_at(top, "dangling"), 1);
	assert_int_equal(exists_at(top, "none"), 0);
	assert_int_equal(exists_at(top, "f/none"), 0);
}

static void remove_takes_all_but_what_links_point_to(void **state) {
	autofree char *outside = xasprintf("%s/outside", top_path);

	assert_int_equal(mkdirat(top, "outside", 0755), 0);
	put("outside/f", "keep");
	assert_int_equal(mkdirat(top, "t", 0755), 0);
	assert_int_equal(mkdirat(top, "t/sub", 0000), 0);
	put("t/f", "x");
	assert_int_equal(symlinkat(outside, top, "t/link"), 0);
	assert_int_equal(mkfifoat(top, "t/fifo", 0644), 0);
	assert_int_equal(linkat(top, "outside/f", top, "t/hard", 0), 0);
	assert_true(tree_size_at(top, "t") > 0);
	assert_int_equal(tree_remove_at(top, "t"), 0);
	assert_int_equal(exists_at(top, "t"), 0);
	assert_int_equal(exists_at(top, "outside/f"), 1);
	assert_int_equal(tree_remove_at(top, "t"), 0); /* a missing one is success */
	assert_int_equal(symlinkat(outside, top, "t"), 0);
	assert_int_equal(tree_remove_at(top, "t"), 0);
	assert_int_equal(exists_at(top, "outside/f"), 1);
	put("t", "x");
	assert_int_equal(tree_remove_at(top, "t"), 0);
}

/* @depth directories, one in the other, by descriptor: paths that long do not exist. */
static void dig(const char *name, int depth) {
	int at = dup(top);

	for (int i = 0; i < depth; i++) {
		int next;

		assert_int_equal(mkdirat(at, i ? "d" : name, 0755), 0);
		next = openat(at, i ? "d" : name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		(void)close(at);
		at = next;
	}
	(void)close(at);
}

static void remove_goes_as_deep_as_it_gets(void **state) {
	dig("deep", 3000);
	assert_true(tree_size_at(top, "deep") > 0);
	assert_int_equal(tree_remove_at(top, "deep"), 0);
	assert_int_equal(exists_at(top, "deep"), 0);
}

/* A container knows our names too: ".deep-N" may be taken, by files and by full directories. */
static void remove_is_not_held_up_by_taken_names(void **state) {
	dig("deep", 1000);
	for (int i = 0; i < 6; i++) {
		autofree char *name = xasprintf("deep/.deep-%d", i);
		autofree char *below = xasprintf("deep/.deep-%d/full", i);

		if (i % 2) {
			assert_int_equal(mkdirat(top, name, 0755), 0);
			put(below, "x");
		} else {
			put(name, "x");
		}
	}
	assert_int_equal(tree_remove_at(top, "deep"), 0);
	assert_int_equal(exists_at(top, "deep"), 0);
}

static void proc_path_of_a_descriptor(void **state) {
	char path[32];

	assert_string_equal(fd_proc_path(12, path), "/proc/self/fd/12");
}

/* ---- sockets with names ---- */

static void socket_has_its_name_however_deep(void **state) {
	char deep[201], long_name[101];
	autoclose int dir = -1, listener = -1, again = -1, client = -1, place = -1;
	struct stat st;

	memset(deep, 'd', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	dir = open_dir_make(top, deep, 0700);
	assert_true(dir >= 0);
	assert_int_equal(socket_connect_at(dir, "s", SOCK_SEQPACKET), -ENOENT);
	listener = socket_make_at(dir, "s", SOCK_SEQPACKET | SOCK_NONBLOCK, 0640);
	assert_true(listener >= 0);
	assert_int_equal(fstatat(dir, "s", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(fcntl(listener, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(listener, F_GETFL) & O_NONBLOCK);
	assert_int_equal(socket_connect_at(dir, "s", SOCK_SEQPACKET), -ECONNREFUSED);
	assert_int_equal(listen(listener, 1), 0);
	client = socket_connect_at(dir, "s", SOCK_SEQPACKET);
	assert_true(client >= 0);
	assert_int_equal(fcntl(client, F_GETFD), FD_CLOEXEC);
	(void)close(client);
	place = openat(dir, "s", O_PATH | O_CLOEXEC);
	client = socket_connect_at(place, "", SOCK_SEQPACKET);
	assert_true(client >= 0);
	/* In the place of the first one. */
	again = socket_make_at(dir, "s", SOCK_DGRAM, 0600);
	assert_true(again >= 0);
	assert_int_equal(socket_connect_at(dir, "s", SOCK_SEQPACKET), -EPROTOTYPE);
	memset(long_name, 'n', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(socket_make_at(dir, long_name, SOCK_DGRAM, 0600), -ENAMETOOLONG);
	assert_int_equal(socket_connect_at(dir, long_name, SOCK_DGRAM), -ENAMETOOLONG);
}

static void socket_of_a_whole_path(void **state) {
	autofree char *path = xasprintf("%s/s", top_path);
	autoclose int made = socket_make_at(top, "s", SOCK_DGRAM, 0600), client = -1;

	assert_true(made >= 0);
	client = socket_connect_at(AT_FDCWD, path, SOCK_DGRAM);
	assert_true(client >= 0);
}

/* Before Linux 6.16 there is no such thing, and that is said. */
static void socket_that_takes_no_descriptors(void **state) {
	autoclose int fd = socket_make_at(top, "s", SOCK_STREAM, 0600), client = -1, there = -1;
	int r = socket_refuse_descriptors(fd);

	if (r == -ENOPROTOOPT)
		return;
	assert_int_equal(r, 0);
	assert_int_equal(listen(fd, 1), 0);
	client = socket_connect_at(top, "s", SOCK_STREAM);
	assert_true(client >= 0);
	assert_int_equal(fd_send(client, "x", 1, &top, 1), -EPERM);
	there = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	assert_int_equal(fd_send(client, "x", 1, &top, 1), -EPERM);
	assert_int_equal(fd_send(client, "x", 1, NULL, 0), 0);
	assert_int_equal(fd_send(there, "x", 1, &top, 1), 0);
}

/* ---- packets with descriptors ---- */

static int pair[2];
static int opened; /* before the test */

static int open_count(void) {
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static int make_pair(void **state) {
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	opened = open_count();
	return 0;
}

static int close_pair(void **state) {
	int left = open_count() - opened;

	(void)close(pair[0]);
	(void)close(pair[1]);
	if (left)
		print_error("%d descriptors left open\n", left);
	return left ? -1 : 0;
}

static void packet_brings_descriptors(void **state) {
	int send[2] = { pair[0], pair[1] }, got[3] = { -7, -7, -7 };
	struct stat a, b;
	char text[8];
	size_t count = 3;

	assert_int_equal(fd_send(pair[0], "two", 4, send, 2), 0);
	assert_int_equal(fd_receive(pair[1], text, sizeof(text), 0, got, &count), 4);
	assert_string_equal(text, "two");
	assert_int_equal(count, 2);
	assert_int_equal(got[2], -7);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
		assert_int_equal(fstat(send[i], &a), 0);
		assert_int_equal(fstat(got[i], &b), 0);
		assert_int_equal(a.st_ino, b.st_ino);
		(void)close(got[i]);
	}
}

static void packet_without_descriptors(void **state) {
	int got = -7;
	char text[8];
	size_t count = 1;

	assert_int_equal(fd_receive(pair[1], text, sizeof(text), MSG_DONTWAIT, &got, &count), -EAGAIN);
	assert_int_equal(count, 0);
	assert_int_equal(fd_send(pair[0], "none", 5, NULL, 0), 0);
	count = 1;
	assert_int_equal(fd_receive(pair[1], text, sizeof(text), 0, &got, &count), 5);
	assert_int_equal(count, 0);
	assert_int_equal(got, -7);
	assert_int_equal(shutdown(pair[0], SHUT_WR), 0);
	count = 1;
	assert_int_equal(fd_receive(pair[1], text, sizeof(text), 0, &got, &count), 0);
	assert_int_equal(count, 0);
	assert_int_equal(fd_send(pair[0], "none", 5, NULL, 0), -EPIPE);
}

static void packet_with_more_than_there_is_room_for(void **state) {
	int send[3] = { pair[0], pair[0], pair[0] }, got[2] = { -7, -7 };
	char text[8];
	size_t count = 2;

	assert_int_equal(fd_send(pair[0], "three", 6, send, 3), 0);
	assert_int_equal(fd_receive(pair[1], text, sizeof(text), 0, got, &count), -EBADMSG);
	assert_int_equal(count, 0);
	assert_int_equal(got[0], -1);
	assert_int_equal(got[1], -1);
	count = 0;
	assert_int_equal(fd_send(pair[0], "three", 6, send, 3), 0);
	assert_int_equal(fd_receive(pair[1], text, sizeof(text), 0, NULL, &count), -EBADMSG);
}

/* As a sender of another kind does it: the kernel cuts what there is no room for. */
static void packet_with_more_than_any_may_have(void **state) {
	union {
		char room[CMSG_SPACE(sizeof(int) * 2 * FD_SEND_MAX)];
		struct cmsghdr align;
	} control = { 0 };
	int send[2 * FD_SEND_MAX], got[2 * FD_SEND_MAX];
	struct iovec iov = { (char[]){ "x" }, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room,
			    .msg_controllen = sizeof(control.room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	size_t count = 2 * FD_SEND_MAX;
	char text[8];

	for (size_t i = 0; i < 2 * FD_SEND_MAX; i++)
		send[i] = pair[0];
	assert_int_equal(fd_send(pair[0], "x", 1, send, FD_SEND_MAX + 1), -EINVAL);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(send));
	memcpy(CMSG_DATA(c), send, sizeof(send));
	assert_int_equal(sendmsg(pair[0], &m, 0), 1);
	assert_int_equal(fd_receive(pair[1], text, sizeof(text), 0, got, &count), -EBADMSG);
	assert_int_equal(count, 0);
	count = FD_SEND_MAX;
	assert_int_equal(fd_send(pair[0], "x", 1, send, FD_SEND_MAX), 0);
	assert_int_equal(fd_receive(pair[1], text, sizeof(text), 0, got, &count), 1);
	assert_int_equal(count, FD_SEND_MAX);
	for (size_t i = 0; i < count; i++)
		(void)close(got[i]);
}

static void packet_that_is_cut(void **state) {
	int got = -7;
	char text[4];
	size_t count = 1;

	assert_int_equal(fd_send(pair[0], "12345", 5, pair, 1), 0);
	assert_int_equal(fd_receive(pair[1], text, sizeof(text), 0, &got, &count), -EBADMSG);
	assert_int_equal(count, 0);
	assert_int_equal(got, -1);
}

/* No end of what is said, which nobody would look at for descriptors. */
static void packet_of_descriptors_alone(void **state) {
	int got = -7;
	char text[4];
	size_t count = 1;

	assert_int_equal(fd_send(pair[0], "", 0, pair, 1), 0);
	assert_int_equal(fd_send(pair[0], "", 0, NULL, 0), 0);
	assert_int_equal(fd_receive(pair[1], text, sizeof(text), 0, &got, &count), -EBADMSG);
	assert_int_equal(count, 0);
	assert_int_equal(got, -1);
	count = 1;
	assert_int_equal(fd_receive(pair[1], text, sizeof(text), 0, &got, &count), 0);
}

/* Room for one only of the two that come. */
static void packet_when_descriptors_run_out(void **state) {
	int send[2] = { pair[0], pair[1] }, got[2] = { -7, -7 };
	int lowest = fcntl(pair[0], F_DUPFD_CLOEXEC, 0);
	struct rlimit old, low;
	char text[8];
	size_t count = 2;
	ssize_t n;

	assert_true(lowest >= 0);
	(void)close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)lowest + 1;
	assert_int_equal(fd_send(pair[0], "two", 4, send, 2), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	n = fd_receive(pair[1], text, sizeof(text), 0, got, &count);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(n, -EBADMSG);
	assert_int_equal(count, 0);
}

static void packet_with_other_control_data(void **state) {
	int on = 1, got = -1;
	char text[8];
	size_t count = 1;

	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	assert_int_equal(fd_send(pair[0], "one", 4, pair, 1), 0);
	assert_int_equal(fd_receive(pair[1], text, sizeof(text), 0, &got, &count), 4);
	assert_int_equal(count, 1);
	assert_true(fcntl(got, F_GETFD) >= 0);
	(void)close(got);
}

#define PACKETS(f) cmocka_unit_test_setup_teardown(f, make_pair, close_pair)
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_top, remove_top)

int main(void) {
	static const struct CMUnitTest tests[] = {
		TEST(read_all_keeps_the_maximum),
		TEST(read_refuses_what_is_no_file),
		TEST(read_line_takes_the_first),
		TEST(write_atomic_replaces),
		TEST(write_atomic_replaces_a_link_not_its_target),
		TEST(write_atomic_failing_leaves_nothing),
		TEST(write_value_wants_an_existing_file),
		TEST(open_beneath_stays_beneath),
		TEST(open_in_root_is_a_chroot),
		TEST(mkdir_beneath_follows_no_link),
		TEST(open_dir_make_makes_parents),
		TEST(copy_between_kinds_of_files),
		TEST(write_all_waits_for_a_slow_reader),
		TEST(descriptor_flags),
		TEST(exists_sees_dangling_links),
		TEST(remove_takes_all_but_what_links_point_to),
		TEST(remove_goes_as_deep_as_it_gets),
		TEST(remove_is_not_held_up_by_taken_names),
		TEST(proc_path_of_a_descriptor),
		TEST(socket_has_its_name_however_deep),
		TEST(socket_of_a_whole_path),
		TEST(socket_that_takes_no_descriptors),
		PACKETS(packet_brings_descriptors),
		PACKETS(packet_without_descriptors),
		PACKETS(packet_with_more_than_there_is_room_for),
		PACKETS(packet_with_more_than_any_may_have),
		PACKETS(packet_that_is_cut),
		PACKETS(packet_of_descriptors_alone),
		PACKETS(packet_when_descriptors_run_out),
		PACKETS(packet_with_other_control_data),
	};

	return cmocka_run_group_tests_name("base fd", tests, NULL, NULL);
}
