/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/mem.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "config/show.h"

struct show_args {
	bool all;
	bool origin;
	bool secrets;
};

static int show_run(struct cli *cli, const void *args, struct err *err) {
	const struct show_args *a = args;
	unsigned flags = (a->all ? CONFIG_DUMP_ALL : 0) | (a->origin ? CONFIG_DUMP_ORIGIN : 0) |
			 (a->secrets ? CONFIG_DUMP_SECRETS : 0);
	autofree char *text = NULL;
	autobuf struct buf safe;

	if (cli->json)
		return output_document(config_dump_json(cli->config, flags), err);
	text = config_dump(cli->config, flags);
	buf_init(&safe, 4 * CONFIG_DUMP_MAX);
	escape_append(&safe, text, strlen(text), ESCAPE_KEEP_NEWLINE);
	(void)fwrite(safe.data, 1, safe.len, stdout);
	return 0;
}

static const struct cli_option show_options[] = {
	{
		.name = "all",
		.letter = 'a',
		CLI_BOOL(struct show_args, all),
		.help = "Defaults too, not only what somebody has set",
	},
	{
		.name = "origin",
		CLI_BOOL(struct show_args, origin),
		.help = "Say behind each value which file and line it is from",
	},
	{
		.name = "secrets",
		CLI_BOOL(struct show_args, secrets),
		.help = "Show values of variables in clear",
	},
	{ 0 },
};

static const struct cli_example show_examples[] = {
	{ "coi config show --origin", "What counts in this directory, and who said so." },
	{ NULL },
};

static const struct cli_command cmd_config_show = {
	.name = "show",
	.group = GROUP_OTHER,
	.summary = "print the settings that count here",
	.description = "As a config.toml that says the same. JSON is an array of objects with key, "
		       "value (as TOML), layer, trusted, file, line and column.",
	.options = show_options,
	.examples = show_examples,
	.args_size = sizeof(struct show_args),
	.flags = COMMAND_CONFIG | COMMAND_FORMAT,
	.run = show_run,
};

static const struct cli_command *const config_children[] = { &cmd_config_show, NULL };

const struct cli_command cmd_config = {
	.name = "config",
	.group = GROUP_OTHER,
	.summary = "look at the settings",
	.children = config_children,
};
