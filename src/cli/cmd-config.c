/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "config/show.h"

#define SHOWN_MAX 4096 /* bytes of one item; what is cut is in the file */

struct show_args {
	bool all;
	bool origin;
	bool secrets;
};

/* It is not in what counts, and the person may look for it there. */
static void tell_waiting(const struct config *c) {
	size_t count;
	const struct config_gated *items = config_gated(c, &count);

	for (size_t i = 0; i < count; i++) {
		autofree char *file = escape_text(items[i].file, SHOWN_MAX);
		autofree char *what = escape_text(items[i].what, SHOWN_MAX);

		if (!items[i].is_approved)
			log_info("Waits for approval: %s:%d:%d: %s", file, items[i].line,
				 items[i].column, what);
	}
}

static int show_run(struct cli *cli, const void *args, struct err *err) {
	const struct show_args *a = args;
	unsigned flags = (a->all ? CONFIG_DUMP_ALL : 0) | (a->origin ? CONFIG_DUMP_ORIGIN : 0) |
			 (a->secrets ? CONFIG_DUMP_SECRETS : 0);
	autofree char *text = NULL;
	autobuf struct buf safe;

	tell_waiting(cli->config);
	buf_init(&safe, 4 * CONFIG_DUMP_MAX);
	if (cli->json)
		return output_document(config_dump_json(cli->config, flags), err);
	text = config_dump(cli->config, flags);
	escape_append(&safe, text, strlen(text), ESCAPE_KEEP_NEWLINE);
	(void)fwrite(safe.data, 1, safe.len, stdout);
	return 0;
}

static const struct cli_option show_options[] = {
	{
		.name = "all",
		.letter = 'a',
		CLI_BOOL(struct show_args, all),
		.help = "Defaults too, not only what somebody has set",
	},
	{
		.name = "origin",
		CLI_BOOL(struct show_args, origin),
		.help = "Say behind each value which file and line it is from",
	},
	{
		.name = "secrets",
		CLI_BOOL(struct show_args, secrets),
		.help = "Show values of variables in clear",
	},
	{ 0 },
};

static const struct cli_example show_examples[] = {
	{ "coi config show --origin", "What counts in this directory, and who said so." },
	{ NULL },
};

static const struct cli_command cmd_config_show = {
	.name = "show",
	.group = GROUP_OTHER,
	.summary = "print the settings that count here",
	.description = "As a config.toml that says the same. JSON is an array of objects with key, "
		       "value (as TOML), layer, trusted, file, line and column.",
	.options = show_options,
	.examples = show_examples,
	.args_size = sizeof(struct show_args),
	.flags = COMMAND_CONFIG | COMMAND_FORMAT | COMMAND_EXPLAINS,
	.run = show_run,
};

/* ---- path ---- */

static const struct config_file *file_of(const void *row) {
	return row;
}

static json_t *get_layer(const void *row) {
	return json_string(config_layer_to_string(file_of(row)->layer));
}

static json_t *get_trusted(const void *row) {
	return json_boolean(file_of(row)->is_trusted);
}

static char *text_trusted(const void *row) {
	return xstrdup(file_of(row)->is_trusted ? "yes" : "no");
}

static json_t *get_exists(const void *row) {
	return json_boolean(file_of(row)->is_there);
}

static char *text_exists(const void *row) {
	return xstrdup(file_of(row)->is_there ? "yes" : "no");
}

static json_t *get_path(const void *row) {
	return json_text(file_of(row)->path);
}

static const struct output_column path_columns[] = {
	{ .key = "layer", .title = "LAYER", .get = get_layer },
	{ .key = "trusted", .title = "TRUSTED", .get = get_trusted, .text = text_trusted },
	{ .key = "exists", .title = "THERE", .get = get_exists, .text = text_exists },
	{ .key = "path", .title = "FILE", .get = get_path },
	{ 0 },
};

static int path_run(struct cli *cli, const void *args, struct err *err) {
	size_t count;
	const struct config_file *files = config_files(cli->config, &count);
	autofree const void **rows = xcalloc(count + 1, sizeof(*rows));

	(void)args;
	for (size_t i = 0; i < count; i++)
		rows[i] = &files[i];
	if (cli->json)
		return output_document(output_json_rows(path_columns, rows, count), err);
	output_table(path_columns, rows, count);
	return 0;
}

static const struct cli_command cmd_config_path = {
	.name = "path",
	.group = GROUP_OTHER,
	.summary = "print which settings files are looked for here",
	.description = "From weak to strong: what a later one says counts. Those that are not trusted "
		       "may only make things stricter.",
	.flags = COMMAND_CONFIG | COMMAND_FORMAT,
	.run = path_run,
};

static const struct cli_command *const config_children[] = {
	&cmd_config_show,
	&cmd_config_path,
	NULL,
};

const struct cli_command cmd_config = {
	.name = "config",
	.group = GROUP_OTHER,
	.summary = "look at the settings",
	.children = config_children,
};
