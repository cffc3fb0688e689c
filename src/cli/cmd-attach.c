/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/killed.h"
#include "cli/output.h"
#include "cli/resolve.h"
#include "cli/session-end.h"
#include "session/exec.h"
#include "session/names.h"
#include "session/tmux.h"

struct attach_args {
	bool bash;
};

static int attach_tmux(struct cli *cli, const struct container *c, struct err *err) {
	int r = tmux_exists(cli->session, c, err);

	if (r > 0) {
		r = tmux_attach(cli->session, c, NULL, err);
		session_end_tell(cli, c);
	} else {
		if (r < 0)
			log_warn("%s", err->msg);
		log_info("No tmux session in '%s'; a shell in it: coi attach --bash %s", c->name,
			 c->name);
		return 0;
	}
	if (r < 0)
		return r;
	if (r > 0 && r != 130 && r != 137 && r != 143)
		log_info("tmux ended with status %d; a shell without it: coi attach --bash %s", r,
			 c->name);
	return 0;
}

static int attach_bash(struct cli *cli, const struct container *c, struct err *err) {
	static char *const bash[] = { (char *)"bash", NULL };
	const struct exec_request request = {
		.argv = bash,
		.as_code = true,
		.tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
		.session_env = true,
	};
	int r = exec_run(cli->session, c, &request, err);

	return r == 130 || r == 137 || r == 143 ? 0 : r;
}

static int enter(struct cli *cli, const struct attach_args *a, const struct container *c,
		 struct err *err) {
	if (!a->bash && !(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))) {
		err_set(err, ERR_SYSTEM, -ENOTTY, "attaching needs a terminal");
		return err_hint(err, "Without one: coi tmux capture, coi tmux send.");
	}
	output_line("Attaching to %s", c->name);
	(void)fflush(stdout);
	return a->bash ? attach_bash(cli, c, err) : attach_tmux(cli, c, err);
}

static int attach_slot(struct cli *cli, const struct attach_args *a, struct err *err) {
	autofree char *identity = app_identity(cli);
	autofree char *name = name_for(cli->session->prefix, identity, cli->parsed.globals.slot);
	auto_container struct container *c = NULL;
	int r = resolve_container(cli, name, RESOLVE_RUNNING, &c, err);

	return r < 0 ? r : enter(cli, a, c, err);
}

static void print_choice(const struct cli *cli, const struct container_list *list) {
	size_t number = 0;

	output_line("Active sessions:");
	for (size_t i = 0; i < list->count; i++) {
		const struct container *c = list->items[i];
		autofree char *place = escape_text(c->workspace ? c->workspace : "", PATH_MAX);

		if (!container_is_running(cli->session, c))
			continue;
		output_line("  %zu. %s%s%s", ++number, c->name, *place ? "  " : "", place);
	}
	output_line("Use 'coi attach NAME' to choose one.");
}

static void print_none(struct cli *cli) {
	autofree char *was = NULL, *killed = killed_text_here(cli, &was);

	output_line("No active sessions");
	if (killed)
		output_line("%s: %s", was, killed);
}

/* The only one that runs, else nothing but a list. */
static int attach_any(struct cli *cli, const struct attach_args *a, struct err *err) {
	auto_container_list struct container_list list = { 0 };
	size_t running = 0, last = 0;
	int r = container_list_load(cli->session, 0, &list, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list.count; i++) {
		if (container_is_running(cli->session, list.items[i])) {
			last = i;
			running++;
		}
	}
	if (running == 1)
		return enter(cli, a, list.items[last], err);
	if (running == 0)
		print_none(cli);
	else
		print_choice(cli, &list);
	return 0;
}

static int attach_run_command(struct cli *cli, const void *args, struct err *err) {
	const struct attach_args *a = args;
	auto_container struct container *c = NULL;
	int r;

	if (!app_word(cli, 0))
		return cli->parsed.globals.slot ? attach_slot(cli, a, err) :
						  attach_any(cli, a, err);
	r = resolve_container(cli, app_word(cli, 0), RESOLVE_RUNNING, &c, err);
	return r < 0 ? r : enter(cli, a, c, err);
}

static int attach_check(struct cli *cli, void *args, struct err *err) {
	if (app_word(cli, 0) && cli->parsed.globals.slot)
		return err_set(err, ERR_USAGE, -EINVAL, "a name and '--slot' exclude each other");
	return 0;
}

static const struct cli_argument attach_arguments[] = {
	{ "name", ARGUMENT_OPTIONAL, COMPLETE_RUNNING,
	  "A running container, by name or alias; not needed when only one runs" },
	{ NULL },
};

static const struct cli_option attach_options[] = {
	{
		.name = "bash",
		CLI_BOOL(struct attach_args, bash),
		.help = "A new shell in the container instead of its tmux session",
	},
	{ 0 },
};

static const struct cli_example attach_examples[] = {
	{ "coi attach", "The session that runs; a list when there are several." },
	{ "coi attach --slot 2", "The second one of this directory." },
	{ NULL },
};

const struct cli_command cmd_attach = {
	.name = "attach",
	.group = GROUP_SESSION,
	.summary = "go back into a running session",
	.description = "Ctrl-b d leaves it again; it goes on running.",
	.arguments = attach_arguments,
	.options = attach_options,
	.examples = attach_examples,
	.args_size = sizeof(struct attach_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG,
	.check = attach_check,
	.run = attach_run_command,
};
