/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much of what runs does one source tell of? As coi-watch uses it, about a control group
 * that no container has, so that there is no network in it: the process connector answers
 * only in the machine's own.
 *
 *	watch-source exec BACKEND COUNT   COUNT short programs, one after the other
 *	watch-source idle BACKEND SECONDS what it takes while nothing of the group runs
 *	watch-source read DIR SCRIPT      how much of DIR a script reads, as it is counted
 *	watch-source turn SOURCE BACKEND ROOT  events of one turn, when each makes others
 *	watch-source half poll            how often one is told of whose first thread ends
 *	watch-source list                 SOURCE=BACKEND of all that are tried or missed
 *
 * All but the last print one line of JSON.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "monitor/source.h"

#define LINGER_MS 500 /* after the last program: what is still under way comes */
#define POLL_MS 2000
#define SHELL "/bin/bash"

static struct {
	char name[64];
	char *path;
	unsigned long whole, gone, lost, timed;
	uint64_t begin_us;
	unsigned long count;
	bool *seen; /* which of them, by their word */
} all;

__attribute__((noreturn)) static void die(const char *what, const char *why) {
	(void)fprintf(stderr, "watch-source: %s: %s\n", what, why);
	exit(1);
}

/* Where version 2 is, alone or beside version 1. */
static const char *tree(void) {
	struct stat st;

	return stat("/sys/fs/cgroup/cgroup.controllers", &st) == 0 ? "/sys/fs/cgroup"
	                                                           : "/sys/fs/cgroup/unified";
}

static void leave(void) {
	if (all.path)
		(void)rmdir(all.path);
}

