/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/profiles.h"
#include "config/show.h"

#define SKELETON_MAX 4096
#define MAIN_FILE "default" /* not a profile: the person's or the project's config.toml */

struct create_args {
	const char *inherits;
	bool user;
	bool project;
	bool full;
};

static int create_check(struct cli *cli, void *args, struct err *err) {
	const struct create_args *a = args;
	const char *name = app_word(cli, 0);

	if (a->user && a->project)
		return err_set(err, ERR_USAGE, -EINVAL, "--user and --project exclude each other");
	if (!profile_name_is_valid(name)) {
		(void)err_set(err, ERR_USAGE, -EINVAL, "'%s' is no name for a profile", name);
		return err_hint(err, "a letter or digit, then letters, digits and . _ -, at most 64");
	}
	if (a->full && (a->inherits || cli->parsed.override_count))
		return err_set(err, ERR_USAGE, -EINVAL,
			       "'--full' makes a file of comments: '%s' makes no sense with it",
			       a->inherits ? "--inherits" : cli->parsed.overrides[0].flag);
	if (strcmp(name, MAIN_FILE) == 0 && a->inherits)
		return err_set(err, ERR_USAGE, -EINVAL,
			       "'default' is what all others are based on: --inherits makes no sense");
	if (strcmp(name, MAIN_FILE) == 0 && cli->parsed.override_count)
		return err_set(err, ERR_USAGE, -EINVAL,
			       "'default' is made with all keys as comments: '%s' makes no sense",
			       cli->parsed.overrides[0].flag);
	return 0;
}

/* Is there a .coi of the project, which is not the person's own? */
static bool has_project_dir(const struct cli *cli, const char *cwd) {
	autofree char *mine = path_join(cli->who->home, ".coi");
	autofree char *path = path_join(cwd, ".coi");
	struct stat st, home;
	bool has;

	privilege_person_begin(cli->who);
	has = lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
	      (stat(mine, &home) < 0 || home.st_dev != st.st_dev || home.st_ino != st.st_ino);
	privilege_person_end(cli->who);
	return has;
}

/* @below of the home or of the project, made as needed; in a project no link is followed. */
static int open_made(const struct cli *cli, bool is_project, const char *base, const char *below,
		     struct err *err) {
	autofree char *path = path_join(base, below);
	int fd;

	privilege_person_begin(cli->who);
	if (is_project) {
		autoclose int dir = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		fd = dir < 0 ? -errno : open_mkdir_beneath(dir, below, 0755);
	} else {
		int r = mkdir_parents(path, 0700);

		fd = r < 0 ? r : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd == -1)
			fd = -errno;
	}
	privilege_person_end(cli->who);
	return fd < 0 ? err_sys(err, fd, "cannot make '%s'", path) : fd;
}

static int write_file(const struct cli *cli, bool is_project, const char *base, const char *below,
		      const char *text, struct err *err) {
	autoclose int dir = open_made(cli, is_project, base, below, err);
	int r;

	if (dir < 0)
		return dir;
	r = profiles_write_new(cli, dir, "config.toml", text);
	if (r == -EEXIST)
		return err_set(err, ERR_CONFLICT, r,
			       "'%s/%s/config.toml' is there already and is left as it is", base, below);
	if (r < 0)
		return err_sys(err, r, "cannot write '%s/%s/config.toml'", base, below);
	log_info("Created %s/%s/config.toml", base, below);
	return 0;
}

static char *skeleton(const struct cli *cli, const char *name, const char *parent) {
	const char *image = NULL, *persistent = NULL;
	struct buf b;
	char *text;

	for (size_t i = 0; i < cli->parsed.override_count; i++) {
		const struct config_override *o = &cli->parsed.overrides[i];

		if (strcmp(o->path, "container.image") == 0)
			image = o->text;
		else if (strcmp(o->path, "container.persistent") == 0)
			persistent = o->text;
	}
	buf_init(&b, SKELETON_MAX);
	buf_addf(&b, "# Profile of coi, for 'coi --profile %s'.\n"
		     "# 'coi schema profile' has all keys, 'coi profile info %s' shows what counts.\n",
		 name, name);
	/* The name and the image have been found to have nothing in them that needs quoting. */
	if (parent)
		buf_addf(&b, "\ninherits = \"%s\"\n", parent);
	else
		buf_adds(&b, "\n# inherits = \"default\"\n");
	buf_adds(&b, "# context = \"context.md\"\n\n[container]\n");
	buf_addf(&b, image ? "image = \"%s\"\n" : "# image = \"%s\"\n", image ? image : "coi-default");
	buf_addf(&b, persistent ? "persistent = %s\n" : "# persistent = %s\n",
		 persistent ? persistent : "false");
	buf_adds(&b, "\n# [environment]\n# NAME = \"value\"\n"
		     "\n# [limits.memory]\n# limit = \"4GiB\"\n");
	text = buf_steal(&b);
	buf_done(&b);
	return text;
}

