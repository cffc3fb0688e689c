/* SPDX-License-Identifier: GPL-2.0-or-later */
/* edit and delete: for profiles that lie in a directory. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/profiles.h"
#include "cli/prompts.h"
#include "config/trust-store.h"

/* ---- edit ---- */

static const char *find_editor(void) {
	static const char *const names[] = { "VISUAL", "EDITOR" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *value = getenv(names[i]);

		if (value && value[strspn(value, " \t")])
			return value;
	}
	return "vi";
}

/* The editor is the person's: it runs with no right that the person has not. */
static int run_editor(const struct cli *cli, const char *editor, const char *file,
		      struct err *err) {
	autofree char *script = xasprintf("%s \"$@\"", editor);
	char *argv[] = { (char *)"sh", (char *)"-c", script, (char *)"coi", (char *)file, NULL };
	autostrv char **env = strv_copy(environ);
	struct spawn_spec spec = {
		.path = "/bin/sh",
		.argv = argv,
		.env = env,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
	};
	struct sigaction ignore = { .sa_handler = SIG_IGN }, interrupt, quit;
	int r;

	if (cli->who->via_sudo) {
		spec.uid = cli->who->uid;
		spec.gid = cli->who->gid;
		env_set(&env, "HOME", cli->who->home);
		env_set(&env, "USER", cli->who->user);
		env_set(&env, "LOGNAME", cli->who->user);
		spec.env = env;
	}
	/* Ctrl-C in the editor is for the editor, as with system(3). */
	(void)sigaction(SIGINT, &ignore, &interrupt);
	(void)sigaction(SIGQUIT, &ignore, &quit);
	r = proc_run(&spec, err);
	(void)sigaction(SIGINT, &interrupt, NULL);
	(void)sigaction(SIGQUIT, &quit, NULL);
	if (r > 0)
		return err_set(err, ERR_SYSTEM, -EIO, "the editor '%s' ended with status %d", editor, r);
	return r;
}

/* A link in a project may lead to any file of the person's. */
static int refuse_link(const struct cli *cli, const struct profile_place *place, struct err *err) {
	autofree char *name = xasprintf("%s/config.toml", place->name);
	autoclose int dir = profiles_open(cli, place, err);
	int r = 0;

	if (dir < 0)
		return dir;
	privilege_person_begin(cli->who);

	autoclose int fd = open_beneath(dir, name, O_PATH | O_NOFOLLOW, 0);
	struct stat st;

	if (fd < 0)
		r = fd;
	else if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		r = -ELOOP;
	privilege_person_end(cli->who);
	if (r < 0)
		return err_set(err, ERR_TRUST, r,
			       "'%s' is no regular file of the project; it is not opened", place->file);
	return 0;
}

static int edit_run(struct cli *cli, const void *args, struct err *err) {
	auto_profile_place struct profile_place place = { 0 };
	autostrv char **errors = NULL;
	struct err check_err = { 0 };
	int r = profiles_find(cli, app_word(cli, 0), "edit", &place, err);

	(void)args;
	if (r == 0 && place.is_project)
		r = refuse_link(cli, &place, err);
	if (r == 0)
		r = run_editor(cli, find_editor(), place.file, err);
	if (r < 0)
		return r;
	if (profiles_check(cli, place.file, true, &errors, NULL, &check_err) < 0)
		log_warn("%s", check_err.msg);
	for (char **e = errors; e && *e; e++) {
		size_t len = strcspn(*e, "\t");
		autofree char *pointer = xstrndup(*e, len);
		autofree char *line = xasprintf("%s: %s: %s", place.file, pointer, *e + len + 1);
		autofree char *safe = escape_text(line, 4096);

		log_warn("%s", safe);
	}
	return 0;
}

/* ---- delete ---- */

struct delete_args {
	bool force;
};

/* What was approved of it is approved no more, should one of that name come back. */
static void forget_approval(const struct cli *cli, const char *real) {
	auto_trust_store struct trust_store store = { 0 };
	struct err ignored = { 0 };

	if (trust_store_load(cli->who, cli->who->home, &store, &ignored) < 0 ||
	    !trust_store_remove(&store, real))
		return;
	if (trust_store_save(cli->who, cli->who->home, &store, &ignored) < 0)
		log_warn("%s", ignored.msg);
}

static int delete_run(struct cli *cli, const void *args, struct err *err) {
	const struct delete_args *a = args;
	auto_profile_place struct profile_place place = { 0 };
	autofree char *question = NULL, *real = NULL;
	int r = profiles_find(cli, app_word(cli, 0), "delete", &place, err);

	if (r < 0)
		return r;
	question = xasprintf("Delete '%s/%s/%s' with all that is in it?", place.base, place.below,
			     place.name);
	if (!a->force && !prompt_yes(stderr, question))
		return 0;

	autoclose int dir = profiles_open(cli, &place, err);

	if (dir < 0)
		return dir;
	privilege_person_begin(cli->who);
	real = realpath(place.file, NULL);
	r = tree_remove_at(dir, place.name);
	privilege_person_end(cli->who);
	if (r < 0)
		return err_sys(err, r, "cannot delete '%s/%s/%s'", place.base, place.below, place.name);
	if (real)
		forget_approval(cli, real);
	log_info("Deleted profile '%s'", place.name);
	return 0;
}

static const struct cli_argument name_argument[] = {
	{ "name", ARGUMENT_REQUIRED, COMPLETE_PROFILE, "The profile" },
	{ NULL },
};

static const struct cli_option delete_options[] = {
	{
		.name = "force",
		.letter = 'f',
		CLI_BOOL(struct delete_args, force),
		.help = "Do not ask",
	},
	{ 0 },
};

const struct cli_command cmd_profile_edit = {
	.name = "edit",
	.group = GROUP_OTHER,
	.summary = "open a profile in an editor",
	.description = "The editor is what VISUAL or EDITOR says, which may be several words, else vi. "
		       "Afterwards what is wrong in the file is told.",
	.arguments = name_argument,
	.flags = COMMAND_CONFIG,
	.run = edit_run,
};

const struct cli_command cmd_profile_delete = {
	.name = "delete",
	.group = GROUP_OTHER,
	.summary = "delete a profile's directory",
	.arguments = name_argument,
	.options = delete_options,
	.args_size = sizeof(struct delete_args),
	.flags = COMMAND_CONFIG,
	.run = delete_run,
};
