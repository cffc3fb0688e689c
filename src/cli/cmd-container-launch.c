/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "session/launch.h"
#include "session/names.h"

struct launch_args {
	const char *storage;
	bool ephemeral;
};

static int launch_check(struct cli *cli, void *args, struct err *err) {
	(void)args;
	return name_check(app_word(cli, 1), err);
}

static int launch_run(struct cli *cli, const void *args, struct err *err) {
	const struct launch_args *a = args;
	auto_launched struct launched l = LAUNCHED_INIT;
	struct launch_request request = {
		.kind = KIND_LAUNCH,
		.image = app_word(cli, 0),
		.name = app_word(cli, 1),
		.persistent = !a->ephemeral,
		.delete_on_stop = a->ephemeral,
		.init = -1,
		.pool = a->storage,
		.profile = cli->parsed.globals.profile,
	};
	int r = launch(cli->session, &request, &l, err);

	if (r < 0)
		return r;
	log_info("Container '%s' is running", l.container->name);
	return 0;
}

static const struct cli_argument launch_arguments[] = {
	{ "image", ARGUMENT_REQUIRED, COMPLETE_IMAGE, "Alias or fingerprint of an image" },
	{ "name", ARGUMENT_REQUIRED, COMPLETE_NONE, "Name of the new container" },
	{ NULL },
};

static const struct cli_option launch_options[] = {
	{
		.name = "ephemeral",
		CLI_BOOL(struct launch_args, ephemeral),
		.help = "Delete it when it stops",
	},
	{
		.name = "storage",
		.letter = 's',
		CLI_TEXT(struct launch_args, storage, "POOL"),
		.help = "Storage pool of its files, a directory of $COI_ROOT/pools",
	},
	{ 0 },
};

static const struct cli_example launch_examples[] = {
	{ "coi container launch coi-default box", "A container without a workspace." },
	{ "coi container launch -s fast coi-default box", "Its files in pool 'fast'." },
	{ NULL },
};

const struct cli_command cmd_container_launch = {
	.name = "launch",
	.group = GROUP_CONTAINER,
	.summary = "make a container from an image and start it",
	.arguments = launch_arguments,
	.options = launch_options,
	.examples = launch_examples,
	.args_size = sizeof(struct launch_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG | COMMAND_STARTS,
	.check = launch_check,
	.run = launch_run,
};
