/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/forensics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/record.h"
#include "session/snapshot-private.h"
#include "session/teardown.h"

int forensics_keep_locked(const struct session *s, const char *name, struct err *err) {
	auto_container struct container *c = NULL;
	char now[CLOCK_RFC3339_SIZE];
	int r = container_load(s, name, &c, err);

	if (r < 0 || !c->delete_on_stop)
		return r;
	c->delete_on_stop = false;
	record_set(c->record, FORENSICS_SECTION, FORENSICS_KEPT, clock_rfc3339(time(NULL), now));
	return container_store_durably(s, c, err);
}

int forensics_keep(const struct session *s, const char *name, struct err *err) {
	autoclose int lock = container_lock(s, name, LOCK_TRY, err);

	if (lock == -EWOULDBLOCK)
		return 0;
	return lock < 0 ? lock : forensics_keep_locked(s, name, err);
}

int forensics_take(struct session *s, struct container *c, const char *why, char **ret_name,
		   struct err *err) {
	autofree char *name = snapshot_new_name(s, c->name, FORENSICS_PREFIX);
	const struct snapshot_request request = { .name = name, .description = why };
	auto_snapshot struct snapshot *made = NULL;
	int r = snapshot_create_locked(s, c, &request, &made, err);

	if (r == 0)
		*ret_name = steal_ptr(name);
	return r;
}

/*
 * The newest is the one that was made just now, whatever its time says: the clock may have
 * been put back since the others.
 */
static void prune_snapshots(struct session *s, const char *name, const char *made) {
	auto_snapshot_list struct snapshot_list list = { 0 };
	struct err err = { 0 };
	size_t count = made ? 1 : 0;

	if (snapshot_list_load(s, name, &list, &err) < 0) {
		session_say(s, "Warning: %s", err.msg);
		return;
	}
	for (size_t i = list.count; i > 0; i--) {
		const char *one = list.items[i - 1]->name;

		if (strncmp(one, FORENSICS_PREFIX, sizeof(FORENSICS_PREFIX) - 1) != 0 ||
		    (made && !strcmp(one, made)) || ++count <= FORENSICS_MAX)
			continue;
		if (snapshot_delete(s, name, one, &err) < 0)
			session_say(s, "Warning: %s", err.msg);
	}
}

static const char *kept_since(const struct container *c) {
	const char *text = record_get(c->record, FORENSICS_SECTION, FORENSICS_KEPT);

	return text ? text : "";
}

static int newest_first(const void *a, const void *b) {
	const struct container *x = *(struct container *const *)a, *y = *(struct container *const *)b;
	time_t at = clock_parse_rfc3339(kept_since(x)), other = clock_parse_rfc3339(kept_since(y));

	return at != other ? (at > other ? -1 : 1) : strcmp(x->name, y->name);
}

/* It may have been started, or made to stay, since it was listed. */
static int remove_kept(struct session *s, const char *name, struct err *err) {
	auto_container struct container *c = NULL;
	autoclose int lock = container_lock(s, name, LOCK_TRY, err);
	int r = lock < 0 ? lock : container_load(s, name, &c, err);

	if (r < 0 || c->state != STATE_STOPPED || c->persistent || !*kept_since(c))
		return r;
	return teardown(s, c, true, steal_fd(&lock), err);
}

static bool is_kept(const struct container *c, const char *workspace) {
	return *kept_since(c) && c->state == STATE_STOPPED && !c->persistent &&
	       !strcmp(c->workspace, workspace);
}

/* Of the workspace of @newest, which has ended just now. */
static void prune_containers(struct session *s, const struct container *newest) {
	auto_container_list struct container_list list = { 0 };
	struct err err = { 0 };
	size_t count = 1;

	if (container_list_load(s, LIST_ALL_PREFIXES, &list, &err) < 0) {
		session_say(s, "Warning: %s", err.msg);
		return;
	}
	if (list.count)
		qsort(list.items, list.count, sizeof(struct container *), newest_first);
	for (size_t i = 0; i < list.count; i++) {
		if (!is_kept(list.items[i], newest->workspace) ||
		    !strcmp(list.items[i]->name, newest->name) || ++count <= FORENSICS_MAX)
			continue;
		if (remove_kept(s, list.items[i]->name, &err) < 0)
			session_say(s, "Warning: %s", err.msg);
	}
}

void forensics_prune(struct session *s, const char *name, const char *made) {
	auto_container struct container *c = NULL;
	struct err err = { 0 };

	if (container_load(s, name, &c, &err) < 0)
		return;
	prune_snapshots(s, name, made);
	if (*kept_since(c))
		prune_containers(s, c);
}
