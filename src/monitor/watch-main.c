/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coi-watch: one for each container that is watched, started by its supervisor.
 *
 * As root it only opens: programs in the kernel, descriptors. Then it gives up
 * everything, and reads what the container does: command lines, paths, names. Its
 * word is judged once more by the supervisor, which writes and acts.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/linux.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/proc.h"
#include "monitor/backends.h"
#include "monitor/protocol.h"
#include "monitor/watcher-confine.h"
#include "monitor/watcher.h"
#include "monitor/wire.h"

#define START_TIMEOUT_MS (10 * 60 * 1000) /* a start may wait for a large copy */
#define TURN_MS 200
#define REST_TURNS 1024 /* of a source, at the end: more than any of them keeps */

/* --- events */

static void on_tick(void *data);

static void set_tick(struct watcher *w) {
	uint64_t next = detector_next(w->detector), now = clock_mono_ms();

	if (next == UINT64_MAX || w->tick)
		return;
	w->tick = loop_add_timer(w->loop, next > now ? next - now : 0, 0, on_tick, w);
}

static void tell_findings(struct watcher *w, const struct findings *all,
                          const struct watch_event *e) {
	for (size_t i = 0; i < all->count; i++) {
		const struct finding *f = &all->items[i];
		json_t **again = &w->again[f->slot];

		if (f->count) {
			if (*again)
				report_message(w, WATCH_MSG_THREAT,
				               wire_threat_again(*again, f->count));
			continue;
		}
		if (f->is_again) {
			report_message(w, WATCH_MSG_THREAT, wire_threat(f, e));
			continue;
		}
		json_decref(*again);
		*again = wire_threat(f, e);
		report_message(w, WATCH_MSG_THREAT, json_incref(*again));
	}
}

static void on_tick(void *data) {
	struct watcher *w = data;
	struct findings all;

	w->tick = NULL;
	detector_tick(w->detector, clock_mono_ms(), &all);
	tell_findings(w, &all, NULL);
	set_tick(w);
}

static void tell_state(struct watcher *w, enum watch_state state,
                       const struct watch_source_ops *ops, uint64_t count, const char *detail) {
	const struct watch_event e = { .kind = WATCH_STATE,
		                       .status = { .state = state,
		                                   .source = ops->source,
		                                   .backend = ops->backend,
		                                   .count = count,
		                                   .detail = detail } };

	report_event(w, &e);
}

/* Who counts looks as often as is wanted, and tells only when something was used. */
static void tell_ran(struct watcher *w) {
	for (size_t i = 0; i < w->source_count; i++)
		if (w->sources[i]->ops->ran)
			w->sources[i]->ops->ran(w->sources[i]);
}

/* The record of the event first, then what it means. Connections are judged by who knows the
 * policy. */
static void on_event(const struct watch_event *event, void *data) {
	struct watcher *w = data;
	struct watch_event e = *event;
	struct findings all;

	if (!e.when_ms)
		e.when_ms = clock_mono_ms();
	report_event(w, &e);
	if (e.kind == WATCH_CONNECT)
		return;
	if (e.kind == WATCH_COUNTERS)
		tell_ran(w);
	detector_feed(w->detector, &e, &all);
	tell_findings(w, &all, &e);
	set_tick(w);
}

/*
 * Also when this turn has taken long: a command line may take its time, and the supervisor wants
 * to hear now and then that we are there.
 */
static bool is_full(void *data) {
	struct watcher *w = data;
	uint64_t now = clock_mono_ms();
	bool is;

	w->turn_ms = w->turn_ms ? w->turn_ms : now;
	is = report_is_full(w) || now - w->turn_ms >= TURN_MS;
	w->is_waited_for |= is;
	return is;
}

static void look(void *data) {
	report_message(data, WATCH_MSG_LOOK, NULL);
}

/* Nothing is lost without a word. */
static void tell_lost(struct watcher *w) {
	static const struct watch_source_ops detector = { .source = "detector",
		                                          .backend = "rules" };
	uint64_t n;

	for (size_t i = 0; i < w->source_count; i++) {
		n = w->sources[i]->ops->lost(w->sources[i]);
		if (n)
			tell_state(w, WATCH_LOST, w->sources[i]->ops, n,
			           "not seen, or no room for them");
	}
	n = detector_suppressed(w->detector);
	if (n)
		tell_state(w, WATCH_LOST, &detector, n, "further threats in the same second");
}

/* --- the supervisor */

/* True: there may be more. */
static bool take_turn(struct watcher *w, struct watch_source *s) {
	w->turn_ms = 0;
	return s->ops->go_on && s->ops->go_on(s);
}

/* There is room again, whoever has made it: those who were told to wait are not asked else. */
static bool go_on(struct watcher *w) {
	if (!w->is_waited_for || report_is_full(w))
		return false;
	w->is_waited_for = false;
	for (size_t i = 0; i < w->source_count; i++)
		(void)take_turn(w, w->sources[i]);
	report_flush(w);
	return true;
}

