/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits of one container. What counts for it: what was set for it alone
 * ([set] of its record), and for all else the settings that it was started
 * with, not those of whoever changes one of them later.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/pool.h"
#include "base/record.h"
#include "base/strv.h"
#include "config/config.h"
#include "config/rows.h"
#include "session/container.h"
#include "session/limits.h"
#include "session/repair.h"
#include "session/storage.h"

#define SECTION "set" /* of its record */
#define LIST_MAX 64

struct list {
	struct config_override items[LIST_MAX];
	char **keys; /* owned; of the items */
	size_t count;
};

/* The later one of a key counts; both borrow @text. */
static void put(struct list *l, const char *key, size_t len, const char *text) {
	autofree char *name = xstrndup(key, len);

	for (size_t i = 0; i < l->count; i++) {
		if (!strcmp(l->items[i].path, name)) {
			l->items[i].text = text;
			return;
		}
	}
	/* One of a newer version is that one's. */
	if (l->count == LIST_MAX || !settings_row(name))
		return;
	strv_add(&l->keys, name);
	l->items[l->count++] = (struct config_override){ .path = settings_row(name)->path,
							 .text = text };
}

static int put_set(const char *key, const char *value, void *data) {
	put(data, key, strlen(key), value);
	return 0;
}

int limits_make(const struct session *s, const struct container *c, struct limits_plan *ret,
		struct err *err) {
	struct list list = { .count = 0 };
	const struct pool *pool = NULL;
	struct settings with;
	int r;

	*ret = (struct limits_plan){ 0 };
	for (char **text = c->limits; text && *text; text++) {
		size_t len = strcspn(*text, "=");

		if ((*text)[len])
			put(&list, *text, len, *text + len + 1);
	}
	if (c->record)
		(void)record_each(c->record, SECTION, put_set, &list);
	r = config_overlay(s->settings, list.items, list.count, &with, err);
	if (r < 0)
		return err_wrap(err, "container '%s'", c->name);
	/* Rates are of the disk that the files are on, below a disk of the container too. */
	r = pool_find(s->layout, c->pool, &pool, err);
	if (r == 0)
		r = limits_from_settings(&with, pool->path, ret, err);
	ret->texts = c->limits ? strv_copy(c->limits) : config_texts(s->settings, "limits.");
	config_overlay_done(&with, list.items, list.count);
	return r;
}

static int put_text(const char *key, const char *value, void *data) {
	strv_addf(data, "%s=%s", key, value);
	return 0;
}

char **limits_list(const struct container *c) {
	char **list = NULL;

	if (c->record)
		(void)record_each(c->record, SECTION, put_text, &list);
	return list;
}

static int assign(struct container *c, const char *text, struct err *err) {
	const char *eq = strchr(text, '=');
	autofree char *key = eq ? xstrndup(text, (size_t)(eq - text)) : NULL;
	const struct setting_row *row = key ? settings_row(key) : NULL;

	if (!eq)
		return err_set(err, ERR_USAGE, -EINVAL, "'%s' is not KEY=VALUE", text);
	if (!row || strncmp(key, "limits.", 7) != 0) {
		const char *near = row ? NULL : config_nearest(key);

		return err_set(err, ERR_USAGE, -EINVAL, "'%s' is no limit%s%s%s", key,
			       near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
	}
	if (row->applies != APPLIES_LIVE)
		return err_set(err, ERR_USAGE, -EINVAL, "'%s' cannot be changed while a container runs",
			       key);
	if (eq[1])
		record_set(c->record, SECTION, key, eq + 1);
	else
		record_unset(c->record, SECTION, key);
	return 0;
}

/* ---- while it runs ---- */

/* One that has just ended has no group any more: what is written down is for its next start. */
static int apply(const struct session *s, const struct container *c, struct err *err) {
	struct limits_plan plan = { 0 };
	int r = limits_make(s, c, &plan, err);

	if (r == 0)
		r = runtime_limits_apply(c->lxc_name, &plan.runtime, err);
	limits_done(&plan);
	return r < 0 && container_is_running(s, c) ? r : 0;
}

/* All or nothing, as far as the kernel lets us. */
static int apply_or_back(const struct session *s, const struct container *c,
			 const struct container *old, struct err *err) {
	struct err ignored = { 0 };
	int r = apply(s, c, err);

	if (r < 0)
		(void)apply(s, old, &ignored);
	return r;
}

static bool same_set(const struct container *a, const struct container *b) {
	autostrv char **one = limits_list(a), **other = limits_list(b);
	autofree char *x = strv_join(one, "\n"), *y = strv_join(other, "\n");

	return strcmp(x, y) == 0;
}

int limits_catch_up(const struct session *s, const struct container *before,
		    const struct container *now, struct err *err) {
	auto_container struct container *c = NULL;
	autoclose int lock = -1;
	int r;

	if (same_set(before, now))
		return 0;
	/* Somebody may be at it again. */
	lock = container_lock(s, now->name, 0, err);
	r = lock < 0 ? lock : container_load(s, now->name, &c, err);
	return r < 0 ? r : apply(s, c, err);
}

static bool names_disk(char *const *assignments) {
	for (; *assignments; assignments++)
		if (!strncmp(*assignments, "limits.disk.size=", 17))
			return true;
	return false;
}

/* After the record: a disk that is larger than it says could not be started with. */
static int grow(struct session *s, const struct container *c, uint64_t size, struct err *err) {
	int r = storage_grow(s, c, size, err);

	if (r > 0)
		session_say(s, "The disk of container '%s' is that large when it is started "
			       "next: making it larger while it is used needs CAP_SYS_RESOURCE",
			    c->name);
	return r < 0 ? r : 0;
}

/* @old: as it was, for when what @c says cannot be done. */
static int set_locked(struct session *s, struct container *c, struct container *old,
		      char *const *assignments, struct err *err) {
	bool has_disk = names_disk(assignments), runs = container_is_running(s, c);
	struct limits_plan plan = { 0 };
	struct err ignored = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && assignments[i]; i++)
		r = assign(c, assignments[i], err);
	if (r == 0)
		r = limits_make(s, c, &plan, err);
	if (r == 0 && has_disk)
		r = storage_check(s, c, plan.disk_size, err);
	if (r == 0 && runs)
		r = apply_or_back(s, c, old, err);
	if (r == 0) {
		r = container_store_durably(s, c, err);
		if (r == 0 && has_disk) {
			r = grow(s, c, plan.disk_size, err);
			if (r < 0)
				(void)container_store_durably(s, old, &ignored);
		}
		if (r < 0 && runs)
			(void)apply(s, old, &ignored);
	}
	limits_done(&plan);
	return r;
}

int limits_set(struct session *s, const char *name, char *const *assignments, struct err *err) {
	auto_container struct container *c = NULL, *old = NULL;
	autoclose int lock = -1;
	int r = repair_container(s, name, err);

	if (r < 0)
		return r;
	lock = container_lock(s, name, 0, err);
	if (lock < 0)
		return lock;
	r = container_load(s, name, &c, err);
	if (r == 0)
		r = container_load(s, name, &old, err);
	if (r < 0)
		return r;
	/* Its supervisor has what was so when it began, and its groups are not there yet. */
	if (c->state == STATE_STARTING || c->state == STATE_CREATING) {
		(void)err_set(err, ERR_CONFLICT, -EBUSY, "container '%s' is just being started", name);
		return err_hint(err, "set it again when it runs.");
	}
	return set_locked(s, c, old, assignments, err);
}
