/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where things are kept, and whether there is room. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/size.h"
#include "session/health/checks.h"

#define FREE_WANTED (5 * HEALTH_GIB)
#define FREE_NEEDED (2 * HEALTH_GIB)
#define USED_WANTED 80 /* percent */
#define USED_MOST 90

static char *coi_dir(const struct health_subject *s) {
	return path_join(s->who->home, ".coi");
}

/* May the person make files in the directory @path? 0 or -errno. */
static int usable(const struct health_subject *s, const char *path) {
	struct stat st;
	int r = 0;

	privilege_person_begin(s->who);
	if (stat(path, &st) < 0)
		r = -errno;
	else if (!S_ISDIR(st.st_mode))
		r = -ENOTDIR;
	else if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) < 0)
		r = -errno;
	privilege_person_end(s->who);
	return r;
}

static void look_coi(const struct health_subject *s, struct health_result *ret) {
	autofree char *dir = coi_dir(s);
	int r = usable(s, dir);

	if (r == 0) {
		health_ok(ret, "%s", dir);
	} else if (r == -ENOENT) {
		health_warn(ret, "'%s' is not there yet", dir);
		health_remedy(ret, "mkdir -m 0700 '%s'", dir);
	} else {
		health_fail(ret, "'%s' cannot be used: %s", dir, strerror(-r));
		health_remedy(ret, "make it a directory of '%s'", s->who->user);
	}
}

static int mend_coi(const struct health_subject *s, bool dry_run, char **ret_done, struct err *err) {
	autofree char *dir = coi_dir(s);
	int r = 0;

	if (!dry_run) {
		privilege_person_begin(s->who);
		if (mkdir(dir, 0700) < 0 && errno != EEXIST)
			r = -errno;
		privilege_person_end(s->who);
		if (r < 0)
			return err_sys(err, r, "cannot make '%s'", dir);
	}
	*ret_done = xasprintf("'%s' made", dir);
	return 0;
}

static void look_sessions(const struct health_subject *s, struct health_result *ret) {
	autofree char *coi = coi_dir(s);
	autofree char *dir = xasprintf("%s/sessions-%s", coi, s->settings->tool.name);
	int r = usable(s, dir);

	if (r == -ENOENT)
		health_ok(ret, "%s (made with the first session)", dir);
	else if (r < 0)
		health_fail(ret, "'%s' cannot be used: %s", dir, strerror(-r));
	else
		health_ok(ret, "%s", dir);
}

struct room {
	uint64_t free, total, used; /* bytes */
	unsigned used_percent;
};

/* Of the file system of @path, or of the nearest directory above that is there. */
static int room_of(const char *path, struct room *ret) {
	autofree char *at = xstrdup(path);
	struct statvfs v;

	while (statvfs(at, &v) < 0) {
		char *slash = strrchr(at, '/');

		if (errno != ENOENT || !slash || slash == at)
			return -errno;
		*slash = '\0';
	}
	*ret = (struct room){
		.free = (uint64_t)v.f_bavail * v.f_frsize,
		.total = (uint64_t)v.f_blocks * v.f_frsize,
		.used = (uint64_t)(v.f_blocks - v.f_bfree) * v.f_frsize,
	};
	/* As df(1): what only root may use counts neither way. */
	if (ret->used + ret->free > 0)
		ret->used_percent = (unsigned)(ret->used * 100 / (ret->used + ret->free));
	return 0;
}

static void look_disk(const struct health_subject *s, struct health_result *ret) {
	autofree char *dir = coi_dir(s);
	char text[SIZE_TEXT];
	struct room room;
	int r = room_of(dir, &room);

	if (r < 0) {
		health_fail(ret, "cannot ask for the room at '%s': %s", dir, strerror(-r));
		return;
	}
	health_detail(ret, "free_bytes", json_integer((json_int_t)room.free));
	if (room.free >= FREE_WANTED) {
		health_ok(ret, "%s free", size_text(room.free, text));
		return;
	}
	health_warn(ret, "%s free: sessions are saved there", size_text(room.free, text));
	health_remedy(ret, "coi clean --sessions");
}

static void look_state(const struct health_subject *s, struct health_result *ret) {
	const char *root = s->session ? s->session->layout->root : NULL;
	char text[SIZE_TEXT];
	struct room room;
	int r;

	if (!s->session && s->who->is_root) {
		health_fail(ret, "%s", s->session_error);
		return;
	}
	if (health_needs_session(s, ret))
		return;
	if (faccessat(s->session->layout->containers_fd, ".", W_OK, AT_EACCESS) < 0) {
		health_fail(ret, "'%s' cannot be written to: %s", root, strerror(errno));
		health_remedy(ret, "make it writable, or point COI_ROOT to another directory");
		return;
	}
	r = room_of(root, &room);
	if (r < 0) {
		health_fail(ret, "cannot ask for the room at '%s': %s", root, strerror(-r));
		return;
	}
	health_detail(ret, "path", json_text(root));
	health_detail(ret, "free_gib", json_real((double)room.free / (double)HEALTH_GIB));
	health_detail(ret, "used_gib", json_real((double)room.used / (double)HEALTH_GIB));
	health_detail(ret, "total_gib", json_real((double)room.total / (double)HEALTH_GIB));
	health_detail(ret, "used_pct", json_integer(room.used_percent));
	(void)size_text(room.free, text);
	if (room.free < FREE_NEEDED || room.used_percent > USED_MOST)
		health_fail(ret, "%s: %s free, %u %% used", root, text, room.used_percent);
	else if (room.free < FREE_WANTED || room.used_percent > USED_WANTED)
		health_warn(ret, "%s: %s free, %u %% used", root, text, room.used_percent);
	else
		health_ok(ret, "%s: %s free", root, text);
	if (ret->status != HEALTH_OK)
		health_remedy(ret, "coi clean --all, coi image cleanup");
}

const struct health_check health_storage_checks[] = {
	{ "coi_directory", "Coi directory", HEALTH_STORAGE, look_coi, mend_coi },
	{ "sessions_directory", "Sessions dir", HEALTH_STORAGE, look_sessions, NULL },
	{ "disk_space", "Disk space", HEALTH_STORAGE, look_disk, NULL },
	{ "storage_pools", "State directory", HEALTH_STORAGE, look_state, NULL },
	{ 0 },
};
