/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/transfer.h"
#include "session/file-transfer.h"

struct file_args {
	bool recursive;
};

/* "CONTAINER:PATH"; the path is made absolute. Both newly allocated. */
static int split(const char *word, char **ret_container, char **ret_path, struct err *err) {
	const char *colon = strchr(word, ':');

	if (!colon || colon == word || !colon[1]) {
		(void)err_set(err, ERR_USAGE, -EINVAL, "'%s' is not CONTAINER:PATH", word);
		return err_hint(err, "'coi container list' shows the names of containers.");
	}
	*ret_container = xstrndup(word, (size_t)(colon - word));
	*ret_path = colon[1] == '/' ? xstrdup(colon + 1) : xasprintf("/%s", colon + 1);
	return 0;
}

static int check_word(struct cli *cli, size_t i, struct err *err) {
	autofree char *container = NULL, *path = NULL;

	return split(app_word(cli, i), &container, &path, err);
}

static void tell(const struct file_result *r, const char *what, const char *from, const char *to) {
	if (r->left_out_links)
		log_warn("%" PRIu64 " symbolic link%s left out", r->left_out_links,
			 r->left_out_links == 1 ? " was" : "s were");
	if (r->left_out_special)
		log_warn("%" PRIu64 " object%s no regular file and left out", r->left_out_special,
			 r->left_out_special == 1 ? " is" : "s are");
	log_info("%s '%s' to '%s' (%" PRIu64 " file%s)", what, from, to, r->files,
		 r->files == 1 ? "" : "s");
}

/* What was refused before anything was moved is a matter of usage. */
static int end(struct cli *cli, int r, const struct err *err) {
	if (r < 0 && err->kind == ERR_USAGE)
		cli->checked = false;
	return r;
}

static int push_check(struct cli *cli, void *args, struct err *err) {
	return check_word(cli, 1, err);
}

static int push_run(struct cli *cli, const void *args, struct err *err) {
	const struct file_args *a = args;
	autofree char *container = NULL, *path = NULL;
	struct file_request request = { .host = app_word(cli, 0), .recursive = a->recursive };
	struct file_result result = { 0 };
	struct transfer t;
	int r = split(app_word(cli, 1), &container, &path, err);

	if (r < 0)
		return r;
	request.container = container;
	request.inside = path;
	transfer_begin(&t, "Pushing");
	request.progress = &t.callback;
	r = file_push(cli->session, &request, &result, err);
	transfer_end(&t);
	if (r == 0)
		tell(&result, "Pushed", request.host, app_word(cli, 1));
	file_result_done(&result);
	return end(cli, r, err);
}

static int pull_check(struct cli *cli, void *args, struct err *err) {
	return check_word(cli, 0, err);
}

static int pull_run(struct cli *cli, const void *args, struct err *err) {
	const struct file_args *a = args;
	autofree char *container = NULL, *path = NULL;
	struct file_request request = { .host = app_word(cli, 1), .recursive = a->recursive };
	struct file_result result = { 0 };
	struct transfer t;
	int r = split(app_word(cli, 0), &container, &path, err);

	if (r < 0)
		return r;
	request.container = container;
	request.inside = path;
	transfer_begin(&t, "Pulling");
	request.progress = &t.callback;
	r = file_pull(cli->session, &request, &result, err);
	transfer_end(&t);
	if (r == 0)
		tell(&result, "Pulled", app_word(cli, 0), result.path);
	file_result_done(&result);
	return end(cli, r, err);
}

static const struct cli_argument push_arguments[] = {
	{ "local", ARGUMENT_REQUIRED, COMPLETE_FILE, "File or directory of the host" },
	{ "container:path", ARGUMENT_REQUIRED, COMPLETE_CONTAINER,
	  "Where it goes; a directory takes it in" },
	{ NULL },
};

static const struct cli_argument pull_arguments[] = {
	{ "container:path", ARGUMENT_REQUIRED, COMPLETE_CONTAINER, "File or directory inside" },
	{ "local", ARGUMENT_REQUIRED, COMPLETE_FILE, "Where it goes; a directory takes it in" },
	{ NULL },
};

static const struct cli_option file_options[] = {
	{
		.name = "recursive",
		.letter = 'r',
		CLI_BOOL(struct file_args, recursive),
		.help = "Directories with all that is in them",
	},
	{ 0 },
};

static const struct cli_example push_examples[] = {
	{ "coi file push notes.md web-1:/home/code/", "Into a directory." },
	{ "coi file push -r tools web-1:/opt/tools", "A tree; what is there is added to." },
	{ NULL },
};

static const struct cli_example pull_examples[] = {
	{ "coi file pull web-1:/etc/hosts .", "One file." },
	{ "coi file pull -r web-1:/home/code/out results", "A tree, as a new directory." },
	{ NULL },
};

static const struct cli_command cmd_file_push = {
	.name = "push",
	.group = GROUP_CONTAINER,
	.summary = "copy files into a container",
	.description = "Running or stopped. Your files are the container user's there, root's are "
		       "root's; modes, times, links and holes are kept. Each file is replaced whole.",
	.arguments = push_arguments,
	.options = file_options,
	.examples = push_examples,
	.args_size = sizeof(struct file_args),
	.flags = COMMAND_SESSION,
	.check = push_check,
	.run = push_run,
};

static const struct cli_command cmd_file_pull = {
	.name = "pull",
	.group = GROUP_CONTAINER,
	.summary = "copy files out of a container",
	.description =
		"Running or stopped. A single file replaces a file of that name; a directory is never "
		"written onto anything, and nothing else is ever removed. Links at the destination are "
		"not followed. Symbolic links and special files in a tree are left out.\n\n"
		"Exits with 2 when it is refused before anything was copied.",
	.arguments = pull_arguments,
	.options = file_options,
	.examples = pull_examples,
	.args_size = sizeof(struct file_args),
	.flags = COMMAND_SESSION,
	.check = pull_check,
	.run = pull_run,
};

static const struct cli_command *const file_children[] = {
	&cmd_file_push,
	&cmd_file_pull,
	NULL,
};

const struct cli_command cmd_file = {
	.name = "file",
	.group = GROUP_CONTAINER,
	.summary = "copy files into containers and out of them",
	.children = file_children,
};
