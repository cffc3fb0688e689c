/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/size.h"
#include "base/strv.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "session/build.h"

struct list_args {
	const char *prefix;
	bool all;
};

/* A line of the table: an image with one of its aliases. */
struct list_row {
	const struct image_info *image;
	const char *alias;
};

static const struct image_info *of(const void *row) {
	return ((const struct list_row *)row)->image;
}

static json_t *get_alias(const void *row) {
	return json_text(((const struct list_row *)row)->alias);
}

static json_t *get_aliases(const void *row) {
	return json_from_strv(of(row)->aliases);
}

static json_t *get_fingerprint(const void *row) {
	return json_text(of(row)->fingerprint);
}

static json_t *get_size(const void *row) {
	return json_integer((json_int_t)of(row)->size);
}

static char *text_size(const void *row) {
	char text[SIZE_TEXT];

	return xstrdup(size_text_short(of(row)->size, text));
}

static json_t *get_created(const void *row) {
	return output_time_rfc3339(of(row)->created);
}

static char *text_created(const void *row) {
	auto_json json_t *when = output_time(of(row)->created);

	return xstrdup(json_string_value(when));
}

static const struct output_column json_columns[] = {
	{ .key = "aliases", .get = get_aliases },
	{ .key = "created_at", .get = get_created },
	{ .key = "fingerprint", .get = get_fingerprint },
	{ .key = "size", .get = get_size },
	{ 0 },
};

static const struct output_column prefix_columns[] = {
	{ .title = "ALIAS", .get = get_alias },
	{ .title = "SIZE", .get = get_size, .text = text_size },
	{ .title = "CREATED", .get = get_created, .text = text_created },
	{ 0 },
};

static const struct output_column all_columns[] = {
	{ .title = "ALIAS", .get = get_alias },
	{ .title = "SIZE", .get = get_size, .text = text_size },
	{ .title = "UPLOAD DATE", .get = get_created, .text = text_created },
	{ 0 },
};

static bool begins(const char *text, const char *prefix) {
	return !prefix || strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Pointers to newly allocated rows, one for each alias. */
static struct list_row **rows_by_alias(const struct image_list *list, const char *prefix,
				       size_t *ret_count) {
	struct list_row **rows = NULL;
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++) {
		for (char **a = list->items[i]->aliases; a && *a; a++) {
			if (!begins(*a, prefix))
				continue;
			rows = xreallocarray(rows, count + 1, sizeof(*rows));
			rows[count] = xmalloc(sizeof(**rows));
			*rows[count++] = (struct list_row){ list->items[i], *a };
		}
	}
	*ret_count = count;
	return rows;
}

static void print_table(const struct output_column *columns, const struct image_list *list,
			const char *prefix, const char *none) {
	size_t count;
	struct list_row **rows = rows_by_alias(list, prefix, &count);

	if (count)
		output_table(columns, (const void *const *)rows, count);
	else
		output_line("%s", none);
	for (size_t i = 0; i < count; i++)
		free(rows[i]);
	free(rows);
}

static const struct image_info *by_alias(const struct image_list *list, const char *alias) {
	for (size_t i = 0; i < list->count; i++) {
		if (strv_contains(list->items[i]->aliases, alias))
			return list->items[i];
	}
	return NULL;
}

/* What this installation can build, and whether that has been done; and that there is more. */
static void print_recipes(const struct image_list *list, bool all) {
	autostrv char **recipes = build_recipes();
	size_t more = list->count;

	output_line("Coi images:");
	for (char **r = recipes; r && *r; r++) {
		const struct image_info *image = by_alias(list, *r);

		more -= image != NULL;
		if (image)
			output_line("  ✓ %s%s%s", *r, *image->description ? ": " : "",
				    image->description);
		else
			output_line("  ✗ %s: not built yet; build it with 'coi build %s'", *r, *r);
	}
	if (more && !all)
		output_line("%zu more: coi image list --all", more);
}

static json_t *document(const struct image_list *list, const char *prefix) {
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++) {
		const struct list_row row = { list->items[i], NULL };
		bool fits = false;

		for (char **a = list->items[i]->aliases; a && *a; a++)
			fits |= begins(*a, prefix);
		if (fits)
			(void)json_array_append_new(array, output_json_row(json_columns, &row));
	}
	return array;
}

static int list_run(struct cli *cli, const void *args, struct err *err) {
	const struct list_args *a = args;
	auto_image_list struct image_list list = { 0 };
	int r = image_list_load(cli->session->layout, &list, err);

	if (r < 0)
		return r;
	if (cli->json)
		return output_document(document(&list, a->prefix), err);
	if (a->prefix) {
		autofree char *none = xasprintf("No images found with prefix '%s'", a->prefix);

		print_table(prefix_columns, &list, a->prefix, none);
		return 0;
	}
	print_recipes(&list, a->all);
	if (a->all) {
		output_line("\nAll images:");
		print_table(all_columns, &list, NULL, "  (none)");
	}
	return 0;
}

static const struct cli_option list_options[] = {
	{
		.name = "all",
		.letter = 'a',
		CLI_BOOL(struct list_args, all),
		.help = "Show every image, not only those that coi builds",
	},
	{
		.name = "prefix",
		CLI_TEXT(struct list_args, prefix, "PREFIX"),
		.help = "Only aliases that begin like this",
	},
	{ 0 },
};

static const struct cli_example list_examples[] = {
	{ "coi image list --prefix coi-default-", "The versions of the default image." },
	{ NULL },
};

const struct cli_command cmd_image_list = {
	.name = "list",
	.group = GROUP_IMAGE,
	.summary = "list images",
	.description = "JSON is an array of objects with aliases, created_at, fingerprint and size "
		       "(bytes); images without an alias are left out.",
	.options = list_options,
	.examples = list_examples,
	.args_size = sizeof(struct list_args),
	.flags = COMMAND_SESSION | COMMAND_FORMAT | COMMAND_LOOKS,
	.run = list_run,
};
