/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The group, and its short commands: exists, delete, cleanup. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "session/container.h"

#define EXIT_FALSE 1

static int exists_run(struct cli *cli, const void *args, struct err *err) {
	int r = image_exists(cli->session->layout, app_word(cli, 0), err);

	return r < 0 ? r : r ? 0 : EXIT_FALSE;
}

/*
 * Has @image a name besides @alias that somebody gave it? The version alias of a
 * build is its own and goes with it.
 */
static const char *other_name(const struct image_info *image, const char *alias) {
	if (!strv_contains(image->aliases, alias))
		return NULL;
	for (char **a = image->aliases; *a; a++) {
		if (strcmp(*a, alias) != 0 && strcmp(*a, image->version) != 0)
			return *a;
	}
	return NULL;
}

static int delete_run(struct cli *cli, const void *args, struct err *err) {
	struct image_users users = container_image_users(cli->session);
	auto_image_info struct image_info *image = NULL;
	const char *ref = app_word(cli, 0), *other;
	int r = image_find(cli->session->layout, ref, &image, err);

	if (r < 0)
		return r;
	other = other_name(image, ref);
	if (other) {
		r = image_alias_remove(cli->session->layout, ref, err);
		if (r == 0)
			log_info("Alias '%s' is deleted; the image stays, '%s' names it too", ref,
				 other);
		return r;
	}
	r = image_delete(cli->session->layout, ref, &users, err);
	if (r == 0)
		log_info("Image '%s' is deleted", ref);
	return r;
}

struct cleanup_args {
	int keep;
};

static int cleanup_check(struct cli *cli, void *args, struct err *err) {
	const struct cleanup_args *a = args;

	if (a->keep <= 0)
		return err_set(err, ERR_USAGE, -EINVAL,
			       "'--keep' wants a number greater than 0, not %d", a->keep);
	return 0;
}

static void tell(const char *what, char *const *names) {
	for (; names && *names; names++)
		log_info("%s: %s", what, *names);
}

static int cleanup_run(struct cli *cli, const void *args, struct err *err) {
	const struct cleanup_args *a = args;
	struct image_users users = container_image_users(cli->session);
	struct image_cleanup_result result = { 0 };
	int r = image_cleanup(cli->session->layout, app_word(cli, 0), (size_t)a->keep, &users,
			      &result, err);

	if (r < 0)
		return r;
	tell("Deleted", result.deleted);
	tell("Kept", result.kept);
	tell("In use", result.in_use);
	if (!result.deleted && !result.kept && !result.in_use)
		log_info("No image has a version name that begins with '%s'", app_word(cli, 0));
	image_cleanup_result_done(&result);
	return 0;
}

static const struct cli_argument any_image[] = {
	{ "alias", ARGUMENT_REQUIRED, COMPLETE_IMAGE, "Alias, or the beginning of a fingerprint" },
	{ NULL },
};

static const struct cli_argument cleanup_arguments[] = {
	{ "prefix", ARGUMENT_REQUIRED, COMPLETE_IMAGE,
	  "What the aliases begin with, before -YYYYMMDD-HHMMSS" },
	{ NULL },
};

static const struct cli_option cleanup_options[] = {
	{
		.name = "keep",
		CLI_INT(struct cleanup_args, keep, "N"),
		.help = "How many of the newest to keep",
		.flags = OPTION_REQUIRED,
	},
	{ 0 },
};

static const struct cli_example cleanup_examples[] = {
	{ "coi image cleanup coi-default- --keep 3", "Delete all but the three newest builds." },
	{ NULL },
};

static const struct cli_example exists_examples[] = {
	{ "coi image exists coi-default || coi build", "Build it unless it is there." },
	{ NULL },
};

static const struct cli_command cmd_image_exists = {
	.name = "exists",
	.group = GROUP_IMAGE,
	.summary = "exit with 0 when there is such an image, else with 1",
	.arguments = any_image,
	.examples = exists_examples,
	.flags = COMMAND_SESSION,
	.run = exists_run,
};

static const struct cli_command cmd_image_delete = {
	.name = "delete",
	.group = GROUP_IMAGE,
	.summary = "delete an image",
	.description = "By an alias of an image that has others, only the alias goes; by its "
		       "fingerprint, all of it. Refused while a container uses it.",
	.arguments = any_image,
	.flags = COMMAND_SESSION,
	.run = delete_run,
};

static const struct cli_command cmd_image_cleanup = {
	.name = "cleanup",
	.group = GROUP_IMAGE,
	.summary = "delete old versions of an image",
	.arguments = cleanup_arguments,
	.options = cleanup_options,
	.examples = cleanup_examples,
	.args_size = sizeof(struct cleanup_args),
	.flags = COMMAND_SESSION,
	.check = cleanup_check,
	.run = cleanup_run,
};

static const struct cli_command *const image_children[] = {
	&cmd_image_list,
	&cmd_image_info,
	&cmd_image_exists,
	&cmd_image_import,
	&cmd_image_export,
	&cmd_image_publish,
	&cmd_image_verify,
	&cmd_image_delete,
	&cmd_image_cleanup,
	NULL,
};

const struct cli_command cmd_image = {
	.name = "image",
	.group = GROUP_IMAGE,
	.summary = "list, import, export, publish, verify and delete images",
	.children = image_children,
};
