/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/proc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"

int proc_id_get(pid_t pid, struct proc_id *ret) {
	unsigned long long start;
	char path[64], state;
	const char *rest;
	struct buf b;
	int r;

	if (pid <= 0)
		return -ESRCH;
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	r = file_read_at(AT_FDCWD, path, 8192, &b);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	/* The name in parentheses may hold anything: start after the last one. */
	rest = strrchr(b.data, ')');
	r = rest && sscanf(rest,
			   ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
			   "%*d %*d %llu",
			   &state, &start) == 2
		    ? 0
		    : -EIO;
	if (r == 0 && (state == 'Z' || state == 'X'))
		r = -ESRCH;
	if (r == 0)
		*ret = (struct proc_id){ .pid = pid, .start = start };
	buf_done(&b);
	return r;
}

bool proc_id_alive(const struct proc_id *id) {
	struct proc_id now;

	return proc_id_get(id->pid, &now) == 0 && now.start == id->start;
}

int proc_id_open(const struct proc_id *id) {
	autoclose int fd = -1;

	if (id->pid <= 0)
		return -ESRCH;
	fd = (int)syscall(SYS_pidfd_open, id->pid, 0);
	if (fd < 0)
		return -errno;
	/* Checked after the open: from here on the pidfd is this process. */
	if (!proc_id_alive(id))
		return -ESRCH;
	return steal_fd(&fd);
}

int proc_id_open_file(const struct proc_id *id, const char *what, int flags) {
	autofree char *path = xasprintf("/proc/%d/%s", (int)id->pid, what);
	autoclose int fd = open(path, flags | O_CLOEXEC);
	int r = fd < 0 ? -errno : 0;

	/* Checked after the open, as above: another one may have that number by now. */
	if (!proc_id_alive(id))
		return -ESRCH;
	return r < 0 ? r : steal_fd(&fd);
}

int pidfd_wait_gone(int pidfd, int timeout_ms) {
	uint64_t end = clock_mono_ms() + (timeout_ms > 0 ? (uint64_t)timeout_ms : 0);

	for (;;) {
		struct pollfd pfd = { .fd = pidfd, .events = POLLIN };
		uint64_t now = clock_mono_ms();
		int left = timeout_ms < 0 ? -1 : now >= end ? 0 : (int)(end - now);
		int r = poll(&pfd, 1, left);

		if (r > 0)
			return 0;
		if (r == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

int proc_id_kill(const struct proc_id *id, int timeout_ms) {
	autoclose int fd = proc_id_open(id);

	if (fd == -ESRCH)
		return 0;
	if (fd < 0)
		return fd;
	if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0)
		return errno == ESRCH ? 0 : -errno;
	return pidfd_wait_gone(fd, timeout_ms);
}

const char *boot_id(void) {
	static char id[37];

	if (!id[0]) {
		autofree char *line = NULL;

		if (file_read_line_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &line) == 0)
			(void)snprintf(id, sizeof(id), "%.36s", line);
	}
	return id;
}

int ns_inode(pid_t pid, const char *kind, uint64_t *ret) {
	char path[64];
	struct stat st;

	if (pid)
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kind);
	else
		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kind);
	if (stat(path, &st) < 0)
		return -errno;
	*ret = st.st_ino;
	return 0;
}

/* The lowest number that is nobody's place: the limit of open files may be low. */
static int above_places(const struct spawn_spec *spec) {
	int above = 3;

	for (size_t i = 0; i < spec->fd_count; i++)
		if (spec->fds[i].as >= above)
			above = spec->fds[i].as + 1;
	return above;
}

