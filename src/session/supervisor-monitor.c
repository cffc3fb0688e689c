/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watcher of a container: started, told, heard, started again. What it says is
 * recorded before anything is done about it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit/kept.h"
#include "audit/typed.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "monitor/pattern/update.h"
#include "monitor/protocol.h"
#include "monitor/source.h"
#include "monitor/wire.h"
#include "net/ranges.h"
#include "session/forensics.h"
#include "session/standstill.h"
#include "session/supervisor.h"

_Static_assert((int)WATCH_COUNTER_TMP == (int)RUNTIME_COUNTER_TMP &&
		       (int)WATCH_COUNTER_COUNT == (int)RUNTIME_COUNTER_COUNT,
	       "both name the same files in the same order");

#define READY_TIMEOUT_MS 5000
#define RETRY_MS 1000
#define FINISH_TIMEOUT_MS 3000
#define KILL_TIMEOUT_MS 10000
#define PULSE_MS 10000 /* it is asked whether it turns */
#define REPORTS_AT_ONCE 64

/* --- records about the watching itself */

void supervisor_state_record(struct supervisor *v, const char *msg, enum audit_level level,
                             const char *since, const char *detail) {
	struct err err = { 0 };

	if (audit_write(v->session.audit, AUDIT_STREAM_AUDIT, v->c->name,
	                AUDIT_FIELDS(AUDIT_TEXT("msg", msg),
	                             AUDIT_TEXT("level", audit_level_to_string(level)),
	                             AUDIT_TEXT("since", since), AUDIT_TEXT("raw", detail)),
	                &err) < 0)
		supervisor_complain(&err);
}

/* Not a reason not to start: but nobody is to think that it is watched. */
static void unwatched(struct supervisor *v, const struct err *why) {
	autofree char *line = xasprintf("'%s' is not watched: %s", v->c->name, why->msg);

	supervisor_state_record(v, "source.unavailable", AUDIT_WARNING, NULL, why->msg);
	supervisor_say(v, line);
}

/* --- what is done about a threat */

/* " 12 ms after it happened", where that is known. */
static char *delay_text(uint64_t at_us) {
	uint64_t now = clock_mono_us();

	return at_us && at_us < now ? xasprintf(", %" PRIu64 ".%" PRIu64 " ms after it happened",
	                                        (now - at_us) / 1000, (now - at_us) / 100 % 10)
	                            : xstrdup("");
}

/* It stays, stopped, whoever ends it now; the snapshot is taken when it has ended. */
static void keep_it(struct supervisor *v, const char *title) {
	struct err err = { 0 };

	if (!v->plan.monitoring.keeps || v->evidence)
		return;
	v->evidence = xstrdup(title);
	if (forensics_keep(&v->session, v->c->name, &err) < 0)
		supervisor_complain(&err);
}

static void kill_it(struct supervisor *v, const char *title, uint64_t at_us) {
	autofree char *delay = NULL;
	struct runtime_ref ref = container_ref(&v->session, v->c);
	struct err err = { 0 };

	/* Nothing of it may go on while the rest is written down. */
	if (runtime_kill(&ref, KILL_TIMEOUT_MS, &err) < 0)
		supervisor_complain(&err);
	delay = delay_text(at_us);
	keep_it(v, title);
	supervisor_log(v, "threat: %s: all of it is dead%s", title, delay);
	supervisor_why(v, "threat: %s (monitoring.auto_kill_on_critical)", title);
	supervisor_stop(v, 0);
}

static void pause_it(struct supervisor *v, const char *title, uint64_t at_us) {
	autofree char *delay = NULL;
	struct err err = { 0 };

	if (standstill_hold(&v->session, v->c, STANDSTILL_THREAT, &err) < 0)
		supervisor_complain(&err);
	delay = delay_text(at_us);
	supervisor_log(v, "threat: %s: frozen%s", title, delay);
	supervisor_note(
		"'%s' is frozen: %s. 'coi audit %s --level high' shows why; 'coi unfreeze %s' "
		"lets it go on, 'coi kill %s' ends it",
		v->c->name, title, v->c->name, v->c->name, v->c->name);
}

