/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/top-rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "session/look.h"

const char *const top_sorts[] = { "cpu", "mem", "disk", "net", NULL };

enum top_sort top_sort_from_string(const char *word) {
	int by = TOP_CPU;

	while (by < TOP_SORT_COUNT && strcmp(top_sorts[by], word) != 0)
		by++;
	return (enum top_sort)by;
}

void top_done(struct top *t) {
	for (size_t i = 0; i < t->count; i++) {
		free(t->rows[i].container);
		free(t->rows[i].alias);
		free(t->rows[i].workspace);
		free(t->rows[i].user);
		free(t->rows[i].command);
	}
	free(t->rows);
	*t = (struct top){ 0 };
}

static struct top_row *add(struct top *t, const struct container *c) {
	struct top_row *row;

	t->rows = xreallocarray(t->rows, t->count + 1, sizeof(*t->rows));
	row = &t->rows[t->count++];
	*row = (struct top_row){ .container = xstrdup(c->name),
				 .alias = xstrdup(c->alias ? c->alias : ""),
				 .workspace = xstrdup(c->workspace ? c->workspace : "") };
	return row;
}

void top_add_container(struct top *t, const struct session *s, const struct container *c) {
	struct runtime_ref ref = container_ref(s, c);

	usage_read(&ref, &add(t, c)->usage);
}

static void add_process(struct top *t, const struct container *c, const json_t *j) {
	struct usage_process used;
	struct top_row *row;

	/* One that has ended meanwhile uses nothing. */
	if (usage_process_read((pid_t)json_get_int(j, "pid", 0), &used) < 0)
		return;
	row = add(t, c);
	row->pid = used.pid;
	row->user = xstrdup(json_get_str(j, "user", ""));
	row->command = xstrdup(json_get_str(j, "command", ""));
	row->usage = (struct usage){ .at_us = used.at_us,
				     .cpu_us = used.cpu_us,
				     .memory_bytes = used.memory_bytes };
}

int top_add_processes(struct top *t, const struct session *s, const struct container *c,
		      const struct monitoring_plan *plan, struct err *err) {
	auto_json json_t *processes = json_array(), *threats = json_array();
	struct runtime_ref ref = container_ref(s, c);
	int r = look_at_processes(s, c, &ref, plan, processes, threats, err);

	for (size_t i = 0; i < json_array_size(processes) && i < TOP_PROCESSES_MAX; i++)
		add_process(t, c, json_array_get(processes, i));
	return r;
}

/* --- comparison */

static int by_identity(const void *a, const void *b) {
	const struct top_row *x = a, *y = b;

	return x->pid != y->pid ? (x->pid > y->pid) - (x->pid < y->pid)
				: strcmp(x->container, y->container);
}

static void rates(struct top_row *row, const struct top_row *before) {
	const struct usage *now = &row->usage, *then = &before->usage;
	uint64_t us = now->at_us - then->at_us;

	row->cpu_percent = usage_percent(now->cpu_us, then->cpu_us, us);
	row->disk_read = usage_mb_rate(now->read_bytes, then->read_bytes, us);
	row->disk_write = usage_mb_rate(now->write_bytes, then->write_bytes, us);
	row->net_rx = usage_mb_rate(now->received_bytes, then->received_bytes, us);
	row->net_tx = usage_mb_rate(now->sent_bytes, then->sent_bytes, us);
}

static double amount(const struct top_row *row, enum top_sort by) {
	switch (by) {
	case TOP_MEM:
		return usage_mb(row->usage.memory_bytes);
	case TOP_DISK:
		return row->disk_read + row->disk_write;
	case TOP_NET:
		return row->net_rx + row->net_tx;
	default:
		return row->cpu_percent;
	}
}

static int by_amount(const void *a, const void *b, void *data) {
	enum top_sort by = *(const enum top_sort *)data;
	double x = amount(a, by), y = amount(b, by);

	return x != y ? (x < y) - (x > y) : by_identity(a, b);
}

void top_compare(struct top *t, const struct top *before, enum top_sort by) {
	autofree struct top_row *sorted = xcalloc(before->count + 1, sizeof(*sorted));

	if (before->count)
		memcpy(sorted, before->rows, before->count * sizeof(*sorted));
	qsort(sorted, before->count, sizeof(*sorted), by_identity);
	for (size_t i = 0; i < t->count; i++) {
		const struct top_row *was = bsearch(&t->rows[i], sorted, before->count,
						    sizeof(*sorted), by_identity);

		if (was)
			rates(&t->rows[i], was);
	}
	if (t->count)
		qsort_r(t->rows, t->count, sizeof(*t->rows), by_amount, &by);
}
