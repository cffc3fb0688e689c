/* SPDX-License-Identifier: GPL-2.0-or-later */
/* coi tool spec: how an agent is started, for programs that start it themselves. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/killed.h"
#include "cli/output.h"
#include "cli/resolve.h"
#include "cli/resume.h"
#include "session/saved.h"
#include "session/tool/prepare.h"

#define PROMPT_MAX (1 << 20)

struct spec_args {
	const char *container;
	const char *session_id;
	const char *prompt_file;
	const char *system_prompt_file;
	const char *continue_;
	const char *resume_id;
	bool resume_latest;
	bool json;
};

/* One of the saved ones that it may go on with is of the session itself. */
static const char *continued_id(const struct spec_args *a) {
	return !a->continue_ || !strcmp(a->continue_, "auto") ? a->session_id : a->continue_;
}

static int spec_check(struct cli *cli, void *args, struct err *err) {
	const struct spec_args *a = args;
	const char *const ids[] = { a->session_id, continued_id(a), a->resume_id };

	if (!a->container || !*a->container || !a->session_id)
		return err_set(err, ERR_USAGE, -EINVAL, "'--container' and '--session-id' are needed");
	if (cli->parsed.globals.resume) {
		(void)err_set(err, ERR_USAGE, -EINVAL, "'--resume' is not for this command");
		return err_hint(err, "--resume-latest goes on with the last conversation, "
				     "--resume-id ID with a certain one");
	}
	if (!!a->continue_ + !!a->resume_id + a->resume_latest > 1)
		return err_set(err, ERR_USAGE, -EINVAL,
			       "'--continue', '--resume-id' and '--resume-latest' exclude each "
			       "other");
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		if (ids[i] && (saved_id_check(ids[i], err) < 0 || !conversation_id_is_plain(ids[i])))
			return err_set(err, ERR_USAGE, -EINVAL, "'%s' is no session id", ids[i]);
	return 0;
}

/* With the person's rights. */
static int read_text(const struct cli *cli, const char *path, char **ret, struct err *err) {
	struct buf b;
	int r;

	if (!path)
		return 0;
	privilege_person_begin(cli->who);
	r = file_read_at(AT_FDCWD, path, PROMPT_MAX, &b);
	privilege_person_end(cli->who);
	if (r < 0)
		return err_sys(err, r, "cannot read '%s'", path);
	if (strlen(b.data) != b.len) {
		buf_done(&b);
		return err_set(err, ERR_CONFLICT, -EINVAL, "'%s' is no text", path);
	}
	*ret = buf_steal(&b);
	return 0;
}

static json_t *env_object(char *const *env) {
	json_t *j = json_object();

	for (; env && *env; env++) {
		autofree char *name = xstrndup(*env, strcspn(*env, "="));

		(void)json_object_set_new(j, name, json_text(*env + strlen(name) + 1));
	}
	return j;
}

static int print_json(const struct tool_spec *spec, struct err *err) {
	auto_json json_t *j = json_pack("{s:o, s:o}", "command", json_from_strv(spec->words), "env",
					env_object(spec->env));
	int r;

	if (spec->prompt)
		(void)json_object_set_new(j, "prompt", json_text(spec->prompt));
	r = json_print(j, JSON_PRINT_LINE);
	return r < 0 ? output_lost(r, err) : 0;
}

static void print_text(const struct tool_spec *spec) {
	output_line("command:");
	for (char **word = spec->words; *word; word++)
		output_line("  %s", *word);
	if (spec->env)
		output_line("env:");
	for (char **e = spec->env; e && *e; e++)
		output_line("  %s", *e);
	if (spec->prompt)
		output_line("prompt (to be typed in by yourself): %s", spec->prompt);
}

