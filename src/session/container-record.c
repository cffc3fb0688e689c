/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A container's record: struct container to container.ini and back. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/record.h"
#include "base/strv.h"
#include "image/layer.h"
#include "session/container.h"
#include "session/forensics.h"
#include "session/names.h"

#define RECORD_NAME "container.ini"
#define RECORD_FORMAT 1

static const char *const state_words[STATE_COUNT] = {
	[STATE_CREATING] = "creating", [STATE_STOPPED] = "stopped",
	[STATE_STARTING] = "starting", [STATE_RUNNING] = "running",
	[STATE_STOPPING] = "stopping", [STATE_DELETING] = "deleting",
};

static const char *const kind_words[KIND_COUNT] = {
	[KIND_RUN] = "run",
	[KIND_SHELL] = "shell",
	[KIND_LAUNCH] = "launch",
	[KIND_BUILD] = "build",
};

const char *container_state_to_string(enum container_state state) {
	return state_words[state];
}

const char *container_kind_to_string(enum container_kind kind) {
	return kind_words[kind];
}

static int word_index(const char *word, const char *const *words, int count) {
	for (int i = 0; word && i < count; i++)
		if (!strcmp(word, words[i]))
			return i;
	return -1;
}

static void free_mounts(struct container *c) {
	for (size_t i = 0; i < c->mount_count; i++) {
		free(c->mounts[i].device);
		free(c->mounts[i].source);
		free(c->mounts[i].path);
	}
	free(c->mounts);
	c->mounts = NULL;
	c->mount_count = 0;
}

void container_free(struct container *c) {
	if (!c)
		return;
	free(c->name);
	free(c->lxc_name);
	free(c->image);
	free(c->fingerprint);
	free(c->description);
	image_layers_free(c->layers, c->layer_count);
	free(c->pool);
	free(c->workspace);
	free(c->workspace_path);
	free(c->code_user);
	free(c->alias);
	free(c->network_mode);
	free(c->person);
	free(c->person_home);
	free(c->logs_dir);
	free(c->session_id);
	free(c->tool);
	free(c->profile);
	strv_free(c->state_paths);
	free_mounts(c);
	free(c->boot_id);
	free(c->address);
	free(c->timezone);
	strv_free(c->limits);
	record_free(c->record);
	free(c);
}

void container_free_ptr(struct container **c) {
	container_free(*c);
}

static char *text_of(const struct record *r, const char *section, const char *key) {
	const char *text = record_get(r, section, key);

	return xstrdup(text ? text : "");
}

static enum surface surface_of(const struct record *r) {
	const char *word = record_get(r, "run", "surface");

	return word ? surface_from_string(word) : SURFACE_DEFAULT;
}

static struct proc_id proc_of(const struct record *r, const char *section, const char *key) {
	const char *text = record_get(r, section, key);
	struct proc_id id = { 0 };

	if (!text || sscanf(text, "%d %" SCNu64, &id.pid, &id.start) != 2 || id.pid < 0)
		return (struct proc_id){ 0 };
	return id;
}

static void set_proc(struct record *r, const char *section, const char *key,
		     const struct proc_id *id) {
	if (id->pid)
		record_setf(r, section, key, "%d %" PRIu64, id->pid, id->start);
	else
		record_unset(r, section, key);
}

static void read_mounts(struct container *c) {
	autofree char *list = text_of(c->record, "", "mounts");
	autostrv char **devices = strv_split(list, " ");
	size_t n = strv_len(devices);

	c->mounts = xcalloc(n, sizeof(*c->mounts));
	for (size_t i = 0; i < n; i++) {
		autofree char *section = xasprintf("mount %s", devices[i]);

		c->mounts[c->mount_count++] = (struct container_mount){
			.device = xstrdup(devices[i]),
			.source = text_of(c->record, section, "source"),
			.path = text_of(c->record, section, "path"),
			.readonly = record_get_bool(c->record, section, "readonly", true),
			.shift = record_get_bool(c->record, section, "shift", true),
		};
	}
}

static void read_session(struct container *c) {
	autofree char *paths = text_of(c->record, "session", "state_paths");

	c->session_id = text_of(c->record, "session", "id");
	c->tool = text_of(c->record, "session", "tool");
	c->profile = text_of(c->record, "session", "profile");
	c->state_paths = strv_split(paths, ":");
	c->unsaved = record_get_bool(c->record, "session", "unsaved", false);
	c->session_since_ms = record_get_int(c->record, "session", "since_ms", 0);
}

