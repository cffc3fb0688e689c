/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A child that did not answer in time. It may not even be killed as long as the question that
 * it has asked is open: so nobody waits for it, and it is taken when it has ended.
 */
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"
#include "session/supervisor.h"

#define DEATH_MS 20

static void on_end(int fd, uint32_t events, void *data) {
	struct supervisor_late *late = data;

	(void)events;
	(void)proc_wait(late->pid);
	loop_remove(late->loop, late->source);
	(void)close(fd);
	*late = (struct supervisor_late){ 0 };
}

void supervisor_late_kill(struct supervisor *v, struct supervisor_late *late, pid_t pid,
			  int pidfd) {
	(void)kill(pid, SIGKILL);
	*late = (struct supervisor_late){ .pid = pid, .loop = v->loop };
	if (pidfd_wait_gone(pidfd, DEATH_MS) == 0) {
		on_end(pidfd, 0, late);
		return;
	}
	late->source = loop_add_fd(v->loop, pidfd, EPOLLIN, on_end, late);
	if (late->source)
		return;
	/* Nobody would tell us of its end. */
	*late = (struct supervisor_late){ 0 };
	mem_close_ptr(&pidfd);
}