static int make(struct cli *cli, const struct spec_args *a, const struct container *c,
		const struct tool *t, struct tool_spec *ret, struct err *err) {
	auto_saved_session struct saved_session saved = { 0 };
	autofree char *first = NULL, *system = NULL;
	struct tool_spec_request request = {
		.id = a->session_id,
		.how = a->continue_ || a->resume_id || a->resume_latest ? TOOL_RESUME : TOOL_NEW,
		.conversation = a->resume_id,
		.finds = a->continue_ != NULL,
		.window = CONVERSATION_NO_TIME,
		.profile_context = config_profile_context(cli->config),
	};
	struct err none = { 0 };
	int r = read_text(cli, a->prompt_file, &first, err);

	if (r == 0)
		r = read_text(cli, a->system_prompt_file, &system, err);
	if (r < 0)
		return r;
	/* One of ours has its times, whatever the agent calls its conversation. */
	if (a->continue_ && saved_load(cli->who, t->name, continued_id(a), &saved, &none) == 0)
		request.window = resume_window(&saved, false);
	request.window.wanted = continued_id(a);
	request.was_in = saved.container;
	request.first = first;
	request.system = system;
	return tool_spec_make(cli->session, c, t, &request, ret, err);
}

static int spec_run(struct cli *cli, const void *args, struct err *err) {
	const struct spec_args *a = args;
	auto_container struct container *c = NULL;
	auto_tool_spec struct tool_spec spec = { 0 };
	auto_tool struct tool *t = NULL;
	int r = tool_load(cli->settings, NULL, &t, err);

	if (r == 0)
		r = resolve_name(cli, a->container, &c, err);
	if (r == -ENOENT)
		return err_hint(err, "'coi list' shows sessions, 'coi container list' all there are.");
	if (r == 0 && !container_is_running(cli->session, c))
		r = killed_not_running(c, err);
	if (r == 0)
		r = make(cli, a, c, t, &spec, err);
	if (r < 0)
		return r;
	if (a->json)
		return print_json(&spec, err);
	print_text(&spec);
	return 0;
}

static const struct cli_option spec_options[] = {
	{
		.name = "container",
		CLI_TEXT(struct spec_args, container, "NAME"),
		.help = "A container that runs; must be given",
		.complete = COMPLETE_RUNNING,
	},
	{
		.name = "session-id",
		CLI_TEXT(struct spec_args, session_id, "ID"),
		.help = "What the session is to be called: letters, digits and '._-'; must be given",
	},
	{
		.name = "prompt-file",
		CLI_TEXT(struct spec_args, prompt_file, "FILE"),
		.help = "A first question for the agent",
		.complete = COMPLETE_FILE,
	},
	{
		.name = "system-prompt-file",
		CLI_TEXT(struct spec_args, system_prompt_file, "FILE"),
		.help = "More for its system prompt, where it takes that",
		.complete = COMPLETE_FILE,
	},
	{
		.name = "continue",
		CLI_OPTIONAL(struct spec_args, continue_, "ID"),
		.help = "Go on with this session (ID only with '='; else that of --session-id), or "
			"begin it when there is nothing of it",
	},
	{
		.name = "resume-id",
		CLI_TEXT(struct spec_args, resume_id, "ID"),
		.help = "Go on with the agent's conversation of this name, without a look for it",
	},
	{
		.name = "resume-latest",
		CLI_BOOL(struct spec_args, resume_latest),
		.help = "Go on with its last conversation",
	},
	{
		.name = "json",
		CLI_BOOL(struct spec_args, json),
		.help = "One line of JSON: command, env and perhaps prompt",
	},
	{ 0 },
};

static const struct cli_example spec_examples[] = {
	{ "coi tool spec --container web --session-id s1 --prompt-file q.txt --json",
	  "What to run in it." },
	{ NULL },
};

static const struct cli_command cmd_tool_spec = {
	.name = "spec",
	.group = GROUP_SESSION,
	.summary = "print how the configured agent is started in a container",
	.description =
		"For programs that start agents themselves, by 'coi container exec' or in a terminal of "
		"their own. The words of the command are written as a shell wants them: joined by "
		"spaces they are a line for 'sh -c'. Texts lie in files inside (~/.coi/runs, 0600) and "
		"are taken in by \"$(cat FILE)\"; 'prompt' is the file of a question that the agent "
		"cannot be given at its start. The variables are the agent's own ones: keys and "
		"settings of yours are not among them. Nothing is started.",
	.options = spec_options,
	.examples = spec_examples,
	.args_size = sizeof(struct spec_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG,
	.check = spec_check,
	.run = spec_run,
};

static const struct cli_command *const tool_children[] = {
	&cmd_tool_spec,
	NULL,
};

const struct cli_command cmd_tool = {
	.name = "tool",
	.group = GROUP_SESSION,
	.summary = "work with the configured agent itself",
	.children = tool_children,
};