static int read_head(struct container *c, struct err *err) {
	const struct record *r = c->record;
	int state = word_index(record_get(r, "", "state"), state_words, STATE_COUNT);
	int kind = word_index(record_get(r, "", "kind"), kind_words, KIND_COUNT);

	if (state < 0 || kind < 0)
		return err_set(err, ERR_SYSTEM, -EBADMSG,
			       "the record of '%s' is damaged: state or kind", c->name);
	c->state = (enum container_state)state;
	c->kind = (enum container_kind)kind;
	c->owner = proc_of(r, "", "owner");
	c->created = clock_parse_rfc3339(record_get(r, "", "created"));
	c->image = text_of(r, "", "image");
	c->fingerprint = text_of(r, "", "fingerprint");
	c->description = text_of(r, "", "description");
	c->pool = text_of(r, "", "pool");
	if (!*c->pool) /* an older record */
		str_replace(&c->pool, POOL_DEFAULT);
	c->workspace = text_of(r, "", "workspace");
	c->workspace_path = text_of(r, "", "workspace_path");
	c->workspace_uid = (uid_t)record_get_int(r, "", "workspace_uid", (uid_t)-1);
	c->workspace_gid = (gid_t)record_get_int(r, "", "workspace_gid", (gid_t)-1);
	c->slot = (int)record_get_int(r, "", "slot", 0);
	c->persistent = record_get_bool(r, "", "persistent", false);
	c->at_boot = record_get_bool(r, "", "at_boot", false);
	c->delete_on_stop = record_get_bool(r, "", "delete_on_stop", false);
	c->systemd = record_get_bool(r, "", "systemd", false);
	c->nesting = record_get_bool(r, "", "nesting", false);
	c->code_uid = (uid_t)record_get_int(r, "", "code_uid", 1000);
	c->code_gid = (gid_t)record_get_int(r, "", "code_gid", 1000);
	c->code_user = text_of(r, "", "code_user");
	c->user_uid = (uid_t)record_get_int(r, "", "user_uid", CONTAINER_IMAGE_UID);
	c->alias = text_of(r, "", "alias");
	c->network_mode = text_of(r, "", "network_mode");
	c->person_uid = (uid_t)record_get_int(r, "", "person_uid", 0);
	c->person_gid = (gid_t)record_get_int(r, "", "person_gid", c->person_uid);
	c->person = text_of(r, "", "person");
	c->person_home = text_of(r, "", "person_home");
	c->logs_dir = text_of(r, "", "logs_dir");
	c->has_run = record_get_bool(r, "", "has_run", false);
	read_session(c);
	return 0;
}

static void read_run(struct container *c) {
	const struct record *r = c->record;
	autofree char *limits = text_of(r, "run", "limits");

	c->boot_id = text_of(r, "run", "boot_id");
	c->netns = (uint64_t)record_get_int(r, "run", "netns", 0);
	c->supervisor = proc_of(r, "run", "supervisor");
	c->init = proc_of(r, "run", "init");
	c->monitor = proc_of(r, "run", "monitor");
	c->resolver = proc_of(r, "run", "resolver");
	c->block = proc_of(r, "run", "block");
	c->client = proc_of(r, "run", "client");
	c->ids.base = (uint32_t)record_get_int(r, "run", "ids_base", 0);
	c->ids.count = (uint32_t)record_get_int(r, "run", "ids_count", 0);
	c->address = text_of(r, "run", "address");
	c->timezone = text_of(r, "run", "timezone");
	c->surface = surface_of(r);
	c->deadline_ms = record_get_int(r, "run", "deadline_ms", 0);
	c->deadline_stops = record_get_bool(r, "run", "deadline_stops", true);
	c->deadline_graceful = record_get_bool(r, "run", "deadline_graceful", true);
	c->limits = strv_split(limits, "\n");
}

