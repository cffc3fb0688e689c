/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is this machine fit for coi, and is coi well on it? A table of checks, each of
 * which looks at one thing and changes nothing; some can be mended.
 *
 * It works where little else does: without rights, with broken settings, with a
 * state directory that cannot be used. What could not be looked at is said, and
 * is never taken for good.
 */
#ifndef COI_SESSION_HEALTH_HEALTH_H
#define COI_SESSION_HEALTH_HEALTH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "session/session.h"

enum health_status { HEALTH_OK, HEALTH_WARNING, HEALTH_FAILED };
/* "ok", "warning", "failed"; static. */
const char *health_status_to_string(enum health_status status);

enum health_category {
	HEALTH_SYSTEM,
	HEALTH_CRITICAL,
	HEALTH_NETWORKING,
	HEALTH_MONITORING,
	HEALTH_STORAGE,
	HEALTH_CONFIGURATION,
	HEALTH_STATUS,
	HEALTH_OPTIONAL, /* only when more is wanted to be known */
	HEALTH_CATEGORY_COUNT,
};
/* The heading: "SYSTEM"; static. */
const char *health_category_to_string(enum health_category category);

/* What is looked at. All is borrowed. */
struct health_subject {
	const struct privilege *who;
	struct session *session;         /* NULL: no rights, or no usable state directory */
	const char *session_error;       /* why */
	const struct settings *settings; /* what could be loaded of them */
	const struct config *config;
	const char *config_error;        /* NULL: nothing in them is wrong */
	const char *workspace;           /* absolute */
	bool verbose;                    /* HEALTH_OPTIONAL too */
};

struct health_result {
	enum health_status status;
	char *message;   /* for people; foreign text in it is not escaped */
	json_t *details; /* an object, or NULL */
	char *remedy;    /* what the person can type; NULL: nothing is known, or needed */
};

struct health_check;

struct health_row {
	const struct health_check *check;
	const char *key;   /* of the JSON; static */
	const char *label;
	enum health_category category;
	bool can_mend;     /* health_mend() can do something about it */
	struct health_result result;
};

struct health_report {
	struct health_row *rows; /* by category */
	size_t count;
	size_t totals[HEALTH_FAILED + 1]; /* by status */
};
void health_report_done(struct health_report *r);
#define auto_health_report __attribute__((cleanup(health_report_done)))

/*
 * Look at everything. A container of its own is started for what only shows in
 * one, after the other checks, and is gone afterwards. Three seconds at most, as long as
 * this machine's own disks answer.
 */
void health_look(const struct health_subject *s, struct health_report *ret);
/* The worst of all rows. */
enum health_status health_overall(const struct health_report *r);

/*
 * Mend what is wrong with one row; row->can_mend must be true. *@ret_done: what was done,
 * newly allocated. With @dry_run it only says so. 0 or -errno. Rows depend on each other:
 * look at everything again afterwards.
 */
int health_mend(const struct health_subject *s, const struct health_row *row, bool dry_run,
		char **ret_done, struct err *err);

/* JSON Schema of an object with a "#/$defs/check" for each row; a new reference. */
json_t *health_schema_checks(void);

#endif
