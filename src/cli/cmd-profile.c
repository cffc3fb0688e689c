/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The group, and its commands that only look: list, info. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/profiles.h"
#include "config/show.h"

/* ---- list ---- */

struct profile_row {
	const struct profile_entry *entry;
	struct config *config;
};

static const struct profile_row *row_of(const void *row) {
	return row;
}

static json_t *get_name(const void *row) {
	return json_text(row_of(row)->entry->name);
}

static json_t *get_image(const void *row) {
	const struct config *c = row_of(row)->config;

	return json_text(config_is_set(c, "container.image") ? config_settings(c)->container.image : "");
}

static char *text_image(const void *row) {
	const struct config *c = row_of(row)->config;

	return xstrdup(config_is_set(c, "container.image") ? config_settings(c)->container.image :
							     "(default)");
}

static json_t *get_persistent(const void *row) {
	const struct config *c = row_of(row)->config;

	if (!config_is_set(c, "container.persistent"))
		return json_null();
	return json_boolean(config_settings(c)->container.persistent);
}

static char *text_persistent(const void *row) {
	const struct config *c = row_of(row)->config;

	if (!config_is_set(c, "container.persistent"))
		return xstrdup("-");
	return xstrdup(config_settings(c)->container.persistent ? "true" : "false");
}

static json_t *get_pool(const void *row) {
	const struct config *c = row_of(row)->config;

	return config_is_set(c, "container.storage_pool") ?
		       json_text(config_settings(c)->container.storage_pool) :
		       NULL;
}

static json_t *get_parent(const void *row) {
	const char *parent = config_profile_parent(row_of(row)->config);

	return *parent ? json_text(parent) : NULL;
}

static char *text_parent(const void *row) {
	const char *parent = config_profile_parent(row_of(row)->config);

	return xstrdup(*parent ? parent : "-");
}

static json_t *get_source(const void *row) {
	const char *file = row_of(row)->entry->file;

	return file ? json_text(file) : NULL;
}

static char *text_source(const void *row) {
	const char *file = row_of(row)->entry->file;

	return xstrdup(file ? file : "(built-in)");
}

static const struct output_column list_columns[] = {
	{ .key = "name", .title = "NAME", .get = get_name },
	{ .key = "image", .title = "IMAGE", .get = get_image, .text = text_image },
	{ .key = "persistent", .title = "PERSISTENT", .get = get_persistent, .text = text_persistent },
	{ .key = "storage_pool", .get = get_pool },
	{ .key = "inherits", .title = "INHERITS", .get = get_parent, .text = text_parent },
	{ .key = "source", .title = "SOURCE", .get = get_source, .text = text_source },
	{ 0 },
};

/* One that cannot be used is told and left out: it is in nobody's way. */
static bool take_row(const struct cli *cli, const struct profile_entry *entry,
		     struct profile_row *row) {
	struct err err = { 0 };

	if (entry->is_shadowed) {
		log_warn("the project's profile '%s' is left out: there is another of that name (%s)",
			 entry->name, entry->file);
		return false;
	}
	if (profiles_load_alone(cli, entry->name, &row->config, &err) < 0) {
		autofree char *why = escape_text(err.msg, sizeof(err.msg));

		log_warn("profile '%s' is left out: %s", entry->name, why);
		return false;
	}
	row->entry = entry;
	return true;
}

static int list_run(struct cli *cli, const void *args, struct err *err) {
	autofree char *cwd = path_absolute(".");
	struct config_inputs in = profiles_inputs(cli, cwd);
	struct profile_entry *entries;
	autofree struct profile_row *rows = NULL;
	autofree const void **pointers = NULL;
	size_t count, shown = 0;
	int r = 0;

	(void)args;
	profile_list(&in, &entries, &count);
	rows = xcalloc(count + 1, sizeof(*rows));
	pointers = xcalloc(count + 1, sizeof(*pointers));
	for (size_t i = 0; i < count; i++) {
		if (!take_row(cli, &entries[i], &rows[shown]))
			continue;
		pointers[shown] = &rows[shown];
		shown++;
	}
	if (cli->json)
		r = output_document(output_json_rows(list_columns, pointers, shown), err);
	else
		output_table(list_columns, pointers, shown);
	for (size_t i = 0; i < shown; i++)
		config_free(rows[i].config);
	profile_list_free(entries, count);
	return r;
}

/* ---- info ---- */

static void tell_notes(const struct config *c) {
	size_t count;
	const struct config_note *notes = config_notes(c, &count);

	for (size_t i = 0; i < count; i++) {
		/* Of interest where it would have had an effect, as with all that only look. */
		if (notes[i].level != NOTE_INFO && notes[i].kind != NOTE_NOT_ACTED)
			profiles_tell_note(&notes[i]);
	}
}

/* The file of the profile itself is found before those of its ancestors. */
static const char *find_source(const struct config *c) {
	size_t count;
	const struct config_file *files = config_files(c, &count);

	for (size_t i = 0; i < count; i++)
		if (files[i].layer == LAYER_PROFILE)
			return files[i].path;
	return "(built-in)";
}

static int info_run(struct cli *cli, const void *args, struct err *err) {
	const char *name = app_word(cli, 0);
	auto_config struct config *c = NULL;
	autobuf struct buf safe;
	autofree char *text = NULL;
	int r = profiles_load_alone(cli, name, &c, err);

	(void)args;
	buf_init(&safe, 4 * CONFIG_DUMP_MAX);
	if (r < 0)
		return r;
	tell_notes(c);
	output_line("Source: %s", find_source(c));
	if (*config_profile_parent(c))
		output_line("Inherits: %s", config_profile_parent(c));
	if (*config_profile_context(c))
		output_line("Context: %s", config_profile_context(c));
	text = config_dump(c, CONFIG_DUMP_PROFILE);
	escape_append(&safe, text, strlen(text), ESCAPE_KEEP_NEWLINE);
	if (safe.len)
		(void)printf("\n%s", safe.data);
	return 0;
}

static const struct cli_argument name_argument[] = {
	{ "name", ARGUMENT_REQUIRED, COMPLETE_PROFILE, "The profile" },
	{ NULL },
};

static const struct cli_example list_examples[] = {
	{ "coi profile list", "What --profile takes in this directory." },
	{ NULL },
};

static const struct cli_command cmd_profile_list = {
	.name = "list",
	.group = GROUP_OTHER,
	.summary = "list profiles",
	.description =
		"Those of ~/.coi/profiles, of .coi/profiles of the current directory, beside the "
		"file that COI_CONFIG names, and those that are built in. One that cannot be used "
		"is told and left out.",
	.examples = list_examples,
	.flags = COMMAND_CONFIG | COMMAND_FORMAT,
	.run = list_run,
};

static const char *const info_aliases[] = { "show", NULL };

static const struct cli_command cmd_profile_info = {
	.name = "info",
	.aliases = info_aliases,
	.group = GROUP_OTHER,
	.summary = "print what a profile says",
	.description = "Where it lies, what it is based on, and all that it and its ancestors set, as a "
		       "profile's config.toml has it. Values of variables are masked.",
	.arguments = name_argument,
	.flags = COMMAND_CONFIG,
	.run = info_run,
};

static const struct cli_command *const profile_children[] = {
	&cmd_profile_list,   &cmd_profile_info,	  &cmd_profile_create,
	&cmd_profile_edit,   &cmd_profile_delete, NULL,
};

const struct cli_command cmd_profile = {
	.name = "profile",
	.group = GROUP_OTHER,
	.summary = "look at profiles, make, edit and delete them",
	.children = profile_children,
};
