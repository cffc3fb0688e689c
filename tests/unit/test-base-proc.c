/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes of src/base: proc, loop, msg. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/proc.h"

#define UNCHANGED .uid = (uid_t)-1, .gid = (gid_t)-1

/* Run a shell text and give back what it wrote. */
static int run_shell(const char *text, struct spawn_spec *spec, char *out, size_t size) {
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)text, NULL };
	struct spawn_fd fds[4] = { { 0 } };
	struct err err = { 0 };
	int ends[2], r;
	struct buf b;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	for (size_t i = 0; i < spec->fd_count; i++)
		fds[i] = spec->fds[i];
	fds[spec->fd_count] = (struct spawn_fd){ ends[1], 1 };
	spec->fds = fds;
	spec->fd_count++;
	spec->path = "/bin/sh";
	spec->argv = argv;
	r = proc_spawn(spec, &pid, NULL, &err);
	(void)close(ends[1]);
	if (r == 0) {
		buf_init(&b, size - 1);
		assert_int_equal(fd_read_all(ends[0], &b), 0);
		memcpy(out, b.data, b.len + 1);
		buf_done(&b);
		r = proc_wait(pid);
	}
	(void)close(ends[0]);
	return r;
}

static pid_t sleeping_child(void) {
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	return pid;
}

static void a_process_is_known_by_its_start(void **state) {
	struct proc_id me, child, wrong;
	int status;
	pid_t pid;

	assert_int_equal(proc_id_get(getpid(), &me), 0);
	assert_true(proc_id_alive(&me));
	wrong = me;
	wrong.start++;
	assert_false(proc_id_alive(&wrong));
	assert_int_equal(proc_id_open(&wrong), -ESRCH);
	assert_int_equal(proc_id_get(0, &child), -ESRCH);
	assert_int_equal(proc_id_get(-1, &child), -ESRCH);

	pid = sleeping_child();
	assert_int_equal(proc_id_get(pid, &child), 0);
	wrong = child;
	wrong.start++;
	assert_int_equal(proc_id_kill(&wrong, 1000), 0); /* somebody else: left alone */
	assert_true(proc_id_alive(&child));
	assert_int_equal(proc_id_kill(&child, 5000), 0);
	/* A zombie counts as gone, before and after it is waited for. */
	assert_false(proc_id_alive(&child));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(proc_id_kill(&child, 1000), 0);
}