/* What is there already, and whether the parent is. */
static int look_around(const struct cli *cli, const char *cwd, const struct create_args *a,
		       bool is_project, struct err *err) {
	struct config_inputs in = profiles_inputs(cli, cwd);
	const char *name = app_word(cli, 0);
	struct profile_entry *entries;
	bool has_parent = !a->inherits;
	size_t count;
	int r = 0;

	profile_list(&in, &entries, &count);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct profile_entry *e = &entries[i];

		has_parent |= a->inherits && strcmp(e->name, a->inherits) == 0;
		/* A project's profile is in nobody's way but the project's. */
		if (strcmp(e->name, name) != 0 || (e->is_project && !is_project))
			continue;
		r = err_set(err, ERR_CONFLICT, -EEXIST, "there is a profile '%s' already: %s", name,
			    e->file ? e->file : "it is built in");
	}
	if (r == 0 && !has_parent) {
		(void)err_set(err, ERR_MISSING, -ENOENT, "there is no profile '%s' to inherit from",
			      a->inherits);
		r = err_hint(err, "coi profile list shows those that are there");
	}
	profile_list_free(entries, count);
	return r;
}

static int create_run(struct cli *cli, const void *args, struct err *err) {
	const struct create_args *a = args;
	const char *name = app_word(cli, 0);
	autofree char *cwd = path_absolute(".");
	autofree char *text = NULL, *below = NULL;
	bool is_main = strcmp(name, MAIN_FILE) == 0;
	bool is_project = a->project || (!is_main && !a->user && has_project_dir(cli, cwd));
	const char *base = is_project ? cwd : cli->who->home;
	int r;

	if (is_main) {
		text = config_starter(false);
		return write_file(cli, is_project, base, ".coi", text, err);
	}
	r = look_around(cli, cwd, a, is_project, err);
	if (r < 0)
		return r;
	text = a->full ? config_starter(true) : skeleton(cli, name, a->inherits);
	below = xasprintf(".coi/profiles/%s", name);
	return write_file(cli, is_project, base, below, text, err);
}

static const struct cli_option create_options[] = {
	{
		.name = "inherits",
		CLI_TEXT(struct create_args, inherits, "NAME"),
		.help = "Profile that the new one is based on",
		.complete = COMPLETE_PROFILE,
	},
	{
		.name = "user",
		CLI_BOOL(struct create_args, user),
		.help = "Make it below ~/.coi, also where the project has a .coi",
	},
	{
		.name = "project",
		CLI_BOOL(struct create_args, project),
		.help = "Make it below .coi of the current directory",
	},
	{
		.name = "full",
		CLI_BOOL(struct create_args, full),
		.help = "Write every key into it, explained, as a comment",
	},
	{ 0 },
};

static const struct cli_argument create_arguments[] = {
	{ "name", ARGUMENT_REQUIRED, COMPLETE_NONE, "What it is called" },
	{ NULL },
};

static const struct cli_example create_examples[] = {
	{ "coi profile create default", "A ~/.coi/config.toml with every key as a comment." },
	{ "coi profile create rust --inherits hardened --image rust", "A profile to start from." },
	{ NULL },
};

const struct cli_command cmd_profile_create = {
	.name = "create",
	.group = GROUP_OTHER,
	.summary = "make a profile, or the main settings file",
	.description =
		"Makes NAME/config.toml below .coi/profiles of the current directory when that has a "
		".coi, else below ~/.coi/profiles. --image and --persistent are written into it. The "
		"name 'default' makes the main settings file with every key explained: "
		"~/.coi/config.toml, or with --project .coi/config.toml. Nothing is ever overwritten.",
	.arguments = create_arguments,
	.options = create_options,
	.examples = create_examples,
	.args_size = sizeof(struct create_args),
	.flags = COMMAND_CONFIG,
	.check = create_check,
	.run = create_run,
};
