/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "base/timeline.h"
#include "cli/aliases.h"
#include "cli/app.h"
#include "cli/building.h"
#include "cli/commands.h"
#include "cli/hold.h"
#include "cli/prompts.h"
#include "cli/resolve.h"
#include "cli/resume.h"
#include "cli/session-end.h"
#include "cli/session-show.h"
#include "cli/shell-plan.h"
#include "cli/timing.h"
#include "session/env-commands.h"
#include "session/launch.h"
#include "session/lifecycle.h"
#include "session/saved.h"
#include "session/tmux.h"
#include "session/tool/prepare.h"

struct shell_args {
	const char *container;
	bool debug;
	bool background;
	bool dry_run;
};

/* Which session it is: a new one, or one that goes on. */
struct shell_session {
	struct saved_session saved; /* of a resumed one */
	bool is_resumed;
	char id[64 + 1];
};

static int check_terminal(const struct shell_mode *mode, struct err *err) {
	if (!mode->tmux || mode->background || (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)))
		return 0;
	err_set(err, ERR_SYSTEM, -ENOTTY, "an interactive session needs a terminal");
	return err_hint(err, "Without one: coi shell --background, or coi run -- COMMAND.");
}

/* 1: go on, 0: the person does not want to. */
static int ensure_image(struct cli *cli, struct err *err) {
	const char *image = cli->settings->container.image;
	autofree char *question = NULL, *script = NULL;
	struct build_result result = { 0 };
	struct building what;
	int r = image_exists(cli->session->layout, image, err);

	/* That it is missing is told by the launch, with what to do. */
	if (r != 0 || !prompt_is_possible() ||
	    (!building_has_recipe(image) && !*cli->settings->container.build.script &&
	     !cli->settings->container.build.commands))
		return r < 0 ? r : 1;
	question = xasprintf("The image '%s' has not been built yet. Build it now?", image);
	if (!prompt_yes(stderr, question))
		return 0;
	r = building_of_settings(cli, &what, &script, err);
	if (r == 0)
		r = building_run(cli->session, &what, &result, err);
	image_info_free(result.image);
	return r < 0 ? err_wrap(err, "building '%s'", image) : 1;
}

/* @c, which becomes @l's, started when it is stopped. */
static int enter(struct cli *cli, struct container *c, struct launched *l, struct err *err) {
	autofree char *name = xstrdup(c->name);

	l->container = c;
	if (container_is_running(cli->session, c)) {
		l->reused = l->was_running = true;
		return 0;
	}
	container_free(steal_ptr(l->container));
	return launch_start(cli->session, name, l, err);
}

/* The container that --container names. */
static int enter_named(struct cli *cli, const char *name, struct launched *l, struct err *err) {
	struct container *c = NULL;
	int r = resolve_name(cli, name, &c, err);

	if (r == -ENOENT) {
		r = err_set(err, ERR_MISSING, r, "no container '%s'", name);
		return err_hint(err, "'coi list' shows sessions, 'coi container list' all there are.");
	}
	return r < 0 ? r : enter(cli, c, l, err);
}

/* A stopped one of the workspace was started again: its home is as it was left. */
static int begin_in_reused(struct cli *cli, const struct launch_request *request,
			   struct launched *l, struct err *err) {
	const struct container like = {
		.session_id = (char *)request->session_id,
		.tool = (char *)request->tool,
		.profile = (char *)(request->profile ? request->profile : ""),
		.state_paths = (char **)request->state_paths,
	};
	autofree char *name = xstrdup(l->container->name);
	int r = lifecycle_set_session(cli->session, name, &like, err);

	if (r < 0)
		return r;
	container_free(steal_ptr(l->container));
	r = container_load(cli->session, name, &l->container, err);
	if (r == 0 && saved_begin(l->container, err) < 0)
		log_warn("%s", err->msg);
	return r;
}

