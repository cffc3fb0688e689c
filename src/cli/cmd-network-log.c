/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a container was refused, out of the person's network log; a container that has
 * gone is shown too.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/output.h"
#include "cli/resolve.h"
#include "cli/tail.h"
#include "session/network-log.h"

struct log_args {
	bool follow;
	const char *since;
};

struct reader {
	const char *container;
	time_t since;
	bool is_json;
};

static void show(const char *line, size_t len, void *data) {
	const struct reader *l = data;
	auto_json json_t *j = json_loadb(line, len, 0, NULL);
	autofree char *text = NULL;

	if (!j || strcmp(json_get_str(j, "container", ""), l->container) != 0 ||
	    clock_parse_rfc3339(json_get_str(j, "ts", "")) < l->since)
		return;
	if (l->is_json) {
		(void)json_print(j, JSON_PRINT_LINE);
	} else {
		text = network_log_text(j);
		if (text)
			output_line("%s", text);
	}
}

static int log_check(struct cli *cli, void *args, struct err *err) {
	const struct log_args *a = args;
	time_t ignored;

	return a->since ? tail_parse_since(a->since, &ignored, err) : 0;
}

static int log_run(struct cli *cli, const void *args, struct err *err) {
	const struct log_args *a = args;
	auto_container struct container *c = NULL;
	autofree char *path = network_log_path(cli->settings);
	struct err none = { 0 };
	struct reader l = { .is_json = cli->json };
	const struct follow file = { .path = path, .who = cli->who, .line_max = NETWORK_LOG_LINE_MAX,
				     .tail = -1, .goes_on = a->follow, .line = show, .data = &l };
	int r;

	if (!path)
		return err_set(err, ERR_CONFIG, -ENOENT,
			       "no log of the network is kept (network.logging.enabled)");
	/* One that has gone left its lines, under its name. */
	l.container = resolve_container(cli, app_word(cli, 0), 0, &c, &none) == 0
			      ? c->name
			      : app_word(cli, 0);
	if (a->since)
		(void)tail_parse_since(a->since, &l.since, &none);
	r = follow_lines(&file, err);
	return r < 0 ? r : 0;
}

static const struct cli_argument log_arguments[] = {
	{ "container", ARGUMENT_REQUIRED, COMPLETE_RUNNING, "A container, or its alias" },
	{ NULL },
};

static const struct cli_option log_options[] = {
	{ .name = "follow", .letter = 'f', CLI_BOOL(struct log_args, follow),
	  .help = "Go on with what comes, until Ctrl-C" },
	{ .name = "since", CLI_TEXT(struct log_args, since, "TIME"),
	  .help = "Only what came after it: 10m, 2h, 1d, or an RFC 3339 time" },
	{ .name = NULL },
};

const struct cli_command cmd_network_log = {
	.name = "log",
	.group = GROUP_CONTAINER,
	.summary = "show what it was refused",
	.description = "From the network log (network.logging.path): name, address, port, protocol, "
		       "the process that wanted it where that could be told, why it was refused, "
		       "and the command that allows it. At most one line a second for each "
		       "destination, with a count. In JSON one object on each line. The container "
		       "itself reads its refusals in /run/coi/denied.",
	.arguments = log_arguments,
	.options = log_options,
	.args_size = sizeof(struct log_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG | COMMAND_FORMAT,
	.check = log_check,
	.run = log_run,
};
