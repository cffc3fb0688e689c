/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/attach-watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"

#define TICK_MS 100
#define CHILDREN_MAX 64

static struct {
	pid_t before[CHILDREN_MAX];
	size_t before_count;
	int ticks_left;
	volatile sig_atomic_t fired;
	struct sigaction action;
	sigset_t mask;
} watch;

/* Only what a signal handler may call. None in a kernel without that file: no limit then. */
static size_t children_read(pid_t pids[CHILDREN_MAX]) {
	char text[1024];
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));
	size_t count = 0;
	pid_t pid = 0;

	if (fd >= 0)
		(void)close(fd);
	for (ssize_t i = 0; i < n && count < CHILDREN_MAX; i++) {
		if (text[i] >= '0' && text[i] <= '9') {
			pid = pid * 10 + (text[i] - '0');
			continue;
		}
		if (pid > 0)
			pids[count++] = pid;
		pid = 0;
	}
	return count;
}

static bool was_there(pid_t pid) {
	for (size_t i = 0; i < watch.before_count; i++)
		if (watch.before[i] == pid)
			return true;
	return false;
}

static void on_alarm(int signo) {
	pid_t pids[CHILDREN_MAX];
	int saved = errno;
	size_t count;

	(void)signo;
	if (--watch.ticks_left <= 0 || proc_is_asked_to_end()) {
		count = children_read(pids);
		for (size_t i = 0; i < count; i++)
			if (!was_there(pids[i]) && kill(pids[i], SIGKILL) == 0)
				watch.fired = 1;
	}
	errno = saved;
}

void attach_watch_begin(int timeout_ms) {
	const struct itimerval every = {
		.it_interval = { .tv_usec = TICK_MS * 1000 },
		.it_value = { .tv_usec = TICK_MS * 1000 },
	};
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	sigset_t set;

	watch.before_count = children_read(watch.before);
	watch.ticks_left = timeout_ms / TICK_MS;
	watch.fired = 0;
	(void)sigaction(SIGALRM, &action, &watch.action);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGALRM);
	(void)sigprocmask(SIG_UNBLOCK, &set, &watch.mask);
	(void)setitimer(ITIMER_REAL, &every, NULL);
}

bool attach_watch_end(void) {
	const struct itimerval never = { .it_value = { 0 } };
	sigset_t set;

	(void)setitimer(ITIMER_REAL, &never, NULL);
	(void)sigaction(SIGALRM, &watch.action, NULL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGALRM);
	if (sigismember(&watch.mask, SIGALRM) == 1)
		(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return watch.fired;
}
