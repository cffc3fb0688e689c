/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots as records, and who uses which layers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/layer.h"
#include "session/snapshot-private.h"

void snapshot_free(struct snapshot *snapshot) {
	if (!snapshot)
		return;
	free(snapshot->name);
	free(snapshot->description);
	image_layers_free(snapshot->layers, snapshot->layer_count);
	free(snapshot);
}

void snapshot_free_ptr(struct snapshot **snapshot) {
	snapshot_free(*snapshot);
}

void snapshot_list_done(struct snapshot_list *list) {
	for (size_t i = 0; i < list->count; i++)
		snapshot_free(list->items[i]);
	free(list->items);
	*list = (struct snapshot_list){ 0 };
}

/* Letters, digits and . _ -, at most SNAPSHOT_NAME_MAX, a letter or digit first. */
static bool snapshot_name_is_valid(const char *name) {
	static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	size_t len = strlen(name);

	return len > 0 && len <= SNAPSHOT_NAME_MAX && strchr(first, *name) &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
		       len;
}

int snapshot_name_check(const char *name, struct err *err) {
	if (snapshot_name_is_valid(name))
		return 0;
	(void)err_set(err, ERR_USAGE, -EINVAL, "'%s' cannot be the name of a snapshot", name);
	return err_hint(err, "Letters, digits and . _ -, at most %d, a letter or digit first.",
			SNAPSHOT_NAME_MAX);
}

char *snapshot_new_name(const struct session *s, const char *container, const char *prefix) {
	time_t now = time(NULL);
	struct tm tm;
	char text[32];

	if (!localtime_r(&now, &tm) || !strftime(text, sizeof(text), "%Y%m%d-%H%M%S", &tm))
		(void)snprintf(text, sizeof(text), "19700101-000000");
	for (int i = 1; ; i++) {
		autofree char *name = i == 1 ? xasprintf("%s%s", prefix, text) :
					       xasprintf("%s%s-%d", prefix, text, i);
		auto_snapshot struct snapshot *other = NULL;
		struct err ignored = { 0 };

		if (snapshot_load(s, container, name, &other, &ignored) == -ENOENT)
			return steal_ptr(name);
	}
}

int snapshot_dir(const struct session *s, const char *container, bool make, struct err *err) {
	autoclose int dir = container_dir(s, container);
	int fd;

	if (dir < 0)
		return err_sys(err, dir, "cannot open container '%s'", container);
	fd = make ? open_mkdir_beneath(dir, "snapshots", 0700) :
		    open_beneath(dir, "snapshots", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0 && fd != -ENOENT)
		return err_sys(err, fd, "cannot open the snapshots of '%s'", container);
	return fd;
}

static int no_snapshot(const char *container, const char *name, struct err *err) {
	(void)err_set(err, ERR_MISSING, -ENOENT, "container '%s' has no snapshot '%s'", container,
		      name);
	return err_hint(err, "'coi snapshot list -c %s' shows those that are there.", container);
}

int snapshot_load(const struct session *s, const char *container, const char *name,
		  struct snapshot **ret, struct err *err) {
	auto_snapshot struct snapshot *snapshot = NULL;
	auto_record struct record *r = NULL;
	autofree char *file = xasprintf("%s.ini", name);
	autoclose int dir = -1;
	const char *text;
	int code;

	if (!snapshot_name_is_valid(name))
		return no_snapshot(container, name, err);
	dir = snapshot_dir(s, container, false, err);
	if (dir < 0)
		return dir == -ENOENT ? no_snapshot(container, name, err) : dir;
	code = record_load(dir, file, SNAPSHOT_FORMAT, &r, err);
	if (code < 0)
		return code == -ENOENT ? no_snapshot(container, name, err) :
					 err_wrap(err, "snapshot '%s' of '%s'", name, container);
	snapshot = xcalloc(1, sizeof(*snapshot));
	snapshot->name = xstrdup(name);
	snapshot->created = clock_parse_rfc3339(record_get(r, "", "created"));
	text = record_get(r, "", "description");
	snapshot->description = xstrdup(text ? text : "");
	snapshot->running = record_get_bool(r, "", "running", false);
	code = layers_from_record(r, name, &snapshot->layers, &snapshot->layer_count, err);
	if (code < 0)
		return code;
	*ret = steal_ptr(snapshot);
	return 0;
}