static int enter_new_group(struct watch_target *t) {
	struct stat st;
	int fd;

	(void)snprintf(all.name, sizeof(all.name), "source-%d", (int)getpid());
	all.path = xasprintf("%s/lxc.payload.%s", tree(), all.name);
	if (mkdir(all.path, 0755) < 0)
		die(all.path, strerror(errno));
	(void)atexit(leave);
	fd = open(all.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		die(all.path, strerror(errno));
	*t = (struct watch_target){ .cgroup2_fd = fd,
		                    .cgroup2_id = st.st_ino,
		                    .level = 1,
		                    .group_fd = fd,
		                    .proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		                    .root_fd = -1,
		                    .workspace_fd = -1,
		                    .syslog_fd = -1,
		                    .lxc_name = all.name,
		                    .uid_count = 65536,
		                    .poll_ms = POLL_MS };
	return fd;
}

static void on_event(const struct watch_event *e, void *data) {
	unsigned long n;

	(void)data;
	if (e->kind != WATCH_EXEC)
		return;
	if (e->exec.is_gone)
		all.gone++;
	if (e->at_us >= all.begin_us && e->at_us <= clock_mono_us())
		all.timed++;
	if (e->exec.argc != 2 || sscanf(e->exec.argv[1], "nr-%lu", &n) != 1 || n >= all.count ||
	    all.seen[n])
		return;
	all.seen[n] = true;
	all.whole++;
}

static bool is_full(void *data) {
	(void)data;
	return false;
}

static void look(void *data) {
	(void)data;
}

static const struct watch_sink sink = { .event = on_event, .is_full = is_full, .look = look };

static struct watch_source *open_source(const char *source, const char *backend,
                                        const struct watch_target *t) {
	struct watch_source *s = NULL;
	struct err err = { 0 };

	for (size_t i = 0; watch_sources[i]; i++) {
		const struct watch_source_ops *ops = watch_sources[i];

		if (strcmp(ops->source, source) != 0 || strcmp(ops->backend, backend) != 0)
			continue;
		if ((ops->prepare && ops->prepare(&err) < 0) || ops->open(t, &s, &err) < 0)
			die(backend, err.msg);
		s->ops = ops;
		return s;
	}
	die(backend, "there is no such source");
}

static pid_t run_script(int group, const char *script) {
	pid_t pid = fork();

	if (pid)
		return pid;
	if (file_write_value_at(group, "cgroup.procs", "0") < 0)
		_exit(1);
	(void)execl(SHELL, "bash", "-c", script, NULL);
	_exit(127);
}

static uint64_t cpu_ms(void) {
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

/* Until @end, or until @pid has ended and what it did had its time. */
static void step_until(struct loop *l, struct watch_source *s, uint64_t end, pid_t pid) {
	int status;

	while (clock_mono_ms() < end) {
		(void)loop_step(l, 50);
		all.lost += s->ops->lost(s);
		if (pid > 0 && waitpid(pid, &status, WNOHANG) == pid) {
			if (status)
				die(SHELL, "it did not run");
			pid = 0;
			end = clock_mono_ms() + LINGER_MS +
			      (!strcmp(s->ops->backend, "poll") ? POLL_MS : 0);
		}
	}
}

static int read_script(const char *dir, const char *script) {
	struct watch_target target;
	int group = enter_new_group(&target), status;
	struct watch_source *s;
	uint64_t before;

	target.workspace_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target.workspace_fd < 0)
		die(dir, strerror(errno));
	s = open_source("volume", "bpf", &target);
	before = *s->ops->counter(s);
	if (waitpid(run_script(group, script), &status, 0) < 0 || status)
		die(SHELL, "it did not run");
	(void)printf("{\"read\": %llu}\n", (unsigned long long)(*s->ops->counter(s) - before));
	s->ops->free(s);
	return 0;
}

/* --- one turn */

#define FEED_MAX 20000

static struct {
	void (*feed)(void);
	unsigned long count;
	char *secret;
} turn;

/* A flow that there is not yet: to this machine itself. */
static void feed_connect(void) {
	static uint16_t port;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(++port | 1),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect", strerror(errno));
	(void)send(fd, "x", 1, MSG_DONTWAIT);
	(void)close(fd);
}

static void feed_exec(void) {
	pid_t pid = fork();

	if (pid == 0) {
		(void)execl("/bin/true", "true", NULL);
		_exit(127);
	}
	(void)waitpid(pid, NULL, 0);
}

static void feed_files(void) {
	(void)close(open(turn.secret, O_RDONLY | O_CLOEXEC));
}

static void on_turn(const struct watch_event *e, void *data) {
	(void)data;
	if (e->kind == WATCH_STATE || ++turn.count >= FEED_MAX)
		return;
	/* More than one: it may be late for this turn. */
	turn.feed();
	turn.feed();
}

static const struct watch_sink turn_sink = { .event = on_turn, .is_full = is_full, .look = look };

/* @root: with a file that matters. */
static int one_turn(const char *source, const char *backend, const char *root) {
	static char *homes[] = { (char *)"/root", NULL };
	autofree char *above = xasprintf("%s/cgroup.procs", tree());
	struct loop *l = loop_new();
	struct watch_target target;
	int group = enter_new_group(&target);
	struct watch_source *s;

	turn.feed = !strcmp(source, "connect") ? feed_connect
	            : !strcmp(source, "exec")  ? feed_exec
	                                       : feed_files;
	turn.secret = xasprintf("%s/root/.ssh/id_rsa", root);
	target.root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	target.homes = homes;
	target.address = INADDR_LOOPBACK;
	if (file_write_value_at(group, "cgroup.procs", "0") < 0)
		die(all.path, "it cannot be entered");
	s = open_source(source, backend, &target);
	if (s->ops->start(s, l, &turn_sink) < 0)
		die(backend, "it does not start");
	for (int i = 0; i < 200 && !turn.count; i++) {
		turn.feed();
		(void)s->ops->go_on(s);
		(void)poll(NULL, 0, 10);
	}
	(void)printf("{\"events\": %lu}\n", turn.count);
	s->ops->free(s);
	loop_free(l);
	free(turn.secret);
	return file_write_value_at(AT_FDCWD, above, "0") < 0;
}

/* --- a process whose first thread has ended */

static pid_t half;

static void on_half(const struct watch_event *e, void *data) {
	(void)data;
	if (e->kind == WATCH_EXEC && e->pid == half)
		all.count++;
}

static void *live_on(void *data) {
	(void)data;
	(void)pause();
	return NULL;
}

static void become_half(int group) {
	pthread_t thread;

	if (file_write_value_at(group, "cgroup.procs", "0") < 0 ||
	    pthread_create(&thread, NULL, live_on, NULL) != 0)
		_exit(1);
	(void)poll(NULL, 0, 1000);
	pthread_exit(NULL);
}

static int tell_half(const char *backend) {
	static const struct watch_sink counting = { .event = on_half, .is_full = is_full,
		                                    .look = look };
	struct loop *l = loop_new();
	struct watch_target target;
	int group = enter_new_group(&target);
	struct watch_source *s;

	target.poll_ms = 100;
	half = fork();
	if (half == 0)
		become_half(group);
	s = open_source("exec", backend, &target);
	if (s->ops->start(s, l, &counting) < 0)
		die(backend, "it does not start");
	step_until(l, s, clock_mono_ms() + 3000, 0);
	(void)kill(half, SIGKILL);
	(void)waitpid(half, NULL, 0);
	(void)printf("{\"told\": %lu}\n", all.count);
	s->ops->free(s);
	loop_free(l);
	return 0;
}

int main(int argc, char **argv) {
	struct watch_target target;
	struct watch_source *s;
	struct loop *l = loop_new();
	uint64_t cpu, begin = clock_mono_ms();
	char script[128];
	bool is_exec;
	int group;

	if (argc == 2 && !strcmp(argv[1], "list")) {
		for (size_t i = 0; watch_sources[i]; i++)
			(void)printf("%s=%s\n", watch_sources[i]->source, watch_sources[i]->backend);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "half"))
		return tell_half(argv[2]);
	if (argc == 5 && !strcmp(argv[1], "turn"))
		return one_turn(argv[2], argv[3], argv[4]);
	if (argc != 4 || !l)
		die("usage", "watch-source exec|idle|read|turn|half|list …");
	if (!strcmp(argv[1], "read"))
		return read_script(argv[2], argv[3]);
	is_exec = !strcmp(argv[1], "exec");
	all.count = is_exec ? strtoul(argv[3], NULL, 10) : 0;
	all.seen = xcalloc(all.count + 1, sizeof(*all.seen));
	group = enter_new_group(&target);
	s = open_source("exec", argv[2], &target);
	if (s->ops->start(s, l, &sink) < 0)
		die(argv[2], "it does not start");
	(void)snprintf(script, sizeof(script),
	               "for ((i = 0; i < %lu; i++)); do /bin/true nr-$i; done", all.count);
	all.begin_us = clock_mono_us();
	cpu = cpu_ms();
	if (is_exec)
		step_until(l, s, UINT64_MAX, run_script(group, script));
	else
		step_until(l, s, begin + strtoul(argv[3], NULL, 10) * 1000, 0);
	(void)printf("{\"backend\": \"%s\", \"count\": %lu, \"whole\": %lu, \"gone\": %lu, "
	             "\"timed\": %lu, \"lost\": %lu, \"cpu_ms\": %llu, \"ms\": %llu}\n",
	             argv[2], all.count, all.whole, all.gone, all.timed, all.lost,
	             (unsigned long long)(cpu_ms() - cpu),
	             (unsigned long long)(clock_mono_ms() - begin));
	s->ops->free(s);
	loop_free(l);
	return 0;
}
