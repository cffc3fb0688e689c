/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much the running containers use, or their processes: between two looks (top-rows.h). */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/again.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/resolve.h"
#include "cli/top-rows.h"

#define INTERVAL_DEFAULT "2"
#define INTERVAL_MAX 3600
#define COMMAND_SHOWN 60

struct top_args {
	const char *interval;
	const char *sort;
	bool procs;
	int watch;
};

static bool shows_processes(struct cli *cli, const struct top_args *a) {
	return a->procs || app_word(cli, 0);
}

/* Milliseconds, or 0 when it is no time. */
static int interval_ms(const char *text) {
	char *end = NULL;
	double seconds = text ? strtod(text, &end) : strtod(INTERVAL_DEFAULT, &end);
	bool is_time = end && !*end && isfinite(seconds) && seconds >= 0.001 &&
		       seconds <= INTERVAL_MAX;

	return is_time ? (int)(seconds * 1000) : 0;
}

static int top_check(struct cli *cli, void *args, struct err *err) {
	const struct top_args *a = args;
	enum top_sort by = a->sort ? top_sort_from_string(a->sort) : TOP_CPU;

	if (a->watch && cli->json)
		return err_set(err, ERR_USAGE, -EINVAL,
			       "--watch and --format json exclude each other");
	if (!interval_ms(a->interval))
		return err_set(err, ERR_USAGE, -EINVAL,
			       "'%s' is no interval: seconds, more than 0 and at most %d",
			       a->interval, INTERVAL_MAX);
	if (shows_processes(cli, a) && by != TOP_CPU && by != TOP_MEM)
		return err_set(err, ERR_USAGE, -EINVAL,
			       "processes are sorted by cpu or mem: what one reads or sends is "
			       "counted for its container only");
	return 0;
}

/* --- columns */

static json_t *get_container(const void *row) {
	return json_text(((const struct top_row *)row)->container);
}

static json_t *text_or_none(const char *text) {
	return *text ? json_text(text) : NULL;
}

static json_t *get_alias(const void *row) {
	return text_or_none(((const struct top_row *)row)->alias);
}

static json_t *get_workspace(const void *row) {
	return text_or_none(((const struct top_row *)row)->workspace);
}

static json_t *get_cpu(const void *row) {
	return usage_json(((const struct top_row *)row)->cpu_percent);
}

static char *text_cpu(const void *row) {
	return xasprintf("%.1f", ((const struct top_row *)row)->cpu_percent);
}

static json_t *get_memory(const void *row) {
	return usage_json(usage_mb(((const struct top_row *)row)->usage.memory_bytes));
}

static json_t *get_limit(const void *row) {
	uint64_t limit = ((const struct top_row *)row)->usage.memory_limit;

	return limit ? usage_json(usage_mb(limit)) : NULL;
}

static char *text_memory(const void *row) {
	const struct usage *u = &((const struct top_row *)row)->usage;

	return u->memory_limit ? xasprintf("%.1f/%.0f MB", usage_mb(u->memory_bytes),
					   usage_mb(u->memory_limit))
			       : xasprintf("%.1f MB", usage_mb(u->memory_bytes));
}

static json_t *get_disk_read(const void *row) {
	return usage_json(((const struct top_row *)row)->disk_read);
}

static json_t *get_disk_write(const void *row) {
	return usage_json(((const struct top_row *)row)->disk_write);
}

static char *text_disk(const void *row) {
	const struct top_row *t = row;

	return xasprintf("%.1f/%.1f MB/s", t->disk_read, t->disk_write);
}

static json_t *get_net_rx(const void *row) {
	return usage_json(((const struct top_row *)row)->net_rx);
}

static json_t *get_net_tx(const void *row) {
	return usage_json(((const struct top_row *)row)->net_tx);
}

static char *text_net(const void *row) {
	const struct top_row *t = row;

	return xasprintf("%.1f/%.1f MB/s", t->net_rx, t->net_tx);
}

static json_t *get_pid(const void *row) {
	return json_integer(((const struct top_row *)row)->pid);
}

static json_t *get_user(const void *row) {
	return json_text(((const struct top_row *)row)->user);
}

static json_t *get_command(const void *row) {
	return json_text(((const struct top_row *)row)->command);
}

static char *text_command(const void *row) {
	return xasprintf("%.*s", COMMAND_SHOWN, ((const struct top_row *)row)->command);
}

static const struct output_column container_columns[] = {
	{ .key = "name", .title = "CONTAINER", .get = get_container },
	{ .key = "alias", .title = "ALIAS", .get = get_alias },
	{ .key = "cpu_percent", .title = "CPU%", .get = get_cpu, .text = text_cpu },
	{ .key = "memory_mb", .title = "MEM", .get = get_memory, .text = text_memory },
	{ .key = "memory_limit_mb", .get = get_limit },
	{ .key = "disk_read_mb_per_sec", .title = "DISK R/W", .get = get_disk_read,
	  .text = text_disk },
	{ .key = "disk_write_mb_per_sec", .get = get_disk_write },
	{ .key = "net_rx_mb_per_sec", .title = "NET R/W", .get = get_net_rx, .text = text_net },
	{ .key = "net_tx_mb_per_sec", .get = get_net_tx },
	{ .key = "workspace", .title = "WORKSPACE", .get = get_workspace },
	{ 0 },
};

static const struct output_column process_columns[] = {
	{ .key = "container", .title = "CONTAINER", .get = get_container },
	{ .key = "pid", .title = "PID", .get = get_pid },
	{ .key = "user", .title = "USER", .get = get_user },
	{ .key = "cpu_percent", .title = "CPU%", .get = get_cpu, .text = text_cpu },
	{ .key = "memory_mb", .title = "MEM", .get = get_memory, .text = text_memory },
	{ .key = "command", .title = "COMMAND", .get = get_command, .text = text_command },
	{ 0 },
};

