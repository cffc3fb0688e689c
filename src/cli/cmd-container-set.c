/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/resolve.h"
#include "session/limits.h"

static int show(struct cli *cli, const char *name, struct err *err) {
	auto_container struct container *c = NULL;
	autostrv char **list = NULL;
	int r = resolve_name(cli, name, &c, err);

	if (r < 0)
		return r;
	list = limits_list(c);
	for (size_t i = 0; list && list[i]; i++)
		output_line("%s", list[i]);
	return 0;
}

static int set_run(struct cli *cli, const void *args, struct err *err) {
	const char *name = app_word(cli, 0);
	int r;

	if (!app_word(cli, 1))
		return show(cli, name, err);
	r = limits_set(cli->session, name, cli->parsed.words + 1, err);
	if (r < 0 && err->kind == ERR_USAGE)
		cli->checked = false;
	if (r == 0)
		log_info("Limits of container '%s' are changed", name);
	return r;
}

static const struct cli_argument set_arguments[] = {
	{ "name", ARGUMENT_REQUIRED, COMPLETE_CONTAINER, "Name of the container" },
	{ "key=value", ARGUMENT_ANY, COMPLETE_NONE,
	  "A limit as in settings; nothing behind '=': as the settings have it" },
	{ NULL },
};

static const struct cli_example set_examples[] = {
	{ "coi container set box limits.memory.limit=2GiB limits.cpu.count=2",
	  "At once, and at every later start." },
	{ "coi container set box limits.memory.limit=", "What the settings say holds again." },
	{ "coi container set box", "What was set for it alone." },
	{ NULL },
};

const struct cli_command cmd_container_set = {
	.name = "set",
	.group = GROUP_CONTAINER,
	.summary = "change the limits of a container, running or not",
	.description = "Each limit is read back after it was written. Those of processor, memory, "
		       "processes, of the rate of reading and writing, and the size of the disk (larger "
		       "only) can be changed. What is not named stays as it was at the start.",
	.arguments = set_arguments,
	.examples = set_examples,
	.flags = COMMAND_SESSION | COMMAND_CONFIG,
	.run = set_run,
};
