/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking at snapshots: list and info. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/size.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/resolve.h"
#include "cli/snapshots.h"
#include "image/layer.h"

const struct cli_argument snapshot_name_argument[] = {
	{ "name", ARGUMENT_REQUIRED, COMPLETE_NONE, "The snapshot" },
	{ NULL },
};

struct row {
	const struct snapshot *snapshot;
	const char *container;
	uint64_t size; /* of its newest layer; info only */
};

static const struct snapshot *of(const void *row) {
	return ((const struct row *)row)->snapshot;
}

static json_t *get_name(const void *row) {
	return json_text(of(row)->name);
}

static json_t *get_container(const void *row) {
	return json_text(((const struct row *)row)->container);
}

static json_t *get_created(const void *row) {
	return output_time_rfc3339(of(row)->created);
}

static char *text_created(const void *row) {
	auto_json json_t *when = output_time(of(row)->created);

	return xstrdup(json_string_value(when));
}

/* Memory is never kept: the column is there for who reads it. */
static json_t *get_stateful(const void *row) {
	return json_false();
}

static char *text_stateful(const void *row) {
	return xstrdup("no");
}

static json_t *get_description(const void *row) {
	return *of(row)->description ? json_text(of(row)->description) : NULL;
}

static json_t *get_layers(const void *row) {
	return json_integer((json_int_t)of(row)->layer_count);
}

static json_t *get_size(const void *row) {
	return json_integer((json_int_t)((const struct row *)row)->size);
}

static char *text_size(const void *row) {
	char text[SIZE_TEXT];

	return xstrdup(size_text_short(((const struct row *)row)->size, text));
}

static const struct output_column list_columns[] = {
	{ .key = "name", .title = "NAME", .get = get_name },
	{ .key = "created_at", .title = "CREATED", .get = get_created, .text = text_created },
	{ .key = "stateful", .title = "STATEFUL", .get = get_stateful, .text = text_stateful },
	{ .key = "description", .get = get_description },
	{ 0 },
};

static const struct output_column info_columns[] = {
	{ .key = "name", .title = "Snapshot", .get = get_name },
	{ .title = "Container", .get = get_container },
	{ .key = "created_at", .title = "Created", .get = get_created, .text = text_created },
	{ .key = "stateful", .title = "Stateful", .get = get_stateful, .text = text_stateful },
	{ .key = "description", .title = "Description", .get = get_description },
	{ .key = "layers", .title = "Layers", .get = get_layers },
	{ .key = "size", .title = "Size", .get = get_size, .text = text_size },
	{ 0 },
};

/* ---- list ---- */

struct list_args {
	const char *container;
	bool all;
};

/* Pointers to newly allocated rows. */
static struct row **rows_of(const struct snapshot_list *list, const char *container) {
	struct row **rows = xcalloc(list->count + 1, sizeof(struct row *));

	for (size_t i = 0; i < list->count; i++) {
		rows[i] = xcalloc(1, sizeof(**rows));
		*rows[i] = (struct row){ list->items[i], container, 0 };
	}
	return rows;
}

static void rows_free(struct row **rows) {
	for (size_t i = 0; rows[i]; i++)
		free(rows[i]);
	free(rows);
}

static int list_json(struct cli *cli, const struct container *c, json_t **ret, struct err *err) {
	auto_snapshot_list struct snapshot_list list = { 0 };
	struct row **rows;
	int r = snapshot_list_load(cli->session, c->name, &list, err);

	if (r < 0)
		return r;
	rows = rows_of(&list, c->name);
	*ret = output_json_rows(list_columns, (const void *const *)rows, list.count);
	rows_free(rows);
	return 0;
}

static int list_text(struct cli *cli, const struct container *c, struct err *err) {
	auto_snapshot_list struct snapshot_list list = { 0 };
	struct row **rows;
	int r = snapshot_list_load(cli->session, c->name, &list, err);

	if (r < 0)
		return r;
	if (list.count == 0) {
		output_line("Container '%s' has no snapshots", c->name);
		return 0;
	}
	output_line("Snapshots of %s:\n", c->name);
	rows = rows_of(&list, c->name);
	output_table(list_columns, (const void *const *)rows, list.count);
	rows_free(rows);
	output_line("\nTotal: %zu snapshot%s", list.count, list.count == 1 ? "" : "s");
	return 0;
}

