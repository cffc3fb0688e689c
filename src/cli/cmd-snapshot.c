/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The group, and what changes something: create, restore, delete. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/prompts.h"
#include "cli/resolve.h"
#include "cli/snapshots.h"
#include "cli/transfer.h"

/* ---- create ---- */

struct create_args {
	const char *container;
	const char *description;
	bool stateful;
};

static int no_stateful(bool stateful, struct err *err) {
	if (!stateful)
		return 0;
	(void)err_set(err, ERR_USAGE, -EOPNOTSUPP,
		      "the state of running processes cannot be kept in a snapshot");
	return err_hint(err, "Without --stateful the files are kept, which works while it runs too.");
}

static int create_check(struct cli *cli, void *args, struct err *err) {
	int r = no_stateful(((const struct create_args *)args)->stateful, err);

	return r == 0 && app_word(cli, 0) ? snapshot_name_check(app_word(cli, 0), err) : r;
}

static int create_run(struct cli *cli, const void *args, struct err *err) {
	const struct create_args *a = args;
	struct snapshot_request request = {
		.name = app_word(cli, 0),
		.description = a->description,
	};
	auto_container struct container *c = NULL;
	auto_snapshot struct snapshot *snapshot = NULL;
	struct transfer t;
	int r = resolve_meant(cli, a->container, 0, &c, err);

	if (r < 0)
		return r;
	transfer_begin(&t, "Copying");
	request.progress = &t.callback;
	r = snapshot_create(cli->session, c->name, &request, &snapshot, err);
	transfer_end(&t);
	if (r < 0)
		return r;
	log_info("Snapshot '%s' of container '%s' is taken%s", snapshot->name, c->name,
		 snapshot->running ? ": it runs, so it stood still while its files were copied; "
				     "what processes had in memory is not in it" :
				     "");
	return 0;
}

static const struct cli_argument new_name[] = {
	{ "name", ARGUMENT_OPTIONAL, COMPLETE_NONE, "Its name; snap-YYYYMMDD-HHMMSS when left out" },
	{ NULL },
};

static const struct cli_option create_options[] = {
	SNAPSHOT_OPTION_CONTAINER(struct create_args),
	{
		.name = "description",
		CLI_TEXT(struct create_args, description, "TEXT"),
		.help = "What it is for",
	},
	{
		.name = "stateful",
		CLI_BOOL(struct create_args, stateful),
		.help = "Refused: memory of processes cannot be kept",
	},
	{ 0 },
};

static const struct cli_example create_examples[] = {
	{ "coi snapshot create before-upgrade", "Of the only container of this directory." },
	{ "coi snapshot create -c web", "By alias, with a name made of the time." },
	{ NULL },
};

