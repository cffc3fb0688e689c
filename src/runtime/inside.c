/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"

#define ANSWER_TIMEOUT_MS 5000

int inside_become_root(int pidfd, struct err *err) {
	if (setns(pidfd, CLONE_NEWUSER) < 0)
		return err_sys(err, -errno, "cannot enter the user namespace");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_sys(err, -errno, "cannot become root inside");
	return 0;
}

int inside_enter_mounts(int pidfd, int *ret_root, struct err *err) {
	if (setns(pidfd, CLONE_NEWNS) < 0)
		return err_sys(err, -errno, "cannot enter the mount namespace");
	*ret_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *ret_root < 0 ? err_sys(err, -errno, "cannot open '/'") : 0;
}

int inside_become(uid_t uid, gid_t gid, struct err *err) {
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return err_sys(err, -errno, "cannot become the user in the container");
	(void)umask(022);
	return 0;
}

static void child(const struct inside_job *job, int pidfd, int report) {
	int *keep = xcalloc(job->keep_count + 2, sizeof(*keep)); /* we end soon */
	struct err result = { 0 };
	struct buf text;
	int r, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/*
	 * One who is stuck inside must not hold what others wait for: a lock of the
	 * caller, the end of its output.
	 */
	for (int i = 0; null >= 0 && i < 3; i++)
		(void)dup2(null, i);
	keep[0] = report;
	keep[1] = pidfd;
	for (size_t i = 0; i < job->keep_count; i++)
		keep[i + 2] = job->keep[i];
	proc_close_fds_except(keep, 2 + job->keep_count);
	(void)prctl(PR_SET_DUMPABLE, 0);
	buf_init(&text, INSIDE_TEXT_MAX);
	r = job->act(pidfd, job->data, &text, &result);
	if (r == 0)
		result = (struct err){ 0 };
	(void)fd_write_all(report, &result, sizeof(result));
	(void)fd_write_all(report, text.data, text.len);
	_exit(r < 0);
}

/* All that the child says, in time; -ETIMEDOUT from a file system that does not answer. */
static int answer_read(int fd, struct buf *ret) {
	uint64_t end = clock_mono_ms() + ANSWER_TIMEOUT_MS;
	char block[4096];

	for (;;) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		uint64_t now = clock_mono_ms();
		int r = poll(&pfd, 1, now >= end ? 0 : (int)(end - now));
		ssize_t n;

		if (r == 0)
			return -ETIMEDOUT;
		n = r < 0 ? -1 : read(fd, block, sizeof(block));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return ret->len >= sizeof(struct err) ? 0 : -EIO;
		buf_add(ret, block, (size_t)n);
	}
}

static int result_of(int r, const struct buf *answer, struct buf *ret_text, struct err *err) {
	struct err result;

	if (r == -ETIMEDOUT)
		return err_set(err, ERR_SYSTEM, r, "a file system in the container does not answer");
	if (r < 0)
		return err_set(err, ERR_SYSTEM, r, "the process in the container has failed");
	memcpy(&result, answer->data, sizeof(result));
	if (result.kind != ERR_NONE) {
		if (err)
			*err = result;
		return result.code < 0 ? result.code : -EIO;
	}
	if (ret_text) {
		buf_init(ret_text, INSIDE_TEXT_MAX);
		buf_add(ret_text, answer->data + sizeof(result), answer->len - sizeof(result));
	}
	return 0;
}

int inside_run(const struct inside_job *job, struct buf *ret_text, struct err *err) {
	autoclose int pidfd = proc_id_open(&job->ref->init), rd = -1;
	autobuf struct buf answer = { 0 };
	int fds[2], r;
	pid_t pid;

	if (pidfd < 0 || !runtime_alive(job->ref))
		return err_set(err, ERR_MISSING, -ESRCH, "'%s' is not running",
			       runtime_ref_name(job->ref));
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot make a pipe");
	rd = fds[0];
	pid = fork();
	if (pid == 0)
		child(job, pidfd, fds[1]);
	(void)close(fds[1]);
	if (pid < 0)
		return err_sys(err, -errno, "cannot make a process");
	buf_init(&answer, sizeof(struct err) + INSIDE_TEXT_MAX);
	r = answer_read(rd, &answer);
	if (r < 0)
		(void)kill(pid, SIGKILL);
	/* A question that FUSE has passed on cannot be killed: it ends with the container. */
	while (r != -ETIMEDOUT && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return result_of(r, &answer, ret_text, err);
}
