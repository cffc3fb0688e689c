/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coi-block: one for each container with monitoring.block, started by its supervisor
 * before the container is.
 *
 * It holds what the kernel asks (block.h), and has a child that answers; it looks
 * whether that one does, and starts another one when it does not. It outlives its
 * supervisor, and ends with the container.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/confine.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/linux.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/proc.h"
#include "base/strv.h"
#include "monitor/block-answer.h"
#include "monitor/block-protocol.h"

#define START_TIMEOUT_MS 10000
#define KILLED_TIMEOUT_MS 1000
#define DESCRIPTORS_MAX 64
#define PRIORITY (-10)

struct holder {
	struct loop *loop;
	struct block_answerer answerer;
	char *lxc_name;
	char **tools;
	int report_fd; /* our end */
	int control_fd, init_pidfd;
	pid_t child;
	int child_pidfd;
	struct loop_source *control, *child_source;
	bool is_ready, is_over;
	uint64_t answered; /* at the last look */
	unsigned still;    /* looks without an answer, and somebody waits */
	uint64_t second_ms;
	unsigned in_second;
	uint64_t untold;
};

static const int calls[] = {
	SCMP_SYS(accept4),      SCMP_SYS(brk),          SCMP_SYS(clock_gettime),
	SCMP_SYS(clone),        SCMP_SYS(clone3),       SCMP_SYS(close),
	SCMP_SYS(epoll_ctl),    SCMP_SYS(epoll_pwait),  SCMP_SYS(epoll_wait),
	SCMP_SYS(exit),         SCMP_SYS(exit_group),   SCMP_SYS(fcntl),
	SCMP_SYS(fstat),        SCMP_SYS(futex),        SCMP_SYS(getpid),
	SCMP_SYS(getppid),      SCMP_SYS(getrandom),    SCMP_SYS(getsockopt),
	SCMP_SYS(gettid),       SCMP_SYS(ioctl),        SCMP_SYS(kill),
	SCMP_SYS(lseek),        SCMP_SYS(madvise),      SCMP_SYS(mremap),
	SCMP_SYS(munmap),       SCMP_SYS(newfstatat),   SCMP_SYS(pidfd_open),
	SCMP_SYS(poll),         SCMP_SYS(ppoll),        SCMP_SYS(prctl),
	SCMP_SYS(prlimit64),    SCMP_SYS(read),         SCMP_SYS(readlinkat),
	SCMP_SYS(recvfrom),     SCMP_SYS(recvmsg),      SCMP_SYS(restart_syscall),
	SCMP_SYS(rseq),         SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(seccomp),      SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),       SCMP_SYS(set_robust_list), SCMP_SYS(setrlimit),
	SCMP_SYS(statx),        SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
	SCMP_SYS(write),
};

/* --- what is told */

static void tell(struct holder *h, const char *type, json_t *body, const int *fds, size_t count) {
	if (h->control_fd < 0)
		json_decref(body);
	else if (msg_send(h->control_fd, type, body, fds, count) < 0 &&
	         !strcmp(type, BLOCK_MSG_REFUSED))
		h->untold++;
}

/* With nobody to tell they are counted, for the next one. */
static void tell_refusal(struct holder *h, const struct block_refusal *r) {
	uint64_t now = clock_mono_ms();

	if (now - h->second_ms >= 1000) {
		h->second_ms = now;
		h->in_second = 0;
	}
	if (h->control_fd < 0 || h->in_second >= BLOCK_REPORTS_EACH_SECOND) {
		h->untold++;
		return;
	}
	h->in_second++;

	autofree char *path = escape_text(r->path, BLOCK_PATH_MAX * 4);
	autofree char *comm = escape_text(r->comm, BLOCK_COMM_MAX * 4);

	tell(h, BLOCK_MSG_REFUSED,
	     json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:b}", "path", json_text(path), "comm",
	               json_text(comm), "pid", (json_int_t)r->pid, "uid", (json_int_t)r->uid, "dev",
	               (json_int_t)r->dev, "ino", (json_int_t)r->ino, "is_run", r->is_run),
	     NULL, 0);
}

static void tell_untold(struct holder *h) {
	uint64_t count = h->untold + atomic_exchange(&h->answerer.progress->unreported, 0);

	h->untold = count;
	if (!count || h->control_fd < 0)
		return;
	h->untold = 0;
	tell(h, BLOCK_MSG_MORE, json_pack("{s:I}", "count", (json_int_t)count), NULL, 0);
}

