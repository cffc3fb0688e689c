/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the watcher hears of logins: a socket that the container's programs log to,
 * and its /var/log/auth.log.
 *
 * The socket is in a directory of our own, which the container sees read-only: its
 * init makes /dev/log a link to it, or journald is told to pass on what it gets. The
 * file is the container's, so it is opened here, by descriptor, without following a link or
 * entering a mount, and only when it is a regular one; who reads it is the watcher.
 *
 * Descriptors that somebody sends along would be the watcher's to close, which waits as
 * long as a socket among them was told to linger. Before Linux 6.16 nobody can say that they
 * are not wanted, so there is no socket: only the file is read, and the watcher says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/linux.h"
#include "base/log.h"
#include "base/mem.h"
#include "monitor/backends.h"
#include "runtime/selinux.h"
#include "session/supervisor.h"

#define DIR_NAME "log" /* in the run directory; RUNTIME_LOG_DIR inside */
#define LOG_FILE "var/log/auth.log"

/* A new one each time: whoever was there before us has taken the old one along. */
static int open_socket(const struct supervisor *v) {
	autoclose int run = container_run_dir(&v->session, v->c->name);
	autoclose int dir = run < 0 ? run : open_dir_make(run, DIR_NAME, 0755);
	autoclose int fd = -1;
	int r;

	if (dir < 0)
		return dir;
	/* Whoever may log may log to it. */
	r = selinux_sockets_begin(&v->c->ids);
	fd = r < 0 ? r : socket_make_at(dir, RUNTIME_LOG_SOCKET, SOCK_DGRAM | SOCK_NONBLOCK, 0666);
	selinux_sockets_end();
	r = fd < 0 ? fd : watch_is_allowed("auth", "log") ? socket_refuse_descriptors(fd) : -ENOPROTOOPT;
	if (r == 0)
		return steal_fd(&fd);
	(void)unlinkat(dir, RUNTIME_LOG_SOCKET, 0);
	return r;
}

void supervisor_syslog_open(struct supervisor *v) {
	struct err err = { 0 };
	int fd = open_socket(v);

	if (fd == -ENOPROTOOPT)
		return;
	if (fd < 0) {
		(void)err_sys(&err, fd, "what '%s' logs of logins is not heard", v->c->name);
		supervisor_complain(&err);
		return;
	}
	v->syslog_fd = fd;
	v->syslog_path = xasprintf("%s/%s/" DIR_NAME, v->session.layout->run, v->c->name);
}

void supervisor_syslog_bind(struct supervisor *v) {
	struct protect_binds *b = &v->protect;

	if (v->syslog_fd < 0)
		return;
	b->items = xreallocarray(b->items, b->count + 1, sizeof(*b->items));
	b->items[b->count++] = (struct runtime_bind){ .fd = -1,
						      .source = v->syslog_path,
						      .target = RUNTIME_LOG_DIR,
						      .readonly = true,
						      .noexec = true,
						      .ids = RUNTIME_BIND_PLAIN };
}

/* Looked at before it is opened: a FIFO or a device is not even touched. */
static int open_log(const struct supervisor *v, struct statx *ret) {
	autoclose int root = proc_id_open_file(&v->c->init, "root", O_PATH | O_DIRECTORY);
	autoclose int there = -1;
	char path[32];
	int fd;

	if (root < 0)
		return root;
	there = open_beneath_here(root, LOG_FILE, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	if (there < 0)
		return there;
	if (statx(there, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, ret) < 0)
		return -errno;
	if (!S_ISREG(ret->stx_mode))
		return S_ISLNK(ret->stx_mode) ? -ELOOP : -ENXIO;
	fd = open(fd_proc_path(there, path), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void supervisor_syslog_look(struct supervisor *v) {
	struct statx st = { 0 };
	autoclose int fd = open_log(v, &st);
	const struct watch_log log = {
		.fd = fd,
		.device = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor,
		.inode = st.stx_ino,
		.born_ns = (uint64_t)st.stx_btime.tv_sec * 1000000000u + st.stx_btime.tv_nsec,
		.size = st.stx_size,
	};

	if (watch_log_send(&v->watch, &log) < 0)
		log_debug("the watcher of '%s' does not read", v->c->name);
}

void supervisor_syslog_close(struct supervisor *v) {
	mem_close_ptr(&v->syslog_fd);
	v->syslog_fd = -1;
}

void supervisor_syslog_done(struct supervisor *v) {
	supervisor_syslog_close(v);
	free(v->syslog_path);
	v->syslog_path = NULL;
}
