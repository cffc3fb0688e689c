/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trust and untrust: what a project's settings file may show the container of the host. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

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

struct trust_args {
	bool list;
};

static int list_approvals(struct cli *cli, struct err *err) {
	auto_trust_store struct trust_store store = { 0 };
	int r = trust_store_load(cli->who, cli->who->home, &store, err);

	if (r < 0)
		return r;
	if (store.count == 0)
		log_info("No trusted project configs.");
	for (size_t i = 0; i < store.count; i++)
		output_line("%.*s  %s", SHORT_FINGERPRINT, store.entries[i].fingerprint,
			    store.entries[i].file);
	return 0;
}

/* What waits, by file; how many items there are. */
static size_t tell_waiting(const struct config_gated *items, size_t count) {
	const char *file = NULL;
	size_t waiting = 0;

	for (size_t i = 0; i < count; i++) {
		if (items[i].is_approved)
			continue;
		if (!file || strcmp(file, items[i].file) != 0)
			log_info("%s asks for:", items[i].file);
		file = items[i].file;
		log_info("  %s", items[i].what);
		waiting++;
	}
	return waiting;
}

static int trust_run(struct cli *cli, const void *args, struct err *err) {
	const struct trust_args *a = args;
	size_t count, files = 0;
	const struct config_gated *items;
	int r;

	if (a->list)
		return list_approvals(cli, err);
	items = config_gated(cli->config, &count);
	if (tell_waiting(items, count) == 0) {
		log_info(count ? "Everything is approved already." : "Nothing to approve.");
		return 0;
	}
	/* Where nobody can be asked the command itself is the answer, as scripts expect. */
	if (prompt_is_possible() && !prompt_yes(stderr, "Approve this?"))
		return 0;
	r = trust_approve(cli->config, cli->who, cli->who->home, NULL, &files, err);
	if (r < 0)
		return r;
	log_info("Approved for %zu file%s; a change of it has to be approved again.", files,
		 files == 1 ? "" : "s");
	return 0;
}

/* The name that an approval has: links resolved, as far as the file is there. */
static char *project_file(const struct cli *cli) {
	autofree char *path = path_join(cli->workspace, ".coi/config.toml");
	char *real;

	privilege_person_begin(cli->who);
	real = realpath(path, NULL);
	privilege_person_end(cli->who);
	return real ? real : steal_ptr(path);
}

static int untrust_run(struct cli *cli, const void *args, struct err *err) {
	auto_trust_store struct trust_store store = { 0 };
	autofree char *conventional = project_file(cli);
	size_t count, removed = 0;
	const struct config_gated *items = config_gated(cli->config, &count);
	int r = trust_store_load(cli->who, cli->who->home, &store, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		removed += trust_store_remove(&store, items[i].file);
	removed += trust_store_remove(&store, conventional);
	if (removed == 0) {
		log_info("Nothing was approved for this workspace.");
		return 0;
	}
	r = trust_store_save(cli->who, cli->who->home, &store, err);
	if (r < 0)
		return r;
	log_info("Removed the approval of %zu file%s.", removed, removed == 1 ? "" : "s");
	return 0;
}

static const struct cli_option trust_options[] = {
	{
		.name = "list",
		CLI_BOOL(struct trust_args, list),
		.help = "Print what is approved: fingerprint and file",
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
	.flags = COMMAND_CONFIG,
	.run = trust_run,
};

const struct cli_command cmd_untrust = {
	.name = "untrust",
	.group = GROUP_OTHER,
	.summary = "take the approvals of a project back",
	.flags = COMMAND_CONFIG,
	.run = untrust_run,
};