/* --- who answers */

static void on_child_end(int fd, uint32_t events, void *data);

static int answerer_start(struct holder *h) {
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		/* Alone it would answer for ever, and nobody would know of it. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
			_exit(1);
		proc_set_name("coi-block-ask");
		block_answer(&h->answerer);
	}
	h->child = pid;
	h->child_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	h->child_source = loop_add_fd(h->loop, h->child_pidfd, EPOLLIN, on_child_end, h);
	h->still = 0;
	return h->child_source ? 0 : -errno;
}

/* Without a pause: somebody waits. One that dies at once is started again and again. */
static void answerer_again(struct holder *h, const char *why) {
	loop_remove(h->loop, h->child_source);
	h->child_source = NULL;
	mem_close_ptr(&h->child_pidfd);
	h->child_pidfd = -1;
	tell(h, BLOCK_MSG_AGAIN, json_pack("{s:s}", "why", why), NULL, 0);
	/* The supervisor has the group as well, and starts another one of us. */
	if (answerer_start(h) < 0)
		h->is_over = true;
}

static void on_child_end(int fd, uint32_t events, void *data) {
	(void)fd;
	(void)events;
	answerer_again(data, "it has died");
}

static bool somebody_waits(const struct holder *h) {
	const volatile struct block_progress *p = h->answerer.progress;
	int bytes = 0;

	return p->question.mask ||
	       (ioctl(BLOCK_FD_GROUP, FIONREAD, &bytes) == 0 && bytes > 0);
}

static void on_pulse(void *data) {
	struct holder *h = data;
	uint64_t answered = atomic_load(&h->answerer.progress->answered);

	tell_untold(h);
	h->still = answered == h->answered && somebody_waits(h) ? h->still + 1 : 0;
	h->answered = answered;
	if (h->still < 2)
		return;
	(void)kill(h->child, SIGKILL);
	(void)pidfd_wait_gone(h->child_pidfd, KILLED_TIMEOUT_MS);
	answerer_again(h, "it did not answer");
}

static void on_report(int fd, uint32_t events, void *data) {
	struct holder *h = data;
	struct block_refusal r;

	(void)events;
	while (recv(fd, &r, sizeof(r), MSG_DONTWAIT) == (ssize_t)sizeof(r)) {
		r.comm[sizeof(r.comm) - 1] = r.path[sizeof(r.path) - 1] = '\0';
		if (*r.path) {
			tell_refusal(h, &r);
		} else if (!h->is_ready) {
			h->is_ready = true;
			tell(h, BLOCK_MSG_READY, NULL, NULL, 0);
		}
	}
}

/* --- supervisors */

static void on_init_end(int fd, uint32_t events, void *data) {
	struct holder *h = data;

	(void)fd;
	(void)events;
	h->is_over = true;
}

static void on_control(int fd, uint32_t events, void *data) {
	struct holder *h = data;
	struct msg m;
	int r = msg_recv(fd, &m);

	(void)events;
	if (r == -EAGAIN || r == -EBADMSG)
		return;
	if (r <= 0) {
		/* It has gone; there will be another one. Until then everything stays closed. */
		loop_remove(h->loop, h->control);
		h->control = NULL;
		mem_close_ptr(&h->control_fd);
		h->control_fd = -1;
		return;
	}
	if (!strcmp(m.type, BLOCK_MSG_BEGUN) && m.fd_count == 1 && h->init_pidfd < 0) {
		h->init_pidfd = steal_fd(&m.fds[0]);
		if (!loop_add_fd(h->loop, h->init_pidfd, EPOLLIN, on_init_end, h))
			h->is_over = true; /* and the supervisor starts another one of us */
	}
	msg_done(&m);
}

static void hear(struct holder *h) {
	(void)fd_set_nonblock(h->control_fd, true);
	h->control = loop_add_fd(h->loop, h->control_fd, EPOLLIN, on_control, h);
}

static void on_listen(int fd, uint32_t events, void *data) {
	struct holder *h = data;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	const int group = BLOCK_FD_GROUP;
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	(void)events;
	if (client < 0)
		return;
	if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != 0) {
		(void)close(client);
		return;
	}
	loop_remove(h->loop, h->control);
	mem_close_ptr(&h->control_fd);
	h->control_fd = client;
	hear(h);
	tell(h, BLOCK_MSG_READY, NULL, &group, 1);
	tell_untold(h);
}

