/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands of "coi snapshot" have in common. */
#ifndef COI_CLI_SNAPSHOTS_H
#define COI_CLI_SNAPSHOTS_H

#include "cli/cli.h"
#include "session/snapshot.h"

#define SNAPSHOT_OPTION_CONTAINER(struct_)                                         \
	{                                                                          \
		.name = "container", .letter = 'c',                                \
		CLI_TEXT(struct_, container, "NAME"),                              \
		.help = "Name or alias; else $COI_CONTAINER, else the only one of the workspace", \
		.complete = COMPLETE_CONTAINER,                                    \
	}

extern const struct cli_argument snapshot_name_argument[];
extern const struct cli_command cmd_snapshot_list;
extern const struct cli_command cmd_snapshot_info;
extern const struct cli_command cmd_snapshot_diff;

#endif
