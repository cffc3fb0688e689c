/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/strv.h"
#include "base/timeline.h"

/* Starting takes the ready timeout at most, and this much for all the rest. */
#define START_MARGIN_MS 30000
#define STOP_MARGIN_MS 30000
#define ANSWER_TIMEOUT_MS 10000

static const int ending_signals[] = { SIGINT, SIGTERM, SIGHUP };

static void block_signals(sigset_t *before) {
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++)
		sigaddset(&set, ending_signals[i]);
	(void)sigprocmask(SIG_BLOCK, &set, before);
}

static int open_signals(void) {
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++)
		sigaddset(&set, ending_signals[i]);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* Only what it needs: it outlives us and shows its environment in /proc. */
static char **supervisor_environment(void) {
	char **env = NULL;

	for (char **e = environ; *e; e++)
		if (!strncmp(*e, "COI_", 4) || !strncmp(*e, "TZ=", 3))
			strv_add(&env, *e);
	env_set(&env, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	env_set(&env, "LC_ALL", "C.UTF-8");
	return env;
}

int spawn_begin(struct spawn *ret, struct err *err) {
	autofree char *program = layout_program("coi-supervisor");
	autostrv char **env = supervisor_environment();
	char *const argv[] = { (char *)"coi-supervisor", NULL };
	autoclose int ours = -1;
	int ends[2], r;

	*ret = (struct spawn){ .sock = -1, .pidfd = -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, -errno, "cannot make a socket pair");
	ours = ends[0];
	r = proc_spawn(&(struct spawn_spec){
			       .path = program,
			       .argv = argv,
			       .env = env,
			       .fds = &(struct spawn_fd){ .fd = ends[1], .as = 3 },
			       .fd_count = 1,
			       .new_session = true,
			       .null_stdio = true,
			       .cwd = "/",
			       .uid = (uid_t)-1,
		       },
		       &ret->pid, &ret->pidfd, err);
	(void)close(ends[1]);
	if (r == 0)
		ret->sock = steal_fd(&ours);
	else
		ret->pid = 0;
	log_debug("supervisor %d started", (int)ret->pid);
	return r;
}

/* Its end of the line closing tells it to undo and to end. */
void spawn_cancel(struct spawn *sp) {
	mem_close_ptr(&sp->sock);
	/* One that does not end by then goes on without us. */
	if (sp->pid && pidfd_wait_gone(sp->pidfd, START_MARGIN_MS) == 0)
		(void)proc_wait(sp->pid);
	mem_close_ptr(&sp->pidfd);
	*sp = (struct spawn){ .sock = -1, .pidfd = -1 };
}

/* One message: 1 ready, 0 go on, or the error that it tells. */
static int take_message(struct session *s, int sock, struct err *err) {
	struct msg m;
	int r = msg_recv(sock, &m);

	if (r == 0)
		return err_set(err, ERR_SYSTEM, -EPIPE,
			       "the supervisor died while it was starting the container");
	if (r < 0)
		return err_sys(err, r, "cannot read from the supervisor");
	r = 0;
	if (!strcmp(m.type, "ready")) {
		timeline_from_json(json_object_get(m.body, "timeline"));
		r = 1;
	} else if (!strcmp(m.type, "error")) {
		msg_to_err(&m, err);
		r = err->code;
	} else if (!strcmp(m.type, "warning")) {
		session_relay(s, json_get_str(m.body, "text", ""));
	}
	msg_done(&m);
	return r;
}

static int wait_ready(struct session *s, int sock, int signal_fd, int timeout_ms, struct err *err) {
	uint64_t end = clock_mono_ms() + (uint64_t)timeout_ms;

	for (;;) {
		struct pollfd pfds[] = { { .fd = sock, .events = POLLIN },
					 { .fd = signal_fd, .events = POLLIN } };
		uint64_t now = clock_mono_ms();
		int r = poll(pfds, ARRAY_SIZE(pfds), now >= end ? 0 : (int)(end - now));

		if (r < 0 && errno != EINTR)
			return err_sys(err, -errno, "cannot wait for the supervisor");
		if (r == 0)
			return err_set(err, ERR_SYSTEM, -ETIMEDOUT,
				       "the supervisor did not answer within %d s", timeout_ms / 1000);
		if (r > 0 && pfds[1].revents)
			return err_set(err, ERR_SYSTEM, -EINTR, "interrupted");
		if (r > 0 && pfds[0].revents) {
			r = take_message(s, sock, err);
			if (r != 0)
				return r;
		}
	}
}

/*
 * The end of the line tells it to undo; "cancel", that it is to do so as well when
 * the container runs already and it was about to say so. One for a container that
 * ran before us is let alone when it is us who give up (@code); one that has failed is
 * waited for, since as long as it is there it looks like one that holds the container.
 */
static void give_up(struct spawn *sp, const struct wire_plan *plan, int code) {
	if (!plan->adopt)
		(void)msg_send(sp->sock, "cancel", NULL, NULL, 0);
	if (!plan->adopt || (code != -EINTR && code != -ETIMEDOUT)) {
		spawn_cancel(sp);
		return;
	}
	mem_close_ptr(&sp->sock);
	mem_close_ptr(&sp->pidfd);
	*sp = (struct spawn){ .sock = -1, .pidfd = -1 };
}

int spawn_plan(struct session *s, struct spawn *sp, const struct wire_plan *plan,
	       struct err *err) {
	autoclose int signal_fd = -1;
	sigset_t before;
	int r;

	block_signals(&before);
	signal_fd = open_signals();
	r = signal_fd < 0 ? err_sys(err, signal_fd, "cannot listen for signals")
			  : msg_send(sp->sock, "plan", wire_plan_to_json(plan), plan->bind_fds,
				     plan->bind_count);
	if (r < 0 && signal_fd >= 0)
		(void)err_sys(err, r, "cannot tell the supervisor what to do");
	if (r == 0)
		r = wait_ready(s, sp->sock, signal_fd, plan->ready_timeout_ms + START_MARGIN_MS,
			       err);
	log_debug("supervisor %s", r < 0 ? "failed" : "ready");
	if (r < 0)
		give_up(sp, plan, r);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (r < 0)
		return r;
	mem_close_ptr(&sp->pidfd);
	r = steal_fd(&sp->sock);
	*sp = (struct spawn){ .sock = -1, .pidfd = -1 };
	return r;
}

/* One message: 1: stopped, 0: go on, or an error; -EPIPE at end of file, -EINTR by a signal. */
static int stopped_message(const struct session *s, int sock, int signal_fd, int timeout_ms,
			   struct err *err) {
	struct pollfd pfds[] = { { .fd = sock, .events = POLLIN },
				 { .fd = signal_fd, .events = POLLIN } };
	struct msg m;
	int r;

	do
		r = poll(pfds, ARRAY_SIZE(pfds), timeout_ms);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return err_set(err, ERR_SYSTEM, -ETIMEDOUT,
			       "the supervisor did not stop the container");
	if (r > 0 && !pfds[0].revents)
		return err_set(err, ERR_SYSTEM, -EINTR, "interrupted");
	r = msg_recv(sock, &m);
	if (r <= 0)
		return err_set(err, ERR_SYSTEM, -EPIPE, "the supervisor died");
	r = 1;
	if (!strcmp(m.type, "error")) {
		msg_to_err(&m, err);
		r = err->code;
	} else if (!strcmp(m.type, "warning")) {
		/* What turned out while the command ran. */
		session_relay(s, json_get_str(m.body, "text", ""));
		r = 0;
	}
	msg_done(&m);
	return r;
}

/* Until "stopped" or an error, of @signal_fd (or -1) too. */
static int wait_stopped(const struct session *s, int sock, int signal_fd, int timeout_ms,
			struct err *err) {
	int r;

	do
		r = stopped_message(s, sock, signal_fd, timeout_ms, err);
	while (r == 0);
	return r < 0 ? r : 0;
}

int spawn_finish(const struct session *s, int sock, bool keep, struct err *err) {
	autoclose int signal_fd = -1;
	sigset_t before;
	int r;

	block_signals(&before);
	signal_fd = open_signals();
	r = msg_send(sock, "finish", json_pack("{s:b}", "keep", keep), NULL, 0);
	r = r < 0 ? err_set(err, ERR_SYSTEM, -EPIPE, "the supervisor died")
		  : wait_stopped(s, sock, signal_fd, 10 * STOP_MARGIN_MS, err);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

static int connect_to(struct session *s, const struct container *c, struct err *err) {
	autoclose int dir = open_beneath(s->layout->run_fd, c->name, O_RDONLY | O_DIRECTORY, 0);
	int sock = dir < 0 ? dir : socket_connect_at(dir, "control", SOCK_SEQPACKET);

	return sock >= 0 ? sock
			 : err_set(err, ERR_MISSING, -ENOTCONN,
				   "the supervisor of container '%s' does not answer", c->name);
}

int spawn_ask(struct session *s, const struct container *c, const char *type, json_t *body, int fd,
	      json_t **ret, struct err *err) {
	autoclose int sock = connect_to(s, c, err);
	struct msg m;
	int r;

	if (sock < 0) {
		json_decref(body);
		return sock;
	}
	r = msg_send(sock, type, body, &fd, fd >= 0);
	if (r == 0)
		r = msg_recv_timeout(sock, &m, ANSWER_TIMEOUT_MS);
	if (r <= 0)
		return err_set(err, ERR_SYSTEM, r < 0 ? r : -EPIPE,
			       "the supervisor of container '%s' does not answer", c->name);
	r = 0;
	if (!strcmp(m.type, "error")) {
		msg_to_err(&m, err);
		r = err->code;
	} else {
		*ret = json_incref(m.body);
	}
	msg_done(&m);
	return r;
}

int spawn_stop(struct session *s, const struct container *c, int timeout_ms, bool delete_it,
	       struct err *err) {
	autoclose int sock = connect_to(s, c, err);
	autofree char *by = NULL;
	int r;

	if (sock < 0)
		return sock;
	by = xasprintf("%s (uid %u)", s->who->user, (unsigned)s->who->uid);
	r = msg_send(sock, "stop",
		     json_pack("{s:i, s:b, s:o}", "timeout_ms", timeout_ms, "delete", delete_it,
			       "by", json_text(by)),
		     NULL, 0);
	if (r < 0)
		return err_set(err, ERR_MISSING, -ENOTCONN, "the supervisor of container '%s' died",
			       c->name);
	r = wait_stopped(s, sock, -1, timeout_ms + STOP_MARGIN_MS, err);
	return r == -EPIPE ? -ENOTCONN : r;
}
