/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/pool.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/profiles.h"
#include "cli/prompts.h"
#include "session/saved.h"
#include "session/lifecycle.h"
#include "session/repair.h"
#include "session/storage.h"

struct clean_args {
	bool sessions;
	bool orphans;
	bool pools;
	bool all;
	bool force;
	bool dry_run;
};

/* What one stage of a clean-up has found; true: go on and remove it. */
static bool may_remove(const struct clean_args *a, const char *title, char *const *lines,
		       const char *question) {
	output_line("%s", title);
	for (; *lines; lines++)
		output_line("  %s", *lines);
	if (a->dry_run)
		return false;
	if (a->force)
		return true;
	return prompt_yes(stdout, question);
}

/* What became of what was to go; the others go all the same. */
struct tally {
	size_t done, failed;
};

/* A stage returns 0, -errno, or this: the person said no. */
#define STAGE_CANCELLED (-ECANCELED)

static int no_or_dry(const struct clean_args *a) {
	return a->dry_run ? 0 : STAGE_CANCELLED;
}

static void delete_all(struct cli *cli, char *const *names, bool by_force, struct tally *t) {
	for (; *names; names++) {
		struct err why = { 0 };

		if (lifecycle_delete(cli->session, *names, by_force, &why) == 0) {
			t->done++;
			continue;
		}
		log_warn("%s%s%s", why.msg, *why.hint ? "; " : "", why.hint);
		t->failed++;
	}
}

static int clean_stopped(struct cli *cli, const struct clean_args *a, struct tally *t,
			 struct err *err) {
	auto_container_list struct container_list list = { 0 };
	autostrv char **names = NULL;
	int r = container_list_load(cli->session, 0, &list, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list.count; i++) {
		if (list.items[i]->state == STATE_STOPPED)
			strv_add(&names, list.items[i]->name);
	}
	if (!names)
		return 0;
	if (!may_remove(a, "Stopped containers:", names, "Delete them?"))
		return no_or_dry(a);
	/* Not by force: one that was started meanwhile stays. */
	delete_all(cli, names, false, t);
	return 0;
}

static int clean_sessions(struct cli *cli, const struct clean_args *a, struct tally *t,
			  struct err *err) {
	const char *tool = cli->settings->tool.name;
	auto_saved_list struct saved_list saved = { 0 };
	autostrv char **lines = NULL;
	autofree char *title = xasprintf("Saved sessions of '%s':", tool);
	int r = saved_list_load(cli->who, tool, &saved, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < saved.count; i++)
		strv_addf(&lines, "%s  %s", saved.items[i].id, saved.items[i].workspace);
	if (!lines)
		return 0;
	if (!may_remove(a, title, lines, "Remove them for good?"))
		return no_or_dry(a);
	for (size_t i = 0; i < saved.count; i++) {
		r = saved_remove(cli->who, tool, saved.items[i].id, err);
		if (r < 0)
			return r;
		t->done++;
	}
	return 0;
}

static void collect(const char *what, void *data) {
	strv_add(data, what);
}

static int clean_orphans(struct cli *cli, const struct clean_args *a, struct tally *t,
			 struct err *err) {
	autostrv char **found = NULL;
	int r = repair_all(cli->session, true, collect, &found, err);

	if (r < 0)
		return r;
	if (!found)
		return 0;
	if (!may_remove(a, "Left by what crashed:", found, "Put it right?"))
		return no_or_dry(a);
	r = repair_all(cli->session, false, NULL, NULL, err);
	t->done += r > 0 ? (size_t)r : 0;
	return r < 0 ? r : 0;
}

/*
 * Which pools do settings and profiles name that are seen from here? One that
 * cannot be read may name any, so then it is not known.
 */
static int pools_in_use(const struct cli *cli, char ***ret, struct err *err) {
	autofree char *cwd = path_absolute(".");
	struct config_inputs in = profiles_inputs(cli, cwd);
	struct profile_entry *entries;
	size_t count;
	int r = 0;

	strv_add(ret, POOL_DEFAULT);
	if (*cli->settings->container.storage_pool)
		strv_add(ret, cli->settings->container.storage_pool);
	profile_list(&in, &entries, &count);
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct config *c = NULL;

		r = profiles_load_alone(cli, entries[i].name, &c, err);
		if (r < 0)
			(void)err_wrap(err, "which pool profile '%s' uses is not known",
				       entries[i].name);
		else if (config_is_set(c, "container.storage_pool"))
			strv_add(ret, config_settings(c)->container.storage_pool);
		config_free(c);
	}
	profile_list_free(entries, count);
	return r;
}