static int launch_new(struct cli *cli, const struct tool *tool,
		      const struct shell_session *session, struct launched *l, struct err *err) {
	bool persistent = cli->settings->container.persistent || session->saved.persistent;
	const struct launch_request request = {
		.kind = KIND_SHELL,
		.workspace = cli->workspace,
		.slot = cli->parsed.globals.slot,
		.persistent = persistent,
		.delete_on_stop = !persistent,
		.reuse_stopped = persistent,
		.alias = cli->settings->container.alias,
		.init = -1,
		.session_id = session->id,
		.tool = tool->name,
		.profile = cli->parsed.globals.profile,
		.state_paths = tool->saved,
	};
	int r;

	/* Before anything is made: an alias that is taken must not cost a container. */
	if (*request.alias) {
		r = alias_register(cli->who, request.alias, cli->workspace,
				   cli->parsed.globals.profile, err);
		if (r < 0)
			return r;
	}
	r = launch(cli->session, &request, l, err);
	if (r < 0)
		return r;
	if (l->reused)
		return begin_in_reused(cli, &request, l, err);
	if (session->is_resumed) {
		r = saved_restore(l->container, session->id, err);
		if (r < 0)
			log_warn("%s", err->msg);
		else
			session_say(cli->session, "Restored session %s", session->id);
	}
	if (saved_begin(l->container, err) < 0)
		log_warn("%s", err->msg);
	return 0;
}

/*
 * The tool's own end is no failure: 1 is what an agent ends with when its
 * person quits, 130 is ^C, and 137 and 143 are the container powering off.
 */
static bool is_usual_end(int status) {
	static const int usual[] = { 0, 1, 130, 137, 143 };

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		if (status == usual[i])
			return true;
	}
	return false;
}

/* What the pane is to run; a session that goes on only hears what is new. */
static int prepare(struct cli *cli, const struct shell_args *a, const struct tool *tool,
		   const struct shell_session *session, const struct launched *l,
		   const struct shell_mode *mode, char *const *env, struct tool_prepared *ret,
		   struct err *err) {
	const struct tool_request request = { .how = session->is_resumed ? TOOL_RESUME : TOOL_NEW,
					      .id = session->id,
					      .window = resume_window(&session->saved, l->reused),
					      .was_in = session->saved.container,
					      .is_certain = session->is_resumed &&
							    resume_is_certain(cli),
					      .is_known = l->reused,
					      .is_shell = a->debug,
					      .profile_context = config_profile_context(cli->config),
					      .environment = env };
	int r = mode->tmux && l->reused ? tmux_exists(cli->session, l->container, err) : 0;

	if (r < 0)
		return r;
	if (r > 0 && !mode->background)
		return tool_refresh(cli->session, l->container, tool, &request, err);
	return tool_prepare(cli->session, l->container, tool, &request, ret, err);
}

/* The container in which the session is to be: 1, or 0 when the person does not want to. */
static int find_container(struct cli *cli, const struct shell_args *a, const struct tool *tool,
			  const struct shell_session *session, struct launched *l,
			  struct err *err) {
	struct container *own = NULL;
	int r = session->is_resumed ? resume_container(cli, &session->saved, &own, err) : 0;

	if (r < 0)
		return r;
	if (own) {
		session_say(cli->session, "Session %s is still in container '%s'", session->id,
			    own->name);
		r = enter(cli, own, l, err);
	} else if (a->container) {
		r = enter_named(cli, a->container, l, err);
	} else {
		r = ensure_image(cli, err);
		if (r == 0)
			return 0;
		if (r > 0 && !a->debug)
			r = tool_check_image(cli->session, tool, cli->settings->container.image, err);
		if (r >= 0)
			r = launch_new(cli, tool, session, l, err);
	}
	return r < 0 ? r : 1;
}

static int choose_session(struct cli *cli, struct shell_session *ret, struct err *err) {
	int r = 0;

	if (!resume_wanted(cli)) {
		saved_id_new(ret->id);
		return 0;
	}
	r = resume_find(cli, &ret->saved, err);
	if (r < 0)
		return r;
	ret->is_resumed = true;
	(void)snprintf(ret->id, sizeof(ret->id), "%s", ret->saved.id);
	return 0;
}

/*
 * What was made for a session that did not come to be goes again; one that was
 * there before is as it was.
 */