/*
 * Recorded, on the disk when it is grave, then acted upon. A record that cannot be
 * written is no reason to let it go on: it goes to the log instead.
 */
void supervisor_monitor_threat(struct supervisor *v, const struct audit_threat *threat,
                        const json_t *body) {
	const json_t *fields = json_object_get(body, "fields");
	bool is_again = json_get_bool(body, "again", false);
	uint64_t at_us = (uint64_t)json_get_int(body, "at_us", 0);
	struct runtime_ref ref = container_ref(&v->session, v->c);
	/* What was refused has not happened: nothing else need be done about it. */
	enum audit_action action = threat->action == AUDIT_BLOCKED
	                                   ? AUDIT_BLOCKED
	                                   : monitoring_action(&v->plan.monitoring, threat->level);
	struct audit_threat t = *threat;
	struct err err = { 0 };

	/* Told already; unless somebody let it go on meanwhile. */
	if (is_again && (action != AUDIT_PAUSED ||
	                 (standstill_holds(&v->session, v->c, STANDSTILL_THREAT) &&
	                  runtime_is_frozen(&ref) == 1)))
		return;
	t.action = t.count ? AUDIT_DEDUPLICATED : action;
	if (audit_threat_typed(v->session.audit, v->c->name, &t, fields, &err) < 0) {
		supervisor_complain(&err);
		supervisor_note("threat of '%s' that could not be recorded: %s: %s", v->c->name,
		                t.title, t.description);
	}
	if (t.count || v->is_stopping)
		return;
	if (action == AUDIT_KILLED)
		kill_it(v, t.title, at_us);
	else if (action == AUDIT_PAUSED)
		pause_it(v, t.title, at_us);
	else if (action == AUDIT_ALERTED || action == AUDIT_BLOCKED)
		supervisor_note("'%s': %s: %s", v->c->name, t.title, t.description);
}

static void on_threat(struct supervisor *v, const json_t *body) {
	struct audit_threat t;

	if (wire_threat_read(body, &t))
		supervisor_monitor_threat(v, &t, body);
}

/* --- events */

static void record_event(struct supervisor *v, json_t *event) {
	enum audit_type type = audit_stream_from_string(json_get_str(event, "type", ""));
	struct watch_event e = { .kind = WATCH_STATE };
	struct err err = { 0 };

	if (type == AUDIT_TYPE_COUNT)
		return;
	if (type == AUDIT_STREAM_NET)
		supervisor_monitor_connect(v, event, &e);
	if (type == AUDIT_STREAM_AUDIT)
		supervisor_monitor_source(v, event);
	/* A full disk is told once, by audit_release(). */
	if (audit_write_typed(v->session.audit, type, v->c->name, event, &err) < 0)
		log_debug("%s", err.msg);
	if (e.kind == WATCH_CONNECT)
		supervisor_monitor_feed(v, &e);
}

static void on_events(struct supervisor *v, const json_t *body) {
	const json_t *list = json_object_get(body, "list");
	struct err err = { 0 };
	int r;

	audit_hold(v->session.audit);
	for (size_t i = 0; i < json_array_size(list) && i < WATCH_EVENTS_MAX; i++)
		record_event(v, json_array_get(list, i));
	r = audit_release(v->session.audit, &err);
	if (r < 0 && !v->records_failed)
		supervisor_complain(&err);
	v->records_failed = r < 0;
}

/* --- its life */