int snapshot_store(const struct session *s, const char *container,
		   const struct snapshot *snapshot, struct err *err) {
	auto_record struct record *r = record_new(SNAPSHOT_FORMAT);
	autofree char *file = xasprintf("%s.ini", snapshot->name);
	autoclose int dir = snapshot_dir(s, container, true, err);
	char when[CLOCK_RFC3339_SIZE];

	if (dir < 0)
		return dir;
	record_set(r, "", "created", clock_rfc3339(snapshot->created, when));
	record_set(r, "", "description", snapshot->description);
	record_set(r, "", "running", snapshot->running ? "true" : "false");
	layers_to_record(r, snapshot->layers, snapshot->layer_count);
	return record_store(r, dir, file, 0600, err);
}

static int by_time(const void *a, const void *b) {
	const struct snapshot *x = *(struct snapshot *const *)a, *y = *(struct snapshot *const *)b;

	if (x->created != y->created)
		return x->created < y->created ? -1 : 1;
	if (x->layer_count != y->layer_count)
		return x->layer_count < y->layer_count ? -1 : 1;
	return strcmp(x->name, y->name);
}

int snapshot_list_load(const struct session *s, const char *container, struct snapshot_list *ret,
		       struct err *err) {
	auto_snapshot_list struct snapshot_list list = { 0 };
	autoclose int dir = snapshot_dir(s, container, false, err);
	autostrv char **names = NULL;
	int r;

	*ret = (struct snapshot_list){ 0 };
	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	r = dir_names(dir, &names);
	if (r < 0)
		return err_sys(err, r, "cannot list the snapshots of '%s'", container);
	for (size_t i = 0; names && names[i]; i++) {
		size_t len = strlen(names[i]);

		/* What replacing a record leaves when it is cut off begins with a dot. */
		if (*names[i] == '.' || len < 5 || strcmp(names[i] + len - 4, ".ini") != 0)
			continue;
		names[i][len - 4] = '\0';
		list.items = xreallocarray(list.items, list.count + 1, sizeof(struct snapshot *));
		r = snapshot_load(s, container, names[i], &list.items[list.count], err);
		if (r < 0)
			return r;
		list.count++;
	}
	if (list.count)
		qsort(list.items, list.count, sizeof(struct snapshot *), by_time);
	*ret = list;
	list = (struct snapshot_list){ 0 };
	return 0;
}

/* ---- who uses what ---- */

static void collect(const struct image_layer *layers, size_t count, struct image_layer **to,
		    size_t *to_count) {
	for (size_t i = 0; i < count; i++) {
		*to = xreallocarray(*to, *to_count + 1, sizeof(**to));
		(*to)[*to_count] = layers[i];
		(*to)[(*to_count)++].pool = xstrdup(layers[i].pool);
	}
}

int snapshot_layers_of(const struct session *s, const struct container *c,
		       struct image_layer **ret, size_t *ret_count, struct err *err) {
	auto_snapshot_list struct snapshot_list list = { 0 };
	autoclose int dir = snapshot_dir(s, c->name, false, err);
	struct image_layer one;
	bool pending = snapshot_pending_layer(c, &one);
	int r;

	*ret = NULL;
	*ret_count = 0;
	if (dir < 0 && dir != -ENOENT)
		return dir;
	/* The first one is just being made when there is a layer and no directory yet. */
	if (dir < 0 && !pending)
		return 0;
	r = snapshot_list_load(s, c->name, &list, err);
	if (r < 0)
		return r;
	collect(c->layers, c->layer_count, ret, ret_count);
	for (size_t i = 0; i < list.count; i++)
		collect(list.items[i]->layers, list.items[i]->layer_count, ret, ret_count);
	if (pending)
		collect(&one, 1, ret, ret_count);
	return 0;
}

int snapshot_uses(const struct session *s, const struct container *c, struct image_uses *out,
		  struct err *err) {
	struct image_layer *layers;
	size_t count;
	int r = snapshot_layers_of(s, c, &layers, &count, err);

	for (size_t i = 0; r == 0 && i < count; i++)
		image_uses_add(out, c->name, NULL, layers[i].id);
	if (r == 0)
		image_layers_free(layers, count);
	return r;
}

int snapshot_pending_check(const struct container *c, struct err *err) {
	if (!c->record || !record_get(c->record, PENDING, "layer"))
		return 0;
	(void)err_set(err, ERR_CONFLICT, -EBUSY,
		      "a change of the layers of container '%s' has just been cut off", c->name);
	return err_hint(err, "Run the command again: it is undone first.");
}