static void undo_start(struct cli *cli, const struct launched *l) {
	struct err ignored = { 0 };

	if (l->container && !l->reused)
		(void)lifecycle_remove(cli->session, l->container->name, 0, &ignored);
}

/* Everything up to the tool in its session: 1, or 0 when the person does not want to. */
static int begin_session(struct cli *cli, const struct shell_args *a,
			 const struct shell_session *session, struct launched *l,
			 struct tool_prepared *prepared, struct shell_mode *mode, struct tool **tool,
			 struct err *err) {
	autostrv char **env = NULL;
	int r;

	mode->background = a->background && mode->tmux;
	r = tool_load(cli->settings, NULL, tool, err);
	if (r == 0)
		r = check_terminal(mode, err);
	if (r < 0)
		return r;
	mode->tool = a->debug ? "bash (debug)" : (*tool)->name;
	app_tell_sudo(cli);
	/* Before there is anything: a failure costs nothing. */
	r = env_commands_run(cli->session, &env, err);
	if (r < 0)
		return r;
	cli->say_prefix = "[setup] ";
	r = find_container(cli, a, *tool, session, l, err);
	if (r > 0 && prepare(cli, a, *tool, session, l, mode, env, prepared, err) < 0)
		r = err->code;
	timeline_mark(TIMELINE_OWN, "put the agent's files in place");
	if (r > 0 && mode->tmux)
		r = session_begin(cli, l->container, mode, prepared->argv, prepared->env, err) < 0
			    ? err->code
			    : r;
	timeline_mark(TIMELINE_OWN, "start the session");
	cli->say_prefix = NULL;
	if (r > 0 && hold_is_interrupted())
		r = err_set(err, ERR_SYSTEM, -EINTR, "interrupted");
	return r;
}

static int start_session(struct cli *cli, const struct shell_args *a,
			 const struct shell_session *session, struct err *err) {
	auto_launched struct launched l = LAUNCHED_INIT;
	auto_tool_prepared struct tool_prepared prepared = { 0 };
	struct shell_mode mode = { .tmux = cli->settings->shell.use_tmux };
	auto_tool struct tool *tool = NULL;
	bool is_asked = false;
	sigset_t before;
	int r;

	hold_begin(&before);
	r = begin_session(cli, a, session, &l, &prepared, &mode, &tool, err);
	if (r < 0)
		undo_start(cli, &l);
	hold_end(&before);
	if (r <= 0)
		return r;
	if (mode.tmux) {
		timing_watch_agent(cli, l.container);
		timing_tell(cli);
	}
	r = session_show(cli, l.container, &mode, prepared.argv, prepared.env, &is_asked, err);
	/* What this command has begun it ends in order; what was there goes on. */
	if (is_asked && !l.was_running)
		session_end(cli, l.container);
	if (!mode.background)
		session_end_tell(cli, l.container);
	if (r < 0)
		return r;
	return is_usual_end(r) ? 0 : 1;
}

static int shell_start(struct cli *cli, const struct shell_args *a, struct err *err) {
	struct shell_session session = { .is_resumed = false };
	int r = choose_session(cli, &session, err);

	if (r == 0 && a->dry_run)
		r = shell_plan_print(cli, session.is_resumed ? &session.saved : NULL, err);
	else if (r == 0)
		r = start_session(cli, a, &session, err);
	saved_session_done(&session.saved);
	return r;
}

static int shell_check(struct cli *cli, void *args, struct err *err) {
	const struct shell_args *a = args;

	if (app_word(cli, 0) && a->container)
		return err_set(err, ERR_USAGE, -EINVAL,
			       "an alias and '--container' exclude each other");
	if (resume_wanted(cli) && a->container)
		return err_set(err, ERR_USAGE, -EINVAL,
			       "'--resume' and '--container' exclude each other");
	return resume_check(cli, err);
}

