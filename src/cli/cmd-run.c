/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <unistd.h>

#include "base/escape.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "base/timeline.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/hold.h"
#include "cli/killed.h"
#include "cli/run-prompt.h"
#include "session/env-commands.h"
#include "session/exec.h"
#include "session/launch.h"

/* For the command to end by itself after SIGINT or SIGTERM; its container ends anyway. */
#define GRACE_MS 5000

static int run_in(struct cli *cli, const struct launched *l, char *const *env, struct err *err) {
	const struct exec_request request = {
		.argv = cli->parsed.words,
		.as_code = true,
		.tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
		.session_env = true,
		.env = env,
		.grace_ms = GRACE_MS,
	};
	autofree char *words = strv_join(cli->parsed.words, " "), *line = escape_text(words, 200);
	int status;

	log_info("Executing: %s", line);
	status = exec_run(cli->session, l->container, &request, err);
	if (status == 0)
		log_info("Command completed");
	else if (status > 0)
		log_info("Command exited with code %d", status);
	if (status == KILLED_STATUS)
		(void)killed_tell(l->container);
	return status;
}

static int run_check(struct cli *cli, void *args, struct err *err) {
	return run_prompt_check(cli, args, err);
}

static int run_run(struct cli *cli, const void *args, struct err *err) {
	auto_run_prompt struct run_prompt prompt = { 0 };
	bool has_prompt = run_prompt_wanted(args);
	auto_launched struct launched l = LAUNCHED_INIT;
	bool persistent = cli->settings->container.persistent;
	struct launch_request request = {
		.kind = KIND_RUN,
		.workspace = cli->workspace,
		.slot = cli->parsed.globals.slot,
		.persistent = persistent,
		.delete_on_stop = !persistent,
		.reuse_stopped = persistent,
		.alias = cli->settings->container.alias,
		.profile = cli->parsed.globals.profile,
		.init = -1,
	};
	autostrv char **env = NULL;
	struct err end_err = { 0 };
	sigset_t before;
	int status, r;

	if (has_prompt && run_prompt_load(cli, args, &prompt, err) < 0) {
		/* Told as it is, and 2 as for a wrong command line. */
		return err->kind == ERR_USAGE ? 2 : err->code;
	}
	app_tell_sudo(cli);
	r = env_commands_run(cli->session, &env, err);
	if (r < 0)
		return r;
	/*
	 * From before the container exists until it has ended. A signal that comes between
	 * launch and command, or later, ends us when this is given back; the container's
	 * lease ends with us.
	 */
	hold_begin(&before);
	log_info("Launching container...");
	status = launch(cli->session, &request, &l, err);
	if (status < 0) {
		hold_end(&before);
		return status;
	}
	status = has_prompt ? run_prompt_ask(cli, &prompt, &l, env, GRACE_MS, err) :
			      run_in(cli, &l, env, err);
	timeline_mark(TIMELINE_AGENT, "the command");
	r = launched_finish(cli->session, &l, false, &end_err);
	timeline_mark(TIMELINE_OWN, "end the container");
	hold_end(&before);
	if (status < 0)
		return status;
	if (r < 0) {
		*err = end_err;
		return err_wrap(err, "ending the container");
	}
	return status;
}

static const struct cli_argument run_arguments[] = {
	{ "command", ARGUMENT_ANY, COMPLETE_NONE,
	  "Program and its arguments; started directly, without a shell" },
	{ NULL },
};

static const char *const inits[] = { "auto", "systemd", "coi-init", NULL };

static const char *const formats[] = { "text", "json", NULL };

static const struct cli_option run_options[] = {
	{
		.name = "prompt",
		CLI_TEXT(struct run_args, prompt, "TEXT"),
		.help = "Ask the configured agent this, instead of running a command",
	},
	{
		.name = "prompt-file",
		CLI_TEXT(struct run_args, prompt_file, "FILE"),
		.help = "The same, with the text of a file",
		.complete = COMPLETE_FILE,
	},
	{
		.name = "prompt-name",
		CLI_TEXT(struct run_args, prompt_name, "NAME"),
		.help = "The same, with a text of [prompts] in the settings",
	},
	{
		.name = "format",
		CLI_TEXT(struct run_args, format, "FORMAT"),
		.help = "With a prompt: text as it comes, or json with result, duration_ms, "
			"session_id and files_changed",
		.choices = formats,
	},
	{
		.name = "init",
		.type = OPTION_TEXT,
		.value = "NAME",
		.setting = "container.init",
		.help = "Process 1 of the container; auto is the small coi-init",
		.choices = inits,
	},
	{ 0 },
};

static const struct cli_example run_examples[] = {
	{ "coi run -- make -j4 test", "Flags of the command stand behind '--'." },
	{ "coi run -- sh -c 'npm ci && npm test' < /dev/null", "A line for a shell." },
	{ "coi run --prompt 'Why do the tests fail?'", "A question to the agent; its answer." },
	{ "coi -w ~/src/thing run -- cat README", "Another directory as the workspace." },
	{ NULL },
};

const struct cli_command cmd_run = {
	.name = "run",
	.group = GROUP_SESSION,
	.summary = "run one command in a container of its own",
	.description =
		"Starts a container with the workspace at /workspace, runs the command there as the "
		"user code, and takes the container away again; a persistent one is stopped and "
		"kept. Input and output are passed through, the exit status is the command's.\n\n"
		"With a prompt the configured agent is asked instead, without a terminal, and may do "
		"what it likes in the workspace; the exit status is the agent's.",
	.arguments = run_arguments,
	.options = run_options,
	.args_size = sizeof(struct run_args),
	.check = run_check,
	.examples = run_examples,
	.flags = COMMAND_SESSION | COMMAND_CONFIG | COMMAND_STARTS | COMMAND_INNER,
	.run = run_run,
};
