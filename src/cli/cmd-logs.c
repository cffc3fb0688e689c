/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The session log of a container (session/session-log.h), also of one that has gone.
 * It is the person's file: reading it needs no root, finding it by an alias does.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/output.h"
#include "cli/resolve.h"
#include "session/names.h"
#include "session/session-log.h"

#define TAIL_MAX 1000000
#define TAIL_FOLLOWED 10 /* as tail(1) */

struct logs_args {
	bool follow;
	int tail;
};

/* Whose log, and where. */
struct place {
	char *name;
	char *path;
	struct privilege who; /* borrows from @container, or from the command */
	struct container *container; /* NULL: it has gone */
};

static void place_done(struct place *p) {
	free(p->name);
	free(p->path);
	container_free(p->container);
}

static bool is_there(const struct privilege *who, const char *path) {
	struct stat st;
	bool is;

	privilege_person_begin(who);
	is = lstat(path, &st) == 0;
	privilege_person_end(who);
	return is;
}

static int take_container(struct container *c, struct place *ret, struct err *err) {
	ret->container = c;
	ret->name = xstrdup(c->name);
	ret->path = session_log_path(c);
	ret->who = container_person(c);
	return ret->path ? 0
			 : err_set(err, ERR_MISSING, -ENOENT, "no log is kept of container '%s'",
				   c->name);
}

/* What a container of that name has left. */
static void take_name(const struct cli *cli, const char *name, struct place *ret) {
	ret->name = xstrdup(name);
	ret->path = session_log_path_in(cli->settings->paths.logs_dir, name);
	ret->who = *cli->who;
}

static int find_word(struct cli *cli, const char *word, struct place *ret, struct err *err) {
	struct container *c = NULL;
	int r = cli->session ? resolve_container(cli, word, 0, &c, err) : -ENOENT;

	if (r == 0)
		return take_container(c, ret, err);
	if (r != -ENOENT)
		return r;
	if (!name_is_plain(word))
		return err_set(err, ERR_USAGE, -EINVAL, "'%s' is no name of a container", word);
	take_name(cli, word, ret);
	return 0;
}

/* The only container of the workspace; else the only one that it has had. */
static int find_of_workspace(struct cli *cli, struct place *ret, struct err *err) {
	autofree char *identity = app_identity(cli), *all = NULL;
	autostrv char **names = NULL;
	struct container *c = NULL;
	int r = cli->session ? resolve_meant(cli, NULL, 0, &c, err) : -ENOENT;

	if (r == 0)
		return take_container(c, ret, err);
	if (r != -ENOENT)
		return r;
	for (int slot = 1; slot <= SLOT_MAX; slot++) {
		autofree char *name = name_for(name_prefix(), identity, slot);
		autofree char *path = session_log_path_in(cli->settings->paths.logs_dir, name);

		if (is_there(cli->who, path))
			strv_add(&names, name);
	}
	if (strv_len(names) == 1) {
		take_name(cli, names[0], ret);
		return 0;
	}
	if (!names) {
		(void)err_set(err, ERR_MISSING, -ENOENT, "no container of '%s' has a session log",
			      cli->workspace);
		return err_hint(err, "Name one: coi logs NAME.");
	}
	all = strv_join(names, ", ");
	(void)err_set(err, ERR_CONFLICT, -EEXIST, "several containers of '%s' have left a log: %s",
		      cli->workspace, all);
	return err_hint(err, "Name one of them.");
}

static void print_line(const char *text, size_t len, void *data) {
	(void)len;
	(void)data;
	output_line("%s", text);
}

static int show(const struct place *p, const struct logs_args *a, struct err *err) {
	const struct follow file = {
		.path = p->path,
		.who = &p->who,
		.line_max = SESSION_LOG_LINE_MAX,
		.tail = a->tail < 0 && a->follow ? TAIL_FOLLOWED : a->tail,
		.goes_on = a->follow,
		.line = print_line,
	};
	int r = follow_lines(&file, err);

	if (r != 0)
		return r < 0 ? r : 0;
	(void)err_set(err, ERR_MISSING, -ENOENT, "there is no session log of '%s' (%s)", p->name,
		      p->path);
	return err_hint(err, "'coi list' shows the containers that are there.");
}

static int logs_run(struct cli *cli, const void *args, struct err *err) {
	const char *variable = getenv("COI_CONTAINER"), *word = app_word(cli, 0);
	struct place place = { 0 };
	int r = cli->who->is_root ? app_open_session(cli, err) : 0;

	if (!word && variable && *variable)
		word = variable;
	if (r == 0)
		r = word ? find_word(cli, word, &place, err) : find_of_workspace(cli, &place, err);
	if (r == 0)
		r = show(&place, args, err);
	place_done(&place);
	return r;
}

static const struct cli_argument logs_arguments[] = {
	{ "container", ARGUMENT_OPTIONAL, COMPLETE_CONTAINER,
	  "A name or an alias; $COI_CONTAINER or the one of the workspace without" },
	{ NULL },
};

static const struct cli_option logs_options[] = {
	{
		.name = "follow",
		.letter = 'f',
		CLI_BOOL(struct logs_args, follow),
		.help = "Go on with what comes, until Ctrl-C",
	},
	{
		.name = "tail",
		CLI_INT(struct logs_args, tail, "N"),
		.int_default = -1,
		.int_max = TAIL_MAX,
		.help = "Only the last N lines; 10 with --follow, else all",
	},
	{ 0 },
};

static const struct cli_example logs_examples[] = {
	{ "coi logs", "Of this directory's container: starts, warnings, how and why it ended." },
	{ "coi logs coi-1a2b3c4d-1 --tail 20", "Of this one, also when it has gone." },
	{ NULL },
};

const struct cli_command cmd_logs = {
	.name = "logs",
	.group = GROUP_SESSION,
	.summary = "show what happened to a container",
	.description = "When it was started and by whom, what was warned of, what failed, how and "
		       "why it ended, and whether its session was saved. The file stays when the "
		       "container goes: NAME.session.log in ~/.coi/logs (paths.logs_dir). What an "
		       "agent prints is not in it.",
	.arguments = logs_arguments,
	.options = logs_options,
	.examples = logs_examples,
	.args_size = sizeof(struct logs_args),
	.flags = COMMAND_CONFIG | COMMAND_LOOKS,
	.run = logs_run,
};
