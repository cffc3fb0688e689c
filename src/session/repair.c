/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/repair.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "net/port.h"
#include "session/immutable.h"
#include "session/names.h"
#include "session/network.h"
#include "session/plan.h"
#include "session/session-log.h"
#include "session/snapshot.h"
#include "session/spawn.h"
#include "session/standstill.h"
#include "session/storage.h"
#include "session/teardown.h"

#define ADOPT_TIMEOUT_MS 10000
#define QUICKER_MS 2000

enum verdict {
	VERDICT_FINE,
	VERDICT_STOP,      /* take down what is left of it, keep the container */
	VERDICT_DELETE,    /* and delete it */
	VERDICT_ADOPT,     /* it runs and has no supervisor */
	VERDICT_ELSEWHERE, /* another network namespace has it */
};

static bool same_boot(const struct container *c) {
	return c->boot_id && !strcmp(c->boot_id, boot_id());
}

/*
 * What is left of one whose end nobody saw: a power cut, or whoever ended it died
 * meanwhile. A session has work in it that is not saved yet: it is kept, stopped,
 * to be resumed.
 */
static enum verdict judge_ended(const struct container *c) {
	if (c->kind == KIND_SHELL && c->has_run)
		return VERDICT_STOP;
	return c->delete_on_stop ? VERDICT_DELETE : VERDICT_STOP;
}

static enum verdict judge_running(const struct session *s, const struct container *c) {
	struct runtime_ref ref = container_ref(s, c);

	if (container_is_elsewhere(c))
		return VERDICT_ELSEWHERE;
	if (container_supervisor_alive(s, c))
		return VERDICT_FINE;
	if (!same_boot(c) || !runtime_alive(&ref))
		return judge_ended(c);
	if (c->kind != KIND_RUN && c->kind != KIND_BUILD)
		return VERDICT_ADOPT;
	/* Its command ends it; without one nobody would. */
	if (proc_id_alive(&c->client))
		return VERDICT_FINE;
	return c->delete_on_stop ? VERDICT_DELETE : VERDICT_STOP;
}

static enum verdict judge(const struct session *s, const struct container *c) {
	switch (c->state) {
	case STATE_STOPPED:
		/* A build that did not live to publish it. */
		return c->kind == KIND_BUILD && !proc_id_alive(&c->client) ? VERDICT_DELETE
									   : VERDICT_FINE;
	case STATE_RUNNING:
		return judge_running(s, c);
	default:
		break;
	}
	if (container_is_elsewhere(c))
		return VERDICT_ELSEWHERE;
	if (same_boot(c) && (proc_id_alive(&c->owner) || container_supervisor_alive(s, c)))
		return VERDICT_FINE;
	if (c->state == STATE_CREATING || c->state == STATE_DELETING)
		return VERDICT_DELETE;
	return judge_ended(c);
}

/* Another command was quicker: its supervisor is about to say so in the record. */
static bool is_adopted(const struct session *s, const char *name) {
	for (int waited = 0; waited < QUICKER_MS; waited += 10) {
		auto_container struct container *c = NULL;

		if (container_load(s, name, &c, NULL) < 0)
			return false;
		if (container_supervisor_alive(s, c))
			return true;
		(void)poll(NULL, 0, 10);
	}
	return false;
}

/*
 * A supervisor for one that lost its own. The rules are as they were put: the
 * claim of its address has the policy.
 */
