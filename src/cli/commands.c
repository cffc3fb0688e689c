/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree of commands. */
#include "cli/commands.h"

#include "cli/cli.h"

static const struct cli_command *const root_children[] = {
	&cmd_shell,
	&cmd_run,
	&cmd_attach,
	&cmd_list,
	&cmd_info,
	&cmd_persist,
	&cmd_shutdown,
	&cmd_kill,
	&cmd_unfreeze,
	&cmd_tmux,
	&cmd_logs,
	&cmd_tool,
	&cmd_build,
	&cmd_image,
	&cmd_container,
	&cmd_file,
	&cmd_snapshot,
	&cmd_diff,
	&cmd_hosts,
	&cmd_network,
	&cmd_security,
	&cmd_audit,
	&cmd_monitor,
	&cmd_top,
	&cmd_clean,
	&cmd_config,
	&cmd_profile,
	&cmd_trust,
	&cmd_untrust,
	&cmd_validate,
	&cmd_schema,
	&cmd_health,
	&cmd_update,
	&cmd_completion,
	&cmd_help,
	&cmd_version,
	&cmd_complete,
	&cmd_man,
	NULL,
};

static const struct cli_example root_examples[] = {
	{ "coi build", "Make the default image; once." },
	{ "coi", "An agent in a container that holds the current directory." },
	{ "coi run -- make test", "One command in a container of its own." },
	{ NULL },
};

const struct cli_command cli_root = {
	.name = "coi",
	.summary = "give an AI coding agent its own system container",
	.description =
		"Without a command, 'coi' does what 'coi shell' does: it starts a container with "
		"the current directory at /workspace and the configured agent in it.\n\n"
		"Needs root, best by sudo: files in the workspace stay yours, settings are read "
		"from your ~/.coi/config.toml and from .coi/config.toml of the project.",
	.flags = COMMAND_SESSION | COMMAND_CONFIG | COMMAND_STARTS | COMMAND_RESUMES,
	.children = root_children,
	.examples = root_examples,
	.run = shell_run_default,
};