/* Bring the descriptors to their places; those of @spec may overlap in any way. */
static int child_fds(const struct spawn_spec *spec) {
	int moved[64], above = above_places(spec);

	if (spec->fd_count > ARRAY_SIZE(moved))
		return -EINVAL;
	for (size_t i = 0; i < spec->fd_count; i++) {
		moved[i] = fcntl(spec->fds[i].fd, F_DUPFD_CLOEXEC, above);
		if (moved[i] < 0)
			return -errno;
	}
	if (spec->null_stdio) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		if (null < 0)
			return -errno;
		for (int i = 0; i < 3; i++)
			if (dup2(null, i) < 0)
				return -errno;
		if (null > 2)
			(void)close(null);
	}
	for (size_t i = 0; i < spec->fd_count; i++)
		if (dup2(moved[i], spec->fds[i].as) < 0)
			return -errno;
	return 0;
}

static int child_identity(const struct spawn_spec *spec) {
	if (spec->new_session && setsid() < 0)
		return -errno;
	if (spec->uid != (uid_t)-1) {
		if ((spec->user ? initgroups(spec->user, spec->gid) : setgroups(0, NULL)) < 0 ||
		    setresgid(spec->gid, spec->gid, spec->gid) < 0 ||
		    setresuid(spec->uid, spec->uid, spec->uid) < 0)
			return -errno;
	}
	/* Behind the ids: a change of them clears it. */
	if (spec->death_signal && prctl(PR_SET_PDEATHSIG, spec->death_signal) < 0)
		return -errno;
	return spec->cwd && chdir(spec->cwd) < 0 ? -errno : 0;
}

void proc_reset_signals(void) {
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		if (s != SIGKILL && s != SIGSTOP)
			(void)signal(s, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * The program, while we may still go where it lies: another user may not, below a
 * directory of root's own.
 */
static int open_program(const struct spawn_spec *spec) {
	autoclose int fd = spec->uid != (uid_t)-1 && strchr(spec->path, '/') ?
				   open(spec->path, O_PATH | O_CLOEXEC) : -1;

	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, above_places(spec));
}

static void __attribute__((noreturn)) child_run(const struct spawn_spec *spec, int report) {
	int kept[66], r, moved = fcntl(report, F_DUPFD_CLOEXEC, above_places(spec));
	int program = open_program(spec);
	size_t count = 0;

	if (moved < 0) {
		r = -errno;
	} else {
		report = moved;
		proc_reset_signals();
		r = child_identity(spec);
	}
	if (r == 0)
		r = child_fds(spec);
	if (r == 0) {
		for (size_t i = 0; i < spec->fd_count; i++)
			kept[count++] = spec->fds[i].as;
		kept[count++] = report;
		kept[count++] = program;
		proc_close_fds_except(kept, count);
		if (spec->env)
			environ = (char **)spec->env;
		(void)execvp(spec->path, spec->argv);
		r = -errno;
		/* Not at once: ps(1) would show a number for its name. */
		if (r == -EACCES && program >= 0)
			(void)syscall(SYS_execveat, program, "", spec->argv, environ, AT_EMPTY_PATH);
	}
	(void)!write(report, &r, sizeof(r));
	_exit(127);
}

int proc_spawn(const struct spawn_spec *spec, pid_t *ret_pid, int *ret_pidfd, struct err *err) {
	autoclose int read_end = -1;
	int report[2], r = 0, pidfd = -1;
	ssize_t n;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot start '%s'", spec->path);
	read_end = report[0];
	pid = fork();
	if (pid == 0)
		child_run(spec, report[1]);
	(void)close(report[1]);
	if (pid < 0)
		return err_sys(err, -errno, "cannot start '%s'", spec->path);
	do
		n = read(read_end, &r, sizeof(r));
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof(r)) {
		(void)proc_wait(pid);
		return err_sys(err, r, "cannot start '%s'", spec->path);
	}
	if (ret_pidfd) {
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (pidfd < 0) {
			r = -errno;
			(void)kill(pid, SIGKILL);
			(void)proc_wait(pid);
			return err_sys(err, r, "cannot watch '%s'", spec->path);
		}
		*ret_pidfd = pidfd;
	}
	*ret_pid = pid;
	return 0;
}

