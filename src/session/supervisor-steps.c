/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the supervisor does to start a container, step by step, and the undo of
 * each. The container starts with a loopback only; its link is made when the
 * rules for it are in place, straight into its network namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/path.h"
#include "base/timeline.h"
#include "session/network.h"
#include "session/snapshot.h"
#include "session/storage.h"
#include "session/supervisor.h"

static bool has_network(const struct supervisor *v) {
	return strcmp(v->c->network_mode, "none") != 0;
}

/* own: the record names us, and our lock shows that we live. */
static int do_own(void *ctx, struct err *err) {
	struct supervisor *v = ctx;
	struct container *c = v->c;
	int r = container_alive_take(&v->session, c->name);

	if (r < 0)
		return err_set(err, ERR_CONFLICT, r, "container '%s' has a supervisor already",
			       c->name);
	r = proc_id_get(getpid(), &c->supervisor);
	if (r == 0)
		r = ns_inode(0, "net", &c->netns);
	if (r < 0)
		return err_sys(err, r, "cannot tell who we are");
	v->started_ms = clock_mono_ms();
	str_replace(&c->boot_id, boot_id());
	c->owner = c->supervisor;
	r = supervisor_store(v, v->plan.adopt ? c->state : STATE_STARTING, err);
	/* Now that nobody can begin with its layers any more. */
	return r < 0 || v->plan.adopt ? r : snapshot_pending_check(c, err);
}

/* Are containers in it allowed, as it is started now? */
static bool nests(const struct supervisor *v) {
	return v->c->nesting && surface_nests(v->plan.surface);
}

static int do_ids(void *ctx, struct err *err) {
	struct supervisor *v = ctx;
	/* One that runs has its ids. */
	uint32_t count = v->plan.adopt ? v->c->ids.count :
			 nests(v)      ? IDS_COUNT_NESTED :
					 IDS_COUNT_PLAIN;

	return ids_claim(NULL, count, v->session.layout->root, v->c->name, &v->c->ids, err);
}

static int undo_ids(void *ctx, struct err *err) {
	struct supervisor *v = ctx;

	return ids_release(NULL, v->session.layout->root, v->c->name, err);
}

static int do_bridge(void *ctx, struct err *err) {
	struct supervisor *v = ctx;
	int r;

	if (!has_network(v))
		return 0;
	r = net_base_open(v->session.layout, &v->net, err);
	if (r == 0)
		r = net_base_ensure(v->net, err);
	if (r >= 0)
		supervisor_tell_closed(v);
	/*
	 * A base that was there has its guard, held by another supervisor; asking
	 * costs a grace period of the kernel and waits until the container runs.
	 */
	return r == 1 ? supervisor_guard(v, err) : r;
}

static int undo_bridge(void *ctx, struct err *err) {
	struct supervisor *v = ctx;

	return v->net ? net_base_remove(v->net, steal_fd(&v->guard_fd), err) : 0;
}

static int do_address(void *ctx, struct err *err) {
	struct supervisor *v = ctx;
	int r;

	if (!has_network(v))
		return 0;
	r = net_port_alloc(v->net, v->c->name, &v->plan.policy, &v->port, err);
	if (r < 0)
		return r;
	str_replace(&v->c->address, v->port.address_text);
	return 0;
}

static int undo_address(void *ctx, struct err *err) {
	struct supervisor *v = ctx;

	/* All of the port: what a dead supervisor had put there, too. */
	return v->net ? net_port_undo(v->net, v->c->name, err) : 0;
}

static int do_rules(void *ctx, struct err *err) {
	struct supervisor *v = ctx;
	int r;

	if (!has_network(v))
		return 0;
	r = supervisor_network_begin(v, err);
	if (r == 0)
		r = net_resolver_bind(v->net, &v->port, &v->resolver, err);
	if (r == 0)
		r = net_port_rules_put(v->net, &v->port, err);
	if (r < 0)
		return r;
	supervisor_audit_network(v, false);
	return 0;
}

static int do_link(void *ctx, struct err *err) {
	struct supervisor *v = ctx;

	if (!has_network(v))
		return 0;
	supervisor_who_begin(v);
	return net_port_attach(v->net, &v->port, v->init_pidfd, err);
}

