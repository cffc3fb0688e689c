/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/help.h"

#define HELP_MAX 65536

static int help_run(struct cli *cli, const void *args, struct err *err) {
	const struct cli_command *path[CLI_DEPTH_MAX] = { &cli_root };
	size_t depth = 1;
	autobuf struct buf b = { 0 };

	for (size_t i = 0; i < cli->parsed.word_count; i++) {
		const struct cli_command *child = cli_child(path[depth - 1], cli->parsed.words[i]);

		if (!child) {
			err_set(err, ERR_MISSING, -ENOENT, "no help for '%s'",
				cli->parsed.words[i]);
			return err_hint(err, "Run 'coi --help' for the commands.");
		}
		path[depth++] = child;
	}
	buf_init(&b, HELP_MAX);
	help_full(path, depth, &b);
	(void)fputs(b.data, stdout);
	return 0;
}

static const struct cli_argument help_arguments[] = {
	{ "command", ARGUMENT_ANY, COMPLETE_COMMAND, "Whose help to show" },
	{ NULL },
};

static const struct cli_example help_examples[] = {
	{ "coi help image list", "The same as 'coi image list --help'." },
	{ NULL },
};

const struct cli_command cmd_help = {
	.name = "help",
	.group = GROUP_OTHER,
	.summary = "show the help of a command",
	.arguments = help_arguments,
	.examples = help_examples,
	.run = help_run,
};
