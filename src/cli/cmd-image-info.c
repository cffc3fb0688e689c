/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/size.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "image/image.h"

static const struct image_info *of(const void *row) {
	return row;
}

static json_t *text_or_none(const char *s) {
	return s && *s ? json_text(s) : NULL;
}

static json_t *get_fingerprint(const void *row) {
	return json_text(of(row)->fingerprint);
}

/* Objects, as the engine of coi 0.9 had them. */
static json_t *get_aliases(const void *row) {
	json_t *array = json_array();

	for (char **a = of(row)->aliases; a && *a; a++)
		(void)json_array_append_new(array, json_pack("{s:o}", "name", json_text(*a)));
	return array;
}

static json_t *get_alias_names(const void *row) {
	return of(row)->aliases ? json_from_strv(of(row)->aliases) : NULL;
}

static json_t *get_architecture(const void *row) {
	return text_or_none(of(row)->architecture);
}

static json_t *get_created(const void *row) {
	return output_time_rfc3339(of(row)->created);
}

static char *text_created(const void *row) {
	auto_json json_t *when = output_time(of(row)->created);

	return xstrdup(json_string_value(when));
}

static json_t *get_size(const void *row) {
	return json_integer((json_int_t)of(row)->size);
}

static char *text_size(const void *row) {
	char text[SIZE_TEXT];

	return xstrdup(size_text(of(row)->size, text));
}

static json_t *get_description(const void *row) {
	return text_or_none(of(row)->description);
}

static json_t *get_os(const void *row) {
	return text_or_none(of(row)->os);
}

static json_t *get_release(const void *row) {
	return text_or_none(of(row)->release);
}

static json_t *get_recipe(const void *row) {
	return text_or_none(of(row)->recipe);
}

static json_t *get_version(const void *row) {
	return text_or_none(of(row)->version);
}

static json_t *get_base(const void *row) {
	return text_or_none(of(row)->base_alias);
}

static json_t *get_registries(const void *row) {
	return of(row)->registries ? json_from_strv(of(row)->registries) : NULL;
}

static json_t *list_or_none(char *const *list) {
	return list ? json_from_strv(list) : NULL;
}

static json_t *get_reference(const void *row) {
	return text_or_none(of(row)->reference);
}

static json_t *get_env(const void *row) {
	return list_or_none(of(row)->env);
}

static json_t *get_entrypoint(const void *row) {
	return list_or_none(of(row)->entrypoint);
}

static json_t *get_cmd(const void *row) {
	return list_or_none(of(row)->cmd);
}

static json_t *get_user(const void *row) {
	return text_or_none(of(row)->user);
}

static json_t *get_dir(const void *row) {
	return text_or_none(of(row)->dir);
}

static json_t *get_layers(const void *row) {
	json_t *array = json_array();

	for (size_t i = 0; i < of(row)->layer_count; i++)
		(void)json_array_append_new(array, json_text(of(row)->layers[i].id));
	return array;
}

static char *text_layers(const void *row) {
	return xasprintf("%zu", of(row)->layer_count);
}

static const struct output_column property_columns[] = {
	{ .key = "description", .get = get_description },
	{ .key = "os", .get = get_os },
	{ .key = "recipe", .get = get_recipe },
	{ .key = "release", .get = get_release },
	{ .key = "version", .get = get_version },
	{ 0 },
};

static json_t *get_properties(const void *row) {
	return output_json_row(property_columns, row);
}

static const struct output_column info_columns[] = {
	{ .title = "Aliases", .get = get_alias_names },
	{ .key = "aliases", .get = get_aliases },
	{ .key = "fingerprint", .title = "Fingerprint", .get = get_fingerprint },
	{ .title = "Description", .get = get_description },
	{ .key = "architecture", .title = "Architecture", .get = get_architecture },
	{ .title = "System", .get = get_os },
	{ .title = "Release", .get = get_release },
	{ .key = "created_at", .title = "Created", .get = get_created, .text = text_created },
	{ .key = "size", .title = "Size", .get = get_size, .text = text_size },
	{ .title = "Version", .get = get_version },
	{ .title = "Recipe", .get = get_recipe },
	{ .key = "base", .title = "Base", .get = get_base },
	{ .key = "registries", .title = "Registries", .get = get_registries },
	{ .key = "layers", .title = "Layers", .get = get_layers, .text = text_layers },
	{ .key = "properties", .get = get_properties },
	{ .key = "reference", .title = "Reference", .get = get_reference },
	{ .key = "env", .title = "Environment", .get = get_env },
	{ .key = "entrypoint", .title = "Entrypoint", .get = get_entrypoint },
	{ .key = "cmd", .title = "Command", .get = get_cmd },
	{ .key = "user", .title = "User", .get = get_user },
	{ .key = "dir", .title = "Directory", .get = get_dir },
	{ 0 },
};

static int info_run(struct cli *cli, const void *args, struct err *err) {
	auto_image_info struct image_info *info = NULL;
	int r = image_find(cli->session->layout, app_word(cli, 0), &info, err);

	if (r < 0)
		return r;
	if (cli->json)
		return output_document(output_json_row(info_columns, info), err);
	output_block(info_columns, info, 0);
	return 0;
}

static const struct cli_argument info_arguments[] = {
	{ "alias", ARGUMENT_REQUIRED, COMPLETE_IMAGE, "Alias, or the beginning of a fingerprint" },
	{ NULL },
};

const struct cli_command cmd_image_info = {
	.name = "info",
	.group = GROUP_IMAGE,
	.summary = "show what is known about an image",
	.description = "JSON is an object with aliases, fingerprint, architecture, created_at, size "
		       "(bytes), layers, properties and, for images that were built here, base and "
		       "registries. An image that came as an OCI one has its reference, env, "
		       "entrypoint, cmd, user and dir too: commands get env, the others are only "
		       "kept, since coi starts its own init and what it is told to.",
	.arguments = info_arguments,
	.flags = COMMAND_SESSION | COMMAND_FORMAT | COMMAND_LOOKS,
	.run = info_run,
};
