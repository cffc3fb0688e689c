/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/commands.h"
#include "cli/remove.h"

static int shutdown_run(struct cli *cli, const void *args, struct err *err) {
	static const struct remove_words words = { "shut down", "Shutting down", "Shut down" };

	return remove_containers(cli, args, &words, cli->settings->container.shutdown_timeout * 1000,
				 err);
}

static const struct cli_option shutdown_options[] = {
	REMOVE_OPTIONS,
	{
		.name = "timeout",
		.type = OPTION_INT,
		.value = "SECONDS",
		.int_max = 86400,
		.setting = "container.shutdown_timeout",
		.help = "How long to wait before the container is killed",
	},
	{ 0 },
};

static const struct cli_example shutdown_examples[] = {
	{ "coi shutdown coi-1a2b3c4d-1", "Power it off, then delete it." },
	{ "coi shutdown --all --force --timeout 5", "All of them, five seconds for each." },
	{ NULL },
};

static const char *const shutdown_aliases[] = { "close", NULL };

const struct cli_command cmd_shutdown = {
	.name = "shutdown",
	.aliases = shutdown_aliases,
	.group = GROUP_SESSION,
	.summary = "power containers off and delete them",
	.description =
		"Asks the container to power off, kills it when that takes too long, and deletes it "
		"with what was changed in it, persistent ones too. The workspace is not touched. "
		"To keep a persistent container, run 'poweroff' in it. Asks first when more than "
		"one is meant.",
	.arguments = remove_arguments,
	.options = shutdown_options,
	.examples = shutdown_examples,
	.args_size = sizeof(struct remove_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG,
	.check = remove_check,
	.run = shutdown_run,
};