/* Of one source; what is never at its end was not the container's alone. */
static void read_rest(struct watcher *w, struct watch_source *s) {
	int turns = 0;

	while (turns < REST_TURNS && take_turn(w, s))
		turns++;
	if (turns == REST_TURNS)
		tell_state(w, WATCH_LOST, s->ops, 0, "more than is read when it ends");
}

/* What is still in the sources, what was only counted, and then nothing more. */
static void finish(struct watcher *w) {
	struct findings all;

	report_finish(w);
	for (size_t i = 0; i < w->source_count; i++) {
		read_rest(w, w->sources[i]);
		if (w->sources[i]->ops->finish)
			w->sources[i]->ops->finish(w->sources[i]);
	}
	do {
		detector_tick(w->detector, UINT64_MAX, &all);
		tell_findings(w, &all, NULL);
	} while (all.count);
	tell_lost(w);
	for (size_t i = 0; i < w->source_count; i++)
		tell_state(w, WATCH_ENDED, w->sources[i]->ops, 0, NULL);
	report_finish(w);
	w->is_over = true;
}

static void take_log(struct watcher *w, struct msg *m) {
	struct watch_log log = {
		.fd = m->fd_count ? steal_fd(&m->fds[0]) : -(int)json_get_int(m->body, "error", ENOENT),
		.device = (uint64_t)json_get_int(m->body, "device", 0),
		.inode = (uint64_t)json_get_int(m->body, "inode", 0),
		.born_ns = (uint64_t)json_get_int(m->body, "born_ns", 0),
		.size = (uint64_t)json_get_int(m->body, "size", 0),
	};

	for (size_t i = 0; i < w->source_count; i++)
		if (w->sources[i]->ops->log)
			w->sources[i]->ops->log(w->sources[i], &log);
	mem_close_ptr(&log.fd);
}

static void on_control(int fd, uint32_t events, void *data) {
	struct watcher *w = data;
	struct msg m;
	int r;

	if (events & EPOLLOUT)
		report_flush(w);
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	r = msg_recv(fd, &m);
	if (r == -EAGAIN || r == -EBADMSG)
		return;
	if (r <= 0) {
		w->is_over = true;
		return;
	}
	if (!strcmp(m.type, WATCH_MSG_PING)) {
		report_message(w, WATCH_MSG_PONG, NULL);
	} else if (!strcmp(m.type, WATCH_MSG_LOG)) {
		take_log(w, &m);
	} else if (!strcmp(m.type, WATCH_MSG_FINISH)) {
		finish(w);
	}
	msg_done(&m);
}

/* --- sources */

static bool is_allowed(const struct watch_source_ops *ops) {
	return watch_is_allowed(ops->source, ops->backend);
}

static void prepare(void) {
	struct err ignored;

	for (size_t i = 0; watch_sources[i]; i++)
		if (watch_sources[i]->prepare && is_allowed(watch_sources[i]))
			(void)watch_sources[i]->prepare(&ignored); /* open_all() asks again */
}

/* The first backend of each source that works. */
static void open_all(struct watcher *w) {
	const struct watch_source_ops *ops;

	for (size_t i = 0; (ops = watch_sources[i]);) {
		const char *source = ops->source;
		struct watch_source *s = NULL;
		struct err why = { 0 };

		for (; watch_sources[i] && !strcmp(watch_sources[i]->source, source); i++) {
			ops = watch_sources[i];
			if (s)
				continue;
			if (!is_allowed(ops))
				(void)err_set(&why, ERR_SYSTEM, -EPERM, "it is not to be tried");
			else if ((!ops->prepare || ops->prepare(&why) == 0) &&
			         ops->open(&w->target, &s, &why) == 0)
				s->ops = ops;
			/* A worse one is used, and the record says why. */
			if (!s)
				tell_state(w, WATCH_UNAVAILABLE, ops, 0, why.msg);
		}
		if (s && s->ops->counter)
			w->target.workspace_read = s->ops->counter(s);
		if (s)
			w->sources[w->source_count++] = s;
	}
}

static int start_all(struct watcher *w) {
	for (size_t i = 0; i < w->source_count; i++) {
		int r = w->sources[i]->ops->start(w->sources[i], w->loop, &w->sink);

		if (r < 0)
			return r;
		tell_state(w, WATCH_STARTED, w->sources[i]->ops, 0, w->sources[i]->ops->limits);
	}
	return 0;
}

/* --- start */

