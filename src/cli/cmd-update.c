/* SPDX-License-Identifier: GPL-2.0-or-later */
/* update, and update core: another release of the program in place of this one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/build.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/prompts.h"
#include "cli/update.h"
#include "update/core.h"

#define DAY (24 * 60 * 60)
#define OLD_DAYS 90 /* a list of which is told that it is old */

struct update_args {
	bool check;
	bool dry_run;
	bool force;
	bool rollback;
	const char *version;
};

/* What is to be done, once it is known. */
struct update {
	const struct update_args *args;
	const char *url;	/* borrowed, of the directory with releases */
	char *installed;	/* the version that is run from now on */
	int64_t made;		/* of the list */
	const struct release *target;
};

/* ---- whose it is ---- */

/* The lines that update what a package manager has installed. */
static const struct {
	const char *manager, *line;
} package_lines[] = {
	{ "dpkg", "sudo apt-get update && sudo apt-get install --only-upgrade" },
	{ "rpm", "sudo dnf upgrade" },
	{ "apk", "sudo apk upgrade" },
	{ "opkg", "opkg update && opkg upgrade" },
};

/* An error that says what to run instead; 0 for a place that is ours. */
static int check_owner(const struct site *p, struct err *err) {
	const char *line = "";

	switch (p->kind) {
	case SITE_RELEASE:
		return 0;
	case SITE_BUILD:
		(void)err_set(err, ERR_CONFLICT, -EPERM, "'%s' is in its build tree, which is no place "
			      "for releases", p->program);
		return err_hint(err, "update the source and run make there");
	case SITE_PACKAGE:
		for (size_t i = 0; i < ARRAY_SIZE(package_lines); i++)
			if (strcmp(package_lines[i].manager, p->manager) == 0)
				line = package_lines[i].line;
		(void)err_set(err, ERR_CONFLICT, -EPERM, "'%s' belongs to package '%s' (%s), which "
			      "updates it", p->program, p->package, p->manager);
		return err_hint(err, "run: %s %s", line, p->package);
	case SITE_INSTALLED:
		(void)err_set(err, ERR_CONFLICT, -EPERM, "'%s' is no release that coi can update: "
			      "somebody installed it, as 'make install' does", p->program);
		return err_hint(err, "update its source and run there: make && sudo make install");
	}
	return err_set(err, ERR_BUG, -EINVAL, "a place of an unknown kind");
}

/* A build of somebody's own: 1 when that was said. */
static int tell_early(const struct site *p, const struct update_args *a) {
	if (a->force || (p->kind != SITE_BUILD && !version_is_early(build.version)))
		return 0;
	output_line("coi v%s is a development build ('%s'), and stays as it is.", build.version,
		    p->program);
	if (p->kind == SITE_BUILD)
		output_line("To update it, update its source and run make.");
	else
		output_line("To replace it by the latest release: coi update core --force");
	return 1;
}

/* ---- which ---- */

static int choose(struct update *u, const struct release_index *index, struct err *err) {
	const char *version = u->args->version ? version_bare(u->args->version) : index->latest;

	u->target = index_find(index, version);
	if (u->target)
		return 0;
	(void)err_set(err, ERR_MISSING, -ENOENT, "there is no release %s for %s", version, build.arch);
	return err_hint(err, "the latest one is %s", index->latest);
}

/* Who holds new lists back cannot be told from a project at rest, but by people. */
static void tell_age(int64_t made) {
	int64_t days = ((int64_t)time(NULL) - made) / DAY;
	autofree char *date = index_date(made);

	if (days >= OLD_DAYS)
		output_line("The list of releases was made at %s, %lld days ago: has there been no "
			    "release since?", date, (long long)days);
}

/* Is there anything to do? 0: no, and that was said. */
static int is_wanted(const struct update *u, struct err *err) {
	int order = version_compare(u->target->version, u->installed);

	/*
	 * The same and older ones only by their name: a timer may say --force every night, and
	 * who shows it an old list is not to have it go back. A development build has no place
	 * in that order.
	 */
	if (order > 0 || (u->args->force && (u->args->version || version_is_early(u->installed))))
		return 1;
	if (order == 0) {
		output_line(u->args->version ? "coi v%s is what is installed." :
					       "coi v%s is the latest release.", u->installed);
		tell_age(u->made);
		return 0;
	}
	if (!u->args->version) {
		output_line("coi v%s is newer than the latest release, v%s.", u->installed,
			    u->target->version);
		return 0;
	}
	(void)err_set(err, ERR_CONFLICT, -EEXIST, "coi v%s is older than v%s, which is installed",
		      u->target->version, u->installed);
	return err_hint(err, "an older one may have holes that are closed since; --force installs it "
			     "all the same");
}

/* ---- doing it ---- */

