/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/health/health.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "session/health/checks.h"

/* So long may others take to answer; what is not slow takes a tenth of a second. */
#define SLOW_MS 2000

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

json_t *health_result_to_json(struct health_result *r) {
	json_t *j = json_pack("{s:i, s:o, s:o?, s:o?}", "status", (int)r->status, "message",
			      json_text(r->message), "remedy",
			      r->remedy ? json_text(r->remedy) : NULL, "details",
			      steal_ptr(r->details));

	result_done(r);
	return j;
}

void health_result_from_json(const json_t *j, struct health_result *ret) {
	const char *remedy = json_get_str(j, "remedy", NULL);
	json_t *details = json_object_get(j, "details");
	int64_t status = json_get_int(j, "status", HEALTH_FAILED);

	health_ok(ret, "%s", json_get_str(j, "message", ""));
	ret->status = status == HEALTH_OK      ? HEALTH_OK :
		      status == HEALTH_WARNING ? HEALTH_WARNING :
						 HEALTH_FAILED;
	if (remedy)
		health_remedy(ret, "%s", remedy);
	if (json_is_object(details))
		ret->details = json_incref(details);
}

static bool is_by_trial(const struct health_row *row) {
	return row->check->look == health_by_trial;
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
	uint64_t end_ms = clock_mono_ms() + SLOW_MS;
	autofree struct health_aside *asides = NULL;
	struct health_report r = { 0 };
	struct health_trial *trial;

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		rows_add(&r, tables[i], s->verbose);
	asides = xcalloc(r.count, sizeof(*asides));
	for (size_t i = 0; i < r.count; i++) {
		if (r.rows[i].check->is_slow)
			health_aside_begin(r.rows[i].check, s, &asides[i]);
	}
	for (size_t i = 0; i < r.count; i++) {
		if (!is_by_trial(&r.rows[i]) && !r.rows[i].check->is_slow)
			r.rows[i].check->look(s, &r.rows[i].result);
	}
	/* Last, so that what it makes and takes is not seen by the others. */
	trial = health_trial_begin(s);
	for (size_t i = 0; i < r.count; i++) {
		if (is_by_trial(&r.rows[i]))
			health_trial_fill(trial, r.rows[i].key, &r.rows[i].result);
	}
	health_trial_end(trial);
	for (size_t i = 0; i < r.count; i++) {
		if (r.rows[i].check->is_slow)
			health_aside_fill(&asides[i], end_ms, &r.rows[i].result);
	}
	count(&r);
	*ret = r;
}

enum health_status health_overall(const struct health_report *r) {
	return r->totals[HEALTH_FAILED]  ? HEALTH_FAILED :
	       r->totals[HEALTH_WARNING] ? HEALTH_WARNING :
					   HEALTH_OK;
}

int health_mend(const struct health_subject *s, const struct health_row *row, bool dry_run,
		char **ret_done, struct err *err) {
	return row->check->mend(s, dry_run, ret_done, err);
}

json_t *health_schema_checks(void) {
	json_t *required = json_array(), *properties = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		for (const struct health_check *c = tables[i]; c->key; c++) {
			if (c->category != HEALTH_OPTIONAL)
				(void)json_array_append_new(required, json_string(c->key));
			(void)json_object_set_new(properties, c->key,
						  json_pack("{s:s, s:s}", "$ref", "#/$defs/check",
							    "title", c->label));
		}
	}
	return json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "required", required, "properties",
			 properties, "additionalProperties", false);
}
