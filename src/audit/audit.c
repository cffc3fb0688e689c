/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The writer: checks, stamps, encodes once, and hands on to every sink. */
#include "audit/audit.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "audit/sink-datagram.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

struct audit {
	struct privilege who;
	char *session;
	struct audit_sink **sinks;
	size_t sink_count;
};

struct audit *audit_new(const struct privilege *who) {
	struct audit *a = xcalloc(1, sizeof(*a));

	a->who = *who;
	a->who.user = xstrdup(who->user);
	a->who.home = xstrdup(who->home);
	return a;
}

void audit_free(struct audit *a) {
	if (!a)
		return;
	for (size_t i = 0; i < a->sink_count; i++)
		a->sinks[i]->ops->free(a->sinks[i]);
	free(a->sinks);
	free(a->session);
	free(a->who.user);
	free(a->who.home);
	free(a);
}

void audit_free_ptr(struct audit **a) {
	audit_free(*a);
	*a = NULL;
}

void audit_add_sink(struct audit *a, struct audit_sink *sink) {
	a->sinks = xreallocarray(a->sinks, a->sink_count + 1, sizeof(struct audit_sink *));
	a->sinks[a->sink_count++] = sink;
}

struct audit *audit_open(const struct privilege *who) {
	struct audit *a = audit_new(who);

	audit_add_sink(a, audit_sink_file(who));
	return a;
}

void audit_add_named(struct audit *a, char *const *names) {
	for (; names && *names; names++) {
		if (!strcmp(*names, "journald"))
			audit_add_sink(a, audit_sink_journal(NULL));
		else if (!strcmp(*names, "syslog"))
			audit_add_sink(a, audit_sink_syslog(NULL));
	}
}

int audit_check_named(const char *name) {
	bool is_journal = !strcmp(name, "journald");

	return datagram_check(is_journal ? AUDIT_JOURNAL_SOCKET : AUDIT_SYSLOG_SOCKET);
}

void audit_set_session(struct audit *a, const char *id) {
	str_replace(&a->session, id);
}

struct audit_context audit_now(const struct audit *a, char stamp[CLOCK_RFC3339_SIZE]) {
	return (struct audit_context){ .who = &a->who,
				       .session = a->session,
				       .stamp = clock_rfc3339(time(NULL), stamp) };
}

int audit_deliver(struct audit *a, const struct audit_record *record, struct err *err) {
	struct err first = { 0 }, later;

	for (size_t i = 0; i < a->sink_count; i++) {
		struct err *e = first.code ? &later : &first;

		(void)a->sinks[i]->ops->write(a->sinks[i], record, e); /* kept in @first */
	}
	if (!first.code)
		return 0;
	if (err)
		*err = first;
	return first.code;
}

void audit_hold(struct audit *a) {
	for (size_t i = 0; a && i < a->sink_count; i++)
		if (a->sinks[i]->ops->hold)
			a->sinks[i]->ops->hold(a->sinks[i]);
}

int audit_release(struct audit *a, struct err *err) {
	struct err first = { 0 }, later;

	for (size_t i = 0; a && i < a->sink_count; i++) {
		struct err *e = first.code ? &later : &first;

		if (a->sinks[i]->ops->release)
			(void)a->sinks[i]->ops->release(a->sinks[i], e);
	}
	if (first.code && err)
		*err = first;
	return first.code;
}

int audit_write(struct audit *a, enum audit_type type, const char *container,
		const struct audit_field *fields, struct err *err) {
	int misfit = audit_check(type, fields, err);

	assert(misfit == 0);
	if (misfit < 0)
		return misfit;
	if (!a)
		return 0;

	const struct audit_event_def *def = audit_event_def(type);
	char stamp[CLOCK_RFC3339_SIZE];
	const struct audit_context context = audit_now(a, stamp);
	size_t len = 0;
	auto_json json_t *body = audit_encode(&context, type, container, fields);
	autofree char *line = audit_line(body, &len);

	if (!line)
		return err_set(err, ERR_BUG, -EINVAL, "cannot write audit event '%s' as JSON",
			       def->name);

	const struct audit_record record = {
		.sync = def->sync,
		.may_be_lost = def->is_stream && def->level == AUDIT_INFO,
		.container = container,
		.body = body,
		.line = line,
		.len = len,
	};

	return audit_deliver(a, &record, err);
}
