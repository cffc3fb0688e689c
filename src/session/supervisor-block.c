/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What nobody in the container may open (monitor/block.h), from before its start to its
 * end: found, pinned, marked; who answers is started, started again, taken over.
 *
 * A secret is a mount of its own, too: it cannot be renamed, linked to or replaced by
 * another file then, and no overlay can be mounted over a directory that has it, whose
 * files would be other inodes.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "monitor/wire.h"
#include "runtime/mount.h"
#include "session/supervisor.h"

#define FILE_NAME "block.json" /* in the run directory */
#define FILE_MAX (4 * 1024 * 1024)
#define SOCKET_NAME "block"
#define REPORTS_AT_ONCE 64
#define KILL_TIMEOUT_MS 10000
#define RETRY_MS 200

static bool is_wanted(const struct supervisor *v) {
	return v->plan.monitoring.blocks;
}

/* --- what is closed */

/* A mount of its own, before the container's mounts are made of ours. */
static int pin(const struct block_file *f, struct err *err) {
	autoclose int clone = mount_clone(f->fd);
	int r = clone < 0 ? clone : mount_attach(clone, f->fd);

	return r < 0 ? err_sys(err, r, "cannot pin '%s' (monitoring.block)", f->path) : 0;
}

static int close_files(struct supervisor *v, const struct block_files *files, struct err *err) {
	for (size_t i = 0; i < files->count; i++) {
		const struct block_file *f = &files->items[i];
		/* A tool may be renamed and removed, where the kernel knows it again. */
		int r = f->is_tool && !f->has_links ? 0 : pin(f, err);

		if (r < 0)
			return r;
		r = block_mark(v->block.group_fd, f->fd);
		if (r < 0)
			return err_sys(err, r, "the kernel does not ask before '%s' is opened "
					       "(monitoring.block)", f->path);
		json_array_append_new(json_object_get(v->block_kept, "files"),
				      json_pack("{s:o, s:b, s:I, s:I}", "path", json_text(f->path),
						"is_tool", f->is_tool, "dev", (json_int_t)f->dev,
						"ino", (json_int_t)f->ino));
	}
	return 0;
}

/* The root file system, and what is in memory and the container's alone. */
static int close_programs(struct supervisor *v, struct err *err) {
	static const char *const places[] = { "/tmp", "/run" };
	int root = runtime_rootfs_fd(v->rt), r = block_mark_programs(v->block.group_fd, root);
	struct statfs fs;

	if (r < 0)
		return err_sys(err, r, "the kernel does not ask before a program is run "
				       "(monitoring.block)");
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		autoclose int fd = open_in_root(root, places[i], O_PATH | O_DIRECTORY, 0);

		if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC)
			(void)block_mark_programs(v->block.group_fd, fd);
	}
	return 0;
}

/*
 * By name, what comes later is refused. Not what has the name of a file that is left out:
 * the shell would be refused with it.
 */
static json_t *names_of(const struct supervisor *v, const struct block_files *files) {
	json_t *names = json_array();

	for (char *const *tool = v->plan.monitoring.block_tools; tool && *tool; tool++) {
		bool is_left_out = false;

		for (char *const *path = files->shared; path && *path; path++)
			is_left_out |= !strcmp(path_base(*path), path_base(*tool));
		if (!is_left_out)
			json_array_append_new(names, json_text(path_base(*tool)));
	}
	return names;
}

static void tell_shared(struct supervisor *v, const struct block_files *files) {
	autofree char *all = NULL, *line = NULL;

	if (!files->shared)
		return;
	all = strv_join(files->shared, ", ");
	line = xasprintf("in '%s' these are one file with a shell or the like, and are not refused "
			 "(monitoring.block_tools): %s", v->c->name, all);
	supervisor_say(v, line);
}

