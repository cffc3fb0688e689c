/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coi-nodes: owns the listeners of one container (see nodes.h). Each call is answered by
 * a child, which takes the caller's root and ids; one that does not come back (a file
 * system that somebody inside serves may never answer) is killed, and the caller told.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/confine.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/proc.h"
#include "runtime/nodes-answer.h"
#include "runtime/nodes.h"

#define DESCRIPTORS_MAX 1024
#define LISTENERS_MAX 900 /* who enters when there are more goes without */
#define WORKERS_MAX 16
#define ANSWER_MS 2000
#define TAKE_MS 1000
#define FIRST_MS 60000 /* until somebody hands a listener in */

struct listener {
	int fd; /* -1: free */
	struct loop_source *source;
};

struct worker {
	pid_t pid; /* 0: free */
	int pidfd;
	int listener; /* a descriptor of its own: the other one may be closed meanwhile */
	uint64_t id;
	bool is_late; /* its caller has its answer */
	struct loop_source *source, *timer;
};

struct nodes {
	struct loop *loop;
	struct nodes_place place;
	struct listener listeners[LISTENERS_MAX];
	size_t listener_count;
	struct worker workers[WORKERS_MAX];
	size_t worker_count, late_count;
};

static struct nodes nodes;

/* Others are answered as soon as one of those has ended that will. */
static bool is_full(void) {
	return nodes.worker_count == WORKERS_MAX && nodes.late_count < WORKERS_MAX;
}

static void all_listen(bool on) {
	for (size_t i = 0; i < LISTENERS_MAX; i++)
		if (nodes.listeners[i].fd >= 0)
			loop_set_events(nodes.listeners[i].source, on ? EPOLLIN : 0);
}

/* Nobody waits for nothing: what was not answered is now (ENOENT: it was). */
static void answer_late(const struct worker *w) {
	struct seccomp_notif_resp late = { .id = w->id, .error = -EIO };

	(void)ioctl(w->listener, SECCOMP_IOCTL_NOTIF_SEND, &late);
}

static void on_worker_end(int fd, uint32_t events, void *data) {
	struct worker *w = data;

	(void)fd;
	(void)events;
	(void)proc_wait(w->pid);
	if (w->is_late)
		nodes.late_count--;
	else
		answer_late(w);
	loop_remove(nodes.loop, w->source);
	loop_remove(nodes.loop, w->timer);
	(void)close(w->pidfd);
	(void)close(w->listener);
	*w = (struct worker){ 0 };
	if (nodes.worker_count-- == WORKERS_MAX)
		all_listen(true);
}

/*
 * A question that a file system in user space has read cannot be taken back by a
 * signal: the child ends when that answers, or ends; it may be never.
 */
static void on_late(void *data) {
	struct worker *w = data;

	w->timer = NULL;
	w->is_late = true;
	answer_late(w);
	(void)kill(w->pid, SIGKILL);
	if (++nodes.late_count == WORKERS_MAX)
		all_listen(true); /* to say no */
}

static struct worker *worker_free(void) {
	for (size_t i = 0; i < WORKERS_MAX; i++)
		if (!nodes.workers[i].pid)
			return &nodes.workers[i];
	return NULL;
}

/* Whatever fails here is answered at once. */
static int worker_start(int listener, const struct seccomp_notif *req) {
	struct worker *w = worker_free();
	int own = w ? fcntl(listener, F_DUPFD_CLOEXEC, 3) : -1;
	pid_t pid = own < 0 ? -1 : fork();

	if (pid == 0) {
		/* No other listener is held open by one that hangs. */
		proc_close_fds_except((const int[]){ own, nodes.place.proc_fd }, 2);
		nodes_answer(&nodes.place, own, req);
		_exit(0);
	}
	if (pid < 0) {
		if (own >= 0)
			(void)close(own);
		return -EAGAIN;
	}
	*w = (struct worker){ .pid = pid, .listener = own, .id = req->id };
	nodes.worker_count++;
	w->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (w->pidfd >= 0)
		w->source = loop_add_fd(nodes.loop, w->pidfd, EPOLLIN, on_worker_end, w);
	w->timer = loop_add_timer(nodes.loop, ANSWER_MS, 0, on_late, w);
	if (!w->source || !w->timer)
		_exit(1); /* the kernel says it to all who wait */
	if (nodes.worker_count == WORKERS_MAX)
		all_listen(false);
	return 0;
}

