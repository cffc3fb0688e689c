/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the checks share. Private to session/health/. */
#ifndef COI_SESSION_HEALTH_CHECKS_H
#define COI_SESSION_HEALTH_CHECKS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/json.h"
#include "session/health/health.h"

#define HEALTH_GIB (UINT64_C(1) << 30)

struct health_check {
	const char *key;
	const char *label;
	enum health_category category;
	void (*look)(const struct health_subject *s, struct health_result *ret);
	/* As health_mend(); NULL: nothing that a program should do by itself. */
	int (*mend)(const struct health_subject *s, bool dry_run, char **ret_done, struct err *err);
	/*
	 * look() may have to wait for others: it runs in a child, beside everything else, and is
	 * given up when it takes too long.
	 */
	bool is_slow;
};

/* The rows of each file, ended by one without a key. */
extern const struct health_check health_system_checks[];
extern const struct health_check health_critical_checks[];
extern const struct health_check health_network_checks[];
extern const struct health_check health_monitoring_checks[];
extern const struct health_check health_storage_checks[];
extern const struct health_check health_state_checks[];

/* Set the outcome; the last one counts. */
void health_ok(struct health_result *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void health_warn(struct health_result *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void health_fail(struct health_result *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* What could not be looked at, for a reason that another row tells: a warning. */
void health_skip(struct health_result *r, const char *why);
/* As a message and, with its hint, as what can be done. */
void health_from_err(struct health_result *r, enum health_status status, const struct err *err);
/* What the person can type. */
void health_remedy(struct health_result *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* A detail for the JSON; takes the reference. */
void health_detail(struct health_result *r, const char *key, json_t *value);
/* For a pipe: {status, message, remedy, details}; @r is emptied. A new reference. */
json_t *health_result_to_json(struct health_result *r);
/* The other end; @ret is empty before. */
void health_result_from_json(const json_t *j, struct health_result *ret);
/* "needs root" when there is no session; true: the check is over. */
bool health_needs_session(const struct health_subject *s, struct health_result *ret);
/* The number in a file, -1 when there is none. */
long long health_number(const char *path);

/* A look() in a child. */
struct health_aside {
	pid_t pid;   /* 0: there is none */
	int report_fd;
};
/* Start it; one that cannot be started is told by health_aside_fill(). */
void health_aside_begin(const struct health_check *c, const struct health_subject *s,
			struct health_aside *ret);
/* Its outcome, or that there was none until @end_ms (CLOCK_MONOTONIC). The child is gone then. */
void health_aside_fill(struct health_aside *a, uint64_t end_ms, struct health_result *ret);

/*
 * The trial container, in a child of ours, and the rows that it fills. One at a time.
 */
struct health_trial;
struct health_trial *health_trial_begin(const struct health_subject *s);
/* Wait for it and give row @key its outcome. */
void health_trial_fill(struct health_trial *t, const char *key, struct health_result *ret);
/* It is ended when it still runs. */
void health_trial_end(struct health_trial *t);
/* A look() for rows that the trial fills: never called, says which these are. */
void health_by_trial(const struct health_subject *s, struct health_result *ret);

#endif