static int on_progress(uint64_t done, uint64_t total, void *data) {
	progress_update(data, done, NULL);
	return 0;
}

static int install(const struct site *p, const struct update *u, struct err *err) {
	autofree char *what = xasprintf("Fetching coi v%s", u->target->version);
	struct progress *progress = progress_begin(what, u->target->size);
	const struct core_order order = { .site = p, .url = u->url, .from = u->installed,
					  .release = u->target, .made = u->made,
					  .progress = on_progress, .data = progress };
	int r = core_install(&order, err);

	progress_end(progress, NULL);
	if (r < 0)
		return r;
	output_line("coi v%s is installed, v%s is kept beside it.", u->target->version, u->installed);
	output_line("Containers that run go on with the version that they were started with, images "
		    "stay as they are.");
	output_line("To go back: %s update core --rollback", p->command);
	return 0;
}

static void tell_plan(const struct site *p, const struct update *u) {
	output_line("Would fetch %s (%llu bytes, SHA-256 %s) from %s,", u->target->file,
		    (unsigned long long)u->target->size, u->target->sha256, u->url);
	output_line("unpack it to %s/releases/%s and switch %s/current from v%s to it.", p->dir,
		    u->target->version, p->dir, u->installed);
}

/* Who may not write here, or meets another update, has lost nothing. */
static void note_list(const struct site *p, int64_t made) {
	struct err ignored = { 0 };
	autoclose int lock = p->kind == SITE_RELEASE ? site_lock(p, &ignored) : -1;

	if (lock >= 0)
		(void)site_note_list(p, made, &ignored);
}

static int update_to(const struct site *p, struct update *u, struct err *err) {
	autofree char *question = xasprintf("Update coi from v%s to v%s?", u->installed,
					    u->target->version);
	int r = is_wanted(u, err);

	if (r == 0 && !u->args->check && !u->args->dry_run)
		note_list(p, u->made);
	if (r <= 0)
		return r;
	if (u->args->check) {
		output_line("coi v%s is installed, v%s is there.", u->installed, u->target->version);
		if (check_owner(p, err) == 0)
			output_line("To install it: %s update core", p->command);
		else
			output_line("To get it, %s", err->hint);
		*err = (struct err){ 0 };
		return 0;
	}
	if (u->args->dry_run) {
		tell_plan(p, u);
		return 0;
	}
	r = site_check_writable(p, "update core", err);
	if (r < 0)
		return r;
	if (!u->args->force && !prompt_yes(stdout, question))
		return 0;
	return install(p, u, err);
}

static int roll_back(const struct site *p, const struct update_args *a, struct err *err) {
	autofree char *current = site_link(p, "current"), *previous = site_link(p, "previous");
	autofree char *question = NULL;
	autoclose int lock = -1;
	int r;

	if (!current || !previous || strcmp(current, previous) == 0 ||
	    faccessat(p->releases, previous, F_OK, 0) < 0)
		return err_set(err, ERR_MISSING, -ENOENT, "no release before v%s is kept in '%s'",
			       current ? current : build.version, p->dir);
	if (a->dry_run) {
		output_line("Would switch %s/current from v%s back to v%s.", p->dir, current, previous);
		return 0;
	}
	r = site_check_writable(p, "update core --rollback", err);
	if (r < 0)
		return r;
	question = xasprintf("Go back from v%s to v%s?", current, previous);
	if (!a->force && !prompt_yes(stdout, question))
		return 0;
	lock = site_lock(p, err);
	r = lock < 0 ? lock : site_switch_back(p, current, previous, err);
	if (r < 0)
		return r;
	output_line("coi v%s is back, v%s is kept beside it.", previous, current);
	return 0;
}

static int fetch_list(const struct site *p, struct update *u, struct release_index *index,
		      struct err *err) {
	int r = core_index(u->url, index, err);

	u->made = index->made;
	return r < 0 ? r : site_check_list(p, index->made, err);
}

static int update_site(struct cli *cli, const struct site *p, const struct update_args *a,
			struct err *err) {
	auto_index struct release_index index = { 0 };
	struct err wrong = { 0 };
	struct update u = { .args = a };
	autofree char *installed = NULL;
	int r;

	if (tell_early(p, a))
		return 0;
	/* A check is of use to who gets it elsewhere too. */
	r = a->check ? 0 : check_owner(p, err);
	if (r < 0)
		return r;
	if (a->rollback)
		return roll_back(p, a, err);
	/* Settings that are wrong do not keep a version away that may understand them. */
	r = app_load_config_anyhow(cli, &wrong, err);
	if (r == 0)
		r = core_check(cli->settings->update.url, &u.url, err);
	if (r == 0)
		r = fetch_list(p, &u, &index, err);
	if (r == 0)
		r = choose(&u, &index, err);
	if (r < 0)
		return r;
	installed = p->kind == SITE_RELEASE ? site_link(p, "current") : NULL;
	if (!installed)
		installed = xstrdup(build.version);
	u.installed = installed;
	return update_to(p, &u, err);
}

