/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flags that all commands take. */
#include "cli/cli.h"

const char *cli_group_to_string(enum cli_group group) {
	static const char *const names[GROUP_COUNT] = {
		[GROUP_SESSION] = "Sessions",
		[GROUP_IMAGE] = "Images",
		[GROUP_CONTAINER] = "Containers",
		[GROUP_OTHER] = "Other",
	};

	return names[group];
}

bool cli_option_shows(const struct cli_option *o, const struct cli_command *c) {
	return !(o->flags & OPTION_HIDDEN) &&
	       (!(o->flags & OPTION_RESUMES) || !c || c->flags & COMMAND_RESUMES);
}

const struct cli_option cli_global_options[] = {
	{
		.name = "workspace",
		.letter = 'w',
		CLI_TEXT(struct cli_globals, workspace, "DIR"),
		.help = "Directory that the container gets as its workspace (default .)",
		.complete = COMPLETE_DIRECTORY,
	},
	{
		.name = "slot",
		CLI_INT(struct cli_globals, slot, "N"),
		.int_max = 9999,
		.help = "Which of the workspace's containers; 0 takes the lowest free one",
	},
	{
		.name = "profile",
		CLI_TEXT(struct cli_globals, profile, "NAME"),
		.help = "Apply this profile over the settings",
		.complete = COMPLETE_PROFILE,
	},
	{
		.name = "image",
		.type = OPTION_TEXT,
		.value = "IMAGE",
		.setting = "container.image",
		.help = "Image to start from",
		.complete = COMPLETE_IMAGE,
	},
	{
		.name = "persistent",
		.type = OPTION_BOOL,
		.setting = "container.persistent",
		.help = "Keep the container when it stops",
	},
	{
		.name = "resume",
		CLI_OPTIONAL(struct cli_globals, resume, "ID"),
		.help = "Go on with a saved session: the newest of the workspace, or this one; ID "
			"only with '='",
		.flags = OPTION_RESUMES,
	},
	{
		.name = "continue",
		CLI_OPTIONAL(struct cli_globals, continue_, "ID"),
		.help = "The same as --resume",
		.flags = OPTION_RESUMES,
	},
	{
		.name = "help",
		.letter = 'h',
		CLI_BOOL(struct cli_globals, help),
		.help = "Show this help",
	},
	{
		.name = "version",
		CLI_BOOL(struct cli_globals, version),
		.help = "Print the version",
		.flags = OPTION_HIDDEN,
	},
	{ 0 },
};

static const char *const formats[] = { "text", "json", NULL };

const struct cli_option cli_format_options[] = {
	{
		.name = "format",
		CLI_TEXT(struct cli_format, format, "FORMAT"),
		.help = "How to print the result",
		.choices = formats,
	},
	{
		.name = "json",
		CLI_BOOL(struct cli_format, json),
		.help = "The same as --format json",
	},
	{ 0 },
};
