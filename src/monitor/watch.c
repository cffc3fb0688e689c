/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "monitor/backends.h"
#include "monitor/protocol.h"
#include "monitor/wire.h"

#define END_TIMEOUT_MS 1000
#define BUFFER (1024 * 1024) /* of the socket, so that neither side waits for the other's turn */

static int spawn(const struct layout *layout, int control, struct watch *w, struct err *err) {
	autofree char *path = layout_program("coi-watch");
	autoclose int empty = open_dir_make(layout->run_fd, "empty", 0555);
	const char *backends = getenv(WATCH_BACKENDS_VARIABLE);
	char *const argv[] = { (char *)"coi-watch", NULL };
	autostrv char **env = NULL;
	const struct spawn_fd fds[] = { { control, WATCH_FD_CONTROL }, { empty, WATCH_FD_ROOT } };
	struct spawn_spec spec = { .path = path,
		                   .argv = argv,
		                   .fds = fds,
		                   .fd_count = ARRAY_SIZE(fds),
		                   .new_session = true,
		                   .null_stdio = true,
		                   .cwd = "/",
		                   .uid = (uid_t)-1,
		                   .gid = (gid_t)-1 };

	if (empty < 0)
		return err_sys(err, empty, "cannot open '%s/empty'", layout->run);
	strv_add(&env, "PATH=/");
	if (backends)
		strv_addf(&env, WATCH_BACKENDS_VARIABLE "=%s", backends);
	spec.env = env;
	return proc_spawn(&spec, &w->pid, &w->pidfd, err);
}

int watch_spawn(const struct layout *layout, struct watch *w, struct err *err) {
	autoclose int ours = -1, theirs = -1;
	int pair[2], size = BUFFER, r;

	if (w->stuck && waitpid(w->stuck, NULL, WNOHANG) == 0)
		return err_set(err, ERR_SYSTEM, -EBUSY, "the watcher before waits for the container");
	w->stuck = 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, -errno, "cannot make a socket pair");
	ours = pair[0];
	theirs = pair[1];
	/* We never wait for it: it reads what is hostile. */
	(void)fd_set_nonblock(ours, true);
	(void)setsockopt(theirs, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	r = spawn(layout, theirs, w, err);
	if (r < 0)
		return err_wrap(err, "starting the watcher");
	w->control_fd = steal_fd(&ours);
	return 0;
}

int watch_begin(struct watch *w, const struct watch_begin *spec, struct err *err) {
	int fds[MSG_FDS_MAX] = { spec->group_fd };
	bool has_cgroup2 = spec->cgroup2_fd >= 0;
	json_t *counters = json_array();
	size_t count = 1, patterns = 0;
	struct stat st = { 0 };
	json_t *body;
	int r;

	if (has_cgroup2 && fstat(spec->cgroup2_fd, &st) < 0)
		has_cgroup2 = false;
	if (has_cgroup2)
		fds[count++] = spec->cgroup2_fd;
	if (spec->root_fd >= 0)
		fds[count++] = spec->root_fd;
	if (spec->workspace_fd >= 0)
		fds[count++] = spec->workspace_fd;
	if (spec->syslog_fd >= 0)
		fds[count++] = spec->syslog_fd;
	for (size_t i = 0; i < spec->counter_count && count < MSG_FDS_MAX; i++) {
		bool is_there = spec->counter_fds[i] >= 0;

		json_array_append_new(counters, json_boolean(is_there));
		if (is_there)
			fds[count++] = spec->counter_fds[i];
	}
	for (; patterns < spec->pattern_count && patterns < WATCH_SETS_MAX && count < MSG_FDS_MAX;
	     patterns++)
		fds[count++] = spec->pattern_fds[patterns];
	body = json_pack("{s:o, s:I, s:I, s:I, s:b, s:b, s:i, s:b, s:o, s:o, s:I, s:I, s:I, s:o, s:o, "
	                 "s:I, s:I}",
	                 "lxc_name",
	                 json_text(spec->lxc_name), "uid",
	                 (json_int_t)(WATCH_UID_FIRST + (spec->uid_base >> 16)), "level",
	                 (json_int_t)spec->level, "cgroup2_id", (json_int_t)st.st_ino,
	                 "has_cgroup2", has_cgroup2, "has_root", spec->root_fd >= 0,
	                 "workspace", spec->workspace_fd < 0 ? spec->workspace_fd : 0, "has_syslog",
	                 spec->syslog_fd >= 0, "homes",
	                 json_from_strv(spec->homes), "canaries",
	                 json_from_strv(spec->canaries), "uid_base", (json_int_t)spec->uid_base,
	                 "uid_count", (json_int_t)spec->uid_count, "poll_ms",
	                 (json_int_t)spec->poll_ms, "settings", wire_settings(&spec->settings),
	                 "counters", counters, "patterns", (json_int_t)patterns, "address",
	                 (json_int_t)spec->address);
	r = msg_send(w->control_fd, WATCH_MSG_START, body, fds, count);
	w->is_begun = r == 0;
	return r < 0 ? err_sys(err, r, "cannot tell the watcher of the container") : 0;
}