/* 1: it sees what happens from now on. */
static int take_report(struct supervisor *v, struct msg_report *report) {
	bool is_ready = report->kind == WATCH_REPORT_READY;

	if (report->kind == WATCH_REPORT_EVENTS)
		on_events(v, report->body);
	else if (report->kind == WATCH_REPORT_THREAT)
		on_threat(v, report->body);
	else if (report->kind == WATCH_REPORT_LOOK)
		supervisor_syslog_look(v);
	else if (report->kind == WATCH_REPORT_ALIVE)
		v->watch_has_pulse = true;
	msg_report_done(report);
	return is_ready;
}

static void watch_it(struct supervisor *v);

static int spawn(struct supervisor *v, struct err *err) {
	int r = watch_spawn(v->session.layout, &v->watch, err);

	v->watch_started_ms = clock_mono_ms();
	v->watch_is_over = false;
	return r;
}

/* Those that are there, opened as the person; how many. What cannot be taken is told. */
static size_t open_sets(struct supervisor *v, int fds[WATCH_SETS_MAX]) {
	size_t count = 0;

	for (size_t i = 0; i < WATCH_SETS_MAX; i++) {
		const char *dir = v->plan.monitoring.pattern_dirs[i];
		int fd = *dir ? pattern_set_open(dir, &v->plan.who) : -ENOENT;

		if (fd >= 0)
			fds[count++] = fd;
		else if (fd != -ENOENT)
			supervisor_note("the rules in '%s' are not used: %s; 'coi update patterns' "
			                "fetches them anew", dir, strerror(-fd));
	}
	return count;
}

/* As watch_begin has it. */
static int open_workspace(const struct supervisor *v) {
	int fd = -1;

	if (!*v->c->workspace)
		return -1;
	fd = open(v->c->workspace, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fd : errno == EPERM ? -EACCES : -errno;
}

/* Where its files are, and the workspace. */
static void count_disks(struct supervisor *v, const struct runtime_ref *ref) {
	const char *const paths[] = { v->files_path, v->c->workspace };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		int r = paths[i] && *paths[i] ? runtime_counter_disk(ref, paths[i]) : 0;

		if (r < 0)
			log_debug("what is read from and written to the disk of '%s' is not counted: %s",
			          paths[i], strerror(-r));
	}
}

static int begin(struct supervisor *v, struct err *err) {
	struct runtime_ref ref = container_ref(&v->session, v->c);
	int counters[RUNTIME_COUNTER_COUNT];
	autofree char *home = xasprintf("/home/%s", v->c->code_user);
	char *const homes[] = { (char *)"/root", home, NULL };
	autoclose int root = proc_id_open_file(&v->c->init, "root", O_PATH | O_DIRECTORY);
	autoclose int workspace = open_workspace(v);
	struct runtime_groups groups;
	int sets[WATCH_SETS_MAX];
	size_t set_count;
	int r = runtime_groups_open(&ref, &groups, err);

	if (r < 0)
		return r;
	set_count = open_sets(v, sets);
	count_disks(v, &ref);
	for (int i = 0; i < RUNTIME_COUNTER_COUNT; i++)
		counters[i] = runtime_counter_open(&ref, (enum runtime_counter)i);
	r = watch_begin(&v->watch,
	                &(struct watch_begin){ .lxc_name = v->c->lxc_name,
	                                       .group_fd = groups.procs_fd,
	                                       .cgroup2_fd = groups.unified_fd,
	                                       .level = groups.level,
	                                       .pattern_fds = sets,
	                                       .pattern_count = set_count,
	                                       .root_fd = root,
	                                       .workspace_fd = workspace,
	                                       .syslog_fd = v->syslog_fd,
	                                       .homes = homes,
	                                       .canaries = v->canaries,
	                                       .counter_fds = counters,
	                                       .counter_count = ARRAY_SIZE(counters),
	                                       .uid_base = v->c->ids.base,
	                                       .uid_count = v->c->ids.count,
	                                       .address = v->net ? v->port.address : 0,
	                                       .poll_ms = v->plan.monitoring.poll_ms,
	                                       .settings = v->plan.monitoring.detect },
	                err);
	runtime_groups_done(&groups);
	for (size_t i = 0; i < set_count; i++)
		mem_close_ptr(&sets[i]);
	for (int i = 0; i < RUNTIME_COUNTER_COUNT; i++)
		mem_close_ptr(&counters[i]);
	return r;
}

