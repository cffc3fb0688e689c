/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/killed.h"
#include "cli/output.h"
#include "session/saved.h"
#include "session/container.h"
#include "session/relays.h"
#include "session/storage.h"

struct list_args {
	bool all;
	bool running;
	bool stopped;
	const char *status;
};

struct list_row {
	const struct cli *cli;
	const struct session *session;
	const struct container *container;
	const char *status;
};

static const struct container *of(const void *row) {
	return ((const struct list_row *)row)->container;
}

static json_t *text_or_null(const char *s) {
	return s && *s ? json_text(s) : NULL;
}

static json_t *get_alias(const void *row) {
	return json_text(of(row)->alias ? of(row)->alias : "");
}

static json_t *get_status(const void *row) {
	return json_text(((const struct list_row *)row)->status);
}

static json_t *get_ipv4(const void *row) {
	const char *address = of(row)->address;

	return json_text(address ? address : "");
}

static json_t *get_created(const void *row) {
	return output_time(of(row)->created);
}

static json_t *get_image(const void *row) {
	const struct container *c = of(row);

	return json_text(c->description && *c->description ? c->description :
			 c->image                          ? c->image :
							     "");
}

static json_t *get_name(const void *row) {
	return json_text(of(row)->name);
}

static json_t *get_persistent(const void *row) {
	return json_boolean(of(row)->persistent);
}

static json_t *get_pool(const void *row) {
	return json_text(of(row)->pool);
}

static char *text_pool(const void *row) {
	const struct list_row *r = row;

	return xasprintf("%s%s", of(row)->pool,
			 storage_check_pool(r->session, of(row), NULL) < 0 ? " (not there)" : "");
}

static json_t *get_ports(const void *row) {
	const struct list_row *r = row;
	autostrv char **ports = relays_port_texts(r->session, r->container);

	return ports ? json_from_strv(ports) : json_array();
}

static json_t *get_workspace(const void *row) {
	return text_or_null(of(row)->workspace);
}

/* By monitoring, and not started since. */
static char *text_killed(const void *row) {
	const struct list_row *r = row;

	return killed_text_of(r->cli, r->container);
}

static json_t *get_killed(const void *row) {
	autofree char *text = text_killed(row);

	return text_or_null(text);
}

/* Alias, name and mode are the head of a block; the others are its lines. */
static const struct output_column list_columns[] = {
	{ .key = "alias", .get = get_alias },
	{ .key = "name", .get = get_name },
	{ .key = "persistent", .get = get_persistent },
	{ .key = "status", .title = "Status", .get = get_status },
	{ .key = "killed", .title = "Ended", .get = get_killed },
	{ .key = "ipv4", .title = "IPv4", .get = get_ipv4 },
	{ .key = "created_at", .title = "Created", .get = get_created },
	{ .key = "image", .title = "Image", .get = get_image },
	{ .key = "pool", .title = "Pool", .get = get_pool, .text = text_pool },
	{ .key = "published_ports", .title = "Ports", .get = get_ports },
	{ .key = "workspace", .title = "Workspace", .get = get_workspace },
	{ 0 },
};

static json_t *get_saved_id(const void *row) {
	return json_text(((const struct saved_session *)row)->id);
}

static json_t *get_saved_at(const void *row) {
	return json_text(((const struct saved_session *)row)->saved_at);
}

static json_t *get_saved_workspace(const void *row) {
	return json_text(((const struct saved_session *)row)->workspace);
}

/* The keys are as coi 0.9 writes them. */
static const struct output_column saved_columns[] = {
	{ .key = "ID", .get = get_saved_id },
	{ .key = "SavedAt", .title = "Saved", .get = get_saved_at },
	{ .key = "Workspace", .title = "Workspace", .get = get_saved_workspace },
	{ 0 },
};

/* What --status takes: what ours can be, and then what 0.9's could be beside that. */
static const char *const statuses[] = { "Running",  "Stopped", "Frozen",   "Error",
					"Starting", "Stopping", "Freezing", "Thawed",
					"Aborting", "Ready" };

static const char *status_of(const char *word) {
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (!strcasecmp(word, statuses[i]))
			return statuses[i];
	return NULL;
}

/* The only status that is wanted; NULL: any. */
static const char *wanted(const struct list_args *a) {
	return a->running ? "Running" : a->stopped ? "Stopped" : a->status ? status_of(a->status) : NULL;
}

static int list_check(struct cli *cli, void *args, struct err *err) {
	const struct list_args *a = args;

	(void)cli;
	if (a->running + a->stopped + (a->status != NULL) > 1)
		return err_set(err, ERR_USAGE, -EINVAL,
			       "'--running', '--stopped' and '--status' exclude each other");
	if (!a->status || status_of(a->status))
		return 0;
	(void)err_set(err, ERR_USAGE, -EINVAL, "'%s' is no status of a container", a->status);
	return err_hint(err, "there are: running, stopped, frozen, error, starting, stopping; "
			     "and of coi 0.9, which no container is now: freezing, thawed, aborting, "
			     "ready");
}