int watch_ping(struct watch *w) {
	return w->control_fd < 0 ? -EBADF : msg_send(w->control_fd, WATCH_MSG_PING, NULL, NULL, 0);
}

int watch_log_send(struct watch *w, const struct watch_log *log) {
	json_t *body = json_pack("{s:i, s:I, s:I, s:I, s:I}", "error", log->fd < 0 ? -log->fd : 0,
	                         "device", (json_int_t)log->device, "inode", (json_int_t)log->inode,
	                         "born_ns", (json_int_t)log->born_ns, "size", (json_int_t)log->size);

	if (w->control_fd < 0) {
		json_decref(body);
		return -EBADF;
	}
	return msg_send(w->control_fd, WATCH_MSG_LOG, body, &log->fd, log->fd < 0 ? 0 : 1);
}

int watch_read(struct watch *w, struct msg_report *ret) {
	static const struct msg_kind kinds[] = {
		{ WATCH_MSG_READY, WATCH_REPORT_READY },
		{ WATCH_MSG_EVENTS, WATCH_REPORT_EVENTS },
		{ WATCH_MSG_THREAT, WATCH_REPORT_THREAT },
		{ WATCH_MSG_PONG, WATCH_REPORT_ALIVE },
		{ WATCH_MSG_LOOK, WATCH_REPORT_LOOK },
	};

	return msg_report_read(w->control_fd, kinds, ARRAY_SIZE(kinds), ret);
}

int watch_wait(struct watch *w, int timeout_ms, struct msg_report *ret) {
	struct pollfd pfd = { .fd = w->control_fd, .events = POLLIN };
	int r = watch_read(w, ret);

	if (r != 0)
		return r;
	r = poll(&pfd, 1, timeout_ms);
	if (r == 0)
		return -ETIMEDOUT;
	if (r < 0)
		return errno == EINTR ? 0 : -errno;
	return watch_read(w, ret);
}

void watch_finish(struct watch *w) {
	if (w->control_fd >= 0)
		(void)msg_send(w->control_fd, WATCH_MSG_FINISH, NULL, NULL, 0);
}

void watch_stop(struct watch *w) {
	pid_t stuck = w->stuck;

	mem_close_ptr(&w->control_fd);
	/* It ends by itself when the control socket closes; unless it hangs. */
	if (w->pid > 0 && pidfd_wait_gone(w->pidfd, w->is_begun ? END_TIMEOUT_MS : 0) < 0)
		(void)kill(w->pid, SIGKILL);
	if (w->pid > 0 && pidfd_wait_gone(w->pidfd, END_TIMEOUT_MS) < 0)
		stuck = w->pid;
	else if (w->pid > 0)
		(void)proc_wait(w->pid);
	mem_close_ptr(&w->pidfd);
	*w = (struct watch)WATCH_INIT;
	w->stuck = stuck;
}