static int undo_link(void *ctx, struct err *err) {
	struct supervisor *v = ctx;

	return v->net && v->port.name[0] ? net_port_link_remove(v->net, &v->port, err) : 0;
}

static void fill_spec(struct supervisor *v) {
	struct container *c = v->c;
	auto_json json_t *hosts = network_hosts_to_json(&v->plan.hosts);

	v->hosts_lines = network_hosts_lines(hosts);
	supervisor_network_bind(v);
	supervisor_relays_bind(v);
	supervisor_syslog_bind(v);
	supervisor_git_bind(v);
	v->spec = (struct runtime_spec){
		.name = c->name,
		.lxc_name = c->lxc_name,
		.lxcpath = v->session.lxcpath,
		.hostname = c->name,
		.hosts = v->hosts_lines,
		.ids = c->ids,
		.code_uid = c->code_uid,
		.code_gid = c->code_gid,
		.layers = (const char *const *)v->layers,
		.container_dir = v->container_path,
		.files_dir = v->files_path,
		.disk = v->disk_path,
		.binds = v->protect.items,
		.bind_count = v->protect.count,
		.init = c->systemd ? RUNTIME_INIT_SYSTEMD : RUNTIME_INIT_COI,
		.nesting = nests(v),
		.surface = v->plan.surface,
		.limits = v->plan.limits.runtime,
		.tmp_size = v->plan.limits.tmp_size,
		.is_heard = v->syslog_fd >= 0,
		.timezone = v->plan.timezone,
		.git_config = v->git_path ? GIT_SETUP_INSIDE "/config" : NULL,
		.no_sync = c->kind == KIND_RUN && c->delete_on_stop,
	};
	/* The link is made in its namespace once that is there: born with the rules in place. */
	if (has_network(v))
		v->spec.net.dns = v->port.gateway_text;
}

static int do_ports(void *ctx, struct err *err) {
	return supervisor_ports_open(ctx, err);
}

static int do_relays(void *ctx, struct err *err) {
	return supervisor_relays_start(ctx, err);
}

static int undo_relays(void *ctx, struct err *err) {
	(void)err;
	supervisor_relays_stop(ctx);
	return 0;
}

static int do_protect(void *ctx, struct err *err) {
	return supervisor_protect(ctx, err);
}

static int do_protect_adopt(void *ctx, struct err *err) {
	return supervisor_protect_adopt(ctx, err);
}

static int undo_protect(void *ctx, struct err *err) {
	return supervisor_unprotect(ctx, err);
}

/* Its program loads while the rest is made. */
static int do_watcher(void *ctx, struct err *err) {
	(void)err;
	supervisor_monitor_spawn(ctx);
	return 0;
}

static int do_watching(void *ctx, struct err *err) {
	struct supervisor *v = ctx;

	(void)err;
	if (v->plan.adopt)
		supervisor_canary_adopt(v);
	supervisor_monitor_begin(v);
	return 0;
}

static int undo_watcher(void *ctx, struct err *err) {
	(void)err;
	supervisor_monitor_done(ctx);
	return 0;
}

static int do_rootfs(void *ctx, struct err *err) {
	struct supervisor *v = ctx;
	int64_t disk = storage_disk_size(&v->session, v->c, err);
	int r = disk < 0 ? (int)disk : storage_layer_paths(&v->session, v->c, &v->layers, err);

	if (r < 0)
		return r;
	v->files_path = storage_home_path(&v->session, v->c, err);
	if (!v->files_path)
		return err->code;
	if (disk > 0)
		v->disk_path = path_join(v->files_path, STORAGE_DISK);
	r = supervisor_git_make(v, err);
	if (r < 0)
		return r;
	supervisor_canary_make(v);
	fill_spec(v);
	r = runtime_enter(&v->spec, &v->rt, err);
	if (r == 0)
		supervisor_canary_look(v);
	return r == 0 && disk > 0 ? supervisor_disk_begin(v, err) : r;
}