static int close_all(struct supervisor *v, struct err *err) {
	autofree char *home = xasprintf("/home/%s", v->c->code_user);
	char *const homes[] = { (char *)"/root", home, NULL };
	auto_block_files struct block_files files = { 0 };
	const struct block_wanted wanted = { .root_fd = runtime_rootfs_fd(v->rt),
					     .homes = homes,
					     .secrets = v->plan.monitoring.block_secrets,
					     .tools = v->plan.monitoring.block_tools,
					     .spared = v->canaries };
	int r = block_find(&wanted, &files, err);

	if (r < 0)
		return r;
	v->block.group_fd = block_group(err);
	if (v->block.group_fd < 0)
		return v->block.group_fd;
	v->block_kept = json_pack("{s:[], s:o}", "files", "names", names_of(v, &files));
	r = close_files(v, &files, err);
	if (r == 0 && strv_len(v->plan.monitoring.block_tools))
		r = close_programs(v, err);
	tell_shared(v, &files);
	log_debug("%zu files of '%s' are closed", files.count, v->c->name);
	return r;
}

/* --- who answers */

static int make_socket(const struct supervisor *v, struct err *err) {
	autoclose int dir = container_run_dir(&v->session, v->c->name);
	autoclose int fd = dir < 0 ? dir : socket_make_at(dir, SOCKET_NAME, SOCK_SEQPACKET, 0600);
	int r = fd < 0 ? fd : listen(fd, 4) < 0 ? -errno : 0;

	return r < 0 ? err_sys(err, r, "cannot listen for who takes over '%s'", v->c->name)
		     : steal_fd(&fd);
}

static int spawn_answers(struct supervisor *v, struct err *err) {
	autoclose int listen_fd = make_socket(v, err);
	int r = listen_fd < 0 ? listen_fd
			      : block_spawn(v->session.layout, listen_fd, &v->block, err);

	if (r < 0)
		return r;
	return proc_id_get(v->block.child, &v->c->block) < 0 ?
		       err_sys(err, -ESRCH, "what refuses opens has ended") : 0;
}

static int begin_answers(struct supervisor *v, struct err *err) {
	autostrv char **names = json_get_strv(v->block_kept, "names");
	const struct block_spec spec = { .lxc_name = v->c->lxc_name,
					 .uid_base = v->c->ids.base,
					 .tools = names,
					 .init_pidfd = v->init_pidfd };

	return block_begin(&v->block, &spec, err);
}

int supervisor_block_begin(struct supervisor *v, struct err *err) {
	int r;

	if (!is_wanted(v))
		return 0;
	r = close_all(v, err);
	if (r == 0)
		r = spawn_answers(v, err);
	/* Known to whoever has to end it, before it can outlive us. */
	if (r == 0)
		r = supervisor_store(v, STATE_STARTING, err);
	if (r == 0)
		r = begin_answers(v, err);
	if (r == 0 && container_run_put(&v->session, v->c->name, FILE_NAME, v->block_kept) < 0)
		supervisor_note("what is closed in '%s' cannot be kept", v->c->name);
	return r < 0 ? err_wrap(err, "refusing what is listed in '%s'", v->c->name) : 0;
}

void supervisor_block_begun(struct supervisor *v) {
	struct err err;
	int r = v->block.control_fd < 0 ? 0 : block_begun(&v->block, v->init_pidfd);

	if (r < 0) {
		(void)err_sys(&err, r, "what refuses opens cannot be told of the container's init");
		supervisor_complain(&err);
	}
}

/* Nothing is refused any more, and nobody knows since when. */
static void end_it(struct supervisor *v, const char *why) {
	struct runtime_ref ref = container_ref(&v->session, v->c);
	struct err err = { 0 };

	supervisor_state_record(v, "source.gap", AUDIT_HIGH, NULL, why);
	supervisor_note("'%s' is killed: %s (monitoring.block); it is kept, stopped", v->c->name, why);
	supervisor_why(v, "%s (monitoring.block)", why);
	v->wants_keep = v->was_asked = v->was_killed = true;
	if (runtime_kill(&ref, KILL_TIMEOUT_MS, &err) < 0)
		supervisor_complain(&err);
}

