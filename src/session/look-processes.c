/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processes of a container, told by a watcher that looks once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/typed.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "monitor/backends.h"
#include "monitor/watch.h"
#include "monitor/wire.h"
#include "session/look.h"

#define LOOK_TIMEOUT_MS 5000

static void take_process(json_t *list, const json_t *event) {
	autostrv char **words = json_get_strv(event, "args");
	autofree char *command = words ? strv_to_shell(words) : xstrdup("");
	json_t *j = json_pack("{s:I, s:I}", "pid", (json_int_t)json_get_int(event, "pid", 0),
	                      "ppid", (json_int_t)json_get_int(event, "ppid", 0));
	autofree char *user = xasprintf("%lld", (long long)json_get_int(event, "uid", -1));

	json_object_set_new(j, "user", json_string(user));
	json_object_set_new(j, "command", json_text(command));
	json_object_set_new(j, "env_access", json_false());
	json_array_append_new(list, j);
}

/* A threat of one that runs: as a record has it, and at its process. */
static void take_threat(const struct container *c, json_t *threats, json_t *processes,
			const json_t *body) {
	const json_t *fields = json_object_get(body, "fields");
	struct audit_threat t;
	json_t *record, *j;
	struct err err;
	size_t i;

	if (json_get_bool(body, "again", false) || !wire_threat_read(body, &t) || t.count)
		return;
	t.action = AUDIT_LOGGED;
	if (audit_threat_typed_json(c->name, &t, fields, &record, &err) < 0) {
		log_debug("%s", err.msg);
		return;
	}
	json_array_append_new(threats, record);
	if (t.category != AUDIT_ENVIRONMENT)
		return;
	json_array_foreach(processes, i, j) {
		if (json_get_int(j, "pid", -1) == json_get_int(fields, "pid", 0))
			json_object_set_new(j, "env_access", json_true());
	}
}

static int begin(const struct container *c, const struct runtime_ref *ref,
                 const struct monitoring_plan *plan, struct watch *w, struct err *err) {
	struct runtime_groups groups;
	int r = runtime_groups_open(ref, &groups, err);

	if (r < 0)
		return r;
	r = watch_begin(w,
	                &(struct watch_begin){ .lxc_name = c->lxc_name,
	                                       .syslog_fd = -1,
	                                       .group_fd = groups.procs_fd,
	                                       .cgroup2_fd = -1,
	                                       .root_fd = -1,
	                                       .workspace_fd = -1,
	                                       .uid_base = c->ids.base,
	                                       .uid_count = c->ids.count,
	                                       .poll_ms = LOOK_TIMEOUT_MS,
	                                       .settings = plan->detect },
	                err);
	runtime_groups_done(&groups);
	return r;
}

static void take_report(const struct container *c, const struct msg_report *report,
			json_t *processes, json_t *threats) {
	const json_t *event;
	size_t i;

	if (report->kind == WATCH_REPORT_THREAT)
		take_threat(c, threats, processes, report->body);
	if (report->kind != WATCH_REPORT_EVENTS)
		return;
	json_array_foreach(json_object_get(report->body, "list"), i, event) {
		if (!strcmp(json_get_str(event, "type", ""), "exec"))
			take_process(processes, event);
	}
}

int look_at_processes(const struct session *s, const struct container *c,
		      const struct runtime_ref *ref, const struct monitoring_plan *plan,
		      json_t *processes, json_t *threats, struct err *err) {
	uint64_t end = clock_mono_ms() + LOOK_TIMEOUT_MS;
	struct watch w = WATCH_INIT;
	struct msg_report report;
	int r;

	/* It is to look once, and to hear of nothing. */
	(void)setenv(WATCH_BACKENDS_VARIABLE,
		     "exec=poll,connect=none,volume=none,files=none,counters=none,auth=none", 1);
	r = watch_spawn(s->layout, &w, err);
	(void)unsetenv(WATCH_BACKENDS_VARIABLE);
	if (r == 0)
		r = begin(c, ref, plan, &w, err);
	while (r >= 0) {
		uint64_t now = clock_mono_ms();

		r = now < end ? watch_wait(&w, (int)(end - now), &report)
			      : err_sys(err, -ETIMEDOUT, "looking at the processes of '%s'", c->name);
		if (r == 1 && report.kind == WATCH_REPORT_READY)
			watch_finish(&w);
		if (r == 1) {
			take_report(c, &report, processes, threats);
			msg_report_done(&report);
		}
	}
	watch_stop(&w);
	/* Its end is the end of the look. */
	return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}