static void a_name_cannot_forge_the_start(void **state) {
	struct proc_id id, again;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_NAME, "a) Z 1 1 (b");
		for (;;)
			(void)pause();
	}
	assert_int_equal(proc_id_get(pid, &id), 0);
	assert_int_equal(proc_id_get(pid, &again), 0);
	assert_int_equal(id.start, again.start);
	assert_true(proc_id_alive(&id));
	assert_int_equal(proc_id_kill(&id, 5000), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void files_of_a_process_are_of_that_one(void **state) {
	struct proc_id id, other;
	pid_t pid = fork();
	int fd;

	(void)state;
	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	assert_int_equal(proc_id_get(pid, &id), 0);
	fd = proc_id_open_file(&id, "ns/net", O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	(void)close(fd);
	assert_int_equal(proc_id_open_file(&id, "nothing", O_RDONLY), -ENOENT);
	/* One that had the number before. */
	other = (struct proc_id){ .pid = pid, .start = id.start - 1 };
	assert_int_equal(proc_id_open_file(&other, "ns/net", O_RDONLY), -ESRCH);
	(void)kill(pid, SIGKILL);
	assert_int_equal(proc_wait(pid), 128 + SIGKILL);
	assert_int_equal(proc_id_open_file(&id, "ns/net", O_RDONLY), -ESRCH);
	assert_int_equal(proc_id_open_file(&(struct proc_id){ 0 }, "stat", O_RDONLY), -ESRCH);
}

static void waiting_has_a_limit(void **state) {
	pid_t pid = sleeping_child();
	struct proc_id id;
	int status, fd;

	assert_int_equal(proc_id_get(pid, &id), 0);
	fd = proc_id_open(&id);
	assert_true(fd >= 0);
	assert_int_equal(pidfd_wait_gone(fd, 20), -ETIMEDOUT);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(pidfd_wait_gone(fd, -1), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(fd);
}

static void boot_and_namespaces(void **state) {
	uint64_t mine, same;

	assert_int_equal(strlen(boot_id()), 36);
	assert_int_equal(ns_inode(0, "mnt", &mine), 0);
	assert_int_equal(ns_inode(getpid(), "mnt", &same), 0);
	assert_int_equal(mine, same);
	assert_int_equal(ns_inode(0, "nonsense", &same), -ENOENT);
	assert_int_equal(mine, same);
}

static void spawn_reports_a_missing_program(void **state) {
	char *argv[] = { (char *)"x", NULL };
	struct spawn_spec spec = { .path = "/nonexistent/x", .argv = argv, UNCHANGED };
	struct err err = { 0 };
	pid_t pid = -7;

	assert_int_equal(proc_spawn(&spec, &pid, NULL, &err), -ENOENT);
	assert_int_equal(pid, -7);
	assert_non_null(strstr(err.msg, "/nonexistent/x"));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
	spec.path = "coi-no-such-program";
	assert_int_equal(proc_run(&spec, &err), -ENOENT);
	spec.path = "/bin/sh";
	spec.cwd = "/nonexistent";
	assert_int_equal(proc_run(&spec, &err), -ENOENT);
}

static void spawn_gives_status_and_environment(void **state) {
	char *env[] = { (char *)"A=1", NULL };
	struct spawn_spec spec = { .env = env, .cwd = "/", UNCHANGED };
	struct spawn_spec killed = { UNCHANGED };
	char out[200];

	assert_int_equal(run_shell("echo $A $PWD; exit 37", &spec, out, sizeof(out)), 37);
	assert_string_equal(out, "1 /\n");
	assert_int_equal(run_shell("kill -9 $$", &killed, out, sizeof(out)), 128 + 9);
}

static void output_is_taken_and_who_says_too_much_is_not_waited_for(void **state) {
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)"echo $$ >&2; echo out; exit 5",
			       NULL };
	char *const endless[] = { (char *)"yes", NULL };
	char *const stubborn[] = { (char *)"sh", (char *)"-c",
				   (char *)"head -c 1000 /dev/zero; sleep 1; echo ended >&2", NULL };
	autoclose int said = memfd_create("stderr", MFD_CLOEXEC);
	struct spawn_fd fds[] = { { said, STDERR_FILENO } };
	struct spawn_spec spec = { .path = "/bin/sh", .argv = argv, .fds = fds, .fd_count = 1,
				   UNCHANGED };
	autobuf struct buf out = { 0 }, more = { 0 };

	buf_init(&out, 100);
	assert_int_equal(proc_output(&spec, &out, NULL), 5);
	assert_string_equal(out.data, "out\n");
	assert_true(lseek(said, 0, SEEK_END) > 0);
	buf_init(&more, 100);
	spec = (struct spawn_spec){ .path = "yes", .argv = endless, UNCHANGED };
	assert_int_equal(proc_output(&spec, &more, NULL), -EFBIG);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
	/* Nor who goes on with something else. */
	spec = (struct spawn_spec){ .path = "/bin/sh", .argv = stubborn, .fds = fds, .fd_count = 1,
				    UNCHANGED };
	assert_int_equal(ftruncate(said, 0), 0);
	buf_reset(&more);
	assert_int_equal(proc_output(&spec, &more, NULL), -EFBIG);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(lseek(said, 0, SEEK_END), 0);
	spec.path = "/nonexistent/x";
	assert_int_equal(proc_output(&spec, &more, NULL), -ENOENT);
}

static void spawn_works_with_few_descriptors(void **state) {
	struct spawn_spec spec = { UNCHANGED };
	struct rlimit before, few;
	char out[200];

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){ .rlim_cur = 20, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(run_shell("echo here", &spec, out, sizeof(out)), 0);
	assert_string_equal(out, "here\n");
	/* Too few for it to begin: told, not a silent 127. */
	few.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_true(proc_run(&(struct spawn_spec){ .path = "/bin/true", UNCHANGED }, NULL) < 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void spawn_gives_the_named_descriptors_and_no_other(void **state) {
	int secret = open("/dev/null", O_RDONLY); /* without O_CLOEXEC on purpose */
	autoclose int a = memfd_create("a", MFD_CLOEXEC), b = memfd_create("b", MFD_CLOEXEC);
	struct spawn_fd crossed[2] = { { a, b }, { b, a } };
	struct spawn_spec spec = { .fds = crossed, .fd_count = 2, UNCHANGED };
	char out[400], text[200];

	assert_true(secret > 2);
	assert_int_equal(write(a, "A", 1), 1);
	assert_int_equal(write(b, "B", 1), 1);
	(void)snprintf(text, sizeof(text),
		       "cat /proc/self/fd/%d /proc/self/fd/%d; test -e /proc/self/fd/%d && echo leak; "
		       "exit 0", a, b, secret);
	assert_int_equal(run_shell(text, &spec, out, sizeof(out)), 0);
	assert_string_equal(out, "BA");
	(void)close(secret);
}

static void spawn_resets_signals_and_stdio(void **state) {
	struct spawn_spec spec = { .null_stdio = true, .new_session = true, UNCHANGED };
	char out[400];
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	(void)signal(SIGPIPE, SIG_IGN);
	/* Signals 32 and 33 are libc's own: nobody can set them through it. */
	assert_int_equal(run_shell("while read -r key hex; do case $key in Sig[BI]*) "
				   "echo $key$((0x${hex#????????} & 0x7fffffff));; esac; "
				   "done </proc/self/status; "
				   "readlink /proc/self/fd/0 /proc/self/fd/2; "
				   "test $$ = $(cut -d' ' -f6 /proc/$$/stat) && echo session",
				   &spec, out, sizeof(out)),
			 0);
	assert_string_equal(out, "SigBlk:0\nSigIgn:0\n/dev/null\n/dev/null\nsession\n");
	(void)signal(SIGPIPE, SIG_DFL);
	assert_int_equal(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
}

static void spawn_as_somebody_else(void **state) {
	struct spawn_spec spec = { .uid = 54321, .gid = 54322, .cwd = "/" };
	char out[200];

	if (geteuid() != 0)
		skip();
	assert_int_equal(run_shell("id -u; id -g; id -G", &spec, out, sizeof(out)), 0);
	assert_string_equal(out, "54321\n54322\n54322\n");
}

/* The kernel clears the death signal when ids change: it has to be set behind that. */
static void spawn_dies_with_its_parent(void **state) {
	bool as_other = geteuid() == 0;
	int ends[2], gone = -1;
	struct proc_id id;
	pid_t middle, grandchild = 0;
	int status;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	middle = fork();
	if (middle == 0) {
		char *argv[] = { (char *)"sleep", (char *)"1000", NULL };
		struct spawn_spec spec = {
			.path = "sleep",
			.argv = argv,
			.death_signal = SIGKILL,
			.uid = as_other ? 54321 : (uid_t)-1,
			.gid = as_other ? 54321 : (gid_t)-1,
		};
		pid_t pid = 0;

		(void)proc_spawn(&spec, &pid, NULL, NULL);
		(void)!write(ends[1], &pid, sizeof(pid));
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ends[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	assert_true(grandchild > 0);
	assert_int_equal(proc_id_get(grandchild, &id), 0);
	gone = proc_id_open(&id);
	assert_true(gone >= 0);
	assert_int_equal(kill(middle, SIGKILL), 0);
	assert_int_equal(waitpid(middle, &status, 0), middle);
	status = pidfd_wait_gone(gone, 5000);
	if (status < 0)
		(void)proc_id_kill(&id, 1000);
	assert_int_equal(status, 0);
	(void)close(gone);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

struct seen {
	struct loop *loop;
	struct loop_source *self, *other;
	int count, stop_at;
};

static void on_tick(void *data) {
	struct seen *s = data;

	if (++s->count == s->stop_at)
		loop_stop(s->loop, 42);
}

static void on_fd_once(int fd, uint32_t events, void *data) {
	struct seen *s = data;

	assert_true(events & EPOLLIN);
	s->count++;
	/* Removing itself and a source of the same round. */
	loop_remove(s->loop, s->self);
	loop_remove(s->loop, s->other);
	s->other = NULL;
	loop_remove(s->loop, NULL);
}

static void on_signal(int signo, void *data) {
	struct seen *s = data;

	assert_int_equal(signo, SIGUSR1);
	s->count++;
	loop_stop(s->loop, 1);
}

static void loop_runs_timers(void **state) {
	struct seen s = { .loop = loop_new(), .stop_at = 3 }, once = { .stop_at = -1 };
	uint64_t before = clock_mono_ms();

	assert_non_null(s.loop);
	assert_non_null(loop_add_timer(s.loop, 0, 0, on_tick, &once));
	assert_non_null(loop_add_timer(s.loop, 5, 5, on_tick, &s));
	assert_int_equal(loop_run(s.loop), 42);
	assert_int_equal(s.count, 3);
	assert_int_equal(once.count, 1);
	assert_true(clock_mono_ms() - before >= 14);
	loop_free(s.loop);
	loop_free(NULL);
}

static void loop_removes_within_a_round(void **state) {
	struct loop *l = loop_new();
	struct seen first = { .loop = l }, second = { .loop = l };
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	first.self = loop_add_fd(l, ends[0], EPOLLIN, on_fd_once, &first);
	{
		int again = dup(ends[0]);

		second.self = loop_add_fd(l, again, EPOLLIN, on_fd_once, &second);
		first.other = second.self;
		second.other = first.self;
		assert_true(loop_step(l, 1000) > 0);
		/* Both were ready; whichever came first removed the other. */
		assert_int_equal(first.count + second.count, 1);
		assert_int_equal(loop_step(l, 0), 0);
		(void)close(again);
	}
	loop_free(l);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void loop_takes_signals_and_changes_events(void **state) {
	struct loop *l = loop_new();
	struct seen s = { .loop = l }, r = { .loop = l };
	int ends[2];

	assert_non_null(loop_add_signal(l, SIGUSR1, on_signal, &s));
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(loop_run(l), 1);
	assert_int_equal(s.count, 1);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	r.self = loop_add_fd(l, ends[0], 0, on_fd_once, &r);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(loop_step(l, 0), 0);
	loop_set_events(r.self, EPOLLIN);
	assert_int_equal(loop_step(l, 0), 1);
	assert_int_equal(r.count, 1);
	assert_null(loop_add_fd(l, -1, EPOLLIN, on_fd_once, &r));
	loop_free(l);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void make_pair(int pair[2]) {
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static void msg_round_trips_with_descriptors(void **state) {
	struct msg m;
	int pair[2], fd = memfd_create("x", 0), got;

	make_pair(pair);
	assert_int_equal(write(fd, "hi", 2), 2);
	assert_int_equal(msg_send(pair[0], "exec", json_pack("{s:i}", "n", 5), &fd, 1), 0);
	assert_int_equal(msg_send(pair[0], "empty", NULL, NULL, 0), 0);
	(void)close(fd);
	assert_int_equal(msg_recv(pair[1], &m), 1);
	assert_string_equal(m.type, "exec");
	assert_int_equal(json_get_int(m.body, "n", 0), 5);
	assert_int_equal(m.fd_count, 1);
	assert_true(fcntl(m.fds[0], F_GETFD) & FD_CLOEXEC);
	got = steal_fd(&m.fds[0]);
	msg_done(&m);
	assert_int_equal(lseek(got, 0, SEEK_END), 2);
	(void)close(got);
	assert_int_equal(msg_recv_timeout(pair[1], &m, 1000), 1);
	assert_true(json_is_object(m.body));
	msg_done(&m);
	assert_int_equal(msg_recv_timeout(pair[1], &m, 10), -ETIMEDOUT);
	(void)close(pair[0]);
	assert_int_equal(msg_recv(pair[1], &m), 0);
	assert_int_equal(msg_send(pair[1], "late", NULL, NULL, 0), -EPIPE); /* and no SIGPIPE */
	(void)close(pair[1]);
}

static int open_count(void) {
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Closing with something unread makes the kernel tell ECONNRESET first. */
static void msg_sent_before_the_end_arrives(void **state) {
	struct msg m;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(msg_send(pair[1], "unread", NULL, NULL, 0), 0);
	assert_int_equal(msg_send(pair[0], "last", NULL, NULL, 0), 0);
	(void)close(pair[0]);
	assert_int_equal(msg_recv(pair[1], &m), 1);
	assert_string_equal(m.type, "last");
	msg_done(&m);
	assert_int_equal(msg_recv(pair[1], &m), 0);
	(void)close(pair[1]);
}

static void msg_refuses_bad_packets(void **state) {
	static const char *const bad[] = {
		"", "x", "{}", "[]", "{\"v\":2,\"type\":\"a\",\"body\":{}}", "{\"v\":1,\"body\":{}}",
		"{\"v\":1,\"type\":\"a\",\"body\":[]}", "{\"v\":1,\"type\":\"a\"}",
		"{\"v\":1,\"type\":7,\"body\":{}}", "{\"v\":1,\"type\":\"a\",\"body\":{}} x",
		"{\"v\":1,\"type\":\"a\",\"type\":\"b\",\"body\":{}}",
		"{\"v\":1,\"type\":\"0123456789012345678901234567890123456789\",\"body\":{}}",
	};
	int pair[2], before;
	struct msg m;

	make_pair(pair);
	before = open_count();
	for (size_t i = 1; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(send(pair[0], bad[i], strlen(bad[i]), 0), strlen(bad[i]));
		if (msg_recv(pair[1], &m) != -EBADMSG)
			fail_msg("taken: %s", bad[i]);
	}
	assert_int_equal(open_count(), before);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void msg_refuses_too_many_descriptors(void **state) {
	union {
		char room[CMSG_SPACE(sizeof(int) * 32)];
		struct cmsghdr align;
	} control = { 0 };
	char text[] = "{\"v\":1,\"type\":\"a\",\"body\":{}}";
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room,
			     .msg_controllen = sizeof(control.room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
	int pair[2], fds[32], before;
	struct msg m;

	make_pair(pair);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = pair[0];
	assert_int_equal(msg_send(pair[0], "a", NULL, fds, MSG_FDS_MAX + 1), -EINVAL);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	before = open_count();
	assert_true(sendmsg(pair[0], &mh, 0) > 0);
	assert_int_equal(msg_recv(pair[1], &m), -EBADMSG);
	assert_int_equal(open_count(), before);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void msg_has_a_largest_size(void **state) {
	autofree char *big = xmalloc(MSG_MAX + 2);
	struct msg m;
	int pair[2], size = 4 * MSG_MAX;

	make_pair(pair);
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	memset(big, 'a', MSG_MAX + 1);
	big[MSG_MAX + 1] = '\0';
	assert_int_equal(msg_send(pair[0], "a", json_pack("{s:s}", "x", big), NULL, 0), -EMSGSIZE);
	big[MSG_MAX - 100] = '\0';
	assert_int_equal(msg_send(pair[0], "a", json_pack("{s:s}", "x", big), NULL, 0), 0);
	assert_int_equal(msg_recv(pair[1], &m), 1);
	assert_int_equal(strlen(json_get_str(m.body, "x", "")), MSG_MAX - 100);
	msg_done(&m);
	big[MSG_MAX - 100] = 'a';
	if (send(pair[0], big, MSG_MAX + 1, 0) > 0)
		assert_int_equal(msg_recv(pair[1], &m), -EBADMSG);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void msg_carries_errors(void **state) {
	struct err e = { 0 }, back = { 0 };
	struct msg m;
	int pair[2];

	make_pair(pair);
	(void)err_set(&e, ERR_TRUST, -EPERM, "no\377t \"you\"");
	(void)err_hint(&e, "ask");
	assert_int_equal(msg_send_err(pair[0], &e), 0);
	assert_int_equal(msg_recv(pair[1], &m), 1);
	assert_string_equal(m.type, "error");
	msg_to_err(&m, &back);
	msg_done(&m);
	assert_int_equal(back.code, -EPERM);
	assert_int_equal(back.kind, ERR_TRUST);
	assert_string_equal(back.msg, "no\357\277\275t \"you\"");
	assert_string_equal(back.hint, "ask");
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void msg_reports_what_is_in_its_table(void **state) {
	static const struct msg_kind kinds[] = { { "one", 1 }, { "two", 2 } };
	struct msg_report r;
	int pair[2], gift = open("/dev/null", O_RDONLY | O_CLOEXEC), lowest;

	make_pair(pair);
	lowest = fcntl(gift, F_DUPFD_CLOEXEC, 0);
	(void)close(lowest);
	assert_int_equal(fd_set_nonblock(pair[1], true), 0);
	assert_int_equal(msg_report_read(pair[1], kinds, 2, &r), 0);
	assert_int_equal(r.kind, 0);
	assert_null(r.body);
	/* A descriptor that nobody wants; one that is not in the table; one that is no message. */
	assert_int_equal(msg_send(pair[0], "two", json_pack("{s:i}", "n", 7), &gift, 1), 0);
	assert_int_equal(msg_send(pair[0], "three", NULL, NULL, 0), 0);
	assert_int_equal(fd_send(pair[0], "x", 1, NULL, 0), 0);
	assert_int_equal(msg_report_read(pair[1], kinds, 2, &r), 1);
	assert_int_equal(r.kind, 2);
	assert_int_equal(json_get_int(r.body, "n", 0), 7);
	msg_report_done(&r);
	assert_null(r.body);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(msg_report_read(pair[1], kinds, 2, &r), 1);
		assert_int_equal(r.kind, 0);
		assert_null(r.body);
	}
	(void)close(pair[0]);
	assert_int_equal(msg_report_read(pair[1], kinds, 2, &r), -EPIPE);
	(void)close(pair[1]);
	assert_int_equal(msg_report_read(-1, kinds, 2, &r), -EBADF);
	(void)close(gift);
	assert_int_equal(fcntl(lowest, F_GETFD), -1);
}

int main(void) {
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_is_known_by_its_start),
		cmocka_unit_test(a_name_cannot_forge_the_start),
		cmocka_unit_test(files_of_a_process_are_of_that_one),
		cmocka_unit_test(waiting_has_a_limit),
		cmocka_unit_test(boot_and_namespaces),
		cmocka_unit_test(spawn_reports_a_missing_program),
		cmocka_unit_test(spawn_gives_status_and_environment),
		cmocka_unit_test(output_is_taken_and_who_says_too_much_is_not_waited_for),
		cmocka_unit_test(spawn_works_with_few_descriptors),
		cmocka_unit_test(spawn_gives_the_named_descriptors_and_no_other),
		cmocka_unit_test(spawn_resets_signals_and_stdio),
		cmocka_unit_test(spawn_as_somebody_else),
		cmocka_unit_test(spawn_dies_with_its_parent),
		cmocka_unit_test(loop_runs_timers),
		cmocka_unit_test(loop_removes_within_a_round),
		cmocka_unit_test(loop_takes_signals_and_changes_events),
		cmocka_unit_test(msg_round_trips_with_descriptors),
		cmocka_unit_test(msg_sent_before_the_end_arrives),
		cmocka_unit_test(msg_refuses_bad_packets),
		cmocka_unit_test(msg_refuses_too_many_descriptors),
		cmocka_unit_test(msg_has_a_largest_size),
		cmocka_unit_test(msg_carries_errors),
		cmocka_unit_test(msg_reports_what_is_in_its_table),
	};

	return cmocka_run_group_tests_name("base proc", tests, NULL, NULL);
}