/* --- looks */

static int add(struct cli *cli, const struct top_args *a, const struct container *c, struct top *t,
	       struct err *err) {
	auto_monitoring_plan struct monitoring_plan plan = { 0 };

	if (!shows_processes(cli, a)) {
		top_add_container(t, cli->session, c);
		return 0;
	}
	monitoring_from_settings(cli->settings, &plan);
	return top_add_processes(t, cli->session, c, &plan, err);
}

/* All that run, or the one that is named. */
static int take(struct cli *cli, const struct top_args *a, struct top *ret, struct err *err) {
	auto_container_list struct container_list list = { 0 };
	auto_container struct container *one = NULL;
	int r;

	*ret = (struct top){ 0 };
	if (app_word(cli, 0)) {
		r = resolve_container(cli, app_word(cli, 0), RESOLVE_RUNNING, &one, err);
		return r < 0 ? r : add(cli, a, one, ret, err);
	}
	r = container_list_load(cli->session, LIST_ALL_PREFIXES, &list, err);
	for (size_t i = 0; r >= 0 && i < list.count; i++) {
		const struct container *c = list.items[i];

		r = container_is_running(cli->session, c) ? add(cli, a, c, ret, err) : 0;
		/* One that has ended meanwhile uses nothing, and is no failure. */
		if (r < 0 && !container_is_running(cli->session, c))
			r = 0;
	}
	return r;
}

static void show_table(struct cli *cli, const struct top_args *a, const struct top *t,
		       const void *const *rows) {
	/* Whose they are is known when one is named. */
	const struct output_column *columns = !shows_processes(cli, a) ? container_columns
					      : app_word(cli, 0)	? process_columns + 1
									: process_columns;

	if (!t->count) {
		output_line("No running containers.");
		return;
	}
	output_table(columns, rows, t->count);
	if (shows_processes(cli, a))
		output_line("\nThe numbers are the host's: 'sudo kill PID' ends a process, 'coi kill "
			    "NAME' a container.");
}

static int show(struct cli *cli, const struct top_args *a, const struct top *t, struct err *err) {
	autofree const void **rows = xcalloc(t->count + 1, sizeof(*rows));

	for (size_t i = 0; i < t->count; i++)
		rows[i] = &t->rows[i];
	if (cli->json)
		return output_document(output_json_rows(shows_processes(cli, a) ? process_columns
										: container_columns,
							rows, t->count),
				       err);
	show_table(cli, a, t, rows);
	return 0;
}

/* *@before becomes what is there now. */
static int pass(struct cli *cli, const struct top_args *a, struct top *before, struct err *err) {
	auto_top struct top now = { 0 };
	struct top old;
	int r = take(cli, a, &now, err);

	if (r < 0)
		return r;
	top_compare(&now, before, a->sort ? top_sort_from_string(a->sort) : TOP_CPU);
	if (a->watch)
		again_clear();
	r = show(cli, a, &now, err);
	old = *before;
	*before = now;
	now = old;
	return r;
}

/* What is shown is of the time since the last one. */
static int watch(struct cli *cli, const struct top_args *a, struct top *before, struct err *err) {
	auto_again struct again again = AGAIN_INIT;
	int r = again_begin(&again, err), ms = interval_ms(a->interval);

	while (r == 0 && !again_told(&again, ms)) {
		r = pass(cli, a, before, err);
		if (r == 0)
			r = again_footer(a->watch, err);
		ms = a->watch * 1000;
	}
	return r;
}

static int top_run(struct cli *cli, const void *args, struct err *err) {
	const struct top_args *a = args;
	auto_top struct top before = { 0 };
	int r = take(cli, a, &before, err);

	if (r < 0)
		return r;
	if (a->watch)
		return watch(cli, a, &before, err);
	if (before.count)
		(void)poll(NULL, 0, interval_ms(a->interval));
	return pass(cli, a, &before, err);
}

static const struct cli_argument top_arguments[] = {
	{ "container", ARGUMENT_OPTIONAL, COMPLETE_RUNNING,
	  "The processes of this one: its name or its alias" },
	{ NULL },
};

static const struct cli_option top_options[] = {
	{ .name = "interval",
	  .letter = 'i',
	  CLI_TEXT(struct top_args, interval, "SECONDS"),
	  .help = "Time over which is measured (default " INTERVAL_DEFAULT ")" },
	{ .name = "sort",
	  CLI_TEXT(struct top_args, sort, "BY"),
	  .choices = top_sorts,
	  .help = "Most of this first (default cpu)" },
	{ .name = "procs",
	  CLI_BOOL(struct top_args, procs),
	  .help = "Processes instead of containers" },
	{ .name = "watch",
	  CLI_INT(struct top_args, watch, "SECONDS"),
	  .int_max = 86400,
	  .help = "Show it again so often, until Ctrl-C; 0 shows it once" },
	{ .name = NULL },
};

static const struct cli_example top_examples[] = {
	{ "coi top", "what each container uses of processor, memory, disk and network" },
	{ "coi top web --sort mem", "the processes of one" },
	{ "coi top --procs --watch 2", "those of all, again and again" },
	{ NULL },
};

const struct cli_command cmd_top = {
	.name = "top",
	.group = GROUP_CONTAINER,
	.summary = "show what containers or their processes use",
	.description = "Of a processor: two that are busy are 200 %. Processes have the numbers that "
		       "they have on the host.",
	.arguments = top_arguments,
	.options = top_options,
	.examples = top_examples,
	.args_size = sizeof(struct top_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG | COMMAND_FORMAT,
	.check = top_check,
	.run = top_run,
};
