/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/session-show.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "session/exec.h"
#include "session/names.h"
#include "session/tmux.h"

static void print_banner(const struct container *c, const struct shell_mode *mode) {
	autofree char *place = escape_text(c->workspace ? c->workspace : "", PATH_MAX);

	log_info("\n  Session:   %s", *c->session_id ? c->session_id : "(none is kept)");
	log_info("  Container: %s%s", c->name, c->persistent ? " (persistent)" : "");
	if (*place)
		log_info("  Workspace: %s", place);
	log_info("  Tool:      %s", mode->tool);
	log_info("  Mode:      %s\n", !mode->tmux           ? "Direct (no tmux)" :
				      mode->background ? "Background (tmux)" :
							 "Interactive (tmux)");
}

/* Into the shell that a session falls back to. */
static int type_command(struct cli *cli, const struct container *c, char *const *argv,
			struct err *err) {
	autofree char *line = strv_to_shell(argv);

	return tmux_send(cli->session, c, line, err);
}

int session_begin(struct cli *cli, const struct container *c, const struct shell_mode *mode,
		  char *const *argv, char *const *env, struct err *err) {
	int r = tmux_exists(cli->session, c, err);

	if (r < 0)
		return r;
	if (r == 0)
		return tmux_start(cli->session, c, argv, env, err);
	return mode->background ? type_command(cli, c, argv, err) : 0;
}

static int in_tmux(struct cli *cli, const struct container *c, const struct shell_mode *mode,
		   bool *ret_asked, struct err *err) {
	autofree char *session = name_tmux_session(c->name);

	if (!mode->background)
		return tmux_attach(cli->session, c, ret_asked, err);
	log_info("Session '%s' runs in the background.\n"
		 "  coi attach %s               go into it\n"
		 "  coi tmux capture %s         see its screen\n"
		 "  coi tmux send %s 'TEXT'     type into it",
		 session, c->name, c->name, c->name);
	return 0;
}

static int directly(struct cli *cli, const struct container *c, char *const *argv,
		    char *const *env, bool *ret_asked, struct err *err) {
	const struct exec_request request = {
		.argv = argv,
		.as_code = true,
		.tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
		.session_env = true,
		.env = env,
		.ret_asked = ret_asked,
	};

	return exec_run(cli->session, c, &request, err);
}

int session_show(struct cli *cli, const struct container *c, const struct shell_mode *mode,
		 char *const *argv, char *const *env, bool *ret_asked, struct err *err) {
	print_banner(c, mode);
	return mode->tmux ? in_tmux(cli, c, mode, ret_asked, err) :
			    directly(cli, c, argv, env, ret_asked, err);
}