static int read_start(struct watcher *w, uint32_t *ret_uid) {
	struct detect_settings set;
	struct msg m;
	size_t at = 1;
	int r = msg_recv_timeout(w->control_fd, &m, START_TIMEOUT_MS);

	if (r <= 0)
		return r ? r : -EPIPE;
	if (strcmp(m.type, WATCH_MSG_START) != 0 || m.fd_count < 1) {
		msg_done(&m);
		return -EBADMSG;
	}
	w->lxc_name = xstrdup(json_get_str(m.body, "lxc_name", ""));
	w->target = (struct watch_target){
		.cgroup2_fd = -1,
		.root_fd = -1,
		.workspace_fd = -1,
		.syslog_fd = -1,
		.cgroup2_id = (uint64_t)json_get_int(m.body, "cgroup2_id", 0),
		.level = (unsigned)json_get_int(m.body, "level", 0),
		.group_fd = steal_fd(&m.fds[0]),
		/* Alone: no ".." leads out of it, whatever becomes of us. */
		.proc_fd = open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC),
		.lxc_name = w->lxc_name,
		.uid_base = (uint32_t)json_get_int(m.body, "uid_base", 0),
		.uid_count = (uint32_t)json_get_int(m.body, "uid_count", 0),
		.address = (uint32_t)json_get_int(m.body, "address", 0),
		.poll_ms = (uint64_t)json_get_int(m.body, "poll_ms", 2000),
	};
	if (json_get_bool(m.body, "has_cgroup2", false) && at < m.fd_count)
		w->target.cgroup2_fd = steal_fd(&m.fds[at++]);
	if (json_get_bool(m.body, "has_root", false) && at < m.fd_count)
		w->target.root_fd = steal_fd(&m.fds[at++]);
	w->target.workspace_fd = (int)json_get_int(m.body, "workspace", -1);
	if (w->target.workspace_fd == 0 && at < m.fd_count)
		w->target.workspace_fd = steal_fd(&m.fds[at++]);
	if (json_get_bool(m.body, "has_syslog", false) && at < m.fd_count)
		w->target.syslog_fd = steal_fd(&m.fds[at++]);
	w->homes = json_get_strv(m.body, "homes");
	w->target.homes = w->homes;
	w->canaries = json_get_strv(m.body, "canaries");
	w->target.canaries = w->canaries;
	for (size_t i = 0; i < WATCH_COUNTER_COUNT; i++) {
		bool is_there =
			json_is_true(json_array_get(json_object_get(m.body, "counters"), i));

		w->target.counter_fds[i] =
			is_there && at < m.fd_count ? steal_fd(&m.fds[at++]) : -1;
	}
	for (int64_t i = 0; i < json_get_int(m.body, "patterns", 0) && i < WATCH_SETS_MAX; i++)
		if (at < m.fd_count)
			w->pattern_fds[i] = steal_fd(&m.fds[at++]);
	*ret_uid = (uint32_t)json_get_int(m.body, "uid", WATCH_UID_FIRST);
	wire_settings_read(json_object_get(m.body, "settings"), &set);
	w->detector = detector_new(&set);
	msg_done(&m);
	return 0;
}

static unsigned needs(const struct watcher *w) {
	unsigned all = 0;

	for (size_t i = 0; i < w->source_count; i++)
		all |= w->sources[i]->ops->needs;
	return all;
}

static bool is_told_running(const struct watcher *w) {
	for (size_t i = 0; i < w->source_count; i++)
		if (w->sources[i]->ops->tells_running)
			return true;
	return false;
}

static int watch(struct watcher *w) {
	struct running running = { 0 };
	bool is_more;
	uint32_t uid;
	int r;

	prepare();
	r = read_start(w, &uid);
	if (r < 0)
		return r;
	(void)fd_set_nonblock(w->control_fd, true);
	w->loop = loop_new();
	if (!w->loop)
		return -errno;
	w->sink = (struct watch_sink){ .event = on_event, .is_full = is_full, .look = look, .data = w };
	w->control = loop_add_fd(w->loop, w->control_fd, EPOLLIN, on_control, w);
	open_all(w);
	/* Behind the sources: who comes in between is told twice, and not missed. */
	if (!is_told_running(w))
		running_read(&w->target, &running);
	/* They lead out of the empty directory. */
	mem_close_ptr(&w->target.root_fd);
	mem_close_ptr(&w->target.cgroup2_fd);
	mem_close_ptr(&w->target.workspace_fd);
	w->target.root_fd = w->target.cgroup2_fd = w->target.workspace_fd = -1;
	r = w->control ? watcher_confine(WATCH_FD_ROOT, uid, needs(w)) : -errno;
	if (r < 0)
		return r;
	patterns_load(w, tell_state);
	r = start_all(w);
	if (r < 0)
		return r;
	running_tell(&running, &w->target, &w->sink);
	report_message(w, WATCH_MSG_READY, NULL);
	while (r >= 0 && !w->is_over) {
		if (!report_is_full(w))
			tell_lost(w);
		report_flush(w);
		is_more = go_on(w);
		w->turn_ms = 0;
		r = loop_step(w->loop, is_more ? 0 : -1);
	}
	return r;
}

int main(void) {
	struct watcher w = { .control_fd = WATCH_FD_CONTROL };
	int r;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)fd_set_cloexec(WATCH_FD_CONTROL, true);
	(void)fd_set_cloexec(WATCH_FD_ROOT, true);
	report_init(&w);
	r = watch(&w);
	/* The kernel takes back what it was given. */
	return r < 0 ? 1 : 0;
}
