/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "config/show.h"

static int profile_run(struct cli *cli, const void *args, struct err *err) {
	(void)cli;
	(void)args;
	return output_document(config_schema(true), err);
}

static int config_run(struct cli *cli, const void *args, struct err *err) {
	(void)cli;
	(void)args;
	return output_document(config_schema(false), err);
}

static int health_run(struct cli *cli, const void *args, struct err *err) {
	(void)cli;
	(void)args;
	return output_document(health_schema(), err);
}

static const struct cli_command cmd_schema_profile = {
	.name = "profile",
	.group = GROUP_OTHER,
	.summary = "print the JSON Schema of a profile's config.toml",
	.description = "JSON Schema draft 2020-12, for editors and checkers.",
	.run = profile_run,
};

static const struct cli_command cmd_schema_config = {
	.name = "config",
	.group = GROUP_OTHER,
	.summary = "print the JSON Schema of ~/.coi/config.toml",
	.description = "JSON Schema draft 2020-12, for editors and checkers. A project's "
		       ".coi/config.toml has the same form.",
	.run = config_run,
};

static const struct cli_command cmd_schema_health = {
	.name = "health",
	.group = GROUP_OTHER,
	.summary = "print the JSON Schema of 'coi health --format json'",
	.description = "JSON Schema draft 2020-12. Keys of checks stay what they are; details of "
		       "a check are for people and may change.",
	.run = health_run,
};

static const struct cli_command *const schema_children[] = {
	&cmd_schema_profile,
	&cmd_schema_config,
	&cmd_schema_health,
	NULL,
};

const struct cli_command cmd_schema = {
	.name = "schema",
	.group = GROUP_OTHER,
	.summary = "print the form of settings files, and of what coi prints",
	.children = schema_children,
};
