/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the supervisor says, and to whom: a log of its own beside the record, which
 * goes with the container, and the session log of the person (session-log.h): how
 * and why it started and ended, and every warning and error.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/repeat.h"
#include "session/session-log.h"
#include "session/supervisor.h"

#define LOG_MAX_BYTES (8 * 1024 * 1024)

#define AGAIN_MS 60000

static struct repeat told;

void supervisor_complain(const struct err *err) {
	struct err again = *err;
	unsigned silent;

	if (!repeat_tells(&told, err->msg, clock_mono_ms(), AGAIN_MS, &silent))
		return;
	if (silent)
		(void)err_wrap(&again, "%u times more", silent);
	log_error(&again);
}

void supervisor_note(const char *fmt, ...) {
	autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	log_warn("%s", text);
}

void supervisor_note_again(const char *fmt, ...) {
	autofree char *text = NULL;
	unsigned silent;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	if (!repeat_tells(&told, text, clock_mono_ms(), AGAIN_MS, &silent))
		return;
	if (silent)
		log_warn("%s, and %u times before", text, silent);
	else
		log_warn("%s", text);
}

void supervisor_say(struct supervisor *v, const char *line) {
	supervisor_note("%s", line);
	if (v->command_fd >= 0)
		(void)msg_send(v->command_fd, "warning",
			       json_pack("{s:o}", "text", json_text(line)), NULL, 0);
}

void supervisor_trouble(void *ctx, const struct plan_step *step, const struct err *err) {
	const struct supervisor *v = ctx;

	log_warn("cannot undo '%s' of container '%s': %s", step->what, v->c->name, err->msg);
}

/* Once: a log that cannot be written is no reason to fill another one. */
static void append(struct supervisor *v, const char *text) {
	struct err err = { 0 };
	bool failed_before = v->session_log_failed;

	v->session_log_failed = session_log_append(v->c, text, &err) < 0;
	if (v->session_log_failed && !failed_before)
		log_error(&err);
}

static void on_complaint(const char *line, void *data) {
	append(data, line);
}

/* A container cannot make its own log grow without end. */
void supervisor_log_open(struct supervisor *v) {
	autoclose int dir = container_dir(&v->session, v->c->name);
	int fd = dir < 0 ? -1
			 : openat(dir, "supervisor.log",
				  O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *f;

	log_set_copy(on_complaint, v);
	if (fd < 0)
		return;
	if (lseek(fd, 0, SEEK_END) > LOG_MAX_BYTES)
		(void)!ftruncate(fd, 0);
	f = fdopen(fd, "a");
	if (!f)
		return;
	log_set_file(f);
	log_set_stamped("supervisor");
}

void supervisor_log(struct supervisor *v, const char *fmt, ...) {
	autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	append(v, text);
}

void supervisor_why(struct supervisor *v, const char *fmt, ...) {
	va_list ap;

	if (v->why)
		return;
	va_start(ap, fmt);
	v->why = xvasprintf(fmt, ap);
	va_end(ap);
}

void supervisor_log_start(struct supervisor *v) {
	const struct container *c = v->c;
	autofree char *session = *c->session_id ? xasprintf("; session %s of %s", c->session_id, c->tool)
						: xstrdup("");
	autofree char *where = *c->workspace ? xasprintf(", workspace '%s'", c->workspace) : xstrdup("");

	if (v->plan.adopt)
		supervisor_log(v, "taken over: its supervisor had died");
	else
		supervisor_log(v, "started by %s (uid %u) after %" PRIu64 " ms: %s, %s, image '%s', "
				  "network %s%s%s",
			       v->plan.who.user, (unsigned)v->plan.who.uid,
			       clock_mono_ms() - v->started_ms, container_kind_to_string(c->kind),
			       c->delete_on_stop ? "deleted when it ends" : "kept when it ends",
			       c->image, c->network_mode, where, session);
}

void supervisor_log_end(struct supervisor *v) {
	const char *how = v->was_late	? "killed, since it did not power off in time" :
			  v->was_killed ? "killed" :
					  "powered off";

	if (v->was_asked)
		supervisor_log(v, "ended: %s; why: %s", how, v->why ? v->why : "not known");
	else
		supervisor_log(v, "ended: powered off from inside, or its init died");
}
