/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The supervisor's steps for protected paths: before its own mount namespace,
 * after, and for what is mounted meanwhile. protected.json in the run directory
 * is for the supervisor that takes over.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/strv.h"
#include "runtime/hotmount.h"
#include "session/immutable.h"
#include "session/placeholders.h"
#include "session/protect-state.h"
#include "session/supervisor.h"

#define STATE_NAME "protected.json"
#define STATE_MAX (16 * 1024 * 1024)
#define STATE_FORMAT 1
#define ANSWER_MS 7000 /* more than inside_run() takes, less than who has asked us waits */

static void say(const char *line, void *data) {
	supervisor_say(data, line);
}

static void make_immutable(struct supervisor *v) {
	const struct protect_binds *b = &v->protect;
	autofree struct immutable_place *places = xcalloc(b->still_count + 1, sizeof(*places));
	/* A power cut must not leave marks that nobody knows of; of a run it hardly can. */
	bool is_long = v->c->kind != KIND_RUN || !v->c->delete_on_stop;
	struct err err = { 0 };

	if (!v->plan.protect.immutable)
		return;
	for (size_t i = 0; i < b->still_count; i++) {
		const struct protect_base *base = &b->bases[b->still[i].base];

		places[i] = (struct immutable_place){ base->fd, base->path, b->still[i].paths };
	}
	if (immutable_set(&(struct immutable_spec){ .session = &v->session,
						    .container = v->c->name,
						    .places = places,
						    .place_count = b->still_count,
						    .spare = v->plan.protect.writable,
						    .durable = is_long },
			  &err) < 0)
		say(err.msg, v);
}

/* ---- for the one that takes over ---- */

void supervisor_protect_store(const struct supervisor *v) {
	auto_json json_t *j = json_pack(
		"{s:i, s:o, s:o, s:o, s:o}", "format", STATE_FORMAT, "rules",
		protect_rules_to_json(&v->plan.protect), "items",
		protect_items_to_json(&v->protect_items), "binds", protect_binds_to_json(&v->protect),
		"head", json_text(v->head ? v->head : ""));
	int r = container_run_put(&v->session, v->c->name, STATE_NAME, j);

	if (r < 0)
		supervisor_note("cannot note what is protected in '%s': %s", v->c->name,
				strerror(-r));
}

static json_t *load_state(const struct supervisor *v) {
	json_t *j = NULL;

	if (container_run_get(&v->session, v->c->name, STATE_NAME, STATE_MAX, &j) <= 0)
		return NULL;
	if (json_get_int(j, "format", 0) == STATE_FORMAT)
		return j;
	json_decref(j);
	return NULL;
}

int supervisor_protect_adopt(struct supervisor *v, struct err *err) {
	auto_json json_t *j = load_state(v);
	autostrv char **lost = NULL;

	(void)err;
	v->host_mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (!j) {
		supervisor_note("it is not known what is protected in '%s': what is mounted stays, "
				"and what the host replaces is not mounted again", v->c->name);
		return 0;
	}
	protect_rules_done(&v->plan.protect);
	protect_rules_from_json(json_object_get(j, "rules"), &v->plan.protect);
	protect_items_from_json(json_object_get(j, "items"), &v->protect_items);
	protect_binds_from_json(json_object_get(j, "binds"), &v->protect, &lost);
	for (char **path = lost; path && *path; path++)
		supervisor_note("'%s' is not where it was when '%s' was started: what the host "
				"replaces there is not mounted again", *path, v->c->name);
	if (*json_get_str(j, "head", ""))
		str_replace(&v->head, json_get_str(j, "head", ""));
	supervisor_head_remember(v);
	return 0;
}

/* ---- the start, and the end ---- */

/* Into *@ret, and what of it is new into *@ret_items. */
static int place(struct supervisor *v, const struct protect_input *in,
		 struct protect_items *ret_items, struct protect_binds *ret, struct err *err) {
	auto_protect_items struct protect_items items = { 0 }, all = { 0 };
	struct protect_area *areas = NULL;
	int r = protect_areas_open(in, &areas, err);

	if (r == 0)
		r = protect_find(in, areas, &items, err);
	if (r == 0) {
		protect_items_append(&all, &v->protect_items);
		protect_items_append(&all, &items);
		r = protect_place(in, areas, &all, ret, err);
	}
	protect_areas_free(areas, in->bind_count);
	if (r < 0)
		return r;
	*ret_items = items;
	items = (struct protect_items){ 0 };
	return 0;
}

int supervisor_protect(struct supervisor *v, struct err *err) {
	auto_host_mounts struct host_mounts mounts = { 0 };
	int r;

	for (size_t i = 0; i < v->plan.bind_count; i++)
		v->plan.binds[i].fd = v->plan.bind_fds[i];
	/* The host's mounts: soon we have our own. */
	v->host_mnt_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	v->host_mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (v->host_mnt_fd < 0 || v->host_mounts_fd < 0)
		return err_sys(err, -errno, "cannot open our mount namespace");
	r = host_mounts_read(v->host_mounts_fd, &mounts, err);
	if (r == 0)
		r = place(v,
			  &(struct protect_input){ .session = &v->session,
						   .container = v->c->name,
						   .rules = &v->plan.protect,
						   .mounts = &mounts,
						   .binds = v->plan.binds,
						   .bind_count = v->plan.bind_count,
						   .has_workspace = *v->c->workspace,
						   .common = v->plan.git_bind,
						   .common_own = v->plan.git_own,
						   .say = say,
						   .say_data = v },
			  &v->protect_items, &v->protect, err);
	if (r < 0)
		return r;
	supervisor_head_remember(v);
	make_immutable(v);
	supervisor_protect_store(v);
	return 0;
}

