/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changed: coi diff, and coi snapshot diff. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/resolve.h"
#include "cli/snapshots.h"
#include "image/layer.h"

struct diff_args {
	const char *container;
};

static const char letters[] = {
	[CHANGE_ADDED] = 'A',
	[CHANGE_MODIFIED] = 'M',
	[CHANGE_MODE] = 'm',
	[CHANGE_DELETED] = 'D',
};

/* At once, not at the end: there may be many. */
static int print_change(const struct layer_change *change, void *data, struct err *err) {
	output_line("%c  /%s%s", letters[change->kind], change->path,
		    S_ISDIR(change->st->st_mode) ? "/" : "");
	return ferror(stdout) ? app_flush(err) : 0;
}

static int keep_change(const struct layer_change *change, void *data, struct err *err) {
	autofree char *path = xasprintf("/%s", change->path);

	(void)json_array_append_new(data, json_pack("{s:s, s:o}", "change",
						    layer_change_to_string(change->kind), "path",
						    json_text(path)));
	return 0;
}

static int show(struct cli *cli, const char *container, const char *from, const char *to,
		struct err *err) {
	auto_json json_t *changes = json_array();
	int r;

	if (!cli->json)
		return snapshot_diff(cli->session, container, from, to, print_change, NULL, err);
	r = snapshot_diff(cli->session, container, from, to, keep_change, changes, err);
	return r < 0 ? r : output_document(json_pack("{s:s, s:O}", "container", container, "changes",
						     changes), err);
}

/* ---- coi diff ---- */

static int diff_run(struct cli *cli, const void *args, struct err *err) {
	auto_container struct container *c = NULL;
	int r = resolve_meant(cli, app_word(cli, 0), 0, &c, err);

	return r < 0 ? r : show(cli, c->name, NULL, NULL, err);
}

static const struct cli_argument diff_arguments[] = {
	{ "container", ARGUMENT_OPTIONAL, COMPLETE_CONTAINER,
	  "Name or alias; else $COI_CONTAINER, else the only one of the workspace" },
	{ NULL },
};

static const struct cli_example diff_examples[] = {
	{ "coi diff", "What the agent has installed and changed outside the workspace." },
	{ NULL },
};

const struct cli_command cmd_diff = {
	.name = "diff",
	.group = GROUP_CONTAINER,
	.summary = "show what a container has changed of its image",
	.description = "One line for each path: A added, M modified, m only owner, mode or attributes, "
		       "D deleted (with all that was below it). Works on running containers too. "
		       "Mounts, the workspace among them, are not looked at.",
	.arguments = diff_arguments,
	.examples = diff_examples,
	.flags = COMMAND_SESSION | COMMAND_CONFIG | COMMAND_FORMAT,
	.run = diff_run,
};

/* ---- coi snapshot diff ---- */

static int newest(struct cli *cli, const struct container *c, char **ret, struct err *err) {
	auto_snapshot_list struct snapshot_list list = { 0 };
	int r = snapshot_list_load(cli->session, c->name, &list, err);

	if (r == 0 && list.count)
		*ret = xstrdup(list.items[list.count - 1]->name);
	return r;
}

static int snapshot_diff_run(struct cli *cli, const void *args, struct err *err) {
	const struct diff_args *a = args;
	auto_container struct container *c = NULL;
	autofree char *last = NULL;
	const char *from = app_word(cli, 0);
	int r = resolve_meant(cli, a->container, 0, &c, err);

	if (r == 0 && !from)
		r = newest(cli, c, &last, err);
	return r < 0 ? r : show(cli, c->name, from ? from : last, app_word(cli, 1), err);
}

static const struct cli_argument snapshot_diff_arguments[] = {
	{ "from", ARGUMENT_OPTIONAL, COMPLETE_NONE,
	  "A snapshot; the newest when left out, the image when there is none" },
	{ "to", ARGUMENT_OPTIONAL, COMPLETE_NONE,
	  "A snapshot; the container as it is now when left out" },
	{ NULL },
};

static const struct cli_option snapshot_diff_options[] = {
	SNAPSHOT_OPTION_CONTAINER(struct diff_args),
	{ 0 },
};

static const struct cli_example snapshot_diff_examples[] = {
	{ "coi snapshot diff", "What changed since the newest snapshot." },
	{ "coi snapshot diff monday tuesday", "What changed between two." },
	{ NULL },
};

const struct cli_command cmd_snapshot_diff = {
	.name = "diff",
	.group = GROUP_CONTAINER,
	.summary = "show what changed since a snapshot, or between two",
	.description = "One line for each path, as 'coi diff' has them.",
	.arguments = snapshot_diff_arguments,
	.options = snapshot_diff_options,
	.examples = snapshot_diff_examples,
	.args_size = sizeof(struct diff_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG | COMMAND_FORMAT,
	.run = snapshot_diff_run,
};
