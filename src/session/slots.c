/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/slots.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/lock.h"
#include "base/mem.h"
#include "session/lifecycle.h"
#include "session/names.h"
#include "session/plan.h"
#include "session/repair.h"

#define CLEANING_WAIT_MS 10000
#define NAMELESS_WAIT_MS 2000

/* 1: claimed, 0: in use by somebody. */
static int claim_name(struct session *s, const char *name, struct slot_claim *ret,
		      struct err *err) {
	autoclose int lock = -1;
	int r = repair_container(s, name, err);

	if (r < 0)
		return r;
	lock = container_lock(s, name, LOCK_TRY, err);
	if (lock == -EWOULDBLOCK)
		return 0;
	if (lock < 0)
		return lock;
	if (mkdirat(s->layout->containers_fd, name, 0711) < 0) {
		r = -errno;
		if (r == -EEXIST)
			return 0;
		container_lock_remove(s, name, steal_fd(&lock));
		return err_sys(err, r, "cannot make container '%s'", name);
	}
	plan_crash_point("create", "directory", "after");
	ret->name = xstrdup(name);
	ret->slot = name_slot(name);
	ret->lock = steal_fd(&lock);
	ret->reused = false;
	return 1;
}

static int reuse(const char *name, int slot, struct slot_claim *ret) {
	ret->name = xstrdup(name);
	ret->slot = slot;
	ret->lock = -1;
	ret->reused = true;
	return 1;
}

/* Load it; when it is just being stopped or deleted, after that has come to its end. */
static int load_settled(struct session *s, const char *name, struct container **ret) {
	int r = container_load(s, name, ret, NULL);

	if (r < 0 || ((*ret)->state != STATE_STOPPING && (*ret)->state != STATE_DELETING))
		return r;
	(void)container_wait_cleaned(*ret, CLEANING_WAIT_MS);
	container_free(*ret);
	*ret = NULL;
	return container_load(s, name, ret, NULL);
}

/*
 * As claim_name(), after what is stopping or being deleted has come to its end; 0: in
 * use by the container @c. A name that is held without a record is one whose record has
 * just gone, or has not come yet: soon it is one or the other.
 */
static int claim_settled(struct session *s, const char *name, struct slot_claim *ret,
			 struct container **c, struct err *err) {
	uint64_t until = clock_mono_ms() + NAMELESS_WAIT_MS;
	int r;

	while ((r = claim_name(s, name, ret, err)) == 0 && load_settled(s, name, c) == -ENOENT &&
	       clock_mono_ms() < until)
		(void)poll(NULL, 0, 2);
	return r;
}

/* The lowest stopped persistent one of the workspace. */
static int find_stopped(struct session *s, const char *identity, struct slot_claim *ret) {
	for (int slot = 1; slot <= SLOT_MAX; slot++) {
		autofree char *name = name_for(s->prefix, identity, slot);
		auto_container struct container *c = NULL;

		if (load_settled(s, name, &c) == 0 && c->persistent && c->state == STATE_STOPPED)
			return reuse(name, slot, ret);
	}
	return 0;
}

/*
 * The lowest free one from @from. One whose container is just being deleted is
 * waited for when @patient: people expect a session where the last one was,
 * while commands in a row are better off with the next slot than waiting.
 */
static int find_free(struct session *s, const char *identity, int from, bool patient,
		     struct slot_claim *ret, struct err *err) {
	for (int slot = from; slot <= SLOT_MAX; slot++) {
		autofree char *name = name_for(s->prefix, identity, slot);
		auto_container struct container *c = NULL;
		int r = patient ? claim_settled(s, name, ret, &c, err)
				: claim_name(s, name, ret, err);

		if (r != 0)
			return r;
	}
	return 0;
}

/* A slot whose container is being deleted is free soon. 1: one has become free. */
static int wait_deleting(struct session *s, const char *identity) {
	for (int slot = 1; slot <= SLOT_MAX; slot++) {
		autofree char *name = name_for(s->prefix, identity, slot);
		auto_container struct container *c = NULL;

		if (container_load(s, name, &c, NULL) == 0 && c->state == STATE_DELETING &&
		    container_wait_cleaned(c, CLEANING_WAIT_MS) == 0)
			return 1;
	}
	return 0;
}