static int clean_pools(struct cli *cli, const struct clean_args *a, struct tally *t,
		       struct err *err) {
	auto_container_list struct container_list list = { 0 };
	autostrv char **used = NULL, **names = NULL, **lines = NULL;
	int r = pools_in_use(cli, &used, err);

	if (r == 0)
		r = container_list_load(cli->session, 0, &list, err);
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		const struct container *c = list.items[i];
		struct err why = { 0 };

		if (strv_contains(used, c->pool))
			continue;
		if (storage_check_pool(cli->session, c, &why) < 0) {
			log_warn("container '%s' stays: %s", c->name, why.msg);
			continue;
		}
		strv_add(&names, c->name);
		strv_addf(&lines, "%s  (pool %s, %s)", c->name, c->pool,
			  container_status(cli->session, c));
	}
	if (r < 0 || !names)
		return r;
	if (!may_remove(a, "WARNING: these containers are in storage pools that no settings and no "
			   "profile seen from here names.\nAnother project may still use them. They "
			   "are stopped and deleted with all their files:", lines,
			"Stop and delete them?"))
		return no_or_dry(a);
	delete_all(cli, names, true, t);
	return 0;
}

static int clean_run(struct cli *cli, const void *args, struct err *err) {
	const struct clean_args *a = args;
	const struct {
		bool wanted;
		int (*fn)(struct cli *cli, const struct clean_args *a, struct tally *t,
			  struct err *err);
	} stages[] = {
		{ a->all || !(a->sessions || a->orphans || a->pools), clean_stopped },
		{ a->all || a->sessions, clean_sessions },
		{ a->all || a->orphans, clean_orphans },
		{ a->all || a->pools, clean_pools },
	};
	struct tally t = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
		int r = stages[i].wanted ? stages[i].fn(cli, a, &t, err) : 0;

		if (r == STAGE_CANCELLED && !t.failed)
			return 0;
		if (r == STAGE_CANCELLED)
			break;
		if (r < 0)
			return r;
	}
	if (a->dry_run)
		output_line("Dry run: nothing was changed.");
	else if (t.done)
		output_line("✓ Cleaned %zu item%s", t.done, t.done == 1 ? "" : "s");
	else if (!t.failed)
		output_line("Nothing to clean.");
	if (!t.failed)
		return 0;
	return err_set(err, ERR_SYSTEM, -EIO, "%zu container%s could not be removed", t.failed,
		       t.failed == 1 ? "" : "s");
}

static const struct cli_option clean_options[] = {
	{
		.name = "all",
		.letter = 'a',
		CLI_BOOL(struct clean_args, all),
		.help = "All of what is below, and stopped containers",
	},
	{
		.name = "sessions",
		CLI_BOOL(struct clean_args, sessions),
		.help = "Saved sessions of the configured tool (~/.coi/sessions-TOOL)",
	},
	{
		.name = "orphans",
		CLI_BOOL(struct clean_args, orphans),
		.help = "What a crash left: links, rules, cgroups, directories; never a container",
	},
	{
		.name = "pools",
		CLI_BOOL(struct clean_args, pools),
		.help = "Containers in storage pools that no settings or profile here names",
	},
	{
		.name = "force",
		.letter = 'f',
		CLI_BOOL(struct clean_args, force),
		.help = "Do not ask",
	},
	{
		.name = "dry-run",
		CLI_BOOL(struct clean_args, dry_run),
		.help = "Only say what would be removed",
	},
	{ 0 },
};

static const struct cli_example clean_examples[] = {
	{ "coi clean", "Delete stopped containers, persistent ones too; asks first." },
	{ "coi clean --all --dry-run", "What is there to clean?" },
	{ NULL },
};

const struct cli_command cmd_clean = {
	.name = "clean",
	.group = GROUP_CONTAINER,
	.summary = "delete stopped containers and what crashes left behind",
	.description = "Without a flag: stopped containers, persistent ones included. Each kind is "
		       "asked about separately; a no ends the command.",
	.options = clean_options,
	.examples = clean_examples,
	.args_size = sizeof(struct clean_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG,
	.run = clean_run,
};
