/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long a container may run. The deadline is in its record, so a supervisor
 * that takes over keeps it, and on a clock that goes on while the machine is
 * suspended.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/strv.h"
#include "session/supervisor.h"

#define GRACE_MS 5000

static void on_deadline(int fd, uint32_t events, void *data) {
	struct supervisor *v = data;
	uint64_t count;

	(void)events;
	if (read(fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
		return;
	if (!v->c->deadline_stops) {
		supervisor_note("'%s' has run as long as it may (limits.runtime.max_duration); "
				"limits.runtime.auto_stop is off, so it goes on", v->c->name);
		return;
	}
	supervisor_note("'%s' has run as long as it may (limits.runtime.max_duration) and is stopped",
			v->c->name);
	supervisor_why(v, "it has run as long as it may (limits.runtime.max_duration)");
	supervisor_stop(v, v->c->deadline_graceful ? GRACE_MS : 0);
}

void supervisor_time_set(struct supervisor *v) {
	const struct limits_plan *l = &v->plan.limits;

	v->c->deadline_ms = l->max_ms ? clock_boot_ms() + l->max_ms : 0;
	v->c->deadline_stops = l->auto_stop;
	v->c->deadline_graceful = l->graceful;
	strv_free(v->c->limits);
	v->c->limits = strv_copy(l->texts);
}

int supervisor_time_watch(struct supervisor *v, struct err *err) {
	int64_t at = v->c->deadline_ms;
	struct itimerspec when = { .it_value = { at / 1000, at % 1000 * 1000000 } };
	int fd;

	if (!at)
		return 0;
	/* Lives as long as the process. */
	fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0 || timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL) < 0 ||
	    !loop_add_fd(v->loop, fd, EPOLLIN, on_deadline, v))
		return err_sys(err, -errno, "cannot watch how long the container runs");
	return 0;
}