/* --- start */

static int read_start(struct holder *h, uint32_t *ret_uid) {
	struct msg m;
	int r = msg_recv_timeout(BLOCK_FD_CONTROL, &m, START_TIMEOUT_MS);

	if (r <= 0)
		return r ? r : -EPIPE;
	r = strcmp(m.type, BLOCK_MSG_START) == 0 ? 0 : -EBADMSG;
	h->lxc_name = xstrdup(json_get_str(m.body, "lxc_name", ""));
	h->tools = json_get_strv(m.body, "tools");
	*ret_uid = (uint32_t)json_get_int(m.body, "uid", BLOCK_UID_FIRST);
	if (m.fd_count == 1)
		h->init_pidfd = steal_fd(&m.fds[0]);
	msg_done(&m);
	return r == 0 && *h->lxc_name ? 0 : -EBADMSG;
}

/* A /proc of our own: the host's may hide processes of others (hidepid). */
static int open_proc(void) {
	autoclose int fs = fsopen("proc", FSOPEN_CLOEXEC);
	int m;

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "subset", "pid", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	m = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return m < 0 ? -errno : m;
}

static void set_priority(void) {
	autoclose int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	/* Who asks waits for us; and memory is not won by opening what was closed. */
	(void)setpriority(PRIO_PROCESS, 0, PRIORITY);
	if (fd >= 0)
		(void)!write(fd, "-900", 4);
}

static int confine(uint32_t uid) {
	scmp_filter_ctx ctx = NULL;
	int r = confine_root(BLOCK_FD_ROOT);

	if (r == 0)
		r = confine_privileges();
	if (r == 0)
		r = confine_limit(RLIMIT_NOFILE, DESCRIPTORS_MAX);
	if (r == 0)
		r = confine_user(uid, uid);
	if (r == 0)
		r = confine_capabilities(NULL, 0);
	/* A change of user undoes it (prctl(2), PR_SET_DUMPABLE). */
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0) < 0)
		r = -errno;
	if (r == 0)
		r = confine_calls(calls, ARRAY_SIZE(calls), &ctx);
	if (r == 0)
		r = confine_allow_reading(ctx);
	return confine_load(ctx, r);
}

static int prepare(struct holder *h) {
	uint32_t uid;
	int pair[2], r = read_start(h, &uid);
	void *shared;

	if (r < 0)
		return r;
	shared = mmap(NULL, sizeof(struct block_progress), PROT_READ | PROT_WRITE,
	              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	h->report_fd = pair[0];
	h->answerer = (struct block_answerer){ .group_fd = BLOCK_FD_GROUP,
		                               .proc_fd = open_proc(),
		                               .report_fd = pair[1],
		                               .lxc_name = h->lxc_name,
		                               .tools = h->tools,
		                               .progress = shared };
	if (h->answerer.proc_fd < 0)
		return h->answerer.proc_fd;
	set_priority();
	h->loop = loop_new();
	if (!h->loop)
		return -errno;
	return confine(uid);
}

static int hold(struct holder *h) {
	int r = prepare(h);

	if (r < 0)
		return r;
	hear(h);
	if (!loop_add_fd(h->loop, BLOCK_FD_LISTEN, EPOLLIN, on_listen, h) ||
	    !loop_add_fd(h->loop, h->report_fd, EPOLLIN, on_report, h) ||
	    !loop_add_timer(h->loop, BLOCK_PULSE_MS, BLOCK_PULSE_MS, on_pulse, h) ||
	    (h->init_pidfd >= 0 &&
	     !loop_add_fd(h->loop, h->init_pidfd, EPOLLIN, on_init_end, h)))
		return -errno;
	r = answerer_start(h);
	while (r >= 0 && !h->is_over) {
		r = loop_step(h->loop, -1);
	}
	return r;
}

int main(void) {
	struct holder h = { .control_fd = BLOCK_FD_CONTROL, .init_pidfd = -1, .child_pidfd = -1 };
	int r;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGCHLD, SIG_IGN); /* nobody waits for who answers */
	for (int fd = BLOCK_FD_CONTROL; fd <= BLOCK_FD_LISTEN; fd++)
		(void)fd_set_cloexec(fd, true);
	r = hold(&h);
	return r < 0 ? 1 : 0;
}
