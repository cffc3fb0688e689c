/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one command works with: for whom, where, under which settings.
 *
 * The session layer turns settings into plain specs for the layers below,
 * decides what is done in which order (plan.h) and starts the supervisor that
 * carries it out. It never prints: narration goes through session_say().
 */
#ifndef COI_SESSION_SESSION_H
#define COI_SESSION_SESSION_H

#include "audit/audit.h"
#include "base/err.h"
#include "base/layout.h"
#include "base/privilege.h"
#include "config/config.h"
#include "net/net.h"

struct session_trail;

struct session {
	const struct privilege *who;
	const struct settings *settings; /* NULL for commands that read none */
	struct layout *layout;
	const char *lxcpath; /* absolute, the same for all commands */
	struct audit *audit;
	const char *prefix; /* of container names: "coi-" or $COI_CONTAINER_PREFIX */
	/* Narration for people ("Launching container …"), one line; NULL: none. */
	void (*say)(const char *line, void *data);
	void *say_data;
	struct session_trail *trail; /* session-log.h: it goes into a log too; NULL: nowhere */
};

/*
 * Open the state directory and the audit. Needs root (ERR_PERMISSION with what
 * to do). @who and @settings are borrowed and must outlive the session.
 */
int session_open(const struct privilege *who, const struct settings *settings,
		 struct session **ret, struct err *err);
void session_close(struct session *s);
void session_close_ptr(struct session **s);
#define auto_session __attribute__((cleanup(session_close_ptr)))

/* One line to whoever listens, and to the log of the container that is being started. */
void session_say(const struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same of what its supervisor has said, which is in the log already. */
void session_relay(const struct session *s, const char *text);

#endif
