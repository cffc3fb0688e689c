/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "session/lifecycle.h"

struct mount_args {
	bool shift;
	bool readonly;
};

static int mount_check(struct cli *cli, void *args, struct err *err) {
	if (app_word(cli, 3)[0] != '/')
		return err_set(err, ERR_USAGE, -EINVAL,
			       "the path inside must be absolute, not '%s'", app_word(cli, 3));
	return 0;
}

static int mount_run(struct cli *cli, const void *args, struct err *err) {
	const struct mount_args *a = args;
	autofree char *source = path_absolute(app_word(cli, 2));
	autofree char *path = path_clean(app_word(cli, 3));
	autofree char *device = xstrdup(app_word(cli, 1));
	struct container_mount mount = {
		.device = device,
		.source = source,
		.path = path,
		.readonly = a->readonly,
		.shift = a->shift,
	};
	int r = lifecycle_mount(cli->session, app_word(cli, 0), &mount, err);

	if (r < 0)
		return r;
	log_info("Mounted '%s' at '%s' in '%s'", source, path, app_word(cli, 0));
	return 0;
}

static const struct cli_argument mount_arguments[] = {
	{ "name", ARGUMENT_REQUIRED, COMPLETE_CONTAINER, "Name of the container" },
	{ "device", ARGUMENT_REQUIRED, COMPLETE_NONE, "A name for the mount, new in that container" },
	{ "source", ARGUMENT_REQUIRED, COMPLETE_FILE, "Directory or file on the host" },
	{ "path", ARGUMENT_REQUIRED, COMPLETE_NONE, "Absolute path inside" },
	{ NULL },
};

static const struct cli_option mount_options[] = {
	{
		.name = "shift",
		CLI_BOOL(struct mount_args, shift),
		.bool_default = true,
		.help = "The owner of the source is the user code inside",
	},
	{
		.name = "readonly",
		CLI_BOOL(struct mount_args, readonly),
		.help = "Nothing can be written through it",
	},
	{ 0 },
};

static const struct cli_example mount_examples[] = {
	{ "coi container mount box data /srv/data /data --readonly",
	  "At once, and at every later start." },
	{ NULL },
};

const struct cli_command cmd_container_mount = {
	.name = "mount",
	.group = GROUP_CONTAINER,
	.summary = "show a directory or file of the host in a container",
	.arguments = mount_arguments,
	.options = mount_options,
	.examples = mount_examples,
	.args_size = sizeof(struct mount_args),
	.flags = COMMAND_SESSION,
	.check = mount_check,
	.run = mount_run,
};
