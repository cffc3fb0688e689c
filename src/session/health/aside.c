/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What may have to wait for others, in a child with a time limit. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "session/health/checks.h"

#define REPORT_MAX 16384

static _Noreturn void child(const struct health_check *c, const struct health_subject *s,
			    int report_fd) {
	struct health_result r = { 0 };
	auto_json json_t *j = NULL;
	autofree char *text = NULL;

	c->look(s, &r);
	j = health_result_to_json(&r);
	text = json_dumps(j, JSON_COMPACT);
	_exit(!text || fd_write_all(report_fd, text, strlen(text)) < 0);
}

void health_aside_begin(const struct health_check *c, const struct health_subject *s,
			struct health_aside *ret) {
	int fds[2];

	*ret = (struct health_aside){ .report_fd = -1 };
	if (pipe2(fds, O_CLOEXEC) < 0)
		return;
	ret->pid = fork();
	if (ret->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)close(fds[0]);
		child(c, s, fds[1]);
	}
	(void)close(fds[1]);
	if (ret->pid < 0)
		ret->pid = 0;
	ret->report_fd = fds[0];
}

/* All that comes until the other end is closed: 0, -ETIMEDOUT, -errno. */
static int read_until(int fd, uint64_t end_ms, struct buf *b) {
	for (;;) {
		uint64_t now = clock_mono_ms();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		char chunk[4096];
		ssize_t n;

		n = poll(&p, 1, now < end_ms ? (int)(end_ms - now) : 0);
		if (n == 0)
			return -ETIMEDOUT;
		if (n > 0)
			n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		buf_add(b, chunk, (size_t)n);
	}
}

void health_aside_fill(struct health_aside *a, uint64_t end_ms, struct health_result *ret) {
	autobuf struct buf b = { 0 };
	auto_json json_t *j = NULL;
	int r = -ENODATA;

	buf_init(&b, REPORT_MAX);
	if (a->pid)
		r = read_until(a->report_fd, end_ms, &b);
	if (r == 0)
		j = json_loads(b.data, 0, NULL);
	if (json_is_object(j))
		health_result_from_json(j, ret);
	else
		health_warn(ret, r == -ETIMEDOUT ? "no answer in time" : "it could not be looked at");
	if (a->pid) {
		(void)kill(a->pid, SIGKILL);
		(void)proc_wait(a->pid);
	}
	mem_close_ptr(&a->report_fd);
	a->pid = 0;
}