/* The workspace of the container that carries the alias, and its slot. */
static int apply_container(struct cli *cli, const char *word, struct err *err) {
	auto_container struct container *c = NULL;
	int r = resolve_container(cli, word, 0, &c, err);

	if (r < 0)
		return r;
	if (!c->workspace || !*c->workspace)
		return err_set(err, ERR_MISSING, -ENOENT, "container '%s' has no workspace",
			       c->name);
	if (!c->alias || strcmp(word, c->alias) != 0)
		cli->parsed.globals.slot = c->slot;
	return app_change_workspace(cli, c->workspace, err);
}

/* As it was registered, else the project here when it is called that, else a container's. */
static int apply_alias(struct cli *cli, const char *word, struct err *err) {
	auto_alias struct alias_entry entry = { 0 };
	int r = alias_find(cli->who, word, &entry, err);

	if (r < 0)
		return r;
	if (r == 0)
		return strcmp(word, cli->settings->container.alias) == 0 ?
			       0 :
			       apply_container(cli, word, err);
	if (entry.slot)
		cli->parsed.globals.slot = entry.slot;
	if (*entry.profile && !cli->parsed.globals.profile)
		cli->parsed.globals.profile = cli->alias_profile = steal_ptr(entry.profile);
	return app_change_workspace(cli, entry.workspace, err);
}

static int shell_run(struct cli *cli, const void *args, struct err *err) {
	const struct shell_args *a = args;
	int r = 0;

	if (app_word(cli, 0))
		r = apply_alias(cli, app_word(cli, 0), err);
	return r < 0 ? r : shell_start(cli, a, err);
}

int shell_run_default(struct cli *cli, const void *args, struct err *err) {
	static const struct shell_args none;
	int r = resume_check(cli, err);

	return r < 0 ? r : shell_start(cli, &none, err);
}

static const struct cli_argument shell_arguments[] = {
	{ "alias", ARGUMENT_OPTIONAL, COMPLETE_CONTAINER,
	  "A container's alias, with -SLOT or without: its workspace is used, from anywhere" },
	{ NULL },
};

static const struct cli_option shell_options[] = {
	{
		.name = "background",
		CLI_BOOL(struct shell_args, background),
		.help = "Start the session and return; only with tmux",
	},
	{
		.name = "dry-run",
		CLI_BOOL(struct shell_args, dry_run),
		.help = "Only say what would be done",
	},
	{
		.name = "debug",
		CLI_BOOL(struct shell_args, debug),
		.help = "Run bash instead of the tool",
	},
	{
		.name = "container",
		CLI_TEXT(struct shell_args, container, "NAME"),
		.help = "Enter this container as it is; a stopped one is started",
		.complete = COMPLETE_CONTAINER,
	},
	{
		.name = "tmux",
		.type = OPTION_BOOL,
		.setting = "shell.use_tmux",
		.help = "Run the tool in a tmux session, which one can leave and come back to",
	},
	{
		.name = "tool",
		.type = OPTION_TEXT,
		.value = "NAME",
		.setting = "tool.name",
		.help = "Which agent to run: claude, codex, omp, opencode, pi, or one of the settings",
		.complete = COMPLETE_TOOL,
	},
	{ 0 },
};

static const struct cli_example shell_examples[] = {
	{ "coi shell", "The configured agent, with the current directory as its workspace." },
	{ "coi shell --debug", "A plain shell in such a container." },
	{ "coi shell --resume", "Goes on with the session that was saved last in this directory." },
	{ "coi shell --background --slot 2", "A second one, without a terminal." },
	{ NULL },
};

const struct cli_command cmd_shell = {
	.name = "shell",
	.group = GROUP_SESSION,
	.summary = "start an agent in a container that holds the workspace",
	.description =
		"Starts a container with the workspace at /workspace and the agent in a tmux session "
		"in it, and attaches to that. When the agent ends a shell takes its place.\n\n"
		"Leave with Ctrl-b d or 'exit': the container goes on running, and 'coi attach' "
		"brings you back. 'poweroff' inside ends it: an ephemeral container is deleted, a "
		"persistent one kept.",
	.arguments = shell_arguments,
	.options = shell_options,
	.examples = shell_examples,
	.args_size = sizeof(struct shell_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG | COMMAND_STARTS | COMMAND_RESUMES,
	.check = shell_check,
	.run = shell_run,
};
