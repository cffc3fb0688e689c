/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/lifecycle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/strv.h"
#include "session/launch-binds.h"
#include "session/names.h"
#include "session/repair.h"
#include "session/saved.h"
#include "session/session-log.h"
#include "session/spawn.h"
#include "session/standstill.h"
#include "session/teardown.h"

#define CLEANING_WAIT_MS 30000
#define SAY_AFTER_MS 1000

static int load(struct session *s, const char *name, struct container **ret, struct err *err) {
	int r = repair_container(s, name, err);

	if (r >= 0)
		r = container_load(s, name, ret, err);
	if (r < 0)
		return r;
	if (container_is_elsewhere(*ret)) {
		container_free(*ret);
		*ret = NULL;
		return err_set(err, ERR_CONFLICT, -EXDEV,
			       "container '%s' runs in another network namespace", name);
	}
	return 0;
}

enum ending { END_KEPT, END_DELETED, END_AS_RECORDED };

/* By hand, where no supervisor can do it. */
static int end_by_hand(struct session *s, const char *name, enum ending how, struct err *err) {
	auto_container struct container *c = NULL;
	autoclose int lock = container_lock(s, name, 0, err);
	bool delete_it;
	int r;

	if (lock < 0)
		return lock;
	r = container_load(s, name, &c, err);
	if (r < 0) {
		if (r == -ENOENT)
			container_lock_remove(s, name, steal_fd(&lock));
		return r;
	}
	/* The record of now: somebody may have made it persistent meanwhile. */
	delete_it = how == END_AS_RECORDED ? c->delete_on_stop : how == END_DELETED;
	session_log_note(c, "%s (uid %u) wants it %s", s->who->user, (unsigned)s->who->uid,
			 delete_it ? "deleted" : "stopped; it has no supervisor");
	return teardown(s, c, delete_it, steal_fd(&lock), err);
}

/*
 * A session whose supervisor has died, or that a power cut ended, was never saved: that
 * is made good for before its container goes. @may_lose: it goes all the same when it
 * cannot be saved.
 */
static int save_before(struct session *s, const struct container *c, bool may_lose, struct err *err) {
	int r;

	if (!c->unsaved || c->state != STATE_STOPPED || c->kind != KIND_SHELL || !*c->session_id ||
	    !*c->person_home)
		return 0;
	r = saved_write_stopped(s, c, err);
	if (r == 0) {
		session_say(s, "Session %s had not been saved, and is now", c->session_id);
		return 0;
	}
	if (may_lose) {
		session_say(s, "Warning: session %s was never saved, and is lost: %s", c->session_id,
			    err->msg);
		return 0;
	}
	return err_hint(err, "container '%s' is kept; 'coi kill %s' deletes it all the same", c->name,
			c->name);
}

/*
 * The end of its supervisor is the end of the clean-up. Who uses its files (an image that
 * is made of it) is waited for by that one, and not by us. 0: done; 1: it goes on.
 */
static int wait_cleaned(struct session *s, const struct container *c) {
	autofree char *file = xasprintf("%s.lock", c->name);
	pid_t holder;

	if (container_wait_cleaned(c, SAY_AFTER_MS) == 0)
		return 0;
	holder = lock_holder(s->layout->run_fd, file);
	if (holder <= 0 || holder == c->supervisor.pid)
		return container_wait_cleaned(c, CLEANING_WAIT_MS) < 0;
	session_say(s, "'%s' has ended; process %d uses its files, and it is cleaned up when that "
		       "lets go", c->name, (int)holder);
	return 1;
}

/* Its supervisor is past hearing anybody: it saves what it has, or cleans it up. */
static bool has_ended(struct session *s, const struct container *c) {
	struct runtime_ref ref = container_ref(s, c);

	if (c->state != STATE_DELETING &&
	    ((c->state != STATE_RUNNING && c->state != STATE_STOPPING) || runtime_alive(&ref)))
		return false;
	return container_supervisor_alive(s, c);
}

static int stop(struct session *s, const struct container *c, int timeout_ms, bool delete_it,
		struct err *err) {
	int r = -ENOTCONN;

	if (container_supervisor_alive(s, c))
		r = spawn_stop(s, c, timeout_ms, delete_it, err);
	if (r == 0 || r == -ENOTCONN)
		(void)wait_cleaned(s, c);
	if (r != -ENOTCONN)
		return r;
	/* Who saves a session is its supervisor: what is not saved goes by a kill only. */
	if (!delete_it || timeout_ms <= 0 || c->kind != KIND_SHELL || !*c->session_id)
		return end_by_hand(s, c->name, delete_it ? END_DELETED : END_KEPT, err);
	r = end_by_hand(s, c->name, END_KEPT, err);
	if (r < 0)
		return r;
	(void)err_set(err, ERR_CONFLICT, -EOWNERDEAD,
		      "the supervisor of container '%s' died before its session was saved", c->name);
	return err_hint(err, "it is kept, stopped: 'coi shell --resume=%s' goes on with it",
			c->session_id);
}

