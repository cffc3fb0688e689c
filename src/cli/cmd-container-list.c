/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * container list and info. The JSON is an array of objects whose names follow
 * the engine that coi 0.9 ran on (name, status, created_at, type, config,
 * expanded_devices, state), with what coi knows and nothing made up.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/size.h"
#include "cli/app.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/resolve.h"
#include "runtime/disk.h"
#include "session/storage.h"

struct instance {
	const struct session *session;
	const struct container *container;
	const char *status;
};

static const struct container *of(const void *row) {
	return ((const struct instance *)row)->container;
}

static void set_text(json_t *object, const char *key, const char *value) {
	if (value && *value)
		(void)json_object_set_new(object, key, json_text(value));
}

static void set_bool(json_t *object, const char *key, bool value) {
	(void)json_object_set_new(object, key, json_string(value ? "true" : "false"));
}

static json_t *get_name(const void *row) {
	return json_text(of(row)->name);
}

static json_t *get_status(const void *row) {
	return json_text(((const struct instance *)row)->status);
}

static json_t *get_type(const void *row) {
	return json_string("container");
}

static json_t *get_created(const void *row) {
	return output_time_rfc3339(of(row)->created);
}

static char *text_created(const void *row) {
	auto_json json_t *when = output_time(of(row)->created);

	return xstrdup(json_string_value(when));
}

static json_t *get_kind(const void *row) {
	return json_string(container_kind_to_string(of(row)->kind));
}

static json_t *get_ephemeral(const void *row) {
	return json_boolean(of(row)->delete_on_stop);
}

static json_t *get_image(const void *row) {
	return json_text(of(row)->image ? of(row)->image : "");
}

static json_t *get_ipv4(const void *row) {
	return of(row)->address && *of(row)->address ? json_text(of(row)->address) : NULL;
}

static json_t *get_workspace(const void *row) {
	return of(row)->workspace && *of(row)->workspace ? json_text(of(row)->workspace) : NULL;
}

/* Values are strings here, as the engine had them. */
static json_t *get_config(const void *row) {
	const struct container *c = of(row);
	json_t *config = json_object();

	set_text(config, "image.description", c->description);
	set_text(config, "volatile.base_image", c->fingerprint);
	set_bool(config, "security.nesting", c->nesting && surface_nests(c->surface));
	set_text(config, "user.coi.alias", c->alias);
	set_text(config, "user.coi.init", c->systemd ? "systemd" : "coi-init");
	set_text(config, "user.coi.network", c->network_mode);
	set_text(config, "user.coi.person", c->person);
	set_text(config, "user.coi.pool", c->pool);
	set_bool(config, "user.coi.persistent", c->persistent);
	set_text(config, "user.coi.workspace", c->workspace);
	return config;
}

static json_t *disk(const char *source, const char *path, bool readonly, bool shift) {
	json_t *device = json_object();

	set_text(device, "type", "disk");
	set_text(device, "source", source);
	set_text(device, "path", path);
	set_bool(device, "readonly", readonly);
	set_bool(device, "shift", shift);
	return device;
}

/* Bytes; 0: it is bounded by the pool alone. */
static uint64_t disk_bytes(const struct instance *i) {
	int64_t size = storage_disk_size(i->session, i->container, NULL);

	return size > 0 ? (uint64_t)size : 0;
}

static json_t *root_disk(const struct instance *i) {
	json_t *device = json_object();
	uint64_t bytes = disk_bytes(i);

	set_text(device, "type", "disk");
	set_text(device, "path", "/");
	set_text(device, "pool", i->container->pool);
	if (bytes) {
		autofree char *size = xasprintf("%" PRIu64 "B", bytes);

		set_text(device, "size", size);
	}
	return device;
}

static json_t *get_devices(const void *row) {
	const struct container *c = of(row);
	json_t *devices = json_object();

	(void)json_object_set_new(devices, "root", root_disk(row));

	if (c->workspace && *c->workspace)
		(void)json_object_set_new(devices, "workspace",
					  disk(c->workspace, c->workspace_path, false, true));
	for (size_t i = 0; i < c->mount_count; i++) {
		const struct container_mount *m = &c->mounts[i];
		json_t *device = disk(m->source, m->path, m->readonly, m->shift);

		if (json_object_set_new(devices, m->device, device) < 0)
			continue; /* no UTF-8: it has no name in JSON */
	}
	return devices;
}

static json_t *get_state(const void *row) {
	const struct instance *i = row;
	const struct container *c = i->container;
	json_t *state = json_object(), *network = json_object();

	(void)json_object_set_new(state, "status", json_text(i->status));
	(void)json_object_set_new(state, "pid", json_integer(c->init.pid));
	if (c->address && *c->address) {
		json_t *address = json_pack("{s:s, s:o, s:s}", "family", "inet", "address",
					    json_text(c->address), "scope", "global");
		json_t *link = json_pack("{s:[o]}", "addresses", address);

		(void)json_object_set_new(network, "eth0", link);
	}
	(void)json_object_set_new(state, "network", network);
	return state;
}

static const struct output_column list_columns[] = {
	{ .key = "name", .title = "NAME", .get = get_name },
	{ .key = "status", .title = "STATUS", .get = get_status },
	{ .title = "IPV4", .get = get_ipv4 },
	{ .title = "IMAGE", .get = get_image },
	{ .key = "created_at", .title = "CREATED", .get = get_created, .text = text_created },
	{ .key = "type", .get = get_type },
	{ .key = "ephemeral", .get = get_ephemeral },
	{ .key = "config", .get = get_config },
	{ .key = "expanded_devices", .get = get_devices },
	{ .key = "state", .get = get_state },
	{ 0 },
};