int container_load(const struct session *s, const char *name, struct container **ret,
		   struct err *err) {
	auto_container struct container *c = NULL;
	autoclose int dir = -1;
	int r = name_is_plain(name) ? container_dir(s, name) : -ENOENT;

	if (r == -ENOENT)
		return err_set(err, ERR_MISSING, -ENOENT, "container '%s' does not exist", name);
	if (r < 0)
		return err_sys(err, r, "cannot open container '%s'", name);
	dir = r;
	c = xcalloc(1, sizeof(*c));
	c->name = xstrdup(name);
	c->lxc_name = name_lxc(s->layout->tag, name);
	r = record_load(dir, RECORD_NAME, RECORD_FORMAT, &c->record, err);
	if (r == -ENOENT) /* somebody is just deleting it, or making it */
		return err_set(err, ERR_MISSING, r, "container '%s' does not exist", name);
	if (r < 0)
		return err_wrap(err, "container '%s'", name);
	r = read_head(c, err);
	if (r == 0)
		r = layers_from_record(c->record, c->name, &c->layers, &c->layer_count, err);
	if (r < 0)
		return r;
	read_mounts(c);
	read_run(c);
	*ret = steal_ptr(c);
	return 0;
}

static void write_head(struct container *c) {
	struct record *r = c->record;
	char when[CLOCK_RFC3339_SIZE];

	record_set(r, "", "state", state_words[c->state]);
	record_set(r, "", "kind", kind_words[c->kind]);
	set_proc(r, "", "owner", &c->owner);
	record_set(r, "", "created", clock_rfc3339(c->created, when));
	record_set(r, "", "image", c->image);
	record_set(r, "", "fingerprint", c->fingerprint);
	record_set(r, "", "description", c->description);
	record_set(r, "", "pool", c->pool);
	record_set(r, "", "workspace", c->workspace);
	record_set(r, "", "workspace_path", c->workspace_path);
	record_setf(r, "", "workspace_uid", "%u", c->workspace_uid);
	record_setf(r, "", "workspace_gid", "%u", c->workspace_gid);
	record_setf(r, "", "slot", "%d", c->slot);
	record_set(r, "", "persistent", c->persistent ? "true" : "false");
	record_set(r, "", "at_boot", c->at_boot ? "true" : "false");
	record_set(r, "", "delete_on_stop", c->delete_on_stop ? "true" : "false");
	record_set(r, "", "systemd", c->systemd ? "true" : "false");
	record_set(r, "", "nesting", c->nesting ? "true" : "false");
	record_setf(r, "", "code_uid", "%u", c->code_uid);
	record_setf(r, "", "code_gid", "%u", c->code_gid);
	record_set(r, "", "code_user", c->code_user);
	record_setf(r, "", "user_uid", "%u", c->user_uid);
	record_set(r, "", "alias", c->alias);
	record_set(r, "", "network_mode", c->network_mode);
	record_setf(r, "", "person_uid", "%u", c->person_uid);
	record_setf(r, "", "person_gid", "%u", c->person_gid);
	record_set(r, "", "person", c->person);
	record_set(r, "", "person_home", c->person_home);
	record_set(r, "", "logs_dir", c->logs_dir);
	record_set(r, "", "has_run", c->has_run ? "true" : "false");
}

static void write_session(struct container *c) {
	autofree char *paths = strv_join(c->state_paths, ":");

	/* It counts at each start (coi container start --at-boot), with a session or without. */
	if (c->profile && *c->profile)
		record_set(c->record, "session", "profile", c->profile);
	if (!c->session_id || !*c->session_id)
		return;
	record_set(c->record, "session", "id", c->session_id);
	record_set(c->record, "session", "tool", c->tool);
	record_set(c->record, "session", "state_paths", paths);
	record_set(c->record, "session", "unsaved", c->unsaved ? "true" : "false");
	record_setf(c->record, "session", "since_ms", "%" PRId64, c->session_since_ms);
}

static void write_lists(struct container *c) {
	struct record *r = c->record;
	autostrv char **devices = NULL;
	autofree char *joined = NULL;

	layers_to_record(r, c->layers, c->layer_count);
	for (size_t i = 0; i < c->mount_count; i++) {
		const struct container_mount *m = &c->mounts[i];
		autofree char *section = xasprintf("mount %s", m->device);

		strv_add(&devices, m->device);
		record_set(r, section, "source", m->source);
		record_set(r, section, "path", m->path);
		record_set(r, section, "readonly", m->readonly ? "true" : "false");
		record_set(r, section, "shift", m->shift ? "true" : "false");
	}
	joined = strv_join(devices, " ");
	record_set(r, "", "mounts", joined);
}