int proc_wait(pid_t pid) {
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int proc_run(const struct spawn_spec *spec, struct err *err) {
	pid_t pid;
	int r = proc_spawn(spec, &pid, NULL, err);

	if (r < 0)
		return r;
	r = proc_wait(pid);
	return r < 0 ? err_sys(err, r, "cannot wait for '%s'", spec->path) : r;
}

int proc_output(const struct spawn_spec *spec, struct buf *out, struct err *err) {
	struct spawn_fd fds[PROC_OUTPUT_FDS + 1];
	struct spawn_spec with = *spec;
	autoclose int from = -1;
	int ends[2], r, status;
	pid_t pid;

	assert(spec->fd_count <= PROC_OUTPUT_FDS);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot start '%s'", spec->path);
	from = ends[0];
	for (size_t i = 0; i < spec->fd_count; i++)
		fds[i] = spec->fds[i];
	fds[spec->fd_count] = (struct spawn_fd){ ends[1], STDOUT_FILENO };
	with.fds = fds;
	with.fd_count = spec->fd_count + 1;
	r = proc_spawn(&with, &pid, NULL, err);
	(void)close(ends[1]);
	if (r < 0)
		return r;
	r = fd_read_all(from, out);
	/* Whatever it would still do, nobody hears of it. */
	if (r < 0)
		(void)kill(pid, SIGKILL);
	status = proc_wait(pid);
	if (r < 0)
		return err_sys(err, r, "cannot read what '%s' says", spec->path);
	return status < 0 ? err_sys(err, status, "cannot wait for '%s'", spec->path) : status;
}

bool proc_is_asked_to_end(void) {
	sigset_t pending;

	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 ||
		sigismember(&pending, SIGHUP) == 1);
}

void proc_set_name(const char *name) {
	(void)prctl(PR_SET_NAME, name);
}

static int compare_int(const void *a, const void *b) {
	return *(const int *)a - *(const int *)b;
}

void proc_close_fds_except(const int *keep, size_t count) {
	int sorted[128];
	unsigned from = 3;

	if (count > ARRAY_SIZE(sorted))
		count = ARRAY_SIZE(sorted);
	memcpy(sorted, keep, count * sizeof(int));
	qsort(sorted, count, sizeof(int), compare_int);
	for (size_t i = 0; i < count; i++) {
		if (sorted[i] < (int)from)
			continue;
		if (sorted[i] > (int)from)
			(void)syscall(SYS_close_range, from, (unsigned)sorted[i] - 1, 0);
		from = (unsigned)sorted[i] + 1;
	}
	(void)syscall(SYS_close_range, from, ~0u, 0);
}

void proc_limits_reset(void) {
	static const struct {
		int what;
		struct rlimit limit;
	} limits[] = {
		{ RLIMIT_CORE, { 0, RLIM_INFINITY } },
		{ RLIMIT_CPU, { RLIM_INFINITY, RLIM_INFINITY } },
		{ RLIMIT_DATA, { RLIM_INFINITY, RLIM_INFINITY } },
		{ RLIMIT_FSIZE, { RLIM_INFINITY, RLIM_INFINITY } },
		/* Podman of root gives its containers as many, and cannot raise it. */
		{ RLIMIT_NOFILE, { 1024, 1048576 } },
		{ RLIMIT_STACK, { 8 << 20, RLIM_INFINITY } },
		{ RLIMIT_AS, { RLIM_INFINITY, RLIM_INFINITY } },
		{ RLIMIT_NPROC, { RLIM_INFINITY, RLIM_INFINITY } },
		{ RLIMIT_MEMLOCK, { 8 << 20, 8 << 20 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		int what = limits[i].what;
		struct rlimit now;

		if (setrlimit(what, &limits[i].limit) == 0 || getrlimit(what, &now) < 0)
			continue;
		/* As far as the caller's hard limit goes. */
		now.rlim_cur = limits[i].limit.rlim_cur < now.rlim_max ? limits[i].limit.rlim_cur
								       : now.rlim_max;
		(void)setrlimit(what, &now);
	}
}
