/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/killed.h"
#include "cli/output.h"
#include "cli/resolve.h"
#include "session/exec.h"

#define CAPTURE_MAX (64 * 1024 * 1024)
#define ID_MAX 2147483646

struct exec_args {
	int user;
	int group;
	char **env;
	const char *cwd;
	const char *format;
	bool capture;
	bool tty;
};

static int exec_check(struct cli *cli, void *args, struct err *err) {
	const struct exec_args *a = args;

	if (a->format && !a->capture)
		return err_set(err, ERR_USAGE, -EINVAL, "'--format' needs '--capture'");
	if (a->tty && a->capture)
		return err_set(err, ERR_USAGE, -EINVAL,
			       "'--tty' and '--capture' exclude each other");
	if (a->cwd && a->cwd[0] != '/')
		return err_set(err, ERR_USAGE, -EINVAL, "'--cwd' wants an absolute path, not '%s'",
			       a->cwd);
	return 0;
}

static int print_captured(const struct buf *out, int status, struct err *err) {
	autofree char *reason = status ? xasprintf("exit status %d", status) : xstrdup("");
	json_t *doc = json_object();

	(void)json_object_set_new(doc, "exit_code", json_integer(status));
	(void)json_object_set_new(doc, "stderr", json_text(reason));
	(void)json_object_set_new(doc, "stdout", json_text(out->data));
	return output_document(doc, err);
}

static int capture(struct cli *cli, const struct container *c, const struct exec_args *a,
		   const struct exec_request *request, struct err *err) {
	autobuf struct buf out;
	int status, r;

	buf_init(&out, CAPTURE_MAX);
	status = exec_capture(cli->session, c, request, &out, NULL, err);
	if (status < 0)
		return status;
	if (out.overflow)
		return err_set(err, ERR_SYSTEM, -EFBIG, "the command printed more than %d MB",
			       CAPTURE_MAX / 1024 / 1024);
	if (!a->format || strcmp(a->format, "json") == 0)
		return print_captured(&out, status, err);
	r = fd_write_all(1, out.data, out.len);
	return r < 0 ? output_lost(r, err) : status;
}

static int exec_command(struct cli *cli, const void *args, struct err *err) {
	const struct exec_args *a = args;
	auto_container struct container *c = NULL;
	autostrv char **env = NULL;
	struct exec_request request = {
		.argv = cli->parsed.words + 1,
		.uid = (uid_t)a->user,
		.gid = a->group >= 0 ? (gid_t)a->group : (gid_t)a->user,
		.cwd = a->cwd,
		.tty = a->tty,
	};
	int r = resolve_name(cli, app_word(cli, 0), &c, err);

	if (r < 0)
		return r;
	/* Without '=' it is no assignment: left out, as coi 0.9 does. */
	for (size_t i = 0; a->env && a->env[i]; i++) {
		if (strchr(a->env[i], '='))
			strv_add(&env, a->env[i]);
	}
	request.env = env;
	r = a->capture ? capture(cli, c, a, &request, err)
		       : exec_run(cli->session, c, &request, err);
	if (r == KILLED_STATUS)
		(void)killed_tell(c);
	if (r == -ESRCH && err->code == r) {
		struct privilege who = container_person(c);

		r = killed_explain(&who, c->name, err);
	}
	return r;
}

static const struct cli_argument exec_arguments[] = {
	{ "name", ARGUMENT_REQUIRED, COMPLETE_RUNNING, "Name of a running container" },
	{ "command", ARGUMENT_REPEATED, COMPLETE_NONE, "Program and its arguments" },
	{ NULL },
};

static const char *const exec_formats[] = { "json", "raw", NULL };

static const struct cli_option exec_options[] = {
	{
		.name = "user",
		CLI_INT(struct exec_args, user, "UID"),
		.int_max = ID_MAX,
		.help = "Run as this user id",
	},
	{
		.name = "group",
		CLI_INT(struct exec_args, group, "GID"),
		.int_default = -1,
		.int_min = -1,
		.int_max = ID_MAX,
		.help = "And this group id; -1 is the number of the user",
	},
	{
		.name = "env",
		CLI_LIST(struct exec_args, env, "NAME=VALUE"),
		.help = "Put this into the environment; may be repeated",
	},
	{
		.name = "cwd",
		CLI_TEXT(struct exec_args, cwd, "DIR"),
		.help = "Directory inside; without it the workspace",
	},
	{
		.name = "tty",
		.letter = 't',
		CLI_BOOL(struct exec_args, tty),
		.help = "Give the command a terminal",
	},
	{
		.name = "capture",
		CLI_BOOL(struct exec_args, capture),
		.help = "Collect the output and print it at the end",
	},
	{
		.name = "format",
		CLI_TEXT(struct exec_args, format, "FORMAT"),
		.help = "With --capture: json has exit_code, stderr and stdout, and coi itself exits "
			"with 0; raw is the output as it came",
		.choices = exec_formats,
	},
	{ 0 },
};

static const struct cli_example exec_examples[] = {
	{ "coi container exec box -- ls -la /", "As root; the exit status is that of ls." },
	{ "coi container exec box --user 1000 -t -- bash", "A terminal as the user code." },
	{ "coi container exec box --capture -- id -un",
	  "JSON: {\"exit_code\": 0, \"stderr\": \"\", \"stdout\": \"root\\n\"}." },
	{ NULL },
};

const struct cli_command cmd_container_exec = {
	.name = "exec",
	.group = GROUP_CONTAINER,
	.summary = "run a command in a running container",
	.description = "Exits with the status of the command (128 + signal number when a signal ended "
		       "it, 127 when it was not found).",
	.arguments = exec_arguments,
	.options = exec_options,
	.examples = exec_examples,
	.args_size = sizeof(struct exec_args),
	.flags = COMMAND_SESSION | COMMAND_INNER,
	.check = exec_check,
	.run = exec_command,
};
