/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/app.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "base/timeline.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/profiles.h"
#include "cli/timing.h"
#include "cli/version.h"
#include "config/told.h"
#include "session/names.h"
#include "session/session-log.h"

#define HELP_MAX 65536

enum exit_status { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

const char *app_word(const struct cli *cli, size_t i) {
	return i < cli->parsed.word_count ? cli->parsed.words[i] : NULL;
}

int app_flush(struct err *err) {
	errno = 0; /* of an earlier write, or of something else */
	if (fflush(stdout) == EOF || ferror(stdout))
		return output_lost(errno ? -errno : -EIO, err);
	return 0;
}

static void say(const char *line, void *data) {
	const struct cli *cli = data;

	log_info("%s%s", cli->say_prefix ? cli->say_prefix : "", line);
}

/* What is only worth a word is said where it would have had an effect, or to who asks. */
static bool is_worth_it(const struct cli *cli, const struct config_note *note) {
	switch (note->kind) {
	case NOTE_NOTED:
	case NOTE_NOT_ACTED:
	case NOTE_GATED:
		return false;
	case NOTE_REFUSED:
		return cli->parsed.command->flags & COMMAND_EXPLAINS;
	default:
		return note->level != NOTE_INFO;
	}
}

static void print_notes(const struct cli *cli, bool is_strict) {
	size_t count;
	const struct config_note *notes = config_notes(cli->config, &count);

	for (size_t i = 0; i < count; i++)
		if (is_strict || is_worth_it(cli, &notes[i]))
			profiles_tell_note(&notes[i]);
}

static int load(struct cli *cli, struct config_inputs *in, struct err *err) {
	autofree char *cwd = path_absolute(".");
	int r;

	in->person = cli->who;
	in->home = cli->who->home;
	in->cwd = cwd;
	in->workspace = cli->workspace;
	r = config_load(in, &cli->config, err);
	if (r < 0)
		return r;
	cli->settings = config_settings(cli->config);
	timeline_mark(TIMELINE_OWN, "read the settings");
	told_once(cli->config, cli->who);
	print_notes(cli, in->is_strict);
	return 0;
}

int app_load_config(struct cli *cli, bool is_strict, struct err *err) {
	struct config_inputs in = {
		.environment = environ,
		.profile = cli->parsed.globals.profile,
		.overrides = cli->parsed.overrides,
		.override_count = cli->parsed.override_count,
		.is_strict = is_strict,
	};

	return cli->config ? 0 : load(cli, &in, err);
}

int app_load_config_anyhow(struct cli *cli, struct err *ret_wrong, struct err *err) {
	char *const none[] = { NULL };
	struct config_inputs in = { .environment = none };

	return app_load_config(cli, false, ret_wrong) < 0 ? load(cli, &in, err) : 0;
}

int app_open_session(struct cli *cli, struct err *err) {
	int r;

	if (cli->session)
		return 0;
	r = session_open(cli->who, cli->settings, &cli->session, err);
	if (r < 0)
		return r;
	cli->session->say = say;
	cli->session->say_data = cli;
	/* Looking is possible where nothing can be done. */
	return cli->parsed.command->flags & COMMAND_LOOKS
		       ? 0
		       : layout_check_writable(cli->session->layout, err);
}

int app_change_workspace(struct cli *cli, const char *workspace, struct err *err) {
	bool is_strict = (cli->parsed.command->flags & COMMAND_STARTS) != 0;
	struct config *before = cli->config;
	int r;

	if (strcmp(cli->workspace, workspace) == 0 && !cli->alias_profile)
		return 0;
	str_replace(&cli->workspace, workspace);
	cli->config = NULL;
	r = app_load_config(cli, is_strict, err);
	if (r < 0) {
		cli->config = before;
		return r;
	}
	if (cli->session)
		cli->session->settings = cli->settings;
	config_free(before);
	return 0;
}

char *app_identity(const struct cli *cli) {
	return name_identity(cli->settings ? cli->settings->container.session_name : "",
			     cli->workspace);
}

void app_tell_sudo(const struct cli *cli) {
	autostrv char **gone = NULL;
	autofree char *names = NULL;

	if (!cli->who->via_sudo)
		return;
	for (char **name = cli->settings->defaults.forward_env; name && *name; name++) {
		if (!getenv(*name))
			strv_add(&gone, *name);
	}
	if (!gone)
		return;
	names = strv_join(gone, ",");
	log_info("sudo may have removed %s: sudo --preserve-env=%s coi ...", names, names);
}

/* -w, else the working directory, which may have been removed under us. */
static int find_workspace(struct cli *cli, struct err *err) {
	const char *given = cli->parsed.globals.workspace;
	autofree char *cwd = NULL;

	if (given && *given == '/') {
		cli->workspace = path_clean(given);
		return 0;
	}
	cwd = getcwd(NULL, 0);
	if (!cwd && cli->parsed.command->flags & COMMAND_STARTS)
		return err_sys(err, -errno, "cannot find out the working directory");
	cli->workspace = cwd ? path_absolute(given ? given : ".") : xstrdup("/");
	return 0;
}

/* "" when it names none. */
static const char *profile_of_environment(void) {
	const char *name = getenv("COI_PROFILE");

	return name ? name : "";
}

/* Everything that the command's descriptor asks for. */
static int prepare(struct cli *cli, struct err *err) {
	const struct cli_command *c = cli->parsed.command;
	int r;

	cli->json = cli->parsed.format.json ||
		    (cli->parsed.format.format && strcmp(cli->parsed.format.format, "json") == 0);
	if (c->check) {
		r = c->check(cli, cli->parsed.args, err);
		if (r < 0)
			return r;
	}
	cli->checked = true;
	if (!cli->parsed.globals.profile && *profile_of_environment())
		cli->parsed.globals.profile = profile_of_environment();
	if (!(c->flags & (COMMAND_SESSION | COMMAND_CONFIG | COMMAND_PERSON)))
		return 0;
	r = privilege_detect(&cli->who, err);
	if (r < 0)
		return r;
	if (c->flags & COMMAND_SESSION) {
		autofree char *name = cli_parsed_name(&cli->parsed);
		autofree char *what = xasprintf("run '%s'", name);

		r = privilege_need_root(cli->who, what, err);
		if (r < 0)
			return r;
	}
	r = find_workspace(cli, err);
	if (r < 0)
		return r;
	if (c->flags & COMMAND_CONFIG || (cli->parsed.globals.profile && !(c->flags & COMMAND_PERSON))) {
		r = app_load_config(cli, (c->flags & COMMAND_STARTS) != 0, err);
		if (r < 0)
			return r;
	}
	return c->flags & COMMAND_SESSION ? app_open_session(cli, err) : 0;
}

static void print_help(const struct cli_parsed *p) {
	autobuf struct buf b;

	buf_init(&b, HELP_MAX);
	help_full(p->path, p->depth, &b);
	(void)fputs(b.data, stdout);
}

static void print_usage(const struct cli_parsed *p) {
	autobuf struct buf b;

	buf_init(&b, HELP_MAX);
	help_usage(p->path, p->depth, &b);
	(void)fprintf(stderr, "\n%s", b.data);
}

static int dispatch(struct cli *cli, char *const *argv, struct err *err) {
	switch (cli_parse(&cli_root, argv, &cli->parsed, err)) {
	case CLI_HELP:
		print_help(&cli->parsed);
		return EXIT_OK;
	case CLI_VERSION:
		version_print_line();
		return EXIT_OK;
	case CLI_BAD_FLAGS:
		log_error(err);
		err->msg[0] = '\0'; /* told */
		print_usage(&cli->parsed);
		return EXIT_FAILED;
	case CLI_UNKNOWN_COMMAND:
		log_error(err);
		return EXIT_FAILED;
	case CLI_BAD_VALUE:
		return -EINVAL;
	case CLI_RUN:
		break;
	}
	{
		int r = prepare(cli, err);

		return r < 0 ? r : cli->parsed.command->run(cli, cli->parsed.args, err);
	}
}

int app_main(char *const *argv) {
	struct cli cli = { 0 };
	struct err err = { 0 }, write_err = { 0 };
	int status = dispatch(&cli, argv, &err);
	bool is_told = status < 0;

	if (status < 0) {
		bool interrupted = status == -EINTR || status == -ECANCELED;

		if (!err.msg[0])
			err_set(&err, ERR_BUG, status, "failed without a reason");
		/* Who reads only the beginning ("| head") has what they want. */
		if (!output_reader_gone(&err))
			log_error(&err);
		if (cli.session)
			session_log_error(cli.session, &err);
		status = interrupted                               ? EXIT_INTERRUPTED :
			 err.kind == ERR_USAGE && !cli.checked ? EXIT_USAGE :
								 EXIT_FAILED;
	} else if (status > 0 && err.msg[0] && cli.parsed.command->flags & COMMAND_INNER) {
		log_error(&err); /* why the command inside has that status: 127 */
	}
	/* A result that did not arrive is a failure, whatever the command says. */
	if (app_flush(&write_err) < 0 && !is_told) {
		if (!output_reader_gone(&write_err))
			log_error(&write_err);
		if (status == EXIT_OK)
			status = EXIT_FAILED;
	}
	timing_tell(&cli);
	session_close(cli.session);
	config_free(cli.config);
	privilege_free(cli.who);
	free(cli.workspace);
	free(cli.alias_profile);
	cli_parsed_done(&cli.parsed);
	return status;
}