static void print_containers(const struct list_row *rows, size_t count, const char *only) {
	autofree char *title = xasprintf("%s Containers:", only ? only : "Active");
	autofree char *line = xstrdup(title);

	memset(line, '-', strlen(line));
	output_line("%s\n%s", title, line);
	if (count == 0)
		output_line("  (none)");
	for (size_t i = 0; i < count; i++) {
		const struct container *c = rows[i].container;
		autofree char *alias = c->alias && *c->alias ? xasprintf(" (%s)", c->alias) : NULL;

		output_line("  %s%s (%s)", c->name, alias ? alias : "",
			    c->persistent ? "persistent" : "ephemeral");
		output_block(list_columns, &rows[i], 4);
	}
}

/* One of this workspace that is not there any more. */
static void print_killed(struct cli *cli) {
	autofree char *was = NULL, *killed = killed_text_here(cli, &was);

	if (killed)
		output_line("\n%s is not there any more: %s", was, killed);
}

static void print_saved(const struct saved_list *saved) {
	output_line("\nSaved Sessions:\n---------------");
	if (saved->count == 0)
		output_line("  (none)");
	for (size_t i = 0; i < saved->count; i++) {
		output_line("  %s", saved->items[i].id);
		output_block(saved_columns, &saved->items[i], 4);
	}
}

static json_t *document(const struct list_row *rows, size_t count, const struct saved_list *saved) {
	json_t *doc = json_object(), *list = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(list, output_json_row(list_columns, &rows[i]));
	(void)json_object_set_new(doc, "active_containers", list);
	if (saved->count == 0)
		return doc;
	list = json_array();
	for (size_t i = 0; i < saved->count; i++)
		(void)json_array_append_new(list, output_json_row(saved_columns, &saved->items[i]));
	(void)json_object_set_new(doc, "saved_sessions", list);
	return doc;
}

/* Sessions that have only begun are their container's so far. */
static void keep_with_data(struct saved_list *saved) {
	size_t kept = 0;

	for (size_t i = 0; i < saved->count; i++) {
		if (saved->items[i].has_data)
			saved->items[kept++] = saved->items[i];
		else
			saved_session_done(&saved->items[i]);
	}
	saved->count = kept;
}

static int list_run(struct cli *cli, const void *args, struct err *err) {
	const struct list_args *a = args;
	auto_container_list struct container_list list = { 0 };
	auto_saved_list struct saved_list saved = { 0 };
	autofree struct list_row *rows = NULL;
	const char *only = wanted(a);
	size_t count = 0;
	int r = container_list_load(cli->session, 0, &list, err);

	if (r < 0)
		return r;
	if (a->all) {
		r = saved_list_load(cli->who, cli->settings->tool.name, &saved, err);
		if (r < 0)
			return r;
		keep_with_data(&saved);
	}
	rows = xcalloc(list.count + 1, sizeof(*rows));
	for (size_t i = 0; i < list.count; i++) {
		const char *status = container_status(cli->session, list.items[i]);

		if (only && strcmp(status, only) != 0)
			continue;
		rows[count++] = (struct list_row){ cli, cli->session, list.items[i], status };
	}
	if (cli->json)
		return output_document(document(rows, count, &saved), err);
	print_containers(rows, count, only);
	if (!only)
		print_killed(cli);
	if (a->all)
		print_saved(&saved);
	return 0;
}

static const struct cli_option list_options[] = {
	{
		.name = "all",
		.letter = 'a',
		CLI_BOOL(struct list_args, all),
		.help = "Show saved sessions of the configured tool too",
	},
	{
		.name = "running",
		CLI_BOOL(struct list_args, running),
		.help = "Only containers that run",
	},
	{
		.name = "stopped",
		CLI_BOOL(struct list_args, stopped),
		.help = "Only those that are stopped",
	},
	{
		.name = "status",
		CLI_TEXT(struct list_args, status, "STATUS"),
		.help = "Only those of this status, in any case: running, stopped, frozen, error, "
			"starting, stopping; and of coi 0.9, as no container is now: freezing, "
			"thawed, aborting, ready",
		.complete = COMPLETE_STATUS,
	},
	{ 0 },
};

static const struct cli_example list_examples[] = {
	{ "coi list", "Containers of all workspaces, running or not." },
	{ "coi list --format json", "The same for programs." },
	{ "coi list --status frozen", "Those that were paused, by a finding perhaps." },
	{ NULL },
};

const struct cli_command cmd_list = {
	.name = "list",
	.group = GROUP_SESSION,
	.summary = "list containers and saved sessions",
	.description = "Shows every container whose name begins with the prefix (coi-), of every "
		       "workspace and in any state.",
	.options = list_options,
	.examples = list_examples,
	.args_size = sizeof(struct list_args),
	.check = list_check,
	.flags = COMMAND_SESSION | COMMAND_CONFIG | COMMAND_FORMAT | COMMAND_LOOKS,
	.run = list_run,
};
