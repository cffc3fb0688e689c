/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "base/timeline.h"
#include "image/image.h"
#include "session/build.h"
#include "session/launch-binds.h"
#include "session/limits.h"
#include "session/lifecycle.h"
#include "session/names.h"
#include "session/network-log.h"
#include "session/network.h"
#include "session/plan.h"
#include "session/protect-place.h"
#include "session/relays.h"
#include "session/repair.h"
#include "session/session-log.h"
#include "session/slots.h"
#include "session/spawn.h"
#include "session/storage.h"
#include "session/teardown.h"
#include "session/security.h"
#include "session/timezone.h"
#include "session/user.h"

void launched_done(struct launched *l) {
	runtime_warm_end(&l->warm);
	container_free(l->container);
	mem_close_ptr(&l->lease);
	*l = (struct launched)LAUNCHED_INIT;
}

/* Any layer with an init: a busybox image has none, and is started with ours. */
static bool image_has_systemd(char *const *layers) {
	static const char *const places[] = { "usr/lib/systemd/systemd", "lib/systemd/systemd",
					      "usr/sbin/init", "sbin/init" };

	for (; layers && *layers; layers++) {
		autoclose int dir = open(*layers, O_PATH | O_DIRECTORY | O_CLOEXEC);

		for (size_t i = 0; dir >= 0 && i < ARRAY_SIZE(places); i++) {
			autoclose int fd = open_in_root(dir, places[i], O_PATH | O_NOFOLLOW, 0);

			if (fd >= 0)
				return true;
		}
	}
	return false;
}

static int choose_init(const struct session *s, const struct launch_request *request,
		       const struct container *c, bool *ret, struct err *err) {
	int init = request->init >= 0 ? request->init : (int)s->settings->container.init;
	autostrv char **layers = NULL;
	int r;

	if (init == INIT_SYSTEMD || init == INIT_COI ||
	    c->kind == KIND_RUN || c->kind == KIND_BUILD) {
		*ret = init == INIT_SYSTEMD;
		return 0;
	}
	r = image_layer_paths(s->layout, c->layers, c->layer_count, &layers, err);
	if (r < 0)
		return r;
	*ret = image_has_systemd(layers);
	return 0;
}

static int find_image(const struct session *s, const char *ref, struct image_info **ret,
		      struct err *err) {
	int r = image_find(s->layout, ref, ret, err);

	if (r != -ENOENT || err->kind != ERR_MISSING)
		return r;
	(void)err_set(err, ERR_MISSING, -ENOENT, "image '%s' does not exist", ref);
	return err_hint(err, strncmp(ref, "coi-", 4) == 0
				     ? "build it with 'coi build', or see 'coi image list'"
				     : "see 'coi image list'; 'coi build' makes images, and 'coi "
				       "image import' takes them");
}

