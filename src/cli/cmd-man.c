/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "coi __man < TEMPLATE": a manual page; "coi __man --page COMMAND < TEMPLATE": that of a
 * command; "coi __man --commands": what there is help for.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/build.h"
#include "base/fd.h"
#include "base/mem.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/man.h"

#define PAGE_MAX (1024 * 1024)

struct man_args {
	const char *page;
	bool commands;
};

static void print_commands(const struct cli_command *c, const char *name) {
	if (c->flags & COMMAND_HIDDEN)
		return;
	(void)printf("%s\n", name);
	for (size_t i = 0; c->children && c->children[i]; i++) {
		autofree char *deeper = xasprintf("%s %s", name, c->children[i]->name);

		print_commands(c->children[i], deeper);
	}
}

static const struct cli_command *find_command(const char *name) {
	for (size_t i = 0; cli_root.children[i]; i++) {
		if (strcmp(cli_root.children[i]->name, name) == 0)
			return cli_root.children[i];
	}
	return NULL;
}

static int man_run(struct cli *cli, const void *args, struct err *err) {
	const struct man_args *a = args;
	const struct cli_command *one = a->page ? find_command(a->page) : NULL;
	autobuf struct buf template, page;
	int r;

	buf_init(&template, PAGE_MAX);
	buf_init(&page, PAGE_MAX);
	if (a->commands) {
		print_commands(&cli_root, cli_root.name);
		return 0;
	}
	if (a->page && !one)
		return err_set(err, ERR_USAGE, -EINVAL, "there is no command '%s'", a->page);
	r = fd_read_all(STDIN_FILENO, &template);
	if (r < 0)
		return err_sys(err, r, "cannot read the template");
	man_page(&cli_root, one, build.version, template.data, man_settings_slots, &page);
	(void)fwrite(page.data, 1, page.len, stdout);
	return 0;
}

static const struct cli_option man_options[] = {
	{
		.name = "commands",
		CLI_BOOL(struct man_args, commands),
		.help = "List the commands instead",
	},
	{
		.name = "page",
		CLI_TEXT(struct man_args, page, "COMMAND"),
		.help = "The page of this command",
	},
	{ 0 },
};

const struct cli_command cmd_man = {
	.name = "__man",
	.group = GROUP_OTHER,
	.summary = "the manual page from its template",
	.options = man_options,
	.args_size = sizeof(struct man_args),
	.flags = COMMAND_HIDDEN,
	.run = man_run,
};