static void restart(void *data) {
	struct supervisor *v = data;
	struct err err = { 0 };

	v->watch_timer = NULL;
	if (v->is_stopping)
		return;
	if (spawn(v, &err) < 0 || begin(v, &err) < 0) {
		supervisor_complain(&err);
		watch_stop(&v->watch);
		v->watch_timer = loop_add_timer(v->loop, RETRY_MS, 0, restart, v);
		return;
	}
	supervisor_state_record(v, "source.gap", AUDIT_WARNING, v->watch_ended,
	             "the watcher ended and was started again");
	watch_it(v);
}

static void ended(struct supervisor *v) {
	uint64_t lived = clock_mono_ms() - v->watch_started_ms;

	loop_remove(v->loop, v->watch_source);
	loop_remove(v->loop, v->watch_pulse);
	v->watch_source = v->watch_pulse = NULL;
	watch_stop(&v->watch);
	(void)clock_rfc3339(time(NULL), v->watch_ended);
	if (v->is_stopping)
		return;
	supervisor_note_again("the watcher of '%s' ended and is started again", v->c->name);
	/* One that dies at once must not keep us busy. */
	v->watch_timer = loop_add_timer(v->loop, lived < RETRY_MS ? RETRY_MS : 0, 0, restart, v);
}

/* How many reports it had, or -errno: it has ended. */
static int hear(struct supervisor *v) {
	struct msg_report report;

	for (int i = 0; i < REPORTS_AT_ONCE; i++) {
		int r = watch_read(&v->watch, &report);

		if (r == 0)
			return i;
		if (r < 0) {
			ended(v);
			return r;
		}
		(void)take_report(v, &report);
	}
	return REPORTS_AT_ONCE;
}

static void on_watch(int fd, uint32_t events, void *data) {
	(void)fd;
	(void)events;
	(void)hear(data);
}

/* One that hangs sees nothing, and must not be taken for peace; what it says may wait for us. */
static void on_pulse(void *data) {
	struct supervisor *v = data;
	int heard = v->watch_has_pulse ? 1 : hear(v);

	if (heard < 0)
		return;
	if (heard == 0) {
		watch_stop(&v->watch);
		ended(v);
		return;
	}
	v->watch_has_pulse = false;
	(void)watch_ping(&v->watch);
}

static void watch_it(struct supervisor *v) {
	if (v->watch.control_fd < 0)
		return;
	v->watch_has_pulse = true;
	v->watch_source = loop_add_fd(v->loop, v->watch.control_fd, EPOLLIN, on_watch, v);
	v->watch_pulse = loop_add_timer(v->loop, PULSE_MS, PULSE_MS, on_pulse, v);
}

/* The newest thing that was written about it: after that nobody watched. */
static void last_record(const struct supervisor *v, char out[CLOCK_RFC3339_SIZE]) {
	autofree char *path = xasprintf("%s/.coi/audit/%s.jsonl", v->plan.who.home, v->c->name);
	struct stat st = { 0 };

	privilege_person_begin(&v->plan.who);
	if (lstat(path, &st) < 0)
		st.st_mtime = time(NULL);
	privilege_person_end(&v->plan.who);
	(void)clock_rfc3339(st.st_mtime, out);
}

static void failed(struct supervisor *v, const struct err *err) {
	v->is_watched = false;
	watch_stop(&v->watch);
	supervisor_syslog_close(v);
	unwatched(v, err);
}