/* Its disk is to be free when the record says that it is stopped. */
static int undo_rootfs(void *ctx, struct err *err) {
	struct supervisor *v = ctx;

	(void)err;
	mem_close_ptr(&v->root_fd);
	supervisor_disk_end(v);
	if (v->rt)
		runtime_unmount(v->rt);
	supervisor_canary_done(v);
	return 0;
}

static int do_block(void *ctx, struct err *err) {
	struct supervisor *v = ctx;

	if (!v->plan.adopt)
		return supervisor_block_begin(v, err);
	supervisor_block_adopt(v);
	return 0;
}

static int undo_block(void *ctx, struct err *err) {
	(void)err;
	supervisor_block_done(ctx);
	return 0;
}

static int do_start(void *ctx, struct err *err) {
	struct supervisor *v = ctx;
	struct runtime_info info;
	int r = runtime_start(v->rt, &info, err);

	if (r < 0)
		return r;
	v->c->init = info.init;
	v->c->monitor = info.monitor;
	v->init_pidfd = fcntl(info.init_pidfd, F_DUPFD_CLOEXEC, 3);
	if (v->init_pidfd < 0)
		return err_sys(err, -errno, "cannot watch the container");
	supervisor_block_begun(v);
	return supervisor_audit_start(v, err);
}

/* Also ends what a supervisor before us has started: by name, not by memory. */
static int undo_start(void *ctx, struct err *err) {
	struct supervisor *v = ctx;
	struct runtime_ref ref = container_ref(&v->session, v->c);
	int r = v->rt ? runtime_cleanup(v->rt, err) : 0;

	if (r < 0 || !v->rt)
		r = runtime_leftovers_remove(&ref, err);
	return r;
}

static int do_resolver(void *ctx, struct err *err) {
	struct supervisor *v = ctx;
	int r;

	if (!has_network(v))
		return 0;
	r = net_resolver_start(v->net, &v->port, NULL, &v->resolver, err);
	if (r == 0 && proc_id_get(v->resolver.pid, &v->c->resolver) < 0)
		v->c->resolver = (struct proc_id){ 0 };
	v->resolver_started_ms = clock_mono_ms();
	return r;
}

static int undo_resolver(void *ctx, struct err *err) {
	struct supervisor *v = ctx;

	(void)err;
	net_resolver_stop(&v->resolver);
	return 0;
}

/* Has the command that waits for us gone? */
static bool command_gone(const struct supervisor *v) {
	struct pollfd pfd = { .fd = v->command_fd, .events = POLLRDHUP };

	return v->command_fd >= 0 && poll(&pfd, 1, 0) > 0 &&
	       (pfd.revents & (POLLHUP | POLLRDHUP | POLLERR));
}

static int do_ready(void *ctx, struct err *err) {
	struct supervisor *v = ctx;
	uint64_t end = clock_mono_ms() + (uint64_t)v->plan.ready_timeout_ms;

	while (runtime_ready_fd(v->rt) >= 0 && runtime_ready_check(v->rt) == 0) {
		struct pollfd pfds[] = {
			{ .fd = runtime_ready_fd(v->rt), .events = POLLIN },
			{ .fd = v->init_pidfd, .events = POLLIN },
			{ .fd = v->command_fd, .events = POLLRDHUP },
		};
		uint64_t now = clock_mono_ms();

		if (now >= end) {
			(void)err_set(err, ERR_SYSTEM, -ETIMEDOUT,
				      "container '%s' was not ready within %d s", v->c->name,
				      v->plan.ready_timeout_ms / 1000);
			return err_hint(err, "a slow machine wants a larger container.ready_timeout");
		}
		if (poll(pfds, ARRAY_SIZE(pfds), (int)(end - now)) < 0 && errno != EINTR)
			return err_sys(err, -errno, "cannot wait for the container");
		if (pfds[1].revents)
			return err_set(err, ERR_SYSTEM, -ESRCH,
				       "the init of container '%s' ended while it was starting",
				       v->c->name);
		if (pfds[2].revents & (POLLHUP | POLLRDHUP | POLLERR))
			return err_set(err, ERR_SYSTEM, -ECANCELED, "the command went away");
	}
	/* Nothing that a person starts in it is missed. */
	supervisor_monitor_wait(v);
	return 0;
}

