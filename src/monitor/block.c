/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/block.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "monitor/backends.h"
#include "monitor/block-protocol.h"

#define READY_TIMEOUT_MS 10000

/* A mark of whatever is at @path, through a link in /proc. */
static int mark(int group, unsigned flags, uint64_t mask, int fd) {
	char link[32];

	return fanotify_mark(group, FAN_MARK_ADD | flags, mask, AT_FDCWD, fd_proc_path(fd, link)) < 0
	               ? -errno
	               : 0;
}

static bool is_allowed(void) {
	return watch_is_allowed("block", "fanotify");
}

int block_group(struct err *err) {
	/*
	 * No limit on what waits: past it the kernel lets everybody through. The thread that
	 * asks, not its process, whose first thread may have ended and then tells nothing.
	 * What comes with a question is opened without waiting for who has a lease on it
	 * (fcntl(2), F_SETLEASE): all others would wait too.
	 */
	const unsigned flags = FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_UNLIMITED_QUEUE |
	                       FAN_UNLIMITED_MARKS | FAN_REPORT_TID;
	int fd = is_allowed() ? (int)syscall(SYS_fanotify_init, flags,
	                                     O_RDONLY | O_CLOEXEC | O_LARGEFILE | O_NOATIME | O_NONBLOCK)
	                      : -1;

	if (fd >= 0)
		return fd;
	(void)err_sys(err, is_allowed() ? -errno : -EINVAL, "this kernel does not ask before a file is "
	                                              "opened (CONFIG_FANOTIFY_ACCESS_PERMISSIONS)");
	return err_hint(err, "without monitoring.block the container starts, and nothing is refused");
}

int block_mark(int group_fd, int fd) {
	return mark(group_fd, 0, FAN_OPEN_PERM, fd);
}

int block_mark_programs(int group_fd, int fd) {
	return mark(group_fd, FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC_PERM, fd);
}

int block_probe(struct err *err) {
	autoclose int fd = (int)syscall(SYS_memfd_create, "probe", MFD_CLOEXEC);
	autoclose int group = block_group(err);
	int r = fd < 0 ? -errno : group < 0 ? group : block_mark(group, fd);

	if (r < 0 && group >= 0)
		(void)err_sys(err, r, "this kernel does not ask before a file is opened "
		                      "(CONFIG_FANOTIFY_ACCESS_PERMISSIONS)");
	return r;
}

static int spawn(const struct layout *layout, int listen_fd, int control, struct block *b,
                 struct err *err) {
	autofree char *path = layout_program("coi-block");
	autoclose int empty = open_dir_make(layout->run_fd, "empty", 0555);
	char *const argv[] = { (char *)"coi-block", NULL };
	char *const env[] = { (char *)"PATH=/", NULL };
	const struct spawn_fd fds[] = { { control, BLOCK_FD_CONTROL },
		                        { empty, BLOCK_FD_ROOT },
		                        { b->group_fd, BLOCK_FD_GROUP },
		                        { listen_fd, BLOCK_FD_LISTEN } };
	const struct spawn_spec how = { .path = path,
		                        .argv = argv,
		                        .env = env,
		                        .fds = fds,
		                        .fd_count = ARRAY_SIZE(fds),
		                        .new_session = true,
		                        .null_stdio = true,
		                        .cwd = "/",
		                        .uid = (uid_t)-1,
		                        .gid = (gid_t)-1 };

	if (empty < 0)
		return err_sys(err, empty, "cannot open '%s/empty'", layout->run);
	return proc_spawn(&how, &b->child, NULL, err);
}

int block_spawn(const struct layout *layout, int listen_fd, struct block *b, struct err *err) {
	autoclose int ours = -1, theirs = -1;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, -errno, "cannot make a socket pair");
	ours = pair[0];
	theirs = pair[1];
	r = spawn(layout, listen_fd, theirs, b, err);
	if (r < 0)
		return err_wrap(err, "starting what refuses opens");
	b->control_fd = steal_fd(&ours);
	return 0;
}

/* Not a moment without an answer: what waits is refused by the new one first. */
static int begin(struct block *b, const struct block_spec *spec) {
	json_t *body = json_pack("{s:o, s:I, s:o}", "lxc_name", json_text(spec->lxc_name), "uid",
	                         (json_int_t)(BLOCK_UID_FIRST + (spec->uid_base >> 16)), "tools",
	                         json_from_strv(spec->tools));
	struct msg m;
	int r = msg_send(b->control_fd, BLOCK_MSG_START, body, &spec->init_pidfd,
	                 spec->init_pidfd < 0 ? 0 : 1);

	if (r < 0)
		return r;
	r = msg_recv_timeout(b->control_fd, &m, READY_TIMEOUT_MS);
	if (r <= 0)
		return r ? r : -EPIPE;
	r = strcmp(m.type, BLOCK_MSG_READY) == 0 ? 0 : -EBADMSG;
	msg_done(&m);
	/* We never wait for it from here on. */
	return r < 0 ? r : fd_set_nonblock(b->control_fd, true);
}

int block_begin(struct block *b, const struct block_spec *spec, struct err *err) {
	int r = begin(b, spec);

	if (r == 0)
		return 0;
	block_leave(b);
	return err_sys(err, r, "what refuses opens does not answer");
}

int block_begun(struct block *b, int init_pidfd) {
	return msg_send(b->control_fd, BLOCK_MSG_BEGUN, NULL, &init_pidfd, 1);
}

int block_connect(int dirfd, const char *name, struct block *b) {
	autoclose int fd = socket_connect_at(dirfd, name, SOCK_SEQPACKET);
	struct msg m;
	int r;

	if (fd < 0)
		return fd;
	r = msg_recv_timeout(fd, &m, READY_TIMEOUT_MS);
	if (r <= 0)
		return r ? r : -EPIPE;
	if (!strcmp(m.type, BLOCK_MSG_READY) && m.fd_count == 1)
		b->group_fd = steal_fd(&m.fds[0]);
	msg_done(&m);
	if (b->group_fd < 0)
		return -EBADMSG;
	(void)fd_set_nonblock(fd, true);
	b->control_fd = steal_fd(&fd);
	return 0;
}

void block_leave(struct block *b) {
	mem_close_ptr(&b->control_fd);
	b->control_fd = -1;
	if (b->child > 0) {
		(void)kill(b->child, SIGKILL);
		(void)proc_wait(b->child);
	}
	b->child = 0;
}

void block_stop(struct block *b) {
	block_leave(b);
	mem_close_ptr(&b->group_fd);
	*b = (struct block)BLOCK_INIT;
}

int block_read(struct block *b, struct msg_report *ret) {
	static const struct msg_kind kinds[] = {
		{ BLOCK_MSG_READY, BLOCK_REPORT_READY },
		{ BLOCK_MSG_REFUSED, BLOCK_REPORT_REFUSED },
		{ BLOCK_MSG_MORE, BLOCK_REPORT_MORE },
		{ BLOCK_MSG_AGAIN, BLOCK_REPORT_AGAIN },
	};

	return msg_report_read(b->control_fd, kinds, ARRAY_SIZE(kinds), ret);
}
