/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the answers. Who asks is stopped in the kernel meanwhile, whoever that is: so
 * nothing here waits for anybody, and what is marked is not looked at but by the kernel,
 * whose mark is the inode itself.
 */
#include "monitor/block-answer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fanotify.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "monitor/source/process.h"

#define FAILURES_MAX 100 /* in a row */
#define GONE " (deleted)"

static const int calls[] = {
	SCMP_SYS(brk),       SCMP_SYS(close),     SCMP_SYS(exit),       SCMP_SYS(exit_group),
	SCMP_SYS(fstat),     SCMP_SYS(futex),     SCMP_SYS(lseek),      SCMP_SYS(madvise),
	SCMP_SYS(mremap),    SCMP_SYS(munmap),    SCMP_SYS(newfstatat), SCMP_SYS(read),
	SCMP_SYS(readlinkat), SCMP_SYS(rt_sigreturn), SCMP_SYS(sendto), SCMP_SYS(statx),
	SCMP_SYS(write),
};

static int confine(void) {
	scmp_filter_ctx ctx = NULL;
	int r = confine_limits(BLOCK_ANSWER_FDS, 0);

	if (r == 0)
		r = confine_calls(calls, ARRAY_SIZE(calls), &ctx);
	if (r == 0)
		r = confine_allow_reading(ctx);
	return confine_load(ctx, r);
}

/* The name by which it was opened. */
static void read_path(const struct block_answerer *a, int fd, char out[BLOCK_PATH_MAX]) {
	char link[32];
	ssize_t n;
	size_t len;

	(void)snprintf(link, sizeof(link), "self/fd/%d", fd);
	n = readlinkat(a->proc_fd, link, out, BLOCK_PATH_MAX - 1);
	out[n < 0 ? 0 : n] = '\0';
	len = strlen(out);
	if (len > strlen(GONE) && !strcmp(out + len - strlen(GONE), GONE))
		out[len - strlen(GONE)] = '\0';
}

/*
 * Of the container: by its group, which nobody inside can leave. Who cannot be looked at
 * has been killed, and gets nothing whatever the answer is. 0 is somebody of a pid
 * namespace above ours, which no container's is.
 */
static bool is_inside(const struct block_answerer *a, pid_t tid) {
	return tid != 0 && process_is_in(a->proc_fd, tid, a->lxc_name) != 0;
}

static void read_who(const struct block_answerer *a, pid_t tid, struct block_refusal *ret) {
	struct process p;

	process_who(a->proc_fd, tid, &p);
	ret->pid = p.pid;
	ret->uid = p.uid;
	(void)snprintf(ret->comm, sizeof(ret->comm), "%s", p.comm);
}

static bool is_refused(const struct block_answerer *a, const struct fanotify_event_metadata *e,
                       char path[BLOCK_PATH_MAX]) {
	/* An inode that is marked: nobody inside has any business with it. */
	if (e->mask & FAN_OPEN_PERM)
		return is_inside(a, e->pid);
	if (!(e->mask & FAN_OPEN_EXEC_PERM))
		return false;
	/* Any program at all: few have such a name, and only of those is asked whose they are. */
	read_path(a, e->fd, path);
	return strv_contains(a->tools, path_base(path)) && is_inside(a, e->pid);
}

static void report(const struct block_answerer *a, struct block_refusal *r) {
	if (send(a->report_fd, r, sizeof(*r), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		atomic_fetch_add(&a->progress->unreported, 1);
}

static void give(const struct block_answerer *a, int fd, bool is_refused) {
	const struct fanotify_response answer = { .fd = fd,
		                                  .response = is_refused ? FAN_DENY : FAN_ALLOW };

	/* -ENOENT: who asked has been killed. */
	(void)!write(a->group_fd, &answer, sizeof(answer));
	a->progress->question.mask = 0;
	atomic_fetch_add(&a->progress->answered, 1);
}

static void take(const struct block_answerer *a, const struct fanotify_event_metadata *e) {
	struct block_refusal r = { .pid = e->pid, .uid = -1 };
	bool refused = is_refused(a, e, r.path);
	struct stat st;

	if (refused) {
		/* Now, while it cannot go away. */
		r.is_run = !(e->mask & FAN_OPEN_PERM);
		read_who(a, e->pid, &r);
		read_path(a, e->fd, r.path);
		if (fstat(e->fd, &st) == 0) {
			r.dev = st.st_dev;
			r.ino = st.st_ino;
		}
	}
	give(a, e->fd, refused);
	(void)close(e->fd);
	if (refused)
		report(a, &r);
}

/*
 * The file has a lease that is to be waited for, so there is no question but a refusal,
 * by the kernel: of what nobody knows, and any number of them is no failure of ours.
 */
static void take_refused(const struct block_answerer *a) {
	atomic_fetch_add(&a->progress->answered, 1);
	atomic_fetch_add(&a->progress->unreported, 1);
}

/*
 * What another one has read and did not answer waits for ever otherwise. It was kept; but
 * another process of ours may have died with it (block.h), and then it is known by the
 * number that its descriptor had there, of which there are not many.
 */
static void answer_unanswered(const struct block_answerer *a) {
	const struct fanotify_event_metadata *e = &a->progress->question;

	if (e->mask && e->fd >= 0)
		give(a, e->fd, is_inside(a, e->pid));
	for (int fd = 0; fd < BLOCK_ANSWER_FDS; fd++)
		give(a, fd, true);
}

_Noreturn void block_answer(const struct block_answerer *a) {
	struct fanotify_event_metadata *e = &a->progress->question;
	const struct block_refusal ready = { .uid = -1 };
	unsigned failures = 0;

	if (confine() < 0)
		_exit(1);
	answer_unanswered(a);
	if (send(a->report_fd, &ready, sizeof(ready), MSG_NOSIGNAL) < 0)
		_exit(1);
	while (failures < FAILURES_MAX) {
		/* One at a time: never more than one is read and not answered. */
		ssize_t n = read(a->group_fd, e, sizeof(*e));

		if (n == (ssize_t)sizeof(*e) && e->vers == FANOTIFY_METADATA_VERSION && e->fd >= 0) {
			take(a, e);
			failures = 0;
		} else if (n < 0 && errno == EAGAIN) {
			take_refused(a);
		} else if (n >= 0 || errno != EINTR) {
			/* One that could not be handed over has been refused by the kernel. */
			failures++;
		}
	}
	_exit(1);
}