int supervisor_unprotect(struct supervisor *v, struct err *err) {
	/* What stays immutable must not keep the container from being cleaned up. */
	if (immutable_clear(&v->session, v->c->name, err) < 0)
		supervisor_complain(err);
	if (!supervisor_head_is_proper(v) && supervisor_head_put_back(v, err) < 0)
		supervisor_complain(err);
	return placeholders_release(&v->session, v->c->name, v->host_mnt_fd, err);
}

/* ---- what is mounted meanwhile ---- */

int supervisor_enter_host(const struct supervisor *v) {
	return v->host_mnt_fd >= 0 && setns(v->host_mnt_fd, CLONE_NEWNS) < 0 ? -errno : 0;
}

/* Of the host's mount namespace are the descriptors that are mounted. */
static int attach_in_child(struct supervisor *v, const struct protect_binds *b, struct err *err) {
	struct hotmount_spec spec = {
		.ref = container_ref(&v->session, v->c),
		.ids = v->c->ids,
		.code_uid = v->c->code_uid,
		.code_gid = v->c->code_gid,
		.bind = b->items[0],
		.inner = b->items + 1,
		.inner_count = b->count - 1,
	};
	struct pollfd pfd = { .events = POLLIN };
	autoclose int pidfd = -1;
	int fds[2], r;
	pid_t pid;

	if (v->mount.pid)
		return err_set(err, ERR_SYSTEM, -EBUSY, "the container does not answer to a mount "
							"before");
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot make a pipe");
	pid = fork();
	if (pid == 0) {
		struct err own = { 0 };

		r = supervisor_enter_host(v);
		r = r < 0 ? err_sys(&own, r, "cannot enter the host's mounts")
			  : hotmount_add(&spec, &own);
		if (r == 0)
			own = (struct err){ 0 };
		(void)fd_write_all(fds[1], &own, sizeof(own));
		_exit(0);
	}
	r = pid < 0 ? err_sys(err, -errno, "cannot make a process") : 0;
	pidfd = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
	(void)close(fds[1]);
	pfd.fd = fds[0];
	/* What root in it has mounted on the way may never answer (supervisor-watch.c). */
	if (r == 0 && poll(&pfd, 1, ANSWER_MS) == 0)
		r = err_set(err, ERR_SYSTEM, -ETIMEDOUT, "the container does not let it be mounted");
	else if (r == 0 && read(fds[0], err, sizeof(*err)) != sizeof(*err))
		r = err_set(err, ERR_SYSTEM, -EIO, "the process that mounts has failed");
	(void)close(fds[0]);
	if (r == -ETIMEDOUT)
		supervisor_late_kill(v, &v->mount, pid, steal_fd(&pidfd));
	else if (pid > 0)
		(void)proc_wait(pid);
	return r < 0 ? r : err->kind != ERR_NONE ? err->code : 0;
}

/* @fd is taken. */
static int mount_late(struct supervisor *v, struct runtime_bind *bind, int fd, struct err *err) {
	auto_host_mounts struct host_mounts mounts = { 0 };
	auto_protect_items struct protect_items items = { 0 };
	auto_protect_binds struct protect_binds binds = { 0 };
	struct protect_rules rules = v->plan.protect;
	int r = host_mounts_read(v->host_mounts_fd, &mounts, err);

	rules.own = NULL; /* among the items of the start */
	bind->fd = fd;
	if (r == 0)
		r = place(v,
			  &(struct protect_input){ .session = &v->session,
						   .container = v->c->name,
						   .rules = &rules,
						   .mounts = &mounts,
						   .binds = bind,
						   .bind_count = 1 },
			  &items, &binds, err);
	if (r == 0)
		r = attach_in_child(v, &binds, err);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	binds.bases[0].is_late = true;
	binds.fds = xreallocarray(binds.fds, binds.fd_count + 1, sizeof(*binds.fds));
	binds.fds[binds.fd_count++] = fd;
	protect_items_append(&v->protect_items, &items);
	protect_binds_append(&v->protect, &binds);
	supervisor_protect_store(v);
	supervisor_watch_more(v);
	return 0;
}

void supervisor_mount_message(struct supervisor *v, int sock, struct msg *m) {
	struct err err = { 0 };
	struct runtime_bind bind;
	int r;

	if (m->fd_count != 1) {
		(void)err_set(&err, ERR_BUG, -EBADMSG, "a mount without its descriptor");
		(void)msg_send_err(sock, &err);
		return;
	}
	wire_bind_from_json(m->body, &bind);
	/* What is borrowed lives as long as we do. */
	strv_add(&v->protect.names, bind.source);
	bind.source = v->protect.names[strv_len(v->protect.names) - 1];
	strv_add(&v->protect.names, bind.target);
	bind.target = v->protect.names[strv_len(v->protect.names) - 1];
	r = mount_late(v, &bind, steal_fd(&m->fds[0]), &err);
	if (r < 0)
		(void)msg_send_err(sock, &err);
	else
		(void)msg_send(sock, "mounted", NULL, NULL, 0);
}
