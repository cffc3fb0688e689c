/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/building.h"
#include "cli/commands.h"
#include "cli/profiles.h"

struct build_args {
	bool force;
	bool all;
};

static int build_check(struct cli *cli, void *args, struct err *err) {
	const struct build_args *a = args;

	if (a->all && app_word(cli, 0))
		return err_set(err, ERR_USAGE, -EINVAL, "'--all' and a recipe exclude each other");
	if (a->all && cli->parsed.globals.profile)
		return err_set(err, ERR_USAGE, -EINVAL, "'--all' and '--profile' exclude each other");
	return 0;
}

static void tell_built(const char *name, const struct build_result *result) {
	const struct image_info *image = result->image;

	if (result->existed) {
		log_info("Image '%s' already exists; --force builds it again", name);
		return;
	}
	log_info("Built '%s'", name);
	if (image && *image->version)
		log_info("  Version alias: %s", image->version);
	if (image)
		log_info("  Fingerprint:   %s", image->fingerprint);
}

static int build_one(struct cli *cli, const struct building *what, bool *ret_existed,
		     struct err *err) {
	const char *name = what->recipe ? what->recipe : cli->settings->container.image;
	struct build_result result = { 0 };
	int r = building_run(cli->session, what, &result, err);

	if (r < 0)
		return err_wrap(err, "building '%s'", name);
	tell_built(name, &result);
	*ret_existed = result.existed;
	image_info_free(result.image);
	return 0;
}

static int build_settings(struct cli *cli, bool force, bool *ret_existed, struct err *err) {
	autofree char *script = NULL;
	struct building what;
	int r = building_of_settings(cli, &what, &script, err);

	if (r < 0)
		return r;
	what.force = force;
	return build_one(cli, &what, ret_existed, err);
}

/* ---- --all ---- */

/* 1: it says how to build its image, 0: it does not, or may not yet (said). */
static int profile_builds(const struct cli *cli, const char *name, struct err *err) {
	autofree char *cwd = path_absolute(".");
	struct config_inputs in = profiles_inputs(cli, cwd);
	auto_config struct config *c = NULL;
	const struct config_gated *gated;
	size_t count;
	int r;

	in.profile = name;
	in.is_profile_alone = true;
	r = config_load(&in, &c, err);
	if (r < 0)
		return r;
	gated = config_gated(c, &count);
	for (size_t i = 0; i < count; i++) {
		if (gated[i].is_approved || strncmp(gated[i].key, "container.build.", 16) != 0)
			continue;
		log_warn("profile '%s' is left out: its [container.build] waits for 'coi --profile %s "
			 "trust'", name, name);
		return 0;
	}
	return config_is_set(c, "container.build.script") ||
	       config_is_set(c, "container.build.commands");
}

/* With the settings that hold under that profile: 1, or 0 when it builds nothing. */
static int build_profile(struct cli *cli, const char *name, bool force, bool *ret_existed,
			 struct err *err) {
	struct config *before = cli->config;
	const char *profile_before = cli->parsed.globals.profile;
	int r = profile_builds(cli, name, err);

	if (r <= 0)
		return r;
	cli->config = NULL;
	cli->parsed.globals.profile = name;
	r = app_load_config(cli, true, err);
	if (r == 0) {
		cli->session->settings = cli->settings;
		r = build_settings(cli, force, ret_existed, err);
		config_free(cli->config);
	}
	cli->config = before;
	cli->settings = config_settings(before);
	cli->session->settings = cli->settings;
	cli->parsed.globals.profile = profile_before;
	return r < 0 ? err_wrap(err, "profile '%s'", name) : 1;
}

struct build_sum {
	size_t built, skipped, failed;
};

/* False when the person has had enough. */
static bool add_up(struct build_sum *sum, int r, bool existed, const struct err *why) {
	if (r == -EINTR || r == -ECANCELED)
		return false;
	if (r < 0)
		log_error(why);
	sum->failed += r < 0;
	sum->skipped += r >= 0 && existed;
	sum->built += r >= 0 && !existed;
	return true;
}

/* The settings' image and that of each profile; go on after a failure, tell the sum at the end. */
static int build_all(struct cli *cli, bool force, struct err *err) {
	autostrv char **profiles = profiles_names();
	struct build_sum sum = { 0 };
	struct err why = { 0 };
	bool existed = false;
	int r = build_settings(cli, force, &existed, &why);
	bool goes_on = add_up(&sum, r, existed, &why);

	for (char **name = profiles; goes_on && name && *name; name++) {
		why = (struct err){ 0 };
		r = build_profile(cli, *name, force, &existed, &why);
		if (r != 0)
			goes_on = add_up(&sum, r, existed, &why);
	}
	if (!goes_on) {
		*err = why;
		return r;
	}
	log_info("Built: %zu  Skipped: %zu  Failed: %zu", sum.built, sum.skipped, sum.failed);
	return sum.failed ? 1 : 0;
}

static int build_run(struct cli *cli, const void *args, struct err *err) {
	const struct build_args *a = args;
	struct building what = { .recipe = app_word(cli, 0), .force = a->force };
	bool existed;

	if (a->all)
		return build_all(cli, a->force, err);
	if (!what.recipe)
		return build_settings(cli, a->force, &existed, err);
	if (!strchr(what.recipe, '/') && !building_has_recipe(what.recipe)) {
		autostrv char **recipes = build_recipes();
		autofree char *all = strv_join(recipes, ", ");

		err_set(err, ERR_MISSING, -ENOENT, "no recipe '%s'", what.recipe);
		return err_hint(err, "There are: %s. A directory is written with a slash: ./%s",
				all, what.recipe);
	}
	return build_one(cli, &what, &existed, err);
}

static const struct cli_argument build_arguments[] = {
	{ "recipe", ARGUMENT_OPTIONAL, COMPLETE_RECIPE,
	  "Name of a recipe, or a directory with a slash in it; without it the image of the settings "
	  "is built, by its recipe or by [container.build]" },
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
		.help = "Build the image of the settings and that of each profile with a "
			"[container.build], go on after a failure",
	},
	{
		.name = "compression",
		.type = OPTION_TEXT,
		.value = "NAME",
		.setting = "container.build.compression",
		.help = "Compression of exports, as the setting; images are kept unpacked here",
		.choices = build_compressions,
	},
	{ 0 },
};

static const struct cli_example build_examples[] = {
	{ "coi build", "The default image, once; takes some minutes." },
	{ "coi build --force coi-slim", "A smaller one, again." },
	{ "coi build coi-podman", "The default image with podman." },
	{ "coi build --profile rust", "The image that the profile names, as it says." },
	{ NULL },
};

const struct cli_command cmd_build = {
	.name = "build",
	.group = GROUP_IMAGE,
	.summary = "build an image",
	.description =
		"Base system and programs come from packages that are fetched on this machine; the "
		"recipe's script then runs as root in a container without a network. The old image "
		"stays until 'coi image cleanup'. coi-docker and coi-podman stand on coi-default, "
		"which must be there.\n\n"
		"An image of one's own: container.image names it, and [container.build] says by a "
		"script or commands what is to be done as root in a container of its base, "
		"coi-default where none is named. That container has no network either: what is "
		"needed from outside is brought along in the script, or in an image that is "
		"imported as the base.",
	.arguments = build_arguments,
	.options = build_options,
	.examples = build_examples,
	.args_size = sizeof(struct build_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG | COMMAND_STARTS,
	.check = build_check,
	.run = build_run,
};
