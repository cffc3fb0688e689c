/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A container's side of saved sessions: what is taken out of it, and put back. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "image/layer.h"
#include "session/saved-copy.h"
#include "session/saved-dir.h"
#include "session/saved.h"
#include "session/storage.h"

#define BYTES_MAX (4ull << 30)
#define FILE_MAX (512ull << 20)
#define ENTRIES_MAX 200000

static int write_metadata(int dir, const struct container *c) {
	auto_json json_t *meta = json_object();
	char when[CLOCK_RFC3339_SIZE];
	autofree char *text = NULL;

	(void)json_object_set_new(meta, "format", json_integer(SAVED_FORMAT));
	(void)json_object_set_new(meta, "session_id", json_text(c->session_id));
	(void)json_object_set_new(meta, "container_name", json_text(c->name));
	(void)json_object_set_new(meta, "persistent", json_boolean(c->persistent));
	(void)json_object_set_new(meta, "profile_name", json_text(c->profile));
	(void)json_object_set_new(meta, "workspace", json_text(c->workspace));
	(void)json_object_set_new(meta, "saved_at", json_text(clock_rfc3339(time(NULL), when)));
	/* More exactly, for what an agent has written meanwhile. */
	(void)json_object_set_new(meta, "started_ms", json_integer(c->session_since_ms));
	(void)json_object_set_new(meta, "saved_ms", json_integer(clock_real_ms()));
	text = json_dumps(meta, JSON_INDENT(2));
	if (!text)
		return -EBADMSG;
	return file_write_atomic_at(dir, SAVED_METADATA, text, strlen(text), 0600, (uid_t)-1,
				    (gid_t)-1);
}

static int begin(const struct privilege *who, const struct container *c) {
	autoclose int sessions = saved_dir_open(who, c->tool, true);
	autoclose int dir = -1;

	if (sessions < 0)
		return sessions;
	saved_dir_recover(sessions);
	dir = open_mkdir_beneath(sessions, c->session_id, 0700);
	return dir < 0 ? dir : write_metadata(dir, c);
}

int saved_begin(const struct container *c, struct err *err) {
	const struct privilege who = container_person(c);
	int r;

	privilege_person_begin(&who);
	r = begin(&who, c);
	privilege_person_end(&who);
	return r < 0 ? err_sys(err, r, "cannot note the session in '%s/.coi/sessions-%s'",
			       who.home, c->tool)
		     : 0;
}

