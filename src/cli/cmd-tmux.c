/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/killed.h"
#include "cli/output.h"
#include "cli/resolve.h"
#include "session/names.h"
#include "session/tmux.h"

#define CAPTURE_MAX (1024 * 1024)

/* The named container, which must run. */
static int find_running(struct cli *cli, struct container **ret, struct err *err) {
	auto_container struct container *c = NULL;
	int r = resolve_name(cli, app_word(cli, 0), &c, err);

	if (r < 0)
		return r;
	if (!container_is_running(cli->session, c))
		return killed_not_running(c, err);
	*ret = steal_ptr(c);
	return 0;
}

static int send_run(struct cli *cli, const void *args, struct err *err) {
	auto_container struct container *c = NULL;
	int r = find_running(cli, &c, err);

	if (r < 0)
		return r;
	r = tmux_send(cli->session, c, app_word(cli, 1), err);
	if (r < 0)
		return r;
	output_line("Sent to %s", c->name);
	return 0;
}

static int capture_run(struct cli *cli, const void *args, struct err *err) {
	auto_container struct container *c = NULL;
	autobuf struct buf out;
	int r = find_running(cli, &c, err);

	buf_init(&out, CAPTURE_MAX);
	if (r < 0)
		return r;
	r = tmux_capture(cli->session, c, &out, err);
	if (r < 0)
		return r;
	/* What calls itself tmux there may say anything, also to a terminal. */
	if (isatty(STDOUT_FILENO)) {
		autobuf struct buf safe;

		buf_init(&safe, 4 * CAPTURE_MAX);
		escape_append(&safe, out.data, out.len, ESCAPE_KEEP_NEWLINE);
		(void)fwrite(safe.data, 1, safe.len, stdout);
	} else {
		(void)fwrite(out.data, 1, out.len, stdout);
	}
	return 0;
}

static json_t *get_container(const void *row) {
	return json_text(((const struct container *)row)->name);
}

static json_t *get_session(const void *row) {
	autofree char *name = name_tmux_session(((const struct container *)row)->name);

	return json_text(name);
}

static const struct output_column tmux_columns[] = {
	{ .key = "container", .title = "CONTAINER", .get = get_container },
	{ .key = "session", .title = "TMUX SESSION", .get = get_session },
	{ 0 },
};

static int list_run(struct cli *cli, const void *args, struct err *err) {
	auto_container_list struct container_list list = { 0 };
	autofree const void **rows = NULL;
	size_t count = 0;
	int r = container_list_load(cli->session, 0, &list, err);

	if (r < 0)
		return r;
	rows = xcalloc(list.count + 1, sizeof(*rows));
	for (size_t i = 0; i < list.count; i++) {
		struct err ignored = { 0 };

		/* One without tmux in its image has no session; that is an answer. */
		if (container_is_running(cli->session, list.items[i]) &&
		    tmux_exists(cli->session, list.items[i], &ignored) > 0)
			rows[count++] = list.items[i];
	}
	if (cli->json)
		return output_document(output_json_rows(tmux_columns, rows, count), err);
	if (count == 0)
		output_line("No active sessions");
	else
		output_table(tmux_columns, rows, count);
	return 0;
}

static const struct cli_argument send_arguments[] = {
	{ "container", ARGUMENT_REQUIRED, COMPLETE_RUNNING, "Name of a running container" },
	{ "text", ARGUMENT_REQUIRED, COMPLETE_NONE, "What to type; Enter follows" },
	{ NULL },
};

static const struct cli_argument capture_arguments[] = {
	{ "container", ARGUMENT_REQUIRED, COMPLETE_RUNNING, "Name of a running container" },
	{ NULL },
};

static const struct cli_example send_examples[] = {
	{ "coi tmux send coi-1a2b3c4d-1 'run the tests'", "Tell the agent what to do next." },
	{ NULL },
};

static const struct cli_command cmd_tmux_send = {
	.name = "send",
	.group = GROUP_SESSION,
	.summary = "type a line into a session",
	.arguments = send_arguments,
	.examples = send_examples,
	.flags = COMMAND_SESSION,
	.run = send_run,
};

static const struct cli_command cmd_tmux_capture = {
	.name = "capture",
	.group = GROUP_SESSION,
	.summary = "print what a session's screen shows",
	.arguments = capture_arguments,
	.flags = COMMAND_SESSION,
	.run = capture_run,
};

static const struct cli_command cmd_tmux_list = {
	.name = "list",
	.group = GROUP_SESSION,
	.summary = "list containers that have a tmux session",
	.flags = COMMAND_SESSION | COMMAND_FORMAT,
	.run = list_run,
};

static const struct cli_command *const tmux_children[] = {
	&cmd_tmux_send,
	&cmd_tmux_capture,
	&cmd_tmux_list,
	NULL,
};

const struct cli_command cmd_tmux = {
	.name = "tmux",
	.group = GROUP_SESSION,
	.summary = "look at and type into background sessions",
	.children = tmux_children,
};
