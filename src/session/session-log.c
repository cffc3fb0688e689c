/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/session-log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/place.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/linefile.h"
#include "base/mem.h"
#include "base/strv.h"

#define SAID_MAX 64

char *session_log_path_in(const char *logs_dir, const char *container) {
	return xasprintf("%s/%s" SESSION_LOG_SUFFIX, logs_dir, container);
}

char *session_log_path(const struct container *c) {
	autofree char *usual = NULL;

	/* Builds and trials have names that nobody will ask for again. */
	if (c->kind == KIND_BUILD || audit_is_trial(c->name) || !c->person_home || !*c->person_home)
		return NULL;
	usual = xasprintf("%s/.coi/logs", c->person_home);
	return session_log_path_in(c->logs_dir && *c->logs_dir ? c->logs_dir : usual, c->name);
}

static char *make_line(const char *text) {
	autofree char *plain = escape_text(text, SESSION_LOG_LINE_MAX - CLOCK_RFC3339_SIZE - 2);
	char when[CLOCK_RFC3339_SIZE];

	return xasprintf("%s %s\n", clock_rfc3339(time(NULL), when), plain);
}

int session_log_append(const struct container *c, const char *text, struct err *err) {
	const struct privilege who = container_person(c);
	autofree char *path = session_log_path(c), *line = NULL, *shown = NULL;
	struct linefile file = { .owner = who.uid, .max = SESSION_LOG_MAX };
	int r;

	if (!path)
		return 0;
	line = make_line(text);
	file.shown = shown = xasprintf("session log '%s'", path);
	privilege_person_begin(&who);
	r = linefile_append_path(path, &file, line, strlen(line), err);
	privilege_person_end(&who);
	return r;
}

void session_log_note(const struct container *c, const char *fmt, ...) {
	autofree char *text = NULL;
	struct err ignored = { 0 };
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	(void)session_log_append(c, text, &ignored);
}

struct session_trail {
	struct container *of; /* only what says where its log is; NULL: not known yet */
	char **said;
};

struct session_trail *session_trail_new(void) {
	return xcalloc(1, sizeof(struct session_trail));
}

void session_trail_free(struct session_trail *t) {
	if (!t)
		return;
	container_free(t->of);
	strv_free(t->said);
	free(t);
}

void session_trail_add(struct session_trail *t, const char *text) {
	if (t && t->of)
		session_log_note(t->of, "%s", text);
	else if (t && strv_len(t->said) < SAID_MAX)
		strv_add(&t->said, text);
}

void session_log_attach(const struct session *s, const struct container *c) {
	struct session_trail *t = s->trail;

	if (!t)
		return;
	container_free(t->of);
	t->of = NULL;
	if (!c)
		return;
	t->of = xcalloc(1, sizeof(*t->of));
	t->of->name = xstrdup(c->name);
	t->of->kind = c->kind;
	t->of->person_uid = c->person_uid;
	t->of->person_gid = c->person_gid;
	t->of->person_home = xstrdup(c->person_home);
	t->of->logs_dir = xstrdup(c->logs_dir ? c->logs_dir : "");
	for (char **line = t->said; line && *line; line++)
		session_log_note(t->of, "%s", *line);
	strv_free(t->said);
	t->said = NULL;
}

void session_log_error(const struct session *s, const struct err *err) {
	if (s->trail && s->trail->of)
		session_log_note(s->trail->of, "Error: %s%s%s%s", err->msg,
				 *err->hint ? " (" : "", err->hint, *err->hint ? ")" : "");
}
