/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/lock.h"
#include "base/mem.h"
#include "image/layer.h"
#include "session/forensics.h"
#include "session/repair.h"
#include "session/snapshot-private.h"
#include "session/standstill.h"
#include "session/storage.h"

/* ---- the plan ---- */

struct making {
	struct session *s;
	struct container *c;
	const struct snapshot_request *request;
	struct snapshot *snapshot;
	struct storage *storage;
	struct image_layer layer; /* its pool is borrowed */
	uint64_t upper; /* its inode before */
	bool copied;    /* of a running container */
};

void snapshot_pending_clear(struct container *c) {
	static const char *const keys[] = { "snapshot", "layer", "pool", "upper", "copied" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		record_unset(c->record, PENDING, keys[i]);
}

static int upper_inode(const struct making *m, uint64_t *ret, struct err *err) {
	struct stat st;

	if (fstatat(m->storage->fd, "upper", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, -errno, "cannot look at the files of '%s'", m->c->name);
	*ret = st.st_ino;
	return 0;
}

static void set_pending(struct making *m) {
	record_set(m->c->record, PENDING, "snapshot", m->request->name);
	record_set(m->c->record, PENDING, "layer", m->layer.id);
	record_set(m->c->record, PENDING, "pool", m->layer.pool);
	record_setf(m->c->record, PENDING, "upper", "%" PRIu64, m->upper);
	record_set(m->c->record, PENDING, "copied", m->copied ? "true" : "false");
}

static int act_intent(void *ctx, struct err *err) {
	struct making *m = ctx;
	int r = upper_inode(m, &m->upper, err);

	if (r < 0)
		return r;
	set_pending(m);
	return container_store_durably(m->s, m->c, err);
}

static int undo_intent(void *ctx, struct err *err) {
	struct making *m = ctx;

	snapshot_pending_clear(m->c);
	return container_store_durably(m->s, m->c, err);
}

static int act_layer(void *ctx, struct err *err) {
	struct making *m = ctx;

	return layer_make(m->s->layout, &m->layer, err);
}

/* The record of the container still names it: so it is dropped by hand, not as one unused. */
static int undo_layer(void *ctx, struct err *err) {
	struct making *m = ctx;

	return layers_drop(m->s->layout, &m->layer, 1, NULL, err);
}

static int copy_frozen(struct making *m, struct err *err) {
	auto_standstill struct standstill still = STANDSTILL_NONE;
	autoclose int upper = -1;
	int r = standstill_begin(m->s, m->c, &still, err);

	if (r < 0)
		return r;
	upper = openat(m->storage->fd, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return upper < 0 ? err_sys(err, -errno, "cannot open the files of '%s'", m->c->name) :
			   layer_fill(m->s->layout, &m->layer, upper, m->request->progress, err);
}

static int act_freeze(void *ctx, struct err *err) {
	struct making *m = ctx;

	return m->copied ? copy_frozen(m, err) :
			   layer_exchange(m->s->layout, &m->layer, m->storage->fd, "upper", err);
}

/* They have changed places when another directory is there than the record has. */
static int undo_freeze(void *ctx, struct err *err) {
	struct making *m = ctx;
	const char *before = record_get(m->c->record, PENDING, "upper");
	uint64_t now;
	int r;

	if (m->copied || !before || layer_exists(m->s->layout, &m->layer) != 1)
		return 0;
	r = upper_inode(m, &now, err);
	if (r < 0 || now == strtoull(before, NULL, 10))
		return r;
	return layer_exchange(m->s->layout, &m->layer, m->storage->fd, "upper", err);
}

static void add_layer(struct image_layer **layers, size_t *count, const struct image_layer *one) {
	*layers = xreallocarray(*layers, *count + 1, sizeof(**layers));
	(*layers)[*count] = *one;
	(*layers)[(*count)++].pool = xstrdup(one->pool);
}

static int act_snapshot(void *ctx, struct err *err) {
	struct making *m = ctx;
	struct snapshot *snapshot = xcalloc(1, sizeof(*snapshot));

	snapshot->name = xstrdup(m->request->name);
	snapshot->created = time(NULL);
	snapshot->description = xstrdup(m->request->description ? m->request->description : "");
	snapshot->running = m->copied;
	snapshot->layers = image_layers_copy(m->c->layers, m->c->layer_count);
	snapshot->layer_count = m->c->layer_count;
	add_layer(&snapshot->layers, &snapshot->layer_count, &m->layer);
	m->snapshot = snapshot;
	return snapshot_store(m->s, m->c->name, snapshot, err);
}

static int undo_snapshot(void *ctx, struct err *err) {
	struct making *m = ctx;
	autofree char *file = xasprintf("%s.ini", m->request->name);
	autoclose int dir = snapshot_dir(m->s, m->c->name, false, err);

	if (dir == -ENOENT)
		return 0;
	if (dir < 0)
		return dir;
	if (unlinkat(dir, file, 0) < 0 && errno != ENOENT)
		return err_sys(err, -errno, "cannot remove snapshot '%s'", m->request->name);
	return 0;
}

/* The one write that makes it true. When it fails, what is pending is still to be undone. */
static int act_record(void *ctx, struct err *err) {
	struct making *m = ctx;

	snapshot_pending_clear(m->c);
	if (!m->copied)
		add_layer(&m->c->layers, &m->c->layer_count, &m->layer);
	return container_store_durably(m->s, m->c, err);
}

/*
 * It failed, but whether the disk has it is not known (its last step is an fsync).
 * So what is pending is written once more before anything is taken back; without
 * that nothing is, and either record is one to go on from.
 */
static int undo_record(void *ctx, struct err *err) {
	struct making *m = ctx;

	if (record_get(m->c->record, PENDING, "layer"))
		return 0;
	if (!m->copied && m->c->layer_count &&
	    !strcmp(m->c->layers[m->c->layer_count - 1].id, m->layer.id))
		free(m->c->layers[--m->c->layer_count].pool);
	set_pending(m);
	return container_store_durably(m->s, m->c, err);
}

static const struct plan_step steps[] = {
	{ "intent", "write down what is about to be done", act_intent, undo_intent },
	{ "layer", "make a layer", act_layer, undo_layer },
	{ "freeze", "put its files into the layer", act_freeze, undo_freeze },
	{ "snapshot", "write the snapshot's record", act_snapshot, undo_snapshot },
	{ "record", "go on above the layer", act_record, undo_record },
};

const struct plan snapshot_plan = {
	.name = "snapshot",
	.steps = steps,
	.count = ARRAY_SIZE(steps),
	.stop_at_failure = true, /* what is pending is forgotten when all else is undone */
};

/* ---- repair ---- */

/* Some snapshots may have the new layer already, instead of the old ones: they keep it. */
int snapshot_forget_merge(struct session *s, struct container *c,
			  const struct image_layer *layer, struct err *err) {
	struct image_users users = container_image_users(s);
	int r;

	snapshot_pending_clear(c);
	r = container_store_durably(s, c, err);
	return r < 0 ? r : layers_drop(s->layout, layer, 1, &users, err);
}

bool snapshot_pending_layer(const struct container *c, struct image_layer *ret) {
	const char *id = c->record ? record_get(c->record, PENDING, "layer") : NULL;
	const char *pool = id ? record_get(c->record, PENDING, "pool") : NULL;

	if (!id || strlen(id) != IMAGE_FINGERPRINT_SIZE - 1)
		return false;
	memcpy(ret->id, id, sizeof(ret->id));
	ret->pool = (char *)(pool ? pool : POOL_DEFAULT); /* an older record */
	return true;
}

int snapshot_repair(struct session *s, const struct container *old, struct err *err) {
	auto_container struct container *c = NULL;
	struct snapshot_request request = { 0 };
	struct making m = { .s = s, .request = &request };
	auto_storage struct storage storage = STORAGE_INIT;
	autofree char *name = NULL, *pool = NULL;
	autoclose int lock = -1;
	int r;

	if (!old->record || !record_get(old->record, PENDING, "layer"))
		return 0;
	lock = container_lock(s, old->name, LOCK_TRY, err);
	if (lock < 0)
		return lock == -EWOULDBLOCK ? 0 : lock;
	r = container_load(s, old->name, &c, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (!record_get(c->record, PENDING, "layer"))
		return 0;
	if (!snapshot_pending_layer(c, &m.layer))
		return err_set(err, ERR_SYSTEM, -EBADMSG, "the record of '%s' is damaged: %s", c->name,
			       PENDING);
	m.layer.pool = pool = xstrdup(m.layer.pool);
	name = xstrdup(record_get(c->record, PENDING, "snapshot"));
	request.name = name;
	m.c = c;
	m.copied = record_get_bool(c->record, PENDING, "copied", false);
	session_say(s, "Undoing a snapshot of '%s' that was cut off", c->name);
	if (!name || !*name) { /* layers that were about to be merged */
		r = snapshot_forget_merge(s, c, &m.layer, err);
		return r < 0 ? r : 1;
	}
	r = storage_open(s, c, &storage, err);
	m.storage = &storage;
	if (r == 0)
		r = plan_undo(&snapshot_plan, &m, snapshot_plan.count, NULL, err);
	return r < 0 ? err_wrap(err, "cannot undo a snapshot of '%s' that was cut off", c->name) : 1;
}

/* ---- create ---- */

int snapshot_begin(struct session *s, const char *container, struct container **ret,
		   struct err *err) {
	autoclose int lock = -1;
	int r = repair_container(s, container, err);

	if (r < 0)
		return r;
	lock = container_lock(s, container, 0, err);
	if (lock < 0)
		return lock;
	r = container_load(s, container, ret, err);
	if (r == -ENOENT)
		container_lock_remove(s, container, steal_fd(&lock));
	if (r == 0)
		r = snapshot_pending_check(*ret, err);
	return r < 0 ? r : steal_fd(&lock);
}

static int check_state(const struct session *s, const struct container *c, bool *ret_runs,
		       struct err *err) {
	*ret_runs = container_is_running(s, c);
	if (c->state == STATE_STOPPED || *ret_runs)
		return 0;
	return container_is_busy(c, err);
}

static int check_room(const struct container *c, struct err *err) {
	if (c->layer_count + 1 <= IMAGE_LAYERS_MAX)
		return 0;
	(void)err_set(err, ERR_CONFLICT, -E2BIG, "container '%s' has %zu layers, no more are possible",
		      c->name, c->layer_count);
	return err_hint(err, "'coi snapshot delete --flatten' makes one of those that no snapshot "
			     "needs apart.");
}

static int create_locked(struct session *s, struct container *c,
			 const struct snapshot_request *request, struct snapshot **ret,
			 struct err *err) {
	auto_storage struct storage storage = STORAGE_INIT;
	struct making m = { .s = s, .c = c, .request = request, .storage = &storage };
	auto_snapshot struct snapshot *other = NULL;
	struct err ignored = { 0 };
	int r = 0;

	if (snapshot_load(s, c->name, request->name, &other, &ignored) != -ENOENT)
		r = err_set(err, ERR_CONFLICT, -EEXIST,
			    "container '%s' has a snapshot '%s' already", c->name, request->name);
	if (r == 0)
		r = check_state(s, c, &m.copied, err);
	if (r == 0)
		r = check_room(c, err);
	if (r == 0)
		r = layer_new_id(m.layer.id, err);
	if (r == 0)
		r = storage_open(s, c, &storage, err);
	/* A copy need not be where its source is: it does not take of the container's disk. */
	m.layer.pool = m.copied ? c->pool : storage.pool;
	if (r == 0)
		r = plan_run(&snapshot_plan, &m, NULL, err);
	if (r < 0)
		snapshot_free(m.snapshot);
	else
		*ret = m.snapshot;
	return r;
}

static void tell_audit(struct session *s, enum audit_type type, const char *container,
		       const char *snapshot) {
	struct err err = { 0 };

	if (audit_write(s->audit, type, container, AUDIT_FIELDS(AUDIT_TEXT("snapshot", snapshot)),
			&err) < 0)
		session_say(s, "Warning: %s", err.msg);
}

int snapshot_create_locked(struct session *s, struct container *c,
			   const struct snapshot_request *request, struct snapshot **ret,
			   struct err *err) {
	int r = create_locked(s, c, request, ret, err);

	if (r == 0)
		tell_audit(s, AUDIT_SNAPSHOT_CREATE, c->name, request->name);
	return r;
}

int snapshot_create(struct session *s, const char *container,
		    const struct snapshot_request *request, struct snapshot **ret,
		    struct err *err) {
	auto_container struct container *c = NULL;
	struct snapshot_request named = *request;
	autofree char *made = NULL;
	autoclose int lock = -1;
	int r = request->name ? snapshot_name_check(request->name, err) : 0;

	if (r < 0)
		return r;
	/* Of that name only some are kept (forensics.h). */
	if (request->name && strncmp(request->name, FORENSICS_PREFIX, sizeof(FORENSICS_PREFIX) - 1) == 0)
		return err_set(err, ERR_USAGE, -EINVAL, "names that begin with '" FORENSICS_PREFIX
			       "' are those of what monitoring has killed");
	lock = snapshot_begin(s, container, &c, err);
	if (lock >= 0 && !request->name)
		named.name = made = snapshot_new_name(s, container, "snap-");
	return lock < 0 ? lock : snapshot_create_locked(s, c, &named, ret, err);
}

/* ---- restore ---- */

static int need_stopped(const struct container *c, const char *what, struct err *err) {
	if (c->state == STATE_STOPPED)
		return 0;
	(void)err_set(err, ERR_CONFLICT, -EBUSY, "container '%s' must be stopped to %s", c->name,
		      what);
	return err_hint(err, "'coi container stop %s' stops it and keeps it.", c->name);
}

int snapshot_restore(struct session *s, const char *container, const char *name,
		     char **ret_safety, struct err *err) {
	auto_container struct container *c = NULL;
	auto_snapshot struct snapshot *target = NULL, *safety = NULL;
	autofree char *safety_as = NULL, *why = NULL;
	struct snapshot_request request = { 0 };
	autoclose int lock = snapshot_begin(s, container, &c, err);
	int r = lock < 0 ? lock : snapshot_load(s, container, name, &target, err);

	if (r == 0)
		r = need_stopped(c, "restore a snapshot", err);
	if (r < 0)
		return r;
	safety_as = snapshot_new_name(s, container, "before-restore-");
	why = xasprintf("as it was before '%s' was restored", name);
	request.name = safety_as;
	request.description = why;
	/* What it has goes into a layer; then one write puts it above the others. */
	r = create_locked(s, c, &request, &safety, err);
	if (r < 0)
		return err_wrap(err, "cannot keep what container '%s' has now", container);
	plan_crash_point("restore", "record", "before");
	image_layers_free(c->layers, c->layer_count);
	c->layers = image_layers_copy(target->layers, target->layer_count);
	c->layer_count = target->layer_count;
	r = container_store_durably(s, c, err);
	plan_crash_point("restore", "record", "after");
	if (r < 0)
		return r;
	tell_audit(s, AUDIT_SNAPSHOT_RESTORE, container, name);
	*ret_safety = steal_ptr(safety_as);
	return 0;
}

/* ---- delete ---- */

int snapshot_delete(struct session *s, const char *container, const char *name, struct err *err) {
	struct image_users users = container_image_users(s);
	auto_container struct container *c = NULL;
	auto_snapshot struct snapshot *snapshot = NULL;
	struct snapshot_request request = { .name = name };
	struct making m = { .s = s, .request = &request };
	auto_storage struct storage storage = STORAGE_INIT;
	autoclose int lock = snapshot_begin(s, container, &c, err);
	int r = lock < 0 ? lock : snapshot_load(s, container, name, &snapshot, err);

	if (r == 0) /* some of its layers may be on the container's disk */
		r = storage_open(s, c, &storage, err);
	if (r < 0)
		return r;
	m.c = c;
	r = undo_snapshot(&m, err);
	plan_crash_point("snapshot-delete", "record", "after");
	if (r < 0)
		return r;
	tell_audit(s, AUDIT_SNAPSHOT_DELETE, container, name);
	return layers_drop(s->layout, snapshot->layers, snapshot->layer_count, &users, err);
}