static json_t *get_fingerprint(const void *row) {
	return json_text(of(row)->fingerprint ? of(row)->fingerprint : "");
}

static json_t *get_alias(const void *row) {
	return of(row)->alias && *of(row)->alias ? json_text(of(row)->alias) : NULL;
}

static json_t *get_pid(const void *row) {
	return of(row)->init.pid ? json_integer(of(row)->init.pid) : NULL;
}

static json_t *get_persistent(const void *row) {
	return json_boolean(of(row)->persistent);
}

static json_t *get_network(const void *row) {
	return of(row)->network_mode ? json_text(of(row)->network_mode) : NULL;
}

static json_t *get_ids(const void *row) {
	const struct id_range *ids = &of(row)->ids;
	autofree char *text = NULL;

	if (!ids->count)
		return NULL;
	text = xasprintf("%u-%u", (unsigned)ids->base, (unsigned)(ids->base + ids->count - 1));
	return json_string(text);
}

static json_t *get_pool(const void *row) {
	const struct instance *i = row;
	autofree char *text = xasprintf("%s%s", i->container->pool,
					storage_check_pool(i->session, i->container, NULL) < 0 ?
						" (not there)" : "");

	return json_text(text);
}

static json_t *get_disk(const void *row) {
	const struct instance *i = row;
	autoclose int home = storage_home(i->session, i->container, NULL);
	int64_t used = home < 0 ? home : disk_used(home, STORAGE_DISK);
	char text[2][SIZE_TEXT];
	autofree char *line = NULL;

	if (used < 0)
		return NULL;
	line = xasprintf("%s, of which %s are taken", size_text(disk_bytes(i), text[0]),
			 size_text((uint64_t)used, text[1]));
	return json_text(line);
}

static const struct output_column info_columns[] = {
	{ .title = "Name", .get = get_name },
	{ .title = "Status", .get = get_status },
	{ .title = "Alias", .get = get_alias },
	{ .title = "Made by", .get = get_kind },
	{ .title = "Created", .get = get_created, .text = text_created },
	{ .title = "Persistent", .get = get_persistent },
	{ .title = "Image", .get = get_image },
	{ .title = "Fingerprint", .get = get_fingerprint },
	{ .title = "Pool", .get = get_pool },
	{ .title = "Disk", .get = get_disk },
	{ .title = "Workspace", .get = get_workspace },
	{ .title = "IPv4", .get = get_ipv4 },
	{ .title = "Network", .get = get_network },
	{ .title = "Init", .get = get_pid },
	{ .title = "Ids on the host", .get = get_ids },
	{ 0 },
};

static int list_run(struct cli *cli, const void *args, struct err *err) {
	auto_container_list struct container_list list = { 0 };
	autofree struct instance *rows = NULL;
	autofree const void **pointers = NULL;
	int r = container_list_load(cli->session, LIST_ALL_PREFIXES, &list, err);

	if (r < 0)
		return r;
	rows = xcalloc(list.count + 1, sizeof(*rows));
	pointers = xcalloc(list.count + 1, sizeof(*pointers));
	for (size_t i = 0; i < list.count; i++) {
		rows[i].session = cli->session;
		rows[i].container = list.items[i];
		rows[i].status = container_status(cli->session, list.items[i]);
		pointers[i] = &rows[i];
	}
	if (cli->json)
		return output_document(output_json_rows(list_columns, pointers, list.count), err);
	output_table(list_columns, pointers, list.count);
	return 0;
}

static void print_mounts(const struct container *c) {
	for (size_t i = 0; i < c->mount_count; i++)
		output_line("Mount: %s: %s at %s%s", c->mounts[i].device, c->mounts[i].source,
			    c->mounts[i].path, c->mounts[i].readonly ? " (read-only)" : "");
}

static int info_run(struct cli *cli, const void *args, struct err *err) {
	auto_container struct container *c = NULL;
	struct instance row;
	const void *pointer = &row;
	int r = resolve_name(cli, app_word(cli, 0), &c, err);

	if (r < 0)
		return r;
	row = (struct instance){ cli->session, c, container_status(cli->session, c) };
	if (cli->json)
		return output_document(output_json_rows(list_columns, &pointer, 1), err);
	output_block(info_columns, &row, 0);
	print_mounts(c);
	return 0;
}

static const struct cli_argument info_arguments[] = {
	{ "name", ARGUMENT_REQUIRED, COMPLETE_CONTAINER, "Name of the container" },
	{ NULL },
};

const struct cli_command cmd_container_list = {
	.name = "list",
	.group = GROUP_CONTAINER,
	.summary = "list all containers, whatever their name",
	.description = "JSON is an array of objects with name, status, created_at, type, ephemeral, "
		       "config, expanded_devices and state (status, pid, network).",
	.flags = COMMAND_SESSION | COMMAND_FORMAT | COMMAND_LOOKS,
	.run = list_run,
};

const struct cli_command cmd_container_info = {
	.name = "info",
	.group = GROUP_CONTAINER,
	.summary = "show what is known about a container",
	.description = "JSON is an array with one object, as that of 'coi container list'.",
	.arguments = info_arguments,
	.flags = COMMAND_SESSION | COMMAND_FORMAT | COMMAND_LOOKS,
	.run = info_run,
};