void supervisor_block_adopt(struct supervisor *v) {
	autoclose int dir = -1;
	int r;

	if (!is_wanted(v))
		return;
	dir = container_run_dir(&v->session, v->c->name);
	r = dir < 0 ? dir : block_connect(dir, SOCKET_NAME, &v->block);
	if (r < 0) {
		log_debug("cannot reach what refuses opens in '%s': %s", v->c->name, strerror(-r));
		end_it(v, "its supervisor and what refuses opens in it have both died");
		return;
	}
	if (container_run_get(&v->session, v->c->name, FILE_NAME, FILE_MAX, &v->block_kept) <= 0)
		supervisor_note("what is closed in '%s' is not known by name any more", v->c->name);
	supervisor_block_begun(v); /* its supervisor may have died before it was told */
}

/* --- what it says */

static const json_t *file_of(const struct supervisor *v, const json_t *body) {
	size_t i;
	json_t *f;

	json_array_foreach(json_object_get(v->block_kept, "files"), i, f)
		if (json_get_int(f, "dev", -1) == json_get_int(body, "dev", -2) &&
		    json_get_int(f, "ino", -1) == json_get_int(body, "ino", -2))
			return f;
	return NULL;
}

static int64_t uid_inside(const struct supervisor *v, int64_t uid) {
	return uid >= v->c->ids.base && uid - v->c->ids.base < v->c->ids.count ?
		       uid - v->c->ids.base : -1;
}

static void tell_findings(struct supervisor *v, const struct findings *all,
			  const struct watch_event *e) {
	for (size_t i = 0; i < all->count; i++) {
		const struct finding *f = &all->items[i];
		json_t **again = &v->block_again[f->slot];
		struct audit_threat t;
		auto_json json_t *body = NULL;

		/* It is refused each time: nothing to insist on. */
		if (f->is_again || (f->count && !*again))
			continue;
		body = f->count ? wire_threat_again(*again, f->count) : wire_threat(f, e);
		if (!f->count) {
			json_decref(*again);
			*again = json_incref(body);
		}
		if (!wire_threat_read(body, &t))
			continue;
		t.action = AUDIT_BLOCKED;
		supervisor_monitor_threat(v, &t, body);
	}
}

static void on_tick(void *data);

static void set_tick(struct supervisor *v) {
	uint64_t next = detector_next(v->block_detector), now = clock_mono_ms();

	if (next != UINT64_MAX && !v->block_tick)
		v->block_tick = loop_add_timer(v->loop, next > now ? next - now : 0, 0, on_tick, v);
}

static void on_tick(void *data) {
	struct supervisor *v = data;
	struct findings all;

	v->block_tick = NULL;
	detector_tick(v->block_detector, clock_mono_ms(), &all);
	tell_findings(v, &all, NULL);
	set_tick(v);
}

static void on_refused(struct supervisor *v, const json_t *body) {
	bool is_run = json_get_bool(body, "is_run", false);
	const json_t *file = file_of(v, body);
	struct watch_event e = {
		.kind = WATCH_FILE,
		.when_ms = clock_mono_ms(),
		.pid = (pid_t)json_get_int(body, "pid", 0),
		.uid = uid_inside(v, json_get_int(body, "uid", -1)),
		.comm = json_get_str(body, "comm", ""),
		/* As it was called when it was closed; what is run was refused by its name. */
		.file = { .path = json_get_str(file ? file : body, "path", "?"),
			  .access = is_run ? WATCH_RUN : WATCH_OPEN,
			  .is_tool = is_run || json_get_bool(file, "is_tool", false),
			  .was_refused = true },
	};
	struct findings all;

	detector_feed(v->block_detector, &e, &all);
	tell_findings(v, &all, &e);
	set_tick(v);
}

