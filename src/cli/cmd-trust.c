/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trust and untrust: what a project's settings file may show the container of the host. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/prompts.h"
#include "config/config.h"
#include "config/trust-store.h"

#define SHORT_FINGERPRINT 12
#define SHOWN_MAX 4096 /* bytes of one item; what is cut is in the file */

struct trust_args {
	bool list;
	bool yes;
};

static int list_approvals(struct cli *cli, struct err *err) {
	auto_trust_store struct trust_store store = { 0 };
	int r = trust_store_load(cli->who, cli->who->home, &store, err);

	if (r < 0)
		return r;
	if (store.count == 0)
		log_info("No trusted project configs.");
	for (size_t i = 0; i < store.count; i++) {
		autofree char *file = escape_text(store.entries[i].file, SHOWN_MAX);

		output_line("%.*s  %s", SHORT_FINGERPRINT, store.entries[i].fingerprint, file);
	}
	return 0;
}

/* Is all that the file of @item asks for approved, whatever COI_TRUST_ALL says? */
static bool is_recorded(const struct trust_store *store, const struct config_gated *items,
			size_t count, const struct config_gated *item) {
	const char *approved = trust_store_get(store, item->file);
	char fingerprint[HASH_HEX_SIZE];

	trust_fingerprint(items, count, item->file, fingerprint);
	return approved && strcmp(approved, fingerprint) == 0;
}

/* What waits, each with its place; how many items there are. */
static size_t tell_waiting(const struct trust_store *store, const struct config_gated *items,
			   size_t count) {
	size_t waiting = 0;

	for (size_t i = 0; i < count; i++) {
		if (is_recorded(store, items, count, &items[i]))
			continue;
		if (waiting++ == 0)
			log_info("The project asks for:");
		/* One line each, whatever newlines the project has put into it. */
		autofree char *place = escape_text(items[i].file, SHOWN_MAX);
		autofree char *what = escape_text(items[i].what, SHOWN_MAX);

		log_info("  %s:%d:%d: %s", place, items[i].line, items[i].column, what);
	}
	return waiting;
}

static int trust_run(struct cli *cli, const void *args, struct err *err) {
	const struct trust_args *a = args;
	auto_trust_store struct trust_store store = { 0 };
	struct err ignored = { 0 };
	size_t count, waiting, files = 0;
	const struct config_gated *items;
	int r;

	if (a->list)
		return list_approvals(cli, err);
	items = config_gated(cli->config, &count);
	/* One that cannot be read approves nothing; writing it anew says what is wrong. */
	(void)trust_store_load(cli->who, cli->who->home, &store, &ignored);
	waiting = tell_waiting(&store, items, count);
	if (waiting == 0) {
		log_info(count ? "Everything is approved already." : "Nothing to approve.");
		return 0;
	}
	/* Where nobody can be asked the command itself is the answer, as scripts expect. */
	if (!a->yes && prompt_is_possible() && !prompt_yes(stderr, "Approve this?"))
		return 0;
	/* What has been shown is what is approved: the files are not read again. */
	r = trust_approve(cli->config, cli->who, cli->who->home, NULL, &files, err);
	if (r < 0)
		return r;
	log_info("Approved %zu item%s as listed above; any change has to be approved again.", waiting,
		 waiting == 1 ? "" : "s");
	return 0;
}

/* The directory of the project's settings as approvals name it, without links. */
static char *project_dir(const struct cli *cli) {
	autofree char *path = path_join(cli->workspace, ".coi");
	char *real;

	privilege_person_begin(cli->who);
	real = realpath(path, NULL);
	if (!real) {
		/* It may be gone, and its approvals still be there. */
		autofree char *workspace = realpath(cli->workspace, NULL);

		real = workspace ? path_join(workspace, ".coi") : NULL;
	}
	privilege_person_end(cli->who);
	return real ? real : steal_ptr(path);
}

static int untrust_run(struct cli *cli, const void *args, struct err *err) {
	auto_trust_store struct trust_store store = { 0 };
	autofree char *dir = project_dir(cli);
	size_t count, removed = 0;
	const struct config_gated *items = config_gated(cli->config, &count);
	int r = trust_store_load(cli->who, cli->who->home, &store, err);

	(void)args;
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		removed += trust_store_remove(&store, items[i].file);
	/* Also those of profiles that are not in use, or not there any more. */
	for (size_t i = 0; i < store.count;) {
		if (path_is_below(store.entries[i].file, dir))
			removed += trust_store_remove(&store, store.entries[i].file);
		else
			i++;
	}
	if (removed == 0) {
		log_info("Nothing was approved for this workspace.");
		return 0;
	}
	r = trust_store_save(cli->who, cli->who->home, &store, err);
	if (r < 0)
		return r;
	log_info("Removed the approval of %zu file%s. A container that runs keeps what it has until it "
		 "is started again.", removed, removed == 1 ? "" : "s");
	return 0;
}

static const struct cli_option trust_options[] = {
	{
		.name = "list",
		CLI_BOOL(struct trust_args, list),
		.help = "Print what is approved: fingerprint and file",
	},
	{
		.name = "yes",
		.letter = 'y',
		CLI_BOOL(struct trust_args, yes),
		.help = "Do not ask",
	},
	{ 0 },
};

static const struct cli_example trust_examples[] = {
	{ "coi trust", "See what the project here asks for, and approve it." },
	{ "coi -w ~/src/thing trust", "The same for another directory." },
	{ NULL },
};

const struct cli_command cmd_trust = {
	.name = "trust",
	.group = GROUP_OTHER,
	.summary = "approve what a project's settings ask for",
	.description =
		"A settings file that comes with a project may ask for directories, sockets and "
		"credentials of the host. Until they are approved here they are left out, with a "
		"warning. Shows them and asks; where there is no terminal it approves.",
	.options = trust_options,
	.examples = trust_examples,
	.args_size = sizeof(struct trust_args),
	.flags = COMMAND_CONFIG | COMMAND_EXPLAINS,
	.run = trust_run,
};

const struct cli_command cmd_untrust = {
	.name = "untrust",
	.group = GROUP_OTHER,
	.summary = "take the approvals of a project back",
	.flags = COMMAND_CONFIG,
	.run = untrust_run,
};
