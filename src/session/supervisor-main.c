/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coi-supervisor: started by a command with the plan on a socket (descriptor
 * 3), never with anything in its arguments. See supervisor.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/strv.h"
#include "session/snapshot.h"
#include "session/supervisor-confine.h"
#include "session/supervisor.h"
#include "session/forensics.h"
#include "session/teardown.h"

#define COMMAND_FD 3
#define PLAN_TIMEOUT_MS 10000

int supervisor_store(struct supervisor *v, enum container_state state, struct err *err) {
	/*
	 * A stop does not wait for who holds the lock (an image being published from
	 * this container, and its command stopped): the record then says "running"
	 * with a dead init for a while, which everybody understands.
	 */
	bool may_wait = state != STATE_STOPPING && state != STATE_DELETING;
	autoclose int lock = container_lock(&v->session, v->c->name, may_wait ? 0 : LOCK_TRY, err);

	v->c->state = state;
	if (lock < 0)
		return !may_wait && lock == -EWOULDBLOCK ? 0 : lock;
	return container_store_run(&v->session, v->c, err);
}

static int read_plan(struct supervisor *v, struct err *err) {
	struct msg m;
	int r = msg_recv_timeout(COMMAND_FD, &m, PLAN_TIMEOUT_MS);

	if (r <= 0)
		return err_set(err, ERR_BUG, r ? r : -EPIPE, "the supervisor got no plan");
	if (strcmp(m.type, "plan") != 0)
		r = err_set(err, ERR_BUG, -EBADMSG, "the supervisor got '%s' for a plan", m.type);
	else
		r = wire_plan_from_json(m.body, &v->plan, err);
	if (r == 0 && m.fd_count != v->plan.bind_count)
		r = err_set(err, ERR_BUG, -EBADMSG, "the plan has not one descriptor for each bind");
	for (size_t i = 0; r == 0 && i < m.fd_count; i++)
		v->plan.bind_fds[i] = steal_fd(&m.fds[i]);
	msg_done(&m);
	return r;
}

static int open_all(struct supervisor *v, struct err *err) {
	struct session *s = &v->session;
	int r;

	s->who = &v->plan.who;
	s->prefix = v->plan.prefix;
	r = layout_open(&s->layout, err);
	if (r < 0)
		return r;
	s->lxcpath = RUNTIME_LXCPATH;
	s->audit = audit_open(s->who);
	audit_add_named(s->audit, v->plan.monitoring.sinks);
	r = container_load(s, v->plan.name, &v->c, err);
	if (r < 0)
		return r;
	v->container_path = xasprintf("%s/containers/%s", s->layout->root, v->c->name);
	supervisor_log_open(v);
	return 0;
}

/* What is kept of it, before anybody can start it again. */
static void take_evidence(struct supervisor *v) {
	autofree char *why = xasprintf("as it was when monitoring killed it: %s", v->evidence);
	autofree char *name = NULL;
	struct err err = { 0 };

	if (forensics_take(&v->session, v->c, why, &name, &err) < 0) {
		(void)err_wrap(&err, "the files of '%s' are not kept as a snapshot", v->c->name);
		supervisor_complain(&err);
		return;
	}
	supervisor_log(v,
		       "it is kept, and its files as snapshot '%s' (the newest %d stay; they go on "
		       "taking the room that they took): 'coi diff %s' shows what was changed, "
		       "'coi snapshot delete -c %s %s' frees the room",
		       name, FORENSICS_MAX, v->c->name, v->c->name, name);
	v->evidence_snapshot = steal_ptr(name);
}

