/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/again.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/app.h"
#include "cli/output.h"

int again_begin(struct again *a, struct err *err) {
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "cannot wait for signals");
	(void)sigprocmask(SIG_BLOCK, &set, &a->before);
	a->fd = fd;
	return 0;
}

bool again_told(const struct again *a, int ms) {
	struct pollfd pfd = { .fd = a->fd, .events = POLLIN };

	return poll(&pfd, 1, ms) > 0;
}

void again_end(struct again *a) {
	if (a->fd < 0)
		return;
	mem_close_ptr(&a->fd);
	(void)sigprocmask(SIG_SETMASK, &a->before, NULL);
}

void again_clear(void) {
	if (isatty(STDOUT_FILENO))
		(void)fputs("\033[H\033[2J", stdout);
}

int again_footer(int seconds, struct err *err) {
	char when[CLOCK_RFC3339_SIZE];

	output_line("\n%s, again in %d s; Ctrl-C ends it", clock_rfc3339(time(NULL), when),
		    seconds);
	return app_flush(err);
}