static int core_run(struct cli *cli, const void *args, struct err *err) {
	auto_site struct site p = { .fd = -1, .releases = -1 };
	int r = site_find(&p, err);

	return r < 0 ? r : update_site(cli, &p, args, err);
}

static int core_args_check(struct cli *cli, void *args, struct err *err) {
	const struct update_args *a = args;

	if (a->rollback && (a->check || a->version))
		return err_set(err, ERR_USAGE, -EINVAL, "'--rollback' goes with neither '--check' nor "
			       "'--version'");
	if (a->version && !version_is(version_bare(a->version)))
		return err_set(err, ERR_USAGE, -EINVAL, "'%.60s' is no version: that looks like v1.2.3",
			       a->version);
	return 0;
}

/* ---- all of it ---- */

static int update_program(struct cli *cli, const void *args, struct err *err) {
	auto_site struct site p = { .fd = -1, .releases = -1 };
	int r = site_find(&p, err);

	if (r < 0)
		return r;
	/* Who else updates the program has been told; that is no failure of the rest. */
	if (p.kind != SITE_BUILD && check_owner(&p, err) < 0) {
		output_line("%s.", err->msg);
		output_line("To update it, %s", err->hint);
		*err = (struct err){ 0 };
		return 0;
	}
	return update_site(cli, &p, args, err);
}

static int update_rules(struct cli *cli, struct err *err) {
	int r = app_load_config(cli, false, err);

	return r < 0 ? r : update_patterns(cli, false, err);
}

static int update_run(struct cli *cli, const void *args, struct err *err) {
	struct err program = { 0 };

	if (update_program(cli, args, &program) == 0)
		return update_rules(cli, err);
	/* One does not depend on the other. */
	if (update_rules(cli, err) < 0)
		log_warn("%s", err->msg);
	*err = program;
	return err->code;
}

static const struct cli_option core_options[] = {
	{ .name = "check", CLI_BOOL(struct update_args, check),
	  .help = "Only say whether there is a newer release" },
	{ .name = "dry-run", CLI_BOOL(struct update_args, dry_run),
	  .help = "Say what would be done" },
	{ .name = "force", .letter = 'f', CLI_BOOL(struct update_args, force),
	  .help = "Do not ask; with --version, also an older one" },
	{ .name = "rollback", CLI_BOOL(struct update_args, rollback),
	  .help = "Go back to the release before, which is kept" },
	{ .name = "version", CLI_TEXT(struct update_args, version, "TAG"),
	  .help = "This release instead of the latest", .flags = OPTION_HIDDEN },
	{ .name = NULL },
};

static const struct cli_option update_options[] = {
	{ .name = "force", .letter = 'f', CLI_BOOL(struct update_args, force),
	  .help = "Do not ask" },
	{ .name = NULL },
};

static const struct cli_example core_examples[] = {
	{ "coi update core --check", "Is there a newer one?" },
	{ "sudo coi update core", "Ask, then install it." },
	{ "sudo coi update core --rollback", "The one before again." },
	{ NULL },
};

static const struct cli_command update_core = {
	.name = "core",
	.group = GROUP_OTHER,
	.summary = "replace the program by the latest release",
	.description =
		"The list of releases comes from the directory that update.url names, by https; it "
		"has to be signed with the key that this build was made with, and the archive has "
		"to have the SHA-256 of the list. It is unpacked beside the release that is there, "
		"and when it starts here, one link is switched. The one before is kept. Containers "
		"that run go on with the version that they were started with.\n\n"
		"A list that is older than one that was seen here is refused: who shows it holds "
		"back what was mended since. So is one that has expired, where it says when it "
		"does. The same goes for install.sh.\n\n"
		"A coi that a package manager or 'make install' has brought is left to those; "
		"then this says what to run.",
	.options = core_options,
	.examples = core_examples,
	.args_size = sizeof(struct update_args),
	.flags = COMMAND_PERSON,
	.check = core_args_check,
	.run = core_run,
};

static const struct cli_command *const update_children[] = { &update_core, &cmd_update_patterns,
	                                                    NULL };

static const struct cli_example update_examples[] = {
	{ "sudo coi update", "Asks before it replaces anything." },
	{ NULL },
};

const struct cli_command cmd_update = {
	.name = "update",
	.group = GROUP_OTHER,
	.summary = "update the program and the rules that watch",
	.description = "As 'coi update core', then 'coi update patterns'. A program that a package "
		       "manager or 'make install' has brought is left to those.",
	.options = update_options,
	.examples = update_examples,
	.children = update_children,
	.args_size = sizeof(struct update_args),
	.flags = COMMAND_PERSON,
	.run = update_run,
};