/* It goes on without: the files have everything. But nobody is to wait for it elsewhere. */
static void tell_sinks(struct supervisor *v) {
	for (char *const *name = v->plan.monitoring.sinks; name && *name; name++) {
		int r = audit_check_named(*name);
		autofree char *line = NULL;

		if (r == 0)
			continue;
		line = xasprintf("records of '%s' do not reach %s now: %s "
				 "(monitoring.audit_sinks); they are in ~/.coi/audit",
				 v->c->name, *name, strerror(-r));
		supervisor_say(v, line);
	}
}

void supervisor_monitor_spawn(struct supervisor *v) {
	struct monitoring_plan *m = &v->plan.monitoring;
	char since[CLOCK_RFC3339_SIZE];
	struct err err = { 0 };

	if (v->plan.adopt && monitoring_load(&v->session, v->c->name, m) < 0)
		supervisor_note("how '%s' was watched is not known any more", v->c->name);
	if (v->plan.adopt)
		audit_add_named(v->session.audit, m->sinks);
	tell_sinks(v);
	if (m->retention_days > 0 && 
	    audit_prune(&v->plan.who, m->retention_days, time(NULL), &err) < 0)
		supervisor_complain(&err);
	if (!v->plan.adopt && monitoring_store(&v->session, v->c->name, m) < 0)
		supervisor_note("how '%s' is watched cannot be kept", v->c->name);
	if (!m->is_enabled && !m->watches_net)
		return;
	audit_set_session(v->session.audit, v->c->session_id);
	v->net_detector = detector_new(&m->detect);
	supervisor_monitor_net(v);
	if (!m->is_enabled)
		return;
	if (v->plan.adopt) {
		last_record(v, since);
		supervisor_state_record(v, "source.gap", AUDIT_WARNING, since,
		             "its supervisor had died, and with it the watcher");
	}
	supervisor_syslog_open(v);
	if (spawn(v, &err) < 0)
		failed(v, &err);
}

void supervisor_monitor_begin(struct supervisor *v) {
	struct err err = { 0 };

	if (v->watch.control_fd < 0)
		return;
	v->is_watched = true;
	if (begin(v, &err) < 0)
		failed(v, &err);
}

void supervisor_monitor_wait(struct supervisor *v) {
	uint64_t end = clock_mono_ms() + READY_TIMEOUT_MS, now;
	struct msg_report report;
	struct err err = { 0 };

	while (v->watch.control_fd >= 0) {
		int r = -ETIMEDOUT;

		now = clock_mono_ms();
		if (now < end)
			r = watch_wait(&v->watch, (int)(end - now), &report);
		if (r < 0) {
			(void)err_sys(&err, r, "the watcher does not begin");
			failed(v, &err);
			return;
		}
		if (r == 1 && take_report(v, &report))
			return;
	}
}

void supervisor_monitor_watch(struct supervisor *v) {
	watch_it(v);
}

void supervisor_monitor_finish(struct supervisor *v) {
	uint64_t end = clock_mono_ms() + FINISH_TIMEOUT_MS, now;
	struct msg_report report;

	loop_remove(v->loop, v->watch_source);
	loop_remove(v->loop, v->watch_pulse);
	loop_remove(v->loop, v->watch_timer);
	v->watch_source = v->watch_pulse = v->watch_timer = NULL;
	if (v->watch.control_fd >= 0)
		(void)clock_rfc3339(time(NULL), v->watch_ended);
	watch_finish(&v->watch);
	while (v->watch.control_fd >= 0 && (now = clock_mono_ms()) < end) {
		int r = watch_wait(&v->watch, (int)(end - now), &report);

		if (r < 0)
			break;
		if (r == 1)
			(void)take_report(v, &report);
	}
	watch_stop(&v->watch);
	if (v->is_watched && !v->watch_is_over)
		supervisor_state_record(v, "source.gap", AUDIT_WARNING, v->watch_ended,
		                        "the watcher had ended, or had not told all in time");
}

void supervisor_monitor_done(struct supervisor *v) {
	watch_stop(&v->watch);
	supervisor_syslog_done(v);
	detector_free(v->net_detector);
	v->net_detector = NULL;
}