static int all_in_use(const char *identity, struct err *err) {
	(void)err_set(err, ERR_CONFLICT, -EBUSY, "all %d slots of %s'%s' are in use", SLOT_MAX,
		      *identity == '/' ? "workspace " : "", identity);
	return err_hint(err, "see them with 'coi list'; remove stopped ones with 'coi clean'");
}

static int claim_auto(struct session *s, const struct launch_request *request,
		      const char *identity, struct slot_claim *ret, struct err *err) {
	int r = request->reuse_stopped ? find_stopped(s, identity, ret) : 0;

	if (r == 0)
		r = find_free(s, identity, 1, request->kind != KIND_RUN, ret, err);
	if (r == 0 && wait_deleting(s, identity))
		r = find_free(s, identity, 1, false, ret, err);
	return r == 0 ? all_in_use(identity, err) : r;
}

static int claim_slot(struct session *s, const struct launch_request *request,
		      const char *identity, struct slot_claim *ret, struct err *err) {
	autofree char *name = name_for(s->prefix, identity, request->slot);
	auto_container struct container *c = NULL;
	int r = claim_settled(s, name, ret, &c, err);

	if (r != 0)
		return r;
	if (c && c->state == STATE_STOPPED) {
		if (c->persistent)
			return reuse(name, request->slot, ret);
		r = lifecycle_delete(s, name, false, err);
		if (r < 0 && r != -ENOENT)
			return r;
		r = claim_name(s, name, ret, err);
		if (r != 0)
			return r;
	}
	if (request->kind == KIND_RUN) {
		(void)err_set(err, ERR_CONFLICT, -EBUSY, "slot %d is in use by container '%s'",
			      request->slot, name);
		return err_hint(err, "leave --slot out to get a free one, or end it with 'coi kill %s'",
				name);
	}
	r = find_free(s, identity, request->slot + 1, true, ret, err);
	if (r == 1)
		session_say(s, "Slot %d is occupied, using slot %d", request->slot, ret->slot);
	return r == 0 ? all_in_use(identity, err) : r;
}

/*
 * A name that a person has chosen means one session: another container of it has
 * nothing of that.
 */
static void tell_fork(struct session *s, const char *identity, const struct slot_claim *claim) {
	for (int slot = 1; slot <= SLOT_MAX; slot++) {
		autofree char *name = name_for(s->prefix, identity, slot);
		auto_container struct container *c = NULL;

		if (slot == claim->slot || container_load(s, name, &c, NULL) < 0 ||
		    c->state == STATE_DELETING)
			continue;
		session_say(s, "Warning: the session '%s' has container '%s' already (%s); '%s' is a "
			       "new one without anything of it. To use that one: coi %s",
			    s->settings->container.session_name, name, container_status(s, c),
			    claim->name, c->state == STATE_STOPPED ? "shell --resume" : "attach");
		return;
	}
}

/*
 * What a crash has left in any slot of the workspace is put right by the next start in it, and
 * not only when that slot is needed again.
 */
static void repair_slots(struct session *s, const char *identity) {
	for (int slot = 1; slot <= SLOT_MAX; slot++) {
		autofree char *name = name_for(s->prefix, identity, slot);
		struct err err = { 0 };

		if (repair_container(s, name, &err) < 0)
			session_say(s, "Warning: %s", err.msg);
	}
}

int slot_claim(struct session *s, const struct launch_request *request, const char *workspace,
	       struct slot_claim *ret, struct err *err) {
	const char *session_name = s->settings->container.session_name;
	autofree char *identity = workspace ? name_identity(session_name, workspace) : NULL;
	auto_container struct container *c = NULL;
	int r;

	*ret = (struct slot_claim){ .lock = -1 };
	if (identity)
		repair_slots(s, identity);
	if (!request->name) {
		r = request->slot ? claim_slot(s, request, identity, ret, err)
				  : claim_auto(s, request, identity, ret, err);
		if (r == 1 && !ret->reused && *session_name && request->kind == KIND_SHELL)
			tell_fork(s, identity, ret);
		return r < 0 ? r : 0;
	}
	r = name_check(request->name, err);
	if (r == 0)
		r = claim_settled(s, request->name, ret, &c, err);
	if (r == 0) {
		(void)err_set(err, ERR_CONFLICT, -EEXIST, "container '%s' exists already",
			      request->name);
		return err_hint(err, "delete it with 'coi container delete %s', or choose another name",
				request->name);
	}
	return r < 0 ? r : 0;
}