static const struct cli_command cmd_snapshot_create = {
	.name = "create",
	.group = GROUP_CONTAINER,
	.summary = "keep the files of a container as they are now",
	.description = "Of a stopped container it takes no time and no room, whatever is in it. A "
		       "running one stands still while what it has written is copied (blocks are "
		       "shared where the file system can). The workspace and other mounts are not "
		       "part of it.",
	.arguments = new_name,
	.options = create_options,
	.examples = create_examples,
	.args_size = sizeof(struct create_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG,
	.check = create_check,
	.run = create_run,
};

/* ---- restore ---- */

struct restore_args {
	const char *container;
	bool force;
	bool stateful;
};

static int restore_check(struct cli *cli, void *args, struct err *err) {
	return no_stateful(((const struct restore_args *)args)->stateful, err);
}

static int restore_run(struct cli *cli, const void *args, struct err *err) {
	const struct restore_args *a = args;
	const char *name = app_word(cli, 0);
	auto_container struct container *c = NULL;
	auto_snapshot struct snapshot *snapshot = NULL;
	autofree char *safety = NULL;
	int r = resolve_meant(cli, a->container, 0, &c, err);

	if (r == 0)
		r = snapshot_load(cli->session, c->name, name, &snapshot, err);
	if (r < 0)
		return r;
	if (!a->force && c->state == STATE_STOPPED) {
		log_warn("The files of container '%s' will be those of '%s'. What it has now is kept "
			 "as a snapshot", c->name, name);
		if (!prompt_yes(stderr, "Restore it?"))
			return 0;
	}
	r = snapshot_restore(cli->session, c->name, name, &safety, err);
	if (r < 0)
		return r;
	log_info("Container '%s' is as it was in snapshot '%s'; what it was before is snapshot '%s'",
		 c->name, name, safety);
	return 0;
}

static const struct cli_option restore_options[] = {
	SNAPSHOT_OPTION_CONTAINER(struct restore_args),
	{
		.name = "force",
		.letter = 'f',
		CLI_BOOL(struct restore_args, force),
		.help = "Do not ask",
	},
	{
		.name = "stateful",
		CLI_BOOL(struct restore_args, stateful),
		.help = "Refused: there is no memory in a snapshot",
	},
	{ 0 },
};

static const struct cli_example restore_examples[] = {
	{ "coi snapshot restore before-upgrade", "Asks first; the container must be stopped." },
	{ NULL },
};

static const struct cli_command cmd_snapshot_restore = {
	.name = "restore",
	.group = GROUP_CONTAINER,
	.summary = "give a stopped container the files of a snapshot",
	.description = "What the container has at that moment is kept as a snapshot of its own, "
		       "before-restore-YYYYMMDD-HHMMSS: nothing is lost. Saved sessions are not "
		       "touched.",
	.arguments = snapshot_name_argument,
	.options = restore_options,
	.examples = restore_examples,
	.args_size = sizeof(struct restore_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG,
	.check = restore_check,
	.run = restore_run,
};

/* ---- delete ---- */

struct delete_args {
	const char *container;
	bool all;
	bool force;
	bool flatten;
};

static int delete_check(struct cli *cli, void *args, struct err *err) {
	const struct delete_args *a = args;

	if (!app_word(cli, 0) && !a->all && !a->flatten)
		return err_set(err, ERR_USAGE, -EINVAL,
			       "which snapshot? Name it, or give --all for all of them");
	if (app_word(cli, 0) && a->all)
		return err_set(err, ERR_USAGE, -EINVAL, "a name and --all do not go together");
	return 0;
}

static int delete_one(struct cli *cli, const struct container *c, const char *name,
		      struct err *err) {
	int r = snapshot_delete(cli->session, c->name, name, err);

	if (r == 0)
		log_info("Snapshot '%s' of container '%s' is deleted", name, c->name);
	return r;
}

static int delete_all(struct cli *cli, const struct container *c, bool force, bool *ret_no,
		      struct err *err) {
	auto_snapshot_list struct snapshot_list list = { 0 };
	int r = snapshot_list_load(cli->session, c->name, &list, err);

	if (r < 0)
		return r;
	if (list.count == 0) {
		log_info("Container '%s' has no snapshots", c->name);
		return 0;
	}
	if (!force) {
		log_info("Snapshots of container '%s':", c->name);
		for (size_t i = 0; i < list.count; i++)
			log_info("  %s", list.items[i]->name);
		*ret_no = !prompt_yes(stderr, "Delete all of them?");
		if (*ret_no)
			return 0;
	}
	for (size_t i = 0; i < list.count && r == 0; i++)
		r = delete_one(cli, c, list.items[i]->name, err);
	return r;
}

static int flatten(struct cli *cli, const struct container *c, struct err *err) {
	struct transfer t;
	size_t gone = 0;
	int r;

	transfer_begin(&t, "Merging layers");
	r = snapshot_flatten(cli->session, c->name, &t.callback, &gone, err);
	transfer_end(&t);
	if (r == 0 && gone)
		log_info("Container '%s' has %zu layers fewer", c->name, gone);
	else if (r == 0)
		log_info("Container '%s' has no layers that could be merged", c->name);
	return r;
}

static int delete_run(struct cli *cli, const void *args, struct err *err) {
	const struct delete_args *a = args;
	auto_container struct container *c = NULL;
	bool no = false;
	int r = resolve_meant(cli, a->container, 0, &c, err);

	if (r == 0 && app_word(cli, 0))
		r = delete_one(cli, c, app_word(cli, 0), err);
	if (r == 0 && a->all)
		r = delete_all(cli, c, a->force, &no, err);
	if (r == 0 && a->flatten && !no)
		r = flatten(cli, c, err);
	return r;
}

static const struct cli_argument maybe_name[] = {
	{ "name", ARGUMENT_OPTIONAL, COMPLETE_NONE, "The snapshot" },
	{ NULL },
};

static const struct cli_option delete_options[] = {
	SNAPSHOT_OPTION_CONTAINER(struct delete_args),
	{
		.name = "all",
		.letter = 'a',
		CLI_BOOL(struct delete_args, all),
		.help = "All snapshots of the container; asks first",
	},
	{
		.name = "force",
		.letter = 'f',
		CLI_BOOL(struct delete_args, force),
		.help = "Do not ask",
	},
	{
		.name = "flatten",
		CLI_BOOL(struct delete_args, flatten),
		.help = "Then merge layers of the (stopped) container that no snapshot needs apart",
	},
	{ 0 },
};

static const struct cli_example delete_examples[] = {
	{ "coi snapshot delete before-upgrade", "One of them; does not ask." },
	{ "coi snapshot delete --all --flatten", "All, and one layer in place of many." },
	{ NULL },
};

static const struct cli_command cmd_snapshot_delete = {
	.name = "delete",
	.group = GROUP_CONTAINER,
	.summary = "delete snapshots",
	.description = "The container and the other snapshots stay as they are. Room is free again "
		       "for what nothing else refers to.",
	.arguments = maybe_name,
	.options = delete_options,
	.examples = delete_examples,
	.args_size = sizeof(struct delete_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG,
	.check = delete_check,
	.run = delete_run,
};

static const struct cli_command *const snapshot_children[] = {
	&cmd_snapshot_create,
	&cmd_snapshot_list,
	&cmd_snapshot_info,
	&cmd_snapshot_restore,
	&cmd_snapshot_diff,
	&cmd_snapshot_delete,
	NULL,
};

const struct cli_command cmd_snapshot = {
	.name = "snapshot",
	.group = GROUP_CONTAINER,
	.summary = "keep, restore and compare the files of containers",
	.children = snapshot_children,
};
