/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The group; its commands are files of their own. */
#include "cli/commands.h"

static const struct cli_command *const container_children[] = {
	&cmd_container_launch,
	&cmd_container_start,
	&cmd_container_stop,
	&cmd_container_delete,
	&cmd_container_exec,
	&cmd_container_exists,
	&cmd_container_running,
	&cmd_container_mount,
	&cmd_container_set,
	&cmd_container_list,
	&cmd_container_info,
	NULL,
};

const struct cli_command cmd_container = {
	.name = "container",
	.group = GROUP_CONTAINER,
	.summary = "single steps with containers, for scripts",
	.description = "Works on any container by its exact name; aliases do not count here.",
	.children = container_children,
};
