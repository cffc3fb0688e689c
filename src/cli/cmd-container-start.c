/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "session/launch.h"

struct start_args {
	bool at_boot;
};

static int start_check(struct cli *cli, void *args, struct err *err) {
	const struct start_args *a = args;

	if (a->at_boot == (cli->parsed.word_count == 0))
		return 0;
	return err_set(err, ERR_USAGE, -EINVAL, a->at_boot ? "--at-boot takes no name"
							    : "which container?");
}

static int start_one(struct cli *cli, const char *name, struct err *err) {
	auto_launched struct launched l = LAUNCHED_INIT;
	int r = launch_start(cli->session, name, &l, err);

	if (r < 0)
		return r;
	log_info("Container '%s' is running", name);
	return 0;
}

/* As the person for whom it was made would type it: with that one's settings and rights. */
static char **person_env(const struct container *c) {
	static const char *const kept[] = { "PATH", "LANG", "COI_ROOT", "COI_LIBEXEC", "COI_DATA",
					    "COI_CONTAINER_PREFIX", "COI_SUBUID_FILE",
					    "COI_SUBGID_FILE" };
	char **env = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		if (getenv(kept[i]))
			strv_addf(&env, "%s=%s", kept[i], getenv(kept[i]));
	}
	if (*c->person_home)
		strv_addf(&env, "HOME=%s", c->person_home);
	if (c->person_uid != 0) {
		strv_addf(&env, "SUDO_UID=%u", (unsigned)c->person_uid);
		strv_addf(&env, "SUDO_GID=%u", (unsigned)c->person_gid);
		strv_addf(&env, "SUDO_USER=%s", c->person);
	}
	return env;
}

static int start_as_person(const struct container *c, struct err *err) {
	autostrv char **argv = NULL, **env = person_env(c);
	struct spawn_spec spec = { .path = "/proc/self/exe", .uid = (uid_t)-1 };
	int r;

	strv_add(&argv, "coi");
	if (*c->workspace)
		strv_addf(&argv, "--workspace=%s", c->workspace);
	if (c->profile && *c->profile)
		strv_addf(&argv, "--profile=%s", c->profile);
	strv_add(&argv, "container");
	strv_add(&argv, "start");
	strv_add(&argv, c->name);
	spec.argv = argv;
	spec.env = env;
	spec.cwd = "/";
	r = proc_run(&spec, err);
	return r > 0 ? -EIO : r; /* it has said why itself */
}

/*
 * One that cannot be started is no reason not to start the others. What runs already is left
 * alone: the command may be given as often as one likes.
 */
static int start_marked(struct cli *cli, struct err *err) {
	auto_container_list struct container_list list = { 0 };
	size_t failed = 0;
	int r = container_list_load(cli->session, 0, &list, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list.count; i++) {
		const struct container *c = list.items[i];
		struct err why = { 0 };

		if (!c->at_boot || container_is_running(cli->session, c))
			continue;
		r = start_as_person(c, &why);
		if (r < 0 && why.msg[0])
			log_warn("%s: %s", c->name, why.msg);
		failed += r < 0;
	}
	return failed ? err_set(err, ERR_SYSTEM, -EIO, "%zu of the containers that are marked for it "
				"could not be started", failed) : 0;
}

/* With --at-boot each has the settings of its person; root's own are no reason not to start. */
static int start_run(struct cli *cli, const void *args, struct err *err) {
	const struct start_args *a = args;
	int r = privilege_need_root(cli->who, "start a container", err);

	if (r == 0 && !a->at_boot)
		r = app_load_config(cli, true, err);
	if (r == 0)
		r = app_open_session(cli, err);
	if (r < 0)
		return r;
	return a->at_boot ? start_marked(cli, err) : start_one(cli, app_word(cli, 0), err);
}

static const struct cli_argument start_arguments[] = {
	{ "name", ARGUMENT_OPTIONAL, COMPLETE_CONTAINER, "Name of the container" },
	{ NULL },
};

static const struct cli_option start_options[] = {
	{
		.name = "at-boot",
		CLI_BOOL(struct start_args, at_boot),
		.help = "All that 'coi persist --at-boot' has marked and that do not run, each for "
			"the person whose it is",
	},
	{ 0 },
};

static const struct cli_example start_examples[] = {
	{ "coi container start --at-boot", "What the service coi-restore does." },
	{ NULL },
};

const struct cli_command cmd_container_start = {
	.name = "start",
	.group = GROUP_CONTAINER,
	.summary = "start a stopped container",
	.description = "With --at-boot, which the service coi-restore gives when the machine has "
		       "been started: those that were marked for it. Agents are not started; "
		       "'coi shell' goes on with their sessions.",
	.arguments = start_arguments,
	.options = start_options,
	.examples = start_examples,
	.args_size = sizeof(struct start_args),
	.flags = COMMAND_PERSON | COMMAND_STARTS,
	.check = start_check,
	.run = start_run,
};