/* It was to go, and nothing of it was waited for; now it is to stay, whatever happens next. */
static void settle_files(const struct supervisor *v) {
	autoclose int dir = open(v->files_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = { 0 };

	if (dir < 0 || syncfs(dir) < 0) {
		(void)err_sys(&err, -errno, "cannot write '%s' to the disk", v->files_path);
		supervisor_complain(&err);
	}
}

static void end_record(struct supervisor *v, bool delete_it) {
	struct err err = { 0 };
	autoclose int lock = -1;
	int r;

	/* While the name is still ours: the next one of that name has a group of the same name. */
	if (v->rt && runtime_leave(v->rt, &err) < 0)
		log_error(&err);
	lock = container_lock(&v->session, v->c->name, 0, &err);
	if (lock < 0) {
		log_error(&err);
		return;
	}
	if (delete_it) {
		r = teardown_remove(&v->session, v->c, &err);
		if (r == 0) {
			supervisor_audit_delete(v);
			supervisor_log(v, "deleted");
		}
	} else {
		if (v->evidence && forensics_keep_locked(&v->session, v->c->name, &err) < 0)
			supervisor_complain(&err);
		if (v->spec.no_sync && v->files_path)
			settle_files(v);
		container_forget_run(v->c);
		v->c->state = STATE_STOPPED;
		r = container_store_run(&v->session, v->c, &err);
		if (r == 0)
			supervisor_log(v, "stopped, and kept");
		if (r == 0 && v->evidence)
			take_evidence(v);
	}
	if (r < 0)
		log_error(&err);
	(void)tree_remove_at(v->session.layout->run_fd, v->c->name);
	container_lock_remove(&v->session, v->c->name, steal_fd(&lock));
	if (v->evidence && !delete_it)
		forensics_prune(&v->session, v->c->name, v->evidence_snapshot);
}

/* Undo all steps and let the record say stopped, or delete the container. */
static void supervisor_finish(struct supervisor *v, const struct plan *plan, bool delete_it) {
	(void)plan_undo(plan, v, plan->count, supervisor_trouble, NULL);
	plan_crash_point("finish", "record", "before");
	end_record(v, delete_it);
}

static void close_all(struct supervisor *v) {
	runtime_free(v->rt);
	supervisor_monitor_done(v);
	supervisor_network_done(v);
	net_base_free(v->net);
	loop_free(v->loop);
	mem_close_ptr(&v->guard_fd);
	mem_close_ptr(&v->watch_fd);
	mem_close_ptr(&v->init_pidfd);
	mem_close_ptr(&v->control_fd);
	mem_close_ptr(&v->command_fd);
	mem_close_ptr(&v->host_mnt_fd);
	mem_close_ptr(&v->host_mounts_fd);
	mem_close_ptr(&v->protect_fd);
	mem_close_ptr(&v->mounts_fd);
	mem_close_ptr(&v->root_fd);
	supervisor_disk_end(v);
	protect_binds_done(&v->protect);
	protect_items_done(&v->protect_items);
	supervisor_git_done(v);
	free(v->head);
	free(v->why);
	free(v->evidence);
	free(v->evidence_snapshot);
	strv_free(v->canaries);
	free(v->sockets_path);
	free(v->hosts_lines);
	free(v->container_path);
	free(v->files_path);
	free(v->disk_path);
	strv_free(v->layers);
	container_free(v->c);
	audit_free(v->session.audit);
	layout_free(v->session.layout);
	wire_plan_done(&v->plan);
}

static int supervise(struct supervisor *v, struct err *err) {
	const struct plan *plan = v->plan.adopt ? &supervisor_adopt_plan : &supervisor_start_plan;
	int r = plan_run(plan, v, supervisor_trouble, err);

	if (r < 0) {
		log_error(err);
		if (!v->plan.adopt)
			end_record(v, v->plan.is_new);
		return r;
	}
	r = supervisor_serve(v, err);
	if (r < 0)
		log_error(err);
	supervisor_finish(v, plan,
			  r > 0 || (r < 0 && v->c->delete_on_stop && !supervisor_saves(v)));
	return r < 0 ? r : 0;
}

/* For whoever wants to walk the plans: the crash test, and people. */
static int print_plans(void) {
	static const struct plan *const plans[] = { &supervisor_start_plan, &supervisor_adopt_plan,
						    &teardown_plan, &snapshot_plan };

	for (size_t i = 0; i < ARRAY_SIZE(plans); i++)
		for (size_t k = 0; k < plans[i]->count; k++)
			printf("%s:%s\t%s%s\t%s\n", plans[i]->name, plans[i]->steps[k].name,
			       plans[i]->steps[k].act ? "act" : "",
			       plans[i]->steps[k].undo ? "undo" : "", plans[i]->steps[k].what);
	return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
	struct supervisor v = {
		.resolver = NET_RESOLVER_INIT,
		.watch = WATCH_INIT,
		.block = BLOCK_INIT,
		.who = NET_WHO_INIT,
		.relay = RELAY_INIT,
		.guard_fd = -1,
		.watch_fd = -1,
		.learnt_fd = -1,
		.denied_fd = -1,
		.syslog_fd = -1,
		.init_pidfd = -1,
		.control_fd = -1,
		.host_mnt_fd = -1,
		.host_mounts_fd = -1,
		.protect_fd = -1,
		.mounts_fd = -1,
		.root_fd = -1,
		.disk_fd = -1,
		.disk_home_fd = -1,
		.command_fd = COMMAND_FD,
	};
	struct err err = { 0 };
	int r;

	if (argc == 2 && !strcmp(argv[1], "--plans"))
		return print_plans();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)umask(022);
	for (int i = 0; i < SUPERVISOR_CLIENTS_MAX; i++)
		v.clients[i] = -1;
	for (size_t i = 0; i < RELAY_TARGETS_MAX; i++)
		v.relay_fds[i] = -1;
	(void)fd_set_cloexec(COMMAND_FD, true);
	r = supervisor_confine(&err);
	if (r == 0)
		r = read_plan(&v, &err);
	if (r == 0)
		r = open_all(&v, &err);
	if (r == 0)
		r = supervise(&v, &err);
	if (r < 0 && v.command_fd >= 0)
		(void)msg_send_err(v.command_fd, &err);
	close_all(&v);
	return r < 0 ? 1 : 0;
}