static void take_report(struct supervisor *v, const struct msg_report *report) {
	autofree char *text = NULL;

	switch (report->kind) {
	case BLOCK_REPORT_REFUSED:
		on_refused(v, report->body);
		break;
	case BLOCK_REPORT_MORE:
		text = xasprintf("%" PRId64 " further opens were refused, without a record of each",
				 json_get_int(report->body, "count", 0));
		supervisor_state_record(v, "source.lost", AUDIT_WARNING, NULL, text);
		break;
	case BLOCK_REPORT_AGAIN:
		text = xasprintf("what refuses opens was started again: %s; until then everybody waited",
				 json_get_str(report->body, "why", "?"));
		supervisor_state_record(v, "source.gap", AUDIT_WARNING, NULL, text);
		break;
	default: /* that it answers, or nothing that we know */
		break;
	}
}

static void hear(struct supervisor *v);

/* The group is ours as well: who asks waits meanwhile, and is refused by the next one. */
static void start_again(void *data) {
	struct supervisor *v = data;
	struct err err = { 0 };

	v->block_retry = NULL;
	if (v->is_stopping)
		return;
	/* It ends with the container. The record may have to wait, and who asks is not to. */
	if (spawn_answers(v, &err) < 0 || begin_answers(v, &err) < 0) {
		supervisor_complain(&err);
		block_leave(&v->block);
		v->block_retry = loop_add_timer(v->loop, RETRY_MS, 0, start_again, v);
		return;
	}
	if (supervisor_store(v, v->c->state, &err) < 0)
		supervisor_complain(&err);
	supervisor_state_record(v, "source.gap", AUDIT_WARNING, NULL,
				"what refuses opens had died and was started again; until then "
				"everybody waited");
	supervisor_note_again("what refuses opens in '%s' had died and is started again", v->c->name);
	hear(v);
}

static void on_block(int fd, uint32_t events, void *data) {
	struct supervisor *v = data;

	(void)fd;
	(void)events;
	for (int i = 0; i < REPORTS_AT_ONCE; i++) {
		struct msg_report report;
		int r = block_read(&v->block, &report);

		if (r == 0)
			return;
		if (r > 0) {
			take_report(v, &report);
			msg_report_done(&report);
			continue;
		}
		loop_remove(v->loop, v->block_source);
		v->block_source = NULL;
		block_leave(&v->block);
		start_again(v);
		return;
	}
}

static void hear(struct supervisor *v) {
	v->block_source = loop_add_fd(v->loop, v->block.control_fd, EPOLLIN, on_block, v);
}

void supervisor_block_watch(struct supervisor *v) {
	if (v->block.control_fd < 0)
		return;
	v->block_detector = detector_new(&v->plan.monitoring.detect);
	hear(v);
}

/* What it has still to say, and what was only counted. */
void supervisor_block_finish(struct supervisor *v) {
	struct msg_report report;
	struct findings all;

	loop_remove(v->loop, v->block_source);
	loop_remove(v->loop, v->block_tick);
	loop_remove(v->loop, v->block_retry);
	v->block_source = v->block_tick = v->block_retry = NULL;
	if (!v->block_detector)
		return;
	while (block_read(&v->block, &report) > 0) {
		take_report(v, &report);
		msg_report_done(&report);
	}
	loop_remove(v->loop, v->block_tick);
	v->block_tick = NULL;
	do {
		detector_tick(v->block_detector, UINT64_MAX, &all);
		tell_findings(v, &all, NULL);
	} while (all.count);
}

void supervisor_block_done(struct supervisor *v) {
	struct err err;

	block_stop(&v->block);
	/* One that was taken over is nobody's child. */
	if (proc_id_kill(&v->c->block, KILL_TIMEOUT_MS) < 0) {
		(void)err_sys(&err, -ETIMEDOUT, "what refused opens in '%s' does not end", v->c->name);
		supervisor_complain(&err);
	}
	detector_free(v->block_detector);
	v->block_detector = NULL;
	json_decref(v->block_kept);
	v->block_kept = NULL;
	for (size_t i = 0; i < DETECT_REMEMBERED; i++) {
		json_decref(v->block_again[i]);
		v->block_again[i] = NULL;
	}
}
