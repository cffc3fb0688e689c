/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/session.h"

#include <stdlib.h>

#include "base/escape.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "runtime/control.h"
#include "session/names.h"
#include "session/session-log.h"

#define SAY_MAX 8192

int session_open(const struct privilege *who, const struct settings *settings,
		 struct session **ret, struct err *err) {
	auto_session struct session *s = NULL;
	int r = privilege_need_root(who, "use containers", err);

	if (r < 0)
		return r;
	proc_limits_reset();
	s = xcalloc(1, sizeof(*s));
	s->who = who;
	s->settings = settings;
	s->prefix = name_prefix();
	r = layout_open(&s->layout, err);
	if (r < 0)
		return r;
	s->lxcpath = RUNTIME_LXCPATH;
	s->audit = audit_open(who);
	audit_add_named(s->audit, settings ? settings->monitoring.audit_sinks : NULL);
	s->trail = session_trail_new();
	log_debug("state directory '%s' is open", s->layout->root);
	*ret = steal_ptr(s);
	return 0;
}

void session_close(struct session *s) {
	if (!s)
		return;
	session_trail_free(s->trail);
	audit_free(s->audit);
	layout_free(s->layout);
	free(s);
}

void session_close_ptr(struct session **s) {
	session_close(*s);
}

/* Names of directories may hold line feeds. */
static void tell(const struct session *s, const char *text) {
	autofree char *line = NULL;

	if (!s->say)
		return;
	line = escape_text(text, SAY_MAX);
	s->say(line, s->say_data);
}

void session_say(const struct session *s, const char *fmt, ...) {
	autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	session_trail_add(s->trail, text);
	tell(s, text);
}

void session_relay(const struct session *s, const char *text) {
	autofree char *line = xasprintf("Warning: %s", text);

	tell(s, line);
}