int lifecycle_stop(struct session *s, const char *name, int timeout_ms, struct err *err) {
	auto_container struct container *c = NULL;
	int r = load(s, name, &c, err);

	if (r < 0)
		return r;
	if (c->state == STATE_STOPPED)
		return err_set(err, ERR_CONFLICT, -EALREADY, "container '%s' is not running", name);
	return stop(s, c, timeout_ms, false, err);
}

/* A running one is killed at @timeout_ms 0. */
static int remove_one(struct session *s, const char *name, int timeout_ms, bool may_lose,
		      struct err *err) {
	auto_container struct container *c = NULL;
	int r = load(s, name, &c, err);

	if (r < 0)
		return r;
	if (has_ended(s, c)) { /* by somebody else: what they leave is ours */
		if (wait_cleaned(s, c) != 0)
			return err_set(err, ERR_CONFLICT, -EBUSY,
				       "container '%s' has ended and is not cleaned up yet", name);
		container_free(steal_ptr(c));
		r = load(s, name, &c, err);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
	}
	if (c->state == STATE_STOPPED) {
		r = save_before(s, c, may_lose, err);
		if (r == 0)
			r = end_by_hand(s, name, END_DELETED, err);
	} else {
		r = stop(s, c, timeout_ms, true, err);
	}
	return r == -ENOENT ? 0 : r;
}

int lifecycle_remove(struct session *s, const char *name, int timeout_ms, struct err *err) {
	return remove_one(s, name, timeout_ms, timeout_ms <= 0, err);
}

int lifecycle_delete(struct session *s, const char *name, bool force, struct err *err) {
	auto_container struct container *c = NULL;
	int r = load(s, name, &c, err);

	if (r < 0)
		return r;
	if (!force && c->state != STATE_STOPPED && c->state != STATE_DELETING) {
		(void)err_set(err, ERR_CONFLICT, -EBUSY, "container '%s' is running", name);
		return err_hint(err, "stop it first ('coi container stop %s'), or use --force", name);
	}
	return remove_one(s, name, 0, force, err);
}

int lifecycle_end(struct session *s, const char *name, bool keep, struct err *err) {
	int r = end_by_hand(s, name, keep ? END_KEPT : END_AS_RECORDED, err);

	return r == -ENOENT ? 0 : r;
}

/* Also when its init has just ended and nobody has written that down yet. */
static bool is_ending(struct session *s, const struct container *c) {
	if (c->state == STATE_RUNNING)
		return !container_is_running(s, c) && container_supervisor_alive(s, c);
	return c->state == STATE_STOPPING || c->state == STATE_DELETING;
}

int lifecycle_wait_stopped(struct session *s, const char *name, struct err *err) {
	auto_container struct container *c = NULL;
	int r = container_load(s, name, &c, err);

	if (r == 0 && !is_ending(s, c)) {
		r = repair_container(s, name, err);
		return r < 0 ? r : 0;
	}
	if (r < 0)
		return r;
	r = container_wait_cleaned(c, CLEANING_WAIT_MS);
	if (r < 0)
		return err_sys(err, r, "container '%s' is still being cleaned up", name);
	r = repair_container(s, name, err);
	return r < 0 ? r : 0;
}

/* The record under its lock, to be changed and stored by the caller. */
static int load_locked(struct session *s, const char *name, int *ret_lock, struct container **ret,
		       struct err *err) {
	int lock = container_lock(s, name, 0, err), r;

	if (lock < 0)
		return lock;
	r = container_load(s, name, ret, err);
	if (r < 0) {
		(void)close(lock);
		return r;
	}
	*ret_lock = lock;
	return 0;
}

int lifecycle_persist(struct session *s, const char *name, struct err *err) {
	auto_container struct container *c = NULL;
	autoclose int lock = -1;
	int r = load_locked(s, name, &lock, &c, err);

	if (r < 0)
		return r;
	if (c->state == STATE_DELETING)
		return err_set(err, ERR_CONFLICT, -EBUSY, "container '%s' is being deleted", name);
	if (c->persistent && !c->delete_on_stop)
		return 0;
	c->persistent = true;
	c->delete_on_stop = false;
	r = container_store(s, c, err);
	if (r == 0)
		r = saved_set_persistent(c, err);
	return r < 0 ? r : 1;
}

int lifecycle_set_at_boot(struct session *s, const char *name, bool at_boot, struct err *err) {
	auto_container struct container *c = NULL;
	autoclose int lock = -1;
	int r = load_locked(s, name, &lock, &c, err);

	if (r < 0)
		return r;
	if (c->at_boot == at_boot)
		return 0;
	c->at_boot = at_boot;
	r = container_store(s, c, err);
	return r < 0 ? r : 1;
}

