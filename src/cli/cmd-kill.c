/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/commands.h"
#include "cli/remove.h"

static int kill_run(struct cli *cli, const void *args, struct err *err) {
	static const struct remove_words words = { "kill", "Killing", "Killed" };

	return remove_containers(cli, args, &words, 0, err);
}

static const struct cli_option kill_options[] = {
	REMOVE_OPTIONS,
	{ 0 },
};

static const struct cli_example kill_examples[] = {
	{ "coi kill coi-1a2b3c4d-1", "End this one at once and delete it." },
	{ "coi kill --all --force", "End and delete all, without a question." },
	{ NULL },
};

const struct cli_command cmd_kill = {
	.name = "kill",
	.group = GROUP_SESSION,
	.summary = "end containers at once and delete them",
	.description =
		"Kills all processes and deletes the container with what was changed in it, "
		"persistent ones too, in any state. The workspace is not touched. Asks first when "
		"more than one is meant.",
	.arguments = remove_arguments,
	.options = kill_options,
	.examples = kill_examples,
	.args_size = sizeof(struct remove_args),
	.flags = COMMAND_SESSION,
	.check = remove_check,
	.run = kill_run,
};