static int set_persistent(const struct privilege *who, const struct container *c) {
	autoclose int sessions = saved_dir_open(who, c->tool, false);
	autoclose int dir = sessions < 0 ? sessions
					 : open_beneath(sessions, c->session_id,
							O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	auto_json json_t *meta = NULL;
	autofree char *text = NULL;
	int r = dir < 0 ? dir : saved_metadata_read(dir, &meta);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	(void)json_object_set_new(meta, "persistent", json_boolean(c->persistent));
	text = json_dumps(meta, JSON_INDENT(2));
	if (!text)
		return -EBADMSG;
	return file_write_atomic_at(dir, SAVED_METADATA, text, strlen(text), 0600, (uid_t)-1,
				    (gid_t)-1);
}

int saved_set_persistent(const struct container *c, struct err *err) {
	const struct privilege who = container_person(c);
	int r;

	if (!*c->session_id)
		return 0;
	privilege_person_begin(&who);
	r = set_persistent(&who, c);
	privilege_person_end(&who);
	return r < 0 ? err_sys(err, r, "cannot change the saved session '%s'", c->session_id) : 0;
}

/*
 * The home of the container's user, as far as no link leads away. With the host's
 * rights it is not read what root inside has mounted there either.
 */
static int open_home(const struct copy_side *side, int root_fd, const struct container *c) {
	autofree char *home = xasprintf("home/%s", c->code_user);
	int fd;

	copy_side_begin(side);
	fd = side->as_root ? open_beneath_here(root_fd, home, O_RDONLY | O_DIRECTORY, 0)
			   : open_beneath(root_fd, home, O_RDONLY | O_DIRECTORY, 0);
	copy_side_end();
	return fd;
}

int saved_open_root(const struct container *c) {
	return proc_id_open_file(&c->init, "root", O_PATH | O_DIRECTORY);
}

static int copy_out(const struct container *c, int root_fd, int stage, struct copy_job *job,
		    struct err *err) {
	autoclose int home = open_home(&job->from, root_fd, c);

	if (home == -ENOENT)
		return 0;
	if (home == -EXDEV)
		return err_set(err, ERR_CONFLICT, home, "the home in container '%s' is a mount",
			       c->name);
	if (home < 0)
		return err_sys(err, home, "cannot open the home in container '%s'", c->name);
	for (char *const *path = c->state_paths; path && *path; path++) {
		int r = copy_path(job, home, stage, *path, err);

		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

int saved_write(const struct container *c, int root_fd,
		bool (*is_valid)(const struct container *c), unsigned *ret_skipped,
		struct err *err) {
	const struct privilege who = container_person(c);
	struct copy_job job = {
		.from = { .as_root = true },
		.to = { .uid = who.uid, .gid = who.gid },
		.mode_mask = 0700,
		.bytes_max = BYTES_MAX,
		.file_max = FILE_MAX,
		.entries_max = ENTRIES_MAX,
	};
	autofree char *name = NULL;
	autoclose int sessions = -1, stage = -1;
	int r = saved_id_check(c->session_id, err);

	if (r < 0)
		return r;
	privilege_person_begin(&who);
	sessions = saved_dir_open(&who, c->tool, true);
	if (sessions >= 0) {
		saved_dir_recover(sessions);
		stage = saved_stage_open(sessions, c->session_id, &name, err);
	} else {
		(void)err_sys(err, sessions, "cannot open '%s/.coi/sessions-%s'", who.home,
			      c->tool);
	}
	privilege_person_end(&who);
	if (stage < 0)
		return err->code;
	r = copy_out(c, root_fd, stage, &job, err);
	privilege_person_begin(&who);
	if (r == 0) {
		r = write_metadata(stage, c);
		if (r < 0)
			(void)err_sys(err, r, "cannot write '" SAVED_METADATA "'");
	}
	if (r == 0 && is_valid && !is_valid(c))
		r = err_set(err, ERR_CONFLICT, -ESTALE, "container '%s' ended meanwhile", c->name);
	if (r == 0)
		r = saved_stage_install(sessions, stage, name, c->session_id, err);
	if (r < 0)
		(void)tree_remove_at(sessions, name);
	privilege_person_end(&who);
	if (r == 0 && ret_skipped)
		*ret_skipped = job.skipped;
	return r < 0 ? err_wrap(err, "cannot save session '%s'", c->session_id) : 0;
}

static bool still_runs(const struct container *c) {
	return proc_id_alive(&c->init);
}

int saved_write_running(const struct container *c, struct err *err) {
	autoclose int root = saved_open_root(c);

	if (root < 0)
		return err_sys(err, root, "cannot look into container '%s'", c->name);
	return saved_write(c, root, still_runs, NULL, err);
}

static int view_of(const struct session *s, const struct container *c, struct storage *st,
		   struct err *err) {
	autofree char *upper = NULL;
	int r = storage_open(s, c, st, err);

	if (r < 0)
		return r;
	upper = path_join(st->path, "upper");
	return layers_view(s->layout, c->layers, c->layer_count, upper, err);
}

int saved_write_stopped(struct session *s, const struct container *c, struct err *err) {
	auto_container struct container *now = NULL;
	auto_storage struct storage st = STORAGE_INIT;
	autoclose int lock = container_lock(s, c->name, 0, err);
	int r = lock < 0 ? lock : container_load(s, c->name, &now, err);
	int root;

	if (r < 0)
		return r;
	if (now->state != STATE_STOPPED)
		return err_set(err, ERR_CONFLICT, -EBUSY, "container '%s' was started meanwhile",
			       c->name);
	root = view_of(s, now, &st, err);
	if (root < 0)
		return err_wrap(err, "cannot save session '%s'", c->session_id);
	r = saved_write(now, root, NULL, NULL, err);
	(void)close(root);
	if (r < 0)
		return r;
	now->unsaved = false;
	return container_store(s, now, err);
}

static int copy_in(const struct container *c, const struct privilege *who, int session_fd,
		   struct err *err) {
	const uint32_t base = c->ids.base;
	struct copy_job job = {
		.from = { .uid = who->uid, .gid = who->gid },
		.to = { .uid = base + c->code_uid, .gid = base + c->code_gid },
		.mode_mask = 0777,
		.bytes_max = BYTES_MAX,
		.file_max = FILE_MAX,
		.entries_max = ENTRIES_MAX,
	};
	autoclose int root = saved_open_root(c);
	autoclose int home = root < 0 ? root : open_home(&job.to, root, c);

	if (home < 0)
		return err_sys(err, home, "cannot open the home in container '%s'", c->name);
	for (char *const *path = c->state_paths; path && *path; path++) {
		int r = copy_path(&job, session_fd, home, *path, err);

		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

int saved_restore(const struct container *c, const char *id, struct err *err) {
	const struct privilege who = container_person(c);
	autoclose int sessions = -1, dir = -1;
	int r = saved_id_check(id, err);

	if (r < 0)
		return r;
	privilege_person_begin(&who);
	sessions = saved_dir_open(&who, c->tool, false);
	dir = sessions < 0 ? sessions
			   : open_beneath(sessions, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	privilege_person_end(&who);
	r = dir < 0 ? err_sys(err, dir, "cannot open it") : copy_in(c, &who, dir, err);
	return r < 0 ? err_wrap(err, "cannot put the saved session '%s' back", id) : 0;
}