int lifecycle_set_session(struct session *s, const char *name, const struct container *like,
			  struct err *err) {
	auto_container struct container *c = NULL;
	autoclose int lock = -1;
	int r = load_locked(s, name, &lock, &c, err);

	if (r < 0)
		return r;
	str_replace(&c->session_id, like->session_id);
	str_replace(&c->tool, like->tool);
	str_replace(&c->profile, like->profile);
	strv_free(c->state_paths);
	c->state_paths = strv_copy(like->state_paths);
	c->session_since_ms = clock_real_ms();
	return container_store(s, c, err);
}

int lifecycle_unfreeze(struct session *s, const char *name, struct err *err) {
	auto_container struct container *c = NULL;
	int r = load(s, name, &c, err);

	if (r < 0)
		return r;
	if (!container_is_running(s, c))
		return err_set(err, ERR_CONFLICT, -EINVAL, "container '%s' is not running", name);
	r = standstill_release(s, c, STANDSTILL_THREAT, err);
	if (r < 0)
		return r;
	session_log_note(c, "let go on by %s (uid %u), if nothing else holds it", s->who->user,
			 (unsigned)s->who->uid);
	r = standstill_wait(s, c, err);
	/* Frozen for the next threat: that is another question. */
	return r == -EBUSY && standstill_holds(s, c, STANDSTILL_THREAT) ? 0 : r;
}

static int check_mount(const struct container *c, const struct container_mount *m,
		       struct err *err) {
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				      "._-";
	size_t len = strlen(m->device);

	if (!len || len > NAME_MAX_BYTES || strspn(m->device, allowed) != len)
		return err_set(err, ERR_USAGE, -EINVAL,
			       "'%s' is no name for a device: letters, digits and '._-'", m->device);
	if (*m->path != '/' || !strcmp(m->path, "/") || strpbrk(m->path, "\n\r"))
		return err_set(err, ERR_USAGE, -EINVAL,
			       "'%s' is no place to mount at: it must be an absolute path", m->path);
	for (size_t i = 0; i < c->mount_count; i++)
		if (!strcmp(c->mounts[i].device, m->device))
			return err_set(err, ERR_CONFLICT, -EEXIST,
				       "container '%s' has a device '%s' already", c->name,
				       m->device);
	return 0;
}

/* Its supervisor protects what is in it, and watches it from then on. */
static int mount_now(struct session *s, const struct container *c,
		     const struct container_mount *m, int fd, struct err *err) {
	const struct runtime_bind bind = mount_bind(m);
	json_t *answer = NULL;
	int r = spawn_ask(s, c, "mount", wire_bind_to_json(&bind), fd, &answer, err);

	json_decref(answer);
	return r;
}

static void forget_mount(struct session *s, const char *name, const char *device) {
	auto_container struct container *c = NULL;
	struct err ignored = { 0 };
	autoclose int lock = container_lock(s, name, 0, &ignored);

	if (lock < 0 || container_load(s, name, &c, &ignored) < 0)
		return;
	for (size_t i = 0; i < c->mount_count; i++) {
		if (strcmp(c->mounts[i].device, device) != 0)
			continue;
		free(c->mounts[i].device);
		free(c->mounts[i].source);
		free(c->mounts[i].path);
		c->mounts[i] = c->mounts[--c->mount_count];
		(void)container_store(s, c, &ignored);
		return;
	}
}

/* Into the record, before it is done: a later start does it, whatever happens now. */
static int note_mount(struct session *s, const char *name, const struct container_mount *mount,
		      struct container **ret, struct err *err) {
	autoclose int lock = container_lock(s, name, 0, err);
	auto_container struct container *c = NULL;
	int r = lock < 0 ? lock : container_load(s, name, &c, err);

	if (r == 0)
		r = check_mount(c, mount, err);
	if (r < 0)
		return r;
	c->mounts = xreallocarray(c->mounts, c->mount_count + 1, sizeof(*c->mounts));
	c->mounts[c->mount_count++] =
		(struct container_mount){ xstrdup(mount->device), xstrdup(mount->source),
					  xstrdup(mount->path), mount->readonly, mount->shift };
	r = container_store(s, c, err);
	if (r == 0)
		*ret = steal_ptr(c);
	return r;
}

int lifecycle_mount(struct session *s, const char *name, const struct container_mount *mount,
		    struct err *err) {
	auto_container struct container *c = NULL;
	autoclose int fd = -1;
	int r = load(s, name, &c, err);

	if (r == 0)
		r = check_mount(c, mount, err);
	if (r < 0)
		return r;
	container_free(steal_ptr(c));
	fd = mount_open(s, mount, err);
	if (fd < 0)
		return fd;
	r = note_mount(s, name, mount, &c, err);
	if (r == 0 && container_is_running(s, c)) {
		r = mount_now(s, c, mount, fd, err);
		if (r < 0)
			forget_mount(s, name, mount->device);
	}
	return r;
}
