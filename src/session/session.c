/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/session.h"

#include <stdlib.h>

#include "base/escape.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "runtime/control.h"

#define SAY_MAX 8192

int session_open(const struct privilege *who, const struct settings *settings,
		 struct session **ret, struct err *err) {
	auto_session struct session *s = NULL;
	const char *prefix = getenv("COI_CONTAINER_PREFIX");
	int r = privilege_need_root(who, "use containers", err);

	if (r < 0)
		return r;
	proc_limits_reset();
	s = xcalloc(1, sizeof(*s));
	s->who = who;
	s->settings = settings;
	s->prefix = prefix && *prefix ? prefix : "coi-";
	r = layout_open(&s->layout, err);
	if (r < 0)
		return r;
	s->lxcpath = RUNTIME_LXCPATH;
	s->audit = audit_open(who);
	log_debug("state directory '%s' is open", s->layout->root);
	*ret = steal_ptr(s);
	return 0;
}

void session_close(struct session *s) {
	if (!s)
		return;
	audit_free(s->audit);
	layout_free(s->layout);
	free(s);
}

void session_close_ptr(struct session **s) {
	session_close(*s);
}

void session_say(const struct session *s, const char *fmt, ...) {
	autofree char *text = NULL, *line = NULL;
	va_list ap;

	if (!s->say)
		return;
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	/* Names of directories may hold line feeds. */
	line = escape_text(text, SAY_MAX);
	s->say(line, s->say_data);
}
