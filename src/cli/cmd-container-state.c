/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stop, delete, exists, running: one container each, hardly any output. */
#include <errno.h>

#include "base/log.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/resolve.h"
#include "session/lifecycle.h"

#define EXIT_FALSE 1
#define STOP_TIMEOUT_MS 60000

struct force_args {
	bool force;
};

static const struct cli_argument any_container[] = {
	{ "name", ARGUMENT_REQUIRED, COMPLETE_CONTAINER, "Name of the container" },
	{ NULL },
};

static const struct cli_argument running_container[] = {
	{ "name", ARGUMENT_REQUIRED, COMPLETE_RUNNING, "Name of the container" },
	{ NULL },
};

static int stop_run(struct cli *cli, const void *args, struct err *err) {
	const struct force_args *a = args;
	int timeout_ms = a->force ? 0 : STOP_TIMEOUT_MS;
	auto_container struct container *c = NULL;
	int r = resolve_name(cli, app_word(cli, 0), &c, err);

	if (r < 0)
		return r;
	/* What 'launch --ephemeral' made goes when it stops, whoever stops it. */
	if (c->kind == KIND_LAUNCH && c->delete_on_stop && c->state == STATE_RUNNING)
		r = lifecycle_remove(cli->session, c->name, timeout_ms, err);
	else
		r = lifecycle_stop(cli->session, c->name, timeout_ms, err);
	if (r < 0)
		return r;
	log_info("Container '%s' is stopped", app_word(cli, 0));
	return 0;
}

static int delete_run(struct cli *cli, const void *args, struct err *err) {
	const struct force_args *a = args;
	int r = lifecycle_delete(cli->session, app_word(cli, 0), a->force, err);

	if (r < 0)
		return r;
	log_info("Container '%s' is deleted", app_word(cli, 0));
	return 0;
}

/* 1, 0 or -errno. */
static int look(struct cli *cli, bool must_run, struct err *err) {
	auto_container struct container *c = NULL;
	int r = resolve_name(cli, app_word(cli, 0), &c, err);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	return !must_run || container_is_running(cli->session, c);
}

static int exists_run(struct cli *cli, const void *args, struct err *err) {
	int r = look(cli, false, err);

	return r < 0 ? r : r ? 0 : EXIT_FALSE;
}

static int running_run(struct cli *cli, const void *args, struct err *err) {
	int r = look(cli, true, err);

	return r < 0 ? r : r ? 0 : EXIT_FALSE;
}

static const struct cli_option stop_options[] = {
	{
		.name = "force",
		.letter = 'f',
		CLI_BOOL(struct force_args, force),
		.help = "Kill it at once instead of asking it to power off",
	},
	{ 0 },
};

static const struct cli_option delete_options[] = {
	{
		.name = "force",
		.letter = 'f',
		CLI_BOOL(struct force_args, force),
		.help = "Kill it first when it runs",
	},
	{ 0 },
};

static const struct cli_example exists_examples[] = {
	{ "coi container exists box || coi container launch coi-default box",
	  "Make it unless it is there." },
	{ NULL },
};

const struct cli_command cmd_container_stop = {
	.name = "stop",
	.group = GROUP_CONTAINER,
	.summary = "power a container off",
	.description = "It is kept, but for one that was launched with --ephemeral.",
	.arguments = running_container,
	.options = stop_options,
	.args_size = sizeof(struct force_args),
	.flags = COMMAND_SESSION,
	.run = stop_run,
};

const struct cli_command cmd_container_delete = {
	.name = "delete",
	.group = GROUP_CONTAINER,
	.summary = "delete a stopped container",
	.arguments = any_container,
	.options = delete_options,
	.args_size = sizeof(struct force_args),
	.flags = COMMAND_SESSION,
	.run = delete_run,
};

const struct cli_command cmd_container_exists = {
	.name = "exists",
	.group = GROUP_CONTAINER,
	.summary = "exit with 0 when there is such a container, else with 1",
	.arguments = any_container,
	.examples = exists_examples,
	.flags = COMMAND_SESSION,
	.run = exists_run,
};

const struct cli_command cmd_container_running = {
	.name = "running",
	.group = GROUP_CONTAINER,
	.summary = "exit with 0 when the container runs, else with 1",
	.arguments = running_container,
	.flags = COMMAND_SESSION,
	.run = running_run,
};
