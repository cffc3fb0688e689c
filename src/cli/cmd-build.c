/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/building.h"
#include "cli/commands.h"

struct build_args {
	bool force;
	bool all;
};

#define DEFAULT_RECIPE "coi-default"

static int build_check(struct cli *cli, void *args, struct err *err) {
	const struct build_args *a = args;

	if (a->all && app_word(cli, 0))
		return err_set(err, ERR_USAGE, -EINVAL, "'--all' and a recipe exclude each other");
	return 0;
}

static void tell_built(const char *recipe, const struct build_result *result) {
	const struct image_info *image = result->image;

	if (result->existed) {
		log_info("Image '%s' already exists; --force builds it again", recipe);
		return;
	}
	log_info("Built '%s'", recipe);
	if (image && *image->version)
		log_info("  Version alias: %s", image->version);
	if (image)
		log_info("  Fingerprint:   %s", image->fingerprint);
}

static int build_one(struct cli *cli, const char *recipe, bool force, bool *ret_existed,
		     struct err *err) {
	struct build_result result = { 0 };
	int r = building_run(cli->session, recipe, force, &result, err);

	if (r < 0)
		return err_wrap(err, "building '%s'", recipe);
	tell_built(recipe, &result);
	*ret_existed = result.existed;
	image_info_free(result.image);
	return 0;
}

/* Go on after a failure, tell the sum at the end. */
static int build_all(struct cli *cli, bool force, struct err *err) {
	autostrv char **recipes = build_recipes();
	size_t built = 0, skipped = 0, failed = 0;

	for (char **r = recipes; r && *r; r++) {
		struct err why = { 0 };
		bool existed = false;
		int result = build_one(cli, *r, force, &existed, &why);

		if (result == -EINTR || result == -ECANCELED) {
			*err = why;
			return result;
		}
		if (result < 0)
			log_error(&why);
		failed += result < 0;
		skipped += result == 0 && existed;
		built += result == 0 && !existed;
	}
	log_info("Built: %zu  Skipped: %zu  Failed: %zu", built, skipped, failed);
	return failed ? 1 : 0;
}

/* What the settings' image is built by. */
static int recipe_of_settings(struct cli *cli, const char **ret, struct err *err) {
	const char *image = cli->settings->container.image;

	if (!*image || building_has_recipe(image)) {
		*ret = *image ? image : DEFAULT_RECIPE;
		return 0;
	}
	err_set(err, ERR_MISSING, -ENOENT, "no recipe builds the image '%s'", image);
	return err_hint(err,
			"Name a recipe or its directory: coi build %s. An image from elsewhere comes "
			"in by 'coi image import'.", DEFAULT_RECIPE);
}

static int build_run(struct cli *cli, const void *args, struct err *err) {
	const struct build_args *a = args;
	const char *recipe = app_word(cli, 0);
	bool existed;

	if (a->all)
		return build_all(cli, a->force, err);
	if (!recipe) {
		int r = recipe_of_settings(cli, &recipe, err);

		if (r < 0)
			return r;
	} else if (!strchr(recipe, '/') && !building_has_recipe(recipe)) {
		autostrv char **recipes = build_recipes();
		autofree char *all = strv_join(recipes, ", ");

		err_set(err, ERR_MISSING, -ENOENT, "no recipe '%s'", recipe);
		return err_hint(err, "There are: %s. A directory is written with a slash: ./%s",
				all, recipe);
	}
	return build_one(cli, recipe, a->force, &existed, err);
}

static const struct cli_argument build_arguments[] = {
	{ "recipe", ARGUMENT_OPTIONAL, COMPLETE_RECIPE,
	  "Name of a recipe, or a directory with a slash in it; without it the one that makes the "
	  "configured image" },
	{ NULL },
};

static const char *const build_compressions[] = { "none", "gzip", "xz", "zstd", NULL };

static const struct cli_option build_options[] = {
	{
		.name = "force",
		.letter = 'f',
		CLI_BOOL(struct build_args, force),
		.help = "Build it also when it is there",
	},
	{
		.name = "all",
		.letter = 'a',
		CLI_BOOL(struct build_args, all),
		.help = "Build all recipes of this installation, go on after a failure",
	},
	{
		.name = "compression",
		.type = OPTION_TEXT,
		.value = "NAME",
		.setting = "container.build.compression",
		.help = "Taken for scripts; images are kept unpacked and nothing is done",
		.choices = build_compressions,
	},
	{ 0 },
};

static const struct cli_example build_examples[] = {
	{ "coi build", "The default image, once; takes some minutes." },
	{ "coi build --force coi-slim", "A smaller one, again." },
	{ NULL },
};

const struct cli_command cmd_build = {
	.name = "build",
	.group = GROUP_IMAGE,
	.summary = "build an image",
	.description =
		"Base system and programs come from packages that are fetched on this machine; the "
		"recipe's script then runs as root in a container without a network. The old image "
		"stays until 'coi image cleanup'.",
	.arguments = build_arguments,
	.options = build_options,
	.examples = build_examples,
	.args_size = sizeof(struct build_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG | COMMAND_STARTS,
	.check = build_check,
	.run = build_run,
};