static void listener_close(struct listener *l) {
	loop_remove(nodes.loop, l->source);
	(void)close(l->fd);
	*l = (struct listener){ .fd = -1 };
	/* Nothing of the container runs any more. */
	if (--nodes.listener_count == 0)
		loop_stop(nodes.loop, 0);
}

static void on_call(int fd, uint32_t events, void *data) {
	struct seccomp_notif req = { 0 };
	struct seccomp_notif_resp failed = { .error = -EAGAIN };

	if (!(events & EPOLLIN)) {
		listener_close(data);
		return;
	}
	if (is_full())
		return;
	/* ENOENT: who asked has been killed. */
	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &req) < 0)
		return;
	failed.id = req.id;
	if (worker_start(fd, &req) < 0)
		(void)ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &failed);
}

static void listener_add(int fd) {
	struct listener *l = NULL;

	for (size_t i = 0; !l && i < LISTENERS_MAX; i++)
		if (nodes.listeners[i].fd < 0)
			l = &nodes.listeners[i];
	if (l)
		l->source = loop_add_fd(nodes.loop, fd,
					is_full() ? 0 : EPOLLIN, on_call, l);
	if (!l || !l->source) {
		(void)close(fd);
		return;
	}
	l->fd = fd;
	nodes.listener_count++;
}

/* The listener on a connection, or -errno. Only root of the host can have made it. */
static int listener_take(int sock) {
	char byte;
	size_t count = 1;
	int fd = -1;
	ssize_t n = fd_receive(sock, &byte, 1, MSG_DONTWAIT, &fd, &count);

	if (n > 0 && count == 1)
		return fd;
	mem_close_ptr(&fd);
	return -EBADMSG;
}

static void on_connection(int fd, uint32_t events, void *data);

struct guest {
	int fd;
	struct loop_source *source, *timer;
};

static void guest_end(struct guest *g) {
	loop_remove(nodes.loop, g->source);
	loop_remove(nodes.loop, g->timer);
	(void)close(g->fd);
	free(g);
}

static void on_guest(int fd, uint32_t events, void *data) {
	int listener = listener_take(fd);

	(void)events;
	if (listener >= 0)
		listener_add(listener);
	guest_end(data);
}

static void on_guest_late(void *data) {
	struct guest *g = data;

	g->timer = NULL;
	guest_end(g);
}

static void on_connection(int fd, uint32_t events, void *data) {
	int sock = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct guest *g;

	(void)events;
	(void)data;
	if (sock < 0)
		return;
	g = xcalloc(1, sizeof(*g));
	g->fd = sock;
	g->source = loop_add_fd(nodes.loop, sock, EPOLLIN, on_guest, g);
	g->timer = loop_add_timer(nodes.loop, TAKE_MS, 0, on_guest_late, g);
	if (!g->source || !g->timer)
		guest_end(g);
}

static void on_nobody(void *data) {
	(void)data;
	if (!nodes.listener_count)
		loop_stop(nodes.loop, 0);
}

static int place_know(struct nodes_place *p) {
	struct stat st;
	int r = ns_inode(0, "user", &p->userns);

	if (r < 0)
		return r;
	if (fstat(NODES_FD_ROOT, &st) < 0)
		return -errno;
	p->device = st.st_dev;
	(void)close(NODES_FD_ROOT);
	p->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return p->proc_fd < 0 ? -errno : 0;
}