static int adopt(struct session *s, const struct container *c, struct err *err) {
	auto_net_base struct net_base *net = NULL;
	struct wire_plan plan = {
		.name = xstrdup(c->name),
		.prefix = xstrdup(s->prefix),
		.who = { s->who->is_root, s->who->via_sudo, s->who->uid, s->who->gid,
			 xstrdup(s->who->user), xstrdup(s->who->home) },
		.adopt = true,
		.ready_timeout_ms = ADOPT_TIMEOUT_MS,
		.stop_timeout_ms = 60000,
		.policy = net_policy_default(),
	};
	struct net_port port;
	struct spawn spawn;
	int sock, r = net_base_open(s->layout, &net, err);

	if (r == 0)
		r = net_port_find(net, c->name, &port, err);
	if (r == 1)
		plan.policy = port.policy;
	/* What is allowed does not fit into a claim; without it nothing is. */
	if (r >= 0)
		r = network_load(s, c->name, &plan.policy, &plan.allowed, &plan.hosts,
				 &plan.network_log, err);
	plan.policy.allowed = &plan.allowed;
	plan.policy.hosts = &plan.hosts;
	if (r >= 0)
		r = spawn_begin(&spawn, err);
	sock = r < 0 ? r : spawn_plan(s, &spawn, &plan, err);
	wire_plan_done(&plan);
	if (sock < 0 && (sock == -EAGAIN || sock == -EACCES) && is_adopted(s, c->name))
		return 1;
	if (sock < 0)
		return err_wrap(err, "container '%s' runs without a supervisor", c->name);
	(void)close(sock);
	return 1;
}

static void tell_audit(struct session *s, const struct container *c, bool delete_it) {
	struct err err = { 0 };

	if (audit_write(s->audit, AUDIT_CONTAINER_REPAIR, c->name,
			AUDIT_FIELDS(AUDIT_TEXT("state", container_state_to_string(c->state)),
				     AUDIT_TEXT("action", delete_it ? "delete" : "stop")),
			&err) < 0)
		session_say(s, "Warning: %s", err.msg);
}

static int carry_out(struct session *s, const char *name, bool may_adopt, struct err *err);

/*
 * A take-over takes a moment, in which the container may end: then there is something
 * else to do, and nobody else who would know of it.
 */
static int adopt_or_settle(struct session *s, const struct container *c, struct err *err) {
	auto_container struct container *now = NULL;
	enum verdict verdict;
	int r = adopt(s, c, err), n;

	if (r >= 0)
		return r;
	n = container_load(s, c->name, &now, NULL);
	if (n == -ENOENT)
		return 0;
	verdict = n < 0 ? VERDICT_ADOPT : judge(s, now);
	if (verdict == VERDICT_ADOPT || verdict == VERDICT_ELSEWHERE)
		return r;
	return verdict == VERDICT_FINE ? 0 : carry_out(s, c->name, false, err);
}

/*
 * It ran as one that goes at its end, whose files nobody made sure of (runtime.h, no_sync),
 * and the machine went off under it: the kernel's mark on its directory is still there.
 */
static bool may_be_torn(const struct session *s, const struct container *c) {
	auto_storage struct storage st = STORAGE_INIT;
	autoclose int marks = -1;
	struct err ignored = { 0 };

	if (same_boot(c) || storage_open(s, c, &st, &ignored) < 0)
		return false;
	marks = open_beneath(st.fd, "work/work/incompat/volatile", O_PATH | O_DIRECTORY, 0);
	return marks >= 0;
}

static int carry_out(struct session *s, const char *name, bool may_adopt, struct err *err) {
	auto_container struct container *c = NULL;
	autoclose int lock = container_lock(s, name, 0, err);
	enum verdict verdict;
	int r;

	if (lock < 0)
		return lock;
	/* Somebody else may have been quicker, or it may have ended meanwhile. */
	r = container_load(s, name, &c, err);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	verdict = judge(s, c);
	if (verdict == VERDICT_FINE || verdict == VERDICT_ELSEWHERE ||
	    (verdict == VERDICT_ADOPT && !may_adopt))
		return 0;
	if (verdict == VERDICT_ADOPT) {
		(void)close(steal_fd(&lock)); /* the supervisor wants it */
		return adopt_or_settle(s, c, err);
	}
	session_say(s, "Repairing container '%s', which was left %s", name,
		    container_state_to_string(c->state));
	tell_audit(s, c, verdict == VERDICT_DELETE);
	session_log_note(c, "a crash or a power cut left it %s: it is cleaned up and %s",
			 container_state_to_string(c->state),
			 verdict == VERDICT_DELETE ? "deleted" : "kept, stopped");
	if (verdict == VERDICT_STOP && may_be_torn(s, c))
		session_say(s, "Warning: what '%s' wrote last may be lost or damaged: the machine went "
			    "off under it, and it ran as one that is deleted at its end", name);
	r = teardown(s, c, verdict == VERDICT_DELETE, steal_fd(&lock), err);
	return r < 0 ? r : 1;
}

