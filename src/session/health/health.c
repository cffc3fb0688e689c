/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/health/health.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/fd.h"
#include "base/mem.h"
#include "session/health/checks.h"

/* By category: the order in which people read them. */
static const struct health_check *const tables[] = {
	health_system_checks,     health_critical_checks, health_network_checks,
	health_monitoring_checks, health_storage_checks,  health_state_checks,
};

const char *health_status_to_string(enum health_status status) {
	static const char *const words[] = { "ok", "warning", "failed" };

	return words[status];
}

const char *health_category_to_string(enum health_category category) {
	static const char *const words[] = {
		"SYSTEM",  "CRITICAL",      "NETWORKING", "MONITORING",
		"STORAGE", "CONFIGURATION", "STATUS",     "OPTIONAL",
	};

	return words[category];
}

static void result_done(struct health_result *r) {
	free(r->message);
	free(r->remedy);
	json_decref(r->details);
	*r = (struct health_result){ 0 };
}

void health_report_done(struct health_report *r) {
	for (size_t i = 0; i < r->count; i++)
		result_done(&r->rows[i].result);
	free(r->rows);
	*r = (struct health_report){ 0 };
}

__attribute__((format(printf, 3, 0))) static void set(struct health_result *r,
							 enum health_status status,
							 const char *fmt, va_list ap) {
	free(r->message);
	r->message = xvasprintf(fmt, ap);
	r->status = status;
}

void health_ok(struct health_result *r, const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	set(r, HEALTH_OK, fmt, ap);
	va_end(ap);
}

void health_warn(struct health_result *r, const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	set(r, HEALTH_WARNING, fmt, ap);
	va_end(ap);
}

void health_fail(struct health_result *r, const char *fmt, ...) {
	va_list ap;

	va_start(ap, fmt);
	set(r, HEALTH_FAILED, fmt, ap);
	va_end(ap);
}

void health_skip(struct health_result *r, const char *why) {
	health_warn(r, "not looked at: %s", why);
	health_detail(r, "skipped", json_true());
}

void health_from_err(struct health_result *r, enum health_status status, const struct err *err) {
	if (status == HEALTH_FAILED)
		health_fail(r, "%s", err->msg);
	else
		health_warn(r, "%s", err->msg);
	if (err->hint[0])
		health_remedy(r, "%s", err->hint);
}

void health_remedy(struct health_result *r, const char *fmt, ...) {
	va_list ap;

	free(r->remedy);
	va_start(ap, fmt);
	r->remedy = xvasprintf(fmt, ap);
	va_end(ap);
}

void health_detail(struct health_result *r, const char *key, json_t *value) {
	if (!r->details)
		r->details = json_object();
	(void)json_object_set_new(r->details, key, value);
}

bool health_needs_session(const struct health_subject *s, struct health_result *ret) {
	if (s->session)
		return false;
	health_skip(ret, s->who->is_root ? "the state directory cannot be used" : "needs root");
	return true;
}

long long health_number(const char *path) {
	autofree char *line = NULL;
	char *rest;
	long long n;

	if (file_read_line_at(AT_FDCWD, path, &line) < 0 || !*line)
		return -1;
	n = strtoll(line, &rest, 10);
	return rest == line ? -1 : n;
}

void health_by_trial(const struct health_subject *s, struct health_result *ret) {
	health_skip(ret, "no container was tried");
}

static void look_at(const struct health_subject *s, struct health_trial *trial,
		    struct health_row *row) {
	result_done(&row->result);
	if (row->check->look == health_by_trial)
		health_trial_fill(trial, row->key, &row->result);
	else
		row->check->look(s, &row->result);
}

static void count(struct health_report *r) {
	memset(r->totals, 0, sizeof(r->totals));
	for (size_t i = 0; i < r->count; i++)
		r->totals[r->rows[i].result.status]++;
}

static void rows_add(struct health_report *r, const struct health_check *table, bool verbose) {
	for (const struct health_check *c = table; c->key; c++) {
		if (c->category == HEALTH_OPTIONAL && !verbose)
			continue;
		r->rows = xreallocarray(r->rows, r->count + 1, sizeof(*r->rows));
		r->rows[r->count++] = (struct health_row){
			.check = c,
			.key = c->key,
			.label = c->label,
			.category = c->category,
			.can_mend = c->mend != NULL,
		};
	}
}

void health_look(const struct health_subject *s, struct health_report *ret) {
	struct health_report r = { 0 };
	struct health_trial *trial;

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		rows_add(&r, tables[i], s->verbose);
	for (size_t i = 0; i < r.count; i++) {
		if (r.rows[i].check->look != health_by_trial)
			look_at(s, NULL, &r.rows[i]);
	}
	/* Last, so that what it makes and takes is not seen by the others. */
	trial = health_trial_begin(s);
	for (size_t i = 0; i < r.count; i++) {
		if (r.rows[i].check->look == health_by_trial)
			look_at(s, trial, &r.rows[i]);
	}
	health_trial_end(trial);
	count(&r);
	*ret = r;
}

enum health_status health_overall(const struct health_report *r) {
	return r->totals[HEALTH_FAILED]  ? HEALTH_FAILED :
	       r->totals[HEALTH_WARNING] ? HEALTH_WARNING :
					   HEALTH_OK;
}

int health_mend(const struct health_subject *s, struct health_report *r, size_t row, bool dry_run,
		char **ret_done, struct err *err) {
	int e = r->rows[row].check->mend(s, dry_run, ret_done, err);

	if (e == 0 && !dry_run) {
		look_at(s, NULL, &r->rows[row]);
		count(r);
	}
	return e;
}