static const int calls[] = {
	SCMP_SYS(accept4),	SCMP_SYS(brk),		SCMP_SYS(capget),
	SCMP_SYS(capset),	SCMP_SYS(chroot),	SCMP_SYS(clock_gettime),
	SCMP_SYS(clone),	SCMP_SYS(close),	SCMP_SYS(close_range),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait),	SCMP_SYS(epoll_pwait2), SCMP_SYS(epoll_wait),
	SCMP_SYS(exit),		SCMP_SYS(exit_group),	SCMP_SYS(fchdir),
	SCMP_SYS(fcntl),	SCMP_SYS(fstat),	SCMP_SYS(futex),
	SCMP_SYS(getpid),	SCMP_SYS(gettid),	SCMP_SYS(getrandom),
	SCMP_SYS(fork),		SCMP_SYS(kill),		SCMP_SYS(lseek),	SCMP_SYS(madvise),
	SCMP_SYS(mremap),	SCMP_SYS(munmap),	SCMP_SYS(newfstatat),
	SCMP_SYS(openat2),	SCMP_SYS(pidfd_open),	SCMP_SYS(pread64),
	SCMP_SYS(prctl),	SCMP_SYS(read),		SCMP_SYS(recvmsg),
	SCMP_SYS(restart_syscall), SCMP_SYS(rseq),	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(set_robust_list),
	SCMP_SYS(setfsgid),	SCMP_SYS(setfsuid),	SCMP_SYS(setgroups),
	SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(wait4),
	SCMP_SYS(waitid),
};

/* Only to read, only these questions to the kernel, and only these devices. */
static int narrow_calls(scmp_filter_ctx ctx) {
	static const unsigned long requests[] = { SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_SEND,
						  SECCOMP_IOCTL_NOTIF_ID_VALID, NS_GET_PARENT };
	int r = confine_allow_reading(ctx);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(requests); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, requests[i]));
	for (size_t i = 0; r == 0 && nodes_devices[i]; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mknodat), 2,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, S_IFMT, S_IFCHR),
				     SCMP_A3(SCMP_CMP_EQ, nodes_devices[i]));
	return r;
}

static int confine(void) {
	const cap_value_t keep[] = { CAP_DAC_OVERRIDE, CAP_MKNOD,     CAP_SETGID,
				     CAP_SETUID,       CAP_SYS_CHROOT, CAP_SYS_PTRACE };
	scmp_filter_ctx ctx = NULL;
	int r = confine_privileges();

	if (r == 0)
		r = confine_limits(DESCRIPTORS_MAX, 0);
	if (r == 0)
		r = confine_capabilities(keep, ARRAY_SIZE(keep));
	if (r == 0)
		r = confine_calls(calls, ARRAY_SIZE(calls), &ctx);
	if (r == 0)
		r = narrow_calls(ctx);
	return confine_load(ctx, r);
}

int main(int argc, char **argv) {
	struct stat st;
	int r;

	(void)argv;
	if (argc != 1 || fstat(NODES_FD_LISTEN, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		fprintf(stderr, "coi-nodes is started by coi\n");
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)umask(0);
	for (size_t i = 0; i < LISTENERS_MAX; i++)
		nodes.listeners[i].fd = -1;
	r = place_know(&nodes.place);
	nodes.loop = r < 0 ? NULL : loop_new();
	if (r == 0 && (!nodes.loop || !loop_add_timer(nodes.loop, FIRST_MS, 0, on_nobody, NULL) ||
		       !loop_add_fd(nodes.loop, NODES_FD_LISTEN, EPOLLIN, on_connection, NULL)))
		r = -errno;
	/* What it does for a container is outside that one's limits: behind everybody else. */
	(void)setpriority(PRIO_PROCESS, 0, 19);
	if (r == 0)
		r = confine();
	if (r == 0)
		r = loop_run(nodes.loop);
	if (r < 0)
		fprintf(stderr, "coi-nodes: %s\n", strerror(-r));
	return r < 0 ? 1 : 0;
}