static int do_running(void *ctx, struct err *err) {
	struct supervisor *v = ctx;

	v->c->owner = (struct proc_id){ 0 };
	v->c->has_run = true;
	v->c->unsaved = v->c->kind == KIND_SHELL && *v->c->session_id;
	if (!v->plan.adopt) {
		supervisor_time_set(v);
		str_replace(&v->c->timezone, v->plan.timezone);
		v->c->surface = v->plan.surface;
	}
	supervisor_audit_ready(v);
	return supervisor_store(v, STATE_RUNNING, err);
}

/* Adopting: init is not our child, its pidfd tells all the same. */
static int do_watch(void *ctx, struct err *err) {
	struct supervisor *v = ctx;
	int fd = proc_id_open(&v->c->init);

	if (fd < 0)
		return err_set(err, ERR_MISSING, fd, "container '%s' has ended", v->c->name);
	v->init_pidfd = fd;
	return 0;
}

static int on_step(void *ctx, const struct plan_step *step) {
	struct supervisor *v = ctx;

	/* The step before has come to its end. */
	if (v->step)
		timeline_mark(!strcmp(v->step->name, "ready") ? TIMELINE_INIT : TIMELINE_OWN,
			      v->step->what);
	else
		timeline_mark(TIMELINE_OWN, "have a supervisor that knows the plan");
	v->step = step;
	return command_gone(v);
}

static const struct plan_step start_steps[] = {
	{ "own", "take charge of the container", do_own, NULL },
	{ "ids", "claim its user ids", do_ids, undo_ids },
	{ "bridge", "prepare the bridge and the base rules", do_bridge, undo_bridge },
	{ "address", "claim its address", do_address, undo_address },
	{ "rules", "put its network rules in place", do_rules, NULL },
	{ "ports", "open its ports of the host", do_ports, undo_relays },
	{ "protect", "protect paths of the workspace", do_protect, undo_protect },
	{ "watcher", "start what watches it", do_watcher, undo_watcher },
	{ "rootfs", "build its file system", do_rootfs, undo_rootfs },
	{ "block", "close what nobody in it may open", do_block, undo_block },
	{ "start", "start it", do_start, undo_start },
	{ "watching", "watch what runs in it", do_watching, NULL },
	{ "link", "connect it to the bridge", do_link, undo_link },
	{ "resolver", "start its name service", do_resolver, undo_resolver },
	{ "ready", "wait until it is ready", do_ready, NULL },
	{ "relays", "start its relays", do_relays, undo_relays },
	{ "running", "note that it runs", do_running, NULL },
};

const struct plan supervisor_start_plan = {
	.name = "start",
	.steps = start_steps,
	.count = ARRAY_SIZE(start_steps),
	.on_step = on_step,
};

static const struct plan_step adopt_steps[] = {
	{ "own", "take charge of the container", do_own, NULL },
	{ "watch", "watch its init", do_watch, NULL },
	{ "ids", "claim its user ids", do_ids, undo_ids },
	{ "bridge", "prepare the bridge and the base rules", do_bridge, undo_bridge },
	{ "address", "find its address", do_address, undo_address },
	{ "rules", "put its network rules in place", do_rules, NULL },
	{ "protect", "know what protects paths of the workspace", do_protect_adopt, undo_protect },
	{ "rootfs", "know its disk", NULL, undo_rootfs },
	{ "watcher", "start what watches it", do_watcher, undo_watcher },
	{ "watching", "watch what runs in it", do_watching, NULL },
	{ "block", "keep closed what nobody in it may open", do_block, undo_block },
	{ "start", "end it when it is time", NULL, undo_start },
	{ "link", "know its link", NULL, undo_link },
	{ "resolver", "start its name service", do_resolver, undo_resolver },
	{ "ports", "open its ports of the host", do_ports, undo_relays },
	{ "relays", "start its relays", do_relays, undo_relays },
	{ "running", "note that it runs", do_running, NULL },
};

const struct plan supervisor_adopt_plan = {
	.name = "adopt",
	.steps = adopt_steps,
	.count = ARRAY_SIZE(adopt_steps),
	.keep_on_failure = true, /* it runs, and goes on doing so */
};
