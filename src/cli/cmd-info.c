/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "base/escape.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/size.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/killed.h"
#include "cli/output.h"
#include "cli/resume.h"
#include "session/relays.h"
#include "session/saved.h"

/* The newest of the tool, of whatever workspace. */
static int find_newest(struct cli *cli, const char *tool, struct saved_session *ret,
		       struct err *err) {
	auto_saved_list struct saved_list list = { 0 };
	int r = saved_list_load(cli->who, tool, &list, err);

	if (r < 0)
		return r;
	if (list.count == 0) {
		(void)err_set(err, ERR_MISSING, -ENOENT, "no session of '%s' is saved", tool);
		return err_hint(err, "a session is saved when it is left or ends: coi shell");
	}
	*ret = list.items[0];
	list.items[0] = (struct saved_session){ 0 };
	return 0;
}

static void line(const char *title, const char *text) {
	autofree char *safe = escape_text(*text ? text : "unknown", PATH_MAX);

	output_line("%-14s%s", title, safe);
}

/* Of its container, while that is there; only root can see that. */
static void print_container(struct cli *cli, const struct saved_session *one) {
	auto_container struct container *c = NULL;
	autostrv char **ports = NULL;
	autofree char *text = NULL, *killed = NULL;
	struct err ignored = { 0 };

	if (!cli->who->is_root || app_open_session(cli, &ignored) < 0 ||
	    resume_container(cli, one, &c, &ignored) != 1) {
		killed = killed_text(cli->who, one->container);
	} else {
		line("Status:", container_status(cli->session, c));
		killed = killed_text_of(cli, c);
	}
	if (killed)
		line("Ended:", killed);
	if (!c || !container_is_running(cli->session, c))
		return;
	ports = relays_port_texts(cli->session, c);
	text = ports ? strv_join(ports, ", ") : NULL;
	if (text)
		line("Ports:", text);
}

/* People ask for a container by its name, too. */
static int missing(struct cli *cli, const char *id, struct err *err) {
	auto_container struct container *c = NULL;
	struct err ignored = { 0 };

	if (err->code == -ENOENT && cli->who->is_root && app_open_session(cli, &ignored) == 0 &&
	    container_load(cli->session, id, &c, &ignored) == 0)
		(void)err_hint(err, "it is a container that has not been saved: 'coi monitor %s' and "
			       "'coi audit %s' show what it does", id, id);
	return killed_explain(cli->who, id, err);
}

static int info_run(struct cli *cli, const void *args, struct err *err) {
	const char *tool = cli->settings->tool.name, *id = app_word(cli, 0);
	auto_saved_session struct saved_session one = { 0 };
	autofree char *path = NULL, *hint = NULL;
	char size[SIZE_TEXT];
	int64_t bytes;
	int r = id ? saved_load(cli->who, tool, id, &one, err) : find_newest(cli, tool, &one, err);

	if (r < 0)
		return id ? missing(cli, id, err) : r;
	if (!one.has_metadata)
		log_warn("the session '%s' tells nothing about itself", one.id);
	path = saved_path(cli->who, tool, one.id);
	bytes = saved_size(cli->who, tool, one.id);
	output_line("Session of %s", tool);
	line("Session ID:", one.id);
	line("Container:", one.container);
	print_container(cli, &one);
	line("Workspace:", one.workspace);
	line("Saved At:", one.saved_at);
	line("Session Data:", one.has_data ? "present" : "missing");
	line("Data Size:", bytes < 0 ? "" : size_text((uint64_t)bytes, size));
	line("Session Path:", path);
	hint = xasprintf("coi shell --resume=%s", one.id);
	line("Resume:", hint);
	return 0;
}

static int info_check(struct cli *cli, void *args, struct err *err) {
	return app_word(cli, 0) ? saved_id_check(app_word(cli, 0), err) : 0;
}

static const struct cli_argument info_arguments[] = {
	{ "session-id", ARGUMENT_OPTIONAL, COMPLETE_NONE,
	  "A saved session of the configured tool; the newest one without" },
	{ NULL },
};

static const struct cli_example info_examples[] = {
	{ "coi info", "The session that was saved last." },
	{ NULL },
};

const struct cli_command cmd_info = {
	.name = "info",
	.group = GROUP_SESSION,
	.summary = "show a saved session",
	.description = "What is saved of a session, where, and how to resume it; of its container "
		       "too, while that is there: how it is, and the ports that it publishes. "
		       "'coi list --all' shows all of them.",
	.arguments = info_arguments,
	.examples = info_examples,
	.flags = COMMAND_CONFIG | COMMAND_LOOKS,
	.check = info_check,
	.run = info_run,
};