static void write_run(struct container *c) {
	struct record *r = c->record;
	autofree char *limits = strv_join(c->limits, "\n");

	record_set(r, "run", "boot_id", c->boot_id ? c->boot_id : "");
	record_setf(r, "run", "netns", "%" PRIu64, c->netns);
	set_proc(r, "run", "supervisor", &c->supervisor);
	set_proc(r, "run", "init", &c->init);
	set_proc(r, "run", "monitor", &c->monitor);
	set_proc(r, "run", "resolver", &c->resolver);
	set_proc(r, "run", "block", &c->block);
	set_proc(r, "run", "client", &c->client);
	record_setf(r, "run", "ids_base", "%u", c->ids.base);
	record_setf(r, "run", "ids_count", "%u", c->ids.count);
	record_set(r, "run", "address", c->address ? c->address : "");
	record_set(r, "run", "timezone", c->timezone ? c->timezone : "");
	record_set(r, "run", "surface", surface_to_string(c->surface));
	record_setf(r, "run", "deadline_ms", "%" PRId64, c->deadline_ms);
	record_set(r, "run", "deadline_stops", c->deadline_stops ? "true" : "false");
	record_set(r, "run", "deadline_graceful", c->deadline_graceful ? "true" : "false");
	record_set(r, "run", "limits", limits);
}

static int store(const struct session *s, struct container *c, bool durably, struct err *err) {
	autoclose int dir = container_dir(s, c->name);
	int r;

	if (dir < 0)
		return err_sys(err, dir, "cannot open container '%s'", c->name);
	if (!c->record)
		c->record = record_new(RECORD_FORMAT);
	write_head(c);
	write_session(c);
	write_lists(c);
	write_run(c);
	r = durably ? record_store(c->record, dir, RECORD_NAME, 0600, err)
		    : record_store_quick(c->record, dir, RECORD_NAME, 0600, err);
	return r < 0 ? err_wrap(err, "container '%s'", c->name) : 0;
}

int container_store(const struct session *s, struct container *c, struct err *err) {
	return store(s, c, !c->delete_on_stop || c->kind == KIND_SHELL, err);
}

int container_store_durably(const struct session *s, struct container *c, struct err *err) {
	return store(s, c, true, err);
}

void container_forget_run(struct container *c) {
	c->supervisor = c->init = c->monitor = c->resolver = c->block =
		(struct proc_id){ 0 };
	if (c->kind != KIND_BUILD) /* whose files somebody still has to take */
		c->client = (struct proc_id){ 0 };
	c->owner = (struct proc_id){ 0 };
	c->ids = (struct id_range){ 0 };
	c->netns = 0;
	c->deadline_ms = 0;
	strv_free(c->limits);
	c->limits = NULL;
	str_replace(&c->boot_id, "");
	str_replace(&c->address, "");
}

int container_store_run(const struct session *s, struct container *mine, struct err *err) {
	auto_container struct container *now = NULL;
	int r = container_load(s, mine->name, &now, err);

	if (r < 0)
		return r;
	mine->persistent = now->persistent;
	mine->at_boot = now->at_boot;
	mine->delete_on_stop = now->delete_on_stop;
	str_replace(&mine->alias, now->alias);
	mine->user_uid = now->user_uid;
	str_replace(&mine->session_id, now->session_id);
	str_replace(&mine->tool, now->tool);
	str_replace(&mine->profile, now->profile);
	strv_free(mine->state_paths);
	mine->state_paths = steal_ptr(now->state_paths);
	mine->session_since_ms = now->session_since_ms;
	/* A snapshot may have been taken between our load and our start. */
	image_layers_free(mine->layers, mine->layer_count);
	mine->layers = steal_ptr(now->layers);
	mine->layer_count = now->layer_count;
	now->layer_count = 0;
	free_mounts(mine);
	mine->mounts = steal_ptr(now->mounts);
	mine->mount_count = now->mount_count;
	now->mount_count = 0;
	record_free(mine->record);
	mine->record = steal_ptr(now->record);
	/* Taken up again, it is not there for what happened to it alone. */
	if (mine->state == STATE_STARTING)
		record_unset(mine->record, FORENSICS_SECTION, FORENSICS_KEPT);
	return container_store(s, mine, err);
}