static int list_all(struct cli *cli, struct err *err) {
	auto_container_list struct container_list list = { 0 };
	auto_json json_t *doc = json_object();
	int r = container_list_load(cli->session, LIST_ALL_PREFIXES, &list, err);

	for (size_t i = 0; r == 0 && i < list.count; i++) {
		json_t *rows = NULL;

		if (!cli->json) {
			if (i)
				output_line("%s", "");
			r = list_text(cli, list.items[i], err);
			continue;
		}
		r = list_json(cli, list.items[i], &rows, err);
		if (r == 0)
			(void)json_object_set_new(doc, list.items[i]->name, rows);
	}
	if (r < 0)
		return r;
	if (cli->json)
		return output_document(steal_ptr(doc), err);
	if (list.count == 0)
		output_line("There are no containers");
	return 0;
}

static int list_run(struct cli *cli, const void *args, struct err *err) {
	const struct list_args *a = args;
	auto_container struct container *c = NULL;
	json_t *rows = NULL;
	int r;

	if (a->all)
		return list_all(cli, err);
	r = resolve_meant(cli, a->container, 0, &c, err);
	if (r < 0)
		return r;
	if (!cli->json)
		return list_text(cli, c, err);
	r = list_json(cli, c, &rows, err);
	return r < 0 ? r : output_document(json_pack("{s:s, s:o}", "container", c->name, "snapshots",
						     rows), err);
}

static const struct cli_option list_options[] = {
	SNAPSHOT_OPTION_CONTAINER(struct list_args),
	{
		.name = "all",
		.letter = 'a',
		CLI_BOOL(struct list_args, all),
		.help = "Of all containers",
	},
	{ 0 },
};

static const struct cli_example list_examples[] = {
	{ "coi snapshot list", "Of the only container of this directory." },
	{ "coi snapshot list --all --format json", "Of all containers, for programs." },
	{ NULL },
};

const struct cli_command cmd_snapshot_list = {
	.name = "list",
	.group = GROUP_CONTAINER,
	.summary = "list snapshots, the oldest first",
	.options = list_options,
	.examples = list_examples,
	.args_size = sizeof(struct list_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG | COMMAND_FORMAT | COMMAND_LOOKS,
	.run = list_run,
};

/* ---- info ---- */

struct info_args {
	const char *container;
};

static int info_run(struct cli *cli, const void *args, struct err *err) {
	const struct info_args *a = args;
	auto_container struct container *c = NULL;
	auto_snapshot struct snapshot *snapshot = NULL;
	struct row row = { 0 };
	int r = resolve_meant(cli, a->container, 0, &c, err);

	if (r == 0)
		r = snapshot_load(cli->session, c->name, app_word(cli, 0), &snapshot, err);
	if (r < 0)
		return r;
	row = (struct row){ snapshot, c->name, 0 };
	if (snapshot->layer_count)
		row.size = layer_size(cli->session->layout,
				      &snapshot->layers[snapshot->layer_count - 1]);
	if (cli->json)
		return output_document(json_pack("{s:s, s:o}", "container", c->name, "snapshot",
						 output_json_row(info_columns, &row)), err);
	output_block(info_columns, &row, 0);
	return 0;
}

static const struct cli_option info_options[] = {
	SNAPSHOT_OPTION_CONTAINER(struct info_args),
	{ 0 },
};

const struct cli_command cmd_snapshot_info = {
	.name = "info",
	.group = GROUP_CONTAINER,
	.summary = "show one snapshot",
	.description = "Size is what the container had written since the snapshot before.",
	.arguments = snapshot_name_argument,
	.options = info_options,
	.args_size = sizeof(struct info_args),
	.flags = COMMAND_SESSION | COMMAND_CONFIG | COMMAND_FORMAT | COMMAND_LOOKS,
	.run = info_run,
};