/*
 * An empty file is what a power cut made of one that need not be kept. What cannot be
 * looked at, or is something else, may stand for one with files that somebody wants.
 */
static bool has_record(const struct session *s, const char *name) {
	autofree char *record = path_join(name, "container.ini");
	struct stat st;

	if (fstatat(s->layout->containers_fd, record, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno != ENOENT && errno != ENOTDIR;
	return !S_ISREG(st.st_mode) || st.st_size > 0;
}

/* A directory without a record: a command died between the two, or is about to write it. */
static int repair_nameless(struct session *s, const char *name, struct err *err) {
	autoclose int lock = container_lock(s, name, LOCK_TRY, err);
	struct container stub = { .name = (char *)name };
	autofree char *lxc = NULL;

	if (lock == -EWOULDBLOCK)
		return 0;
	if (lock < 0)
		return lock;
	if (has_record(s, name))
		return 0;
	lxc = name_lxc(s->layout->tag, name);
	stub.lxc_name = lxc;
	return teardown(s, &stub, true, steal_fd(&lock), err) < 0 ? err->code : 1;
}

int repair_container(struct session *s, const char *name, struct err *err) {
	auto_container struct container *c = NULL;
	enum verdict verdict;
	int r;

	if (!name_is_plain(name) || exists_at(s->layout->containers_fd, name) != 1)
		return 0;
	if (!has_record(s, name))
		return repair_nameless(s, name, err);
	r = container_load(s, name, &c, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	verdict = judge(s, c);
	if (verdict == VERDICT_FINE && container_is_running(s, c))
		r = standstill_repair(s, c, err);
	if (verdict == VERDICT_FINE)
		return r < 0 ? r : snapshot_repair(s, c, err);
	if (verdict == VERDICT_ELSEWHERE) {
		session_say(s, "Container '%s' belongs to another network namespace and is left alone",
			    name);
		return 0;
	}
	return carry_out(s, name, true, err);
}

/* ---- everything ---- */

struct sweep {
	struct session *s;
	bool dry_run;
	void (*found)(const char *what, void *data);
	void *data;
	int count;
};

static void found(struct sweep *w, const char *fmt, const char *name) {
	autofree char *text = xasprintf("%s '%s'", fmt, name);

	w->count++;
	if (w->found)
		w->found(text, w->data);
}

static bool is_known(const char *name, void *data) {
	const struct session *s = data;

	return exists_at(s->layout->containers_fd, name) != 0; /* who cannot look does not know */
}

static int sweep_containers(struct sweep *w, struct err *err) {
	autostrv char **names = NULL;
	int r = dir_names(w->s->layout->containers_fd, &names);

	if (r < 0)
		return err_sys(err, r, "cannot list the containers");
	for (size_t i = 0; names && names[i]; i++) {
		const char *name = names[i];
		auto_container struct container *c = NULL;
		struct err one = { 0 };
		enum verdict verdict = VERDICT_FINE;

		if (name_is_plain(name)) {
			if (!has_record(w->s, name))
				verdict = VERDICT_DELETE;
			else if (container_load(w->s, name, &c, &one) == 0)
				verdict = judge(w->s, c);
			if (verdict != VERDICT_FINE && verdict != VERDICT_ELSEWHERE) {
				found(w, "container left behind by a crash:", name);
				if (!w->dry_run && repair_container(w->s, name, &one) < 0 && r == 0) {
					r = one.code;
					*err = one;
				}
			}
		}
	}
	return r;
}

/* Names below containers/ are ours; cgroups carry the root's tag before them. */
static int sweep_cgroups(struct sweep *w, struct err *err) {
	struct session *s = w->s;
	autofree char *prefix = name_lxc(s->layout->tag, s->prefix);
	autostrv char **names = runtime_leftovers_list(prefix);
	int r = 0;

	for (size_t i = 0; names && names[i]; i++) {
		const char *name = names[i] + (*s->layout->tag ? strlen(s->layout->tag) + 1 : 0);
		struct runtime_ref ref = { .lxc_name = names[i], .lxcpath = s->lxcpath };
		autoclose int lock = -1;

		if (is_known(name, s))
			continue;
		lock = container_lock(s, name, LOCK_TRY, NULL);
		if (lock < 0)
			continue; /* somebody is just making it */
		found(w, "processes or cgroups without a container:", name);
		if (!w->dry_run && runtime_leftovers_remove(&ref, err) < 0)
			r = err->code;
		container_lock_remove(s, name, steal_fd(&lock));
	}
	return r;
}

static int sweep_network(struct sweep *w, struct err *err) {
	auto_net_base struct net_base *net = NULL;
	struct net_port *ports = NULL;
	size_t count = 0;
	int r = net_base_open(w->s->layout, &net, err);

	if (r == 0)
		r = net_port_list(net, &ports, &count, err);
	for (size_t i = 0; r == 0 && i < count; i++)
		if (!is_known(ports[i].name, w->s))
			found(w, "network entries without a container:", ports[i].name);
	free(ports);
	if (r < 0 || w->dry_run)
		return r;
	r = net_leftovers_remove(net, is_known, w->s, err);
	return r < 0 ? r : net_base_remove(net, -1, err);
}

static void found_files(const char *pool, const char *name, void *data) {
	autofree char *text = xasprintf("files in storage pool '%s' without a container:", pool);

	found(data, text, name);
}

static void found_immutable(const char *container, void *data) {
	found(data, "immutable files without a container:", container);
}

static void found_ids(const char *container, void *data) {
	found(data, "range of user ids without a container:", container);
}

/* Lock files and run directories of names that no container has. */
static void sweep_run(struct sweep *w) {
	struct session *s = w->s;
	autostrv char **names = NULL;

	if (dir_names(s->layout->run_fd, &names) < 0)
		return;
	for (size_t i = 0; names && names[i]; i++) {
		char *name = names[i], *dot = strrchr(name, '.');
		autoclose int lock = -1;

		if (dot && !strcmp(dot, ".lock"))
			*dot = '\0';
		if (strncmp(name, s->prefix, strlen(s->prefix)) != 0 || !name_is_plain(name) ||
		    is_known(name, s))
			continue;
		lock = container_lock(s, name, LOCK_TRY, NULL);
		if (lock < 0 || is_known(name, s))
			continue;
		if (dot == NULL || exists_at(s->layout->run_fd, name) == 1)
			found(w, "run directory without a container:", name);
		if (!w->dry_run)
			(void)tree_remove_at(s->layout->run_fd, name);
		container_lock_remove(s, name, steal_fd(&lock));
	}
}

static void found_unused(struct sweep *w, size_t count) {
	autofree char *text = xasprintf("layers, aliases and build directories that nobody uses: %zu",
					count);

	w->count += (int)count;
	if (w->found)
		w->found(text, w->data);
}

int repair_all(struct session *s, bool dry_run, void (*tell)(const char *what, void *data),
	       void *data, struct err *err) {
	struct sweep w = { .s = s, .dry_run = dry_run, .found = tell, .data = data };
	struct image_users users = container_image_users(s);
	struct err second; /* the first failure is the one that is told */
	size_t removed = 0;
	int r = sweep_containers(&w, err);
	int one = sweep_cgroups(&w, r < 0 ? &second : err);

	r = r < 0 ? r : one;
	one = sweep_network(&w, r < 0 ? &second : err);
	r = r < 0 ? r : one;
	one = storage_sweep(s, dry_run, found_files, &w, r < 0 ? &second : err);
	r = r < 0 ? r : one;
	(void)immutable_sweep(s, dry_run, found_immutable, &w);
	one = ids_sweep(NULL, s->layout->root, dry_run, found_ids, &w, r < 0 ? &second : err);
	r = r < 0 ? r : one < 0 ? one : r;
	sweep_run(&w);
	one = image_repair(s->layout, &users, dry_run, &removed, r < 0 ? &second : err);
	r = r < 0 ? r : one;
	if (removed)
		found_unused(&w, removed);
	return r < 0 ? r : w.count;
}