static int owner_of(int workspace_fd, struct container *c, struct err *err) {
	struct stat st;

	c->workspace_uid = (uid_t)-1;
	c->workspace_gid = (gid_t)-1;
	if (workspace_fd < 0)
		return 0;
	if (fstat(workspace_fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at the workspace");
	c->workspace_uid = st.st_uid;
	c->workspace_gid = st.st_gid;
	return 0;
}

/* The record of a new container whose directory is there and whose lock is held. */
static int write_record(struct session *s, const struct launch_request *request,
			const struct slot_claim *claim, const struct image_info *image,
			const char *workspace, int workspace_fd, struct container **ret,
			struct err *err) {
	auto_container struct container *c = xcalloc(1, sizeof(*c));
	const struct settings *set = s->settings;
	int r;

	c->name = xstrdup(claim->name);
	c->lxc_name = name_lxc(s->layout->tag, c->name);
	c->state = STATE_CREATING;
	c->kind = request->kind;
	c->created = time(NULL);
	c->image = xstrdup(request->image ? request->image : set->container.image);
	c->fingerprint = xstrdup(image->fingerprint);
	c->description = xstrdup(image->description);
	c->layers = image_layers_copy(image->layers, image->layer_count);
	c->layer_count = image->layer_count;
	c->pool = xstrdup(storage_pool_wanted(s, request->kind, request->pool));
	c->workspace = xstrdup(workspace ? workspace : "");
	c->workspace_path = workspace ? workspace_inside(s, workspace, workspace_fd) : xstrdup("");
	c->slot = request->name ? 0 : claim->slot;
	c->persistent = request->persistent;
	c->delete_on_stop = request->delete_on_stop;
	c->nesting = set->container.docker && request->kind != KIND_BUILD;
	c->code_uid = (uid_t)set->incus.code_uid;
	c->code_gid = (gid_t)set->incus.code_uid;
	c->code_user = xstrdup(set->incus.code_user);
	c->user_uid = CONTAINER_IMAGE_UID;
	c->alias = xstrdup(request->alias ? request->alias : "");
	c->network_mode = xstrdup(request->no_network
					  ? "none"
					  : net_mode_to_string(limits_policy(set).mode));
	c->person_uid = s->who->uid;
	c->person_gid = s->who->gid;
	c->person = xstrdup(s->who->user);
	c->person_home = xstrdup(s->who->home);
	c->logs_dir = xstrdup(set->paths.logs_dir);
	c->session_id = xstrdup(request->session_id ? request->session_id : "");
	c->tool = xstrdup(request->tool ? request->tool : "");
	c->profile = xstrdup(request->profile ? request->profile : "");
	c->state_paths = strv_copy(request->state_paths);
	c->session_since_ms = clock_real_ms();
	c->boot_id = xstrdup(boot_id());
	c->address = xstrdup("");
	r = owner_of(workspace_fd, c, err);
	if (r == 0)
		r = proc_id_get(getpid(), &c->owner);
	c->client = c->owner;
	if (r == 0)
		r = choose_init(s, request, c, &c->systemd, err);
	if (r == 0)
		r = container_store(s, c, err);
	if (r == 0)
		r = storage_begin(s, c, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(c);
	return 0;
}

static int tell_audit(struct session *s, const struct container *c, struct err *err) {
	return audit_write(s->audit, AUDIT_CONTAINER_CREATE, c->name,
			   AUDIT_FIELDS(AUDIT_TEXT("image", c->image),
					AUDIT_TEXT("fingerprint", c->fingerprint),
					AUDIT_TEXT("workspace", *c->workspace ? c->workspace : NULL),
					AUDIT_TEXT("init", c->systemd ? "systemd" : "coi-init"),
					AUDIT_BOOL("persistent", c->persistent)),
			   err);
}

static void forget_new(struct session *s, const char *name, int lock_fd) {
	(void)tree_remove_at(s->layout->containers_fd, name);
	(void)tree_remove_at(s->layout->run_fd, name);
	container_lock_remove(s, name, lock_fd);
}

/* A stopped one that is started again has the user and the log that the settings name now. */
static int use_settings(struct session *s, struct container **ret, struct err *err) {
	struct container *c = *ret;
	autoclose int lock = -1;
	int r;

	if (c->code_uid == (uid_t)s->settings->incus.code_uid &&
	    !strcmp(c->code_user, s->settings->incus.code_user) &&
	    !strcmp(c->logs_dir, s->settings->paths.logs_dir))
		return 0;
	lock = container_lock(s, c->name, 0, err);
	if (lock < 0)
		return lock;
	/* As it is now that nobody else writes it. */
	r = container_load(s, c->name, ret, err);
	if (r < 0)
		return r;
	container_free(c);
	c = *ret;
	c->code_uid = (uid_t)s->settings->incus.code_uid;
	c->code_gid = (gid_t)s->settings->incus.code_uid;
	if (strcmp(c->code_user, s->settings->incus.code_user) != 0)
		c->user_uid = (uid_t)-1; /* not known */
	str_replace(&c->code_user, s->settings->incus.code_user);
	str_replace(&c->logs_dir, s->settings->paths.logs_dir);
	return container_store(s, c, err);
}

/* A named session may have its directory elsewhere by now. */
static int use_workspace(struct session *s, struct container **ret, const char *workspace,
			 int workspace_fd, struct err *err) {
	struct container *c = *ret;
	autoclose int lock = -1;
	int r;

	if (!workspace || !strcmp(c->workspace, workspace))
		return 0;
	session_say(s, "'%s' had '%s' as its workspace, and has '%s' from now on", c->name,
		    c->workspace, workspace);
	lock = container_lock(s, c->name, 0, err);
	if (lock < 0)
		return lock;
	r = container_load(s, c->name, ret, err);
	if (r < 0)
		return r;
	container_free(c);
	c = *ret;
	str_replace(&c->workspace, workspace);
	free(c->workspace_path);
	c->workspace_path = workspace_inside(s, workspace, workspace_fd);
	r = owner_of(workspace_fd, c, err);
	return r < 0 ? r : container_store(s, c, err);
}

static int record_new_one(struct session *s, const struct launch_request *request,
			  const struct slot_claim *claim, const char *workspace, int workspace_fd,
			  struct container **ret, struct err *err) {
	const char *ref = request->image ? request->image : s->settings->container.image;
	auto_image_info struct image_info *image = NULL;
	autoclose int image_fd = image_lock(s->layout, true, err);
	int r = image_fd < 0 ? image_fd : find_image(s, ref, &image, err);

	return r < 0 ? r : write_record(s, request, claim, image, workspace, workspace_fd, ret, err);
}

/*
 * A name, an image and a record. The image's lock comes after the container's:
 * what is in the way of a name may have to be cleaned up, which may wait for a
 * container and for layers that go with it.
 */
static int create(struct session *s, const struct launch_request *request, const char *workspace,
		  int workspace_fd, struct launched *ret, struct err *err) {
	const char *ref = request->image ? request->image : s->settings->container.image;
	auto_image_info struct image_info *image = NULL;
	const struct pool *pool;
	struct slot_claim claim;
	/* Before anything is touched; looked up again when it cannot go any more. */
	int r = find_image(s, ref, &image, err);

	if (r == 0 && request->kind != KIND_BUILD)
		r = build_check_base(s, ref, image, err);
	if (r == 0)
		r = pool_use(s->layout, storage_pool_wanted(s, request->kind, request->pool), &pool,
			     err);
	if (r == 0)
		r = slot_claim(s, request, workspace, &claim, err);
	if (r < 0)
		return r;
	if (claim.reused) {
		r = container_load(s, claim.name, &ret->container, err);
		ret->reused = true;
		if (r == 0)
			r = use_settings(s, &ret->container, err);
		if (r == 0)
			r = use_workspace(s, &ret->container, workspace, workspace_fd, err);
		free(claim.name);
		return r;
	}
	r = record_new_one(s, request, &claim, workspace, workspace_fd, &ret->container, err);
	if (r == 0)
		r = tell_audit(s, ret->container, err);
	plan_crash_point("create", "record", "after");
	if (r < 0)
		forget_new(s, claim.name, steal_fd(&claim.lock));
	mem_close_ptr(&claim.lock);
	free(claim.name);
	return r;
}

/* What of the workspace is protected; and what of ours, in whatever is mounted. */
static void add_protection(const struct session *s, const struct container *c,
			   struct wire_plan *plan) {
	autostrv char **warnings = NULL;

	if (c->kind != KIND_BUILD)
		protect_rules_make(s->settings, &plan->protect, &warnings);
	plan->protect.own = protect_own_paths(s);
	for (char **line = warnings; line && *line; line++)
		session_say(s, "Warning: %s", *line);
}

/* Git trusts what is mounted, whoever it seems to belong to: all of it is the person's choice. */
static int add_git(const struct session *s, const struct container *c, struct wire_plan *plan,
		   struct err *err) {
	int r = git_setup_make(s, c, &plan->git, err);

	for (size_t i = 0; i < plan->bind_count && r == 0; i++) {
		strv_add(&plan->git.safe, plan->binds[i].target);
		strv_addf(&plan->git.safe, "%s/*", plan->binds[i].target);
		git_setup_add_hooks(&plan->git, plan->bind_fds[i]);
	}
	return r;
}

/* Start what the record describes. @request NULL: a stopped one. */
static int start(struct session *s, const struct launch_request *request, int workspace_fd,
		 struct spawn *spawn, struct launched *l, struct err *err) {
	struct container *c = l->container;
	const struct settings *set = s->settings;
	struct wire_plan plan = {
		.name = xstrdup(c->name),
		.prefix = xstrdup(s->prefix),
		.who = { s->who->is_root, s->who->via_sudo, s->who->uid, s->who->gid,
			 xstrdup(s->who->user), xstrdup(s->who->home) },
		.is_new = !l->reused,
		.is_lease = request && (c->kind == KIND_RUN || c->kind == KIND_BUILD),
		.ready_timeout_ms = set->container.ready_timeout * 1000,
		.stop_timeout_ms = set->container.shutdown_timeout * 1000,
		.policy = limits_policy(set),
	};
	int r = net_policy_check(&plan.policy, err);

	session_log_attach(s, c);
	plan.policy.allowed = &plan.allowed;
	plan.policy.hosts = &plan.hosts;
	if (r == 0 && strcmp(c->network_mode, "none") != 0)
		r = network_allowed(s, c, &plan.allowed, err);
	if (r == 0 && strcmp(c->network_mode, "none") != 0)
		r = network_hosts(set, &plan.hosts, err);
	plan.network_log = network_log_path(set);
	monitoring_from_settings(set, &plan.monitoring);
	if (r == 0)
		r = network_dns_servers(set, &plan.policy, err);
	if (r == 0)
		r = network_ports(s, &plan.policy, err);
	if (r == 0)
		r = limits_make(s, c, &plan.limits, err);
	plan_crash_point("create", "disk", "before");
	if (r == 0)
		r = storage_prepare(s, c, plan.limits.disk_size, err);
	plan_crash_point("create", "disk", "after");
	plan.timezone = timezone_of(s, c);
	plan.surface = security_surface(set);
	if (r == 0 && workspace_fd >= 0)
		r = launch_bind_workspace(s, c, workspace_fd, &plan, err);
	if (r == 0 && workspace_fd >= 0)
		launch_bind_git(s, c, workspace_fd, &plan);
	if (r == 0)
		r = launch_bind_settings(s, c, &plan, err);
	if (r == 0)
		r = launch_bind_recorded(s, c, &plan, err);
	if (r == 0)
		r = launch_bind_extra(request, &plan, err);
	if (r == 0)
		r = relays_from_settings(s, c, &plan.relays, err);
	add_protection(s, c, &plan);
	if (r == 0)
		r = add_git(s, c, &plan, err);
	plan_crash_point("create", "spawn", "before");
	if (r == 0) {
		l->lease = spawn_plan(s, spawn, &plan, err);
		r = l->lease < 0 ? l->lease : 0;
		/* A supervisor that failed has written down why. */
		if (r < 0 && r != -EPIPE && r != -ETIMEDOUT && r != -EINTR)
			session_log_attach(s, NULL);
	}
	wire_plan_done(&plan);
	return r;
}

/* What a failed start of a new container leaves is ours to take away. */
static void undo_create(struct session *s, const char *name) {
	auto_container struct container *c = NULL;
	struct err ignored;
	autoclose int lock = container_lock(s, name, 0, &ignored);

	/* Still there when the supervisor died: what lives of it goes first. */
	if (lock >= 0 && container_load(s, name, &c, &ignored) == 0) {
		(void)teardown(s, c, true, steal_fd(&lock), &ignored);
		return;
	}
	if (lock >= 0 && exists_at(s->layout->containers_fd, name) == 1)
		(void)tree_remove_at(s->layout->containers_fd, name);
	if (lock >= 0)
		container_lock_remove(s, name, steal_fd(&lock));
}

static int reload(struct session *s, struct launched *l, struct err *err) {
	struct container *c = NULL;
	int r = container_load(s, l->container->name, &c, err);

	if (r == 0)
		r = limits_catch_up(s, l->container, c, err);
	if (r < 0) {
		container_free(c);
		return r;
	}
	container_free(l->container);
	l->container = c;
	return 0;
}

/* Create and start: the supervisor's program loads while the record is made. */
static int make(struct session *s, const struct launch_request *request, const char *workspace,
		int workspace_fd, struct launched *l, struct err *err) {
	struct spawn spawn;
	int r = spawn_begin(&spawn, err);

	if (r == 0)
		r = create(s, request, workspace, workspace_fd, l, err);
	if (r == 0) {
		timeline_mark(TIMELINE_OWN, "record the container");
		r = start(s, request, workspace_fd, &spawn, l, err);
		if (r < 0 && !l->reused) {
			spawn_cancel(&spawn);
			undo_create(s, l->container->name);
		}
	}
	if (r < 0)
		spawn_cancel(&spawn);
	return r;
}

/* It is ready and cannot be used: a new one goes, another one is stopped again. */
static void give_up(struct session *s, struct launched *l) {
	struct err ignored = { 0 };

	if (!l->container)
		return;
	if (l->lease >= 0)
		(void)launched_finish(s, l, l->reused, &ignored);
	else if (l->reused)
		(void)lifecycle_stop(s, l->container->name, 0, &ignored);
	else
		(void)lifecycle_remove(s, l->container->name, 0, &ignored);
}

int launch(struct session *s, const struct launch_request *request, struct launched *ret,
	   struct err *err) {
	auto_launched struct launched l = LAUNCHED_INIT;
	autofree char *workspace = NULL;
	autoclose int workspace_fd = -1;
	int r;

	/* The supervisor, liblxc and an attached command will move processes between groups. */
	runtime_warm_begin(&l.warm);
	if (request->workspace) {
		workspace_fd = workspace_open(s, request->workspace, &workspace, err);
		if (workspace_fd < 0)
			return workspace_fd;
	}
	r = make(s, request, workspace, workspace_fd, &l, err);
	if (r < 0)
		return r;
	if (!(request->kind == KIND_RUN || request->kind == KIND_BUILD))
		(void)close(steal_fd(&l.lease));
	r = reload(s, &l, err);
	if (r == 0 && request->kind != KIND_BUILD)
		r = user_follow(s, l.container, err);
	if (r < 0) {
		give_up(s, &l);
		return r;
	}
	timeline_mark(TIMELINE_OWN, "hear that it is ready");
	*ret = l;
	l = (struct launched)LAUNCHED_INIT;
	return 0;
}

int launch_start(struct session *s, const char *name, struct launched *ret, struct err *err) {
	auto_launched struct launched l = LAUNCHED_INIT;
	autofree char *workspace = NULL;
	autoclose int workspace_fd = -1;
	struct spawn spawn;
	int r = lifecycle_wait_stopped(s, name, err);

	l.reused = true;
	if (r >= 0)
		r = container_load(s, name, &l.container, err);
	if (r < 0)
		return r;
	if (l.container->state != STATE_STOPPED)
		return err_set(err, ERR_CONFLICT, -EEXIST, "container '%s' is not stopped: it is %s",
			       name, container_state_to_string(l.container->state));
	runtime_warm_begin(&l.warm);
	r = use_settings(s, &l.container, err);
	if (r < 0)
		return r;
	if (*l.container->workspace) {
		workspace_fd = workspace_open(s, l.container->workspace, &workspace, err);
		if (workspace_fd < 0)
			return workspace_fd;
	}
	r = spawn_begin(&spawn, err);
	if (r == 0)
		r = start(s, NULL, workspace_fd, &spawn, &l, err);
	if (r < 0) {
		spawn_cancel(&spawn);
		return r;
	}
	(void)close(steal_fd(&l.lease));
	r = reload(s, &l, err);
	if (r == 0)
		r = user_follow(s, l.container, err);
	if (r < 0) {
		give_up(s, &l);
		return r;
	}
	*ret = l;
	l = (struct launched)LAUNCHED_INIT;
	return 0;
}

int launched_finish(struct session *s, struct launched *l, bool keep_stopped, struct err *err) {
	bool keep = keep_stopped || l->container->persistent;
	int r;

	runtime_warm_end(&l->warm);
	if (l->lease < 0)
		return lifecycle_end(s, l->container->name, keep, err);
	r = spawn_finish(s, l->lease, keep, err);
	(void)close(steal_fd(&l->lease));
	if (r == -EPIPE)
		return lifecycle_end(s, l->container->name, keep, err);
	/* What is kept can be used at once; what goes is cleaned up after the answer. */
	return r == 0 && keep ? lifecycle_wait_stopped(s, l->container->name, err) : r;
}
