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
#include "session/health/checks.h"
#include "session/health/verdict.h"

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
	int r = usable(s, dir), above = r == -ENOENT ? usable(s, s->who->home) : 0;

	if (above == -ENOENT) {
		health_fail(ret, "there is no home: '%s'", s->who->home);
		health_remedy(ret, "install -d -m 0700 -o %s '%s'", s->who->user, s->who->home);
	} else if (above < 0) {
		verdict_directory(s->who->home, s->who->user, above, ret);
	} else {
		verdict_directory(dir, s->who->user, r, ret);
	}
}

/* One of the person's own that has lost the rights for it; others' are not for us to take. */
static int mend_rights(const struct health_subject *s, const char *dir, bool dry_run, char **ret_done,
		       struct err *err) {
	struct stat st;
	int r = 0;

	privilege_person_begin(s->who);
	if (lstat(dir, &st) < 0)
		r = -errno;
	else if (!S_ISDIR(st.st_mode))
		r = -ENOTDIR;
	else if (st.st_uid != s->who->uid)
		r = -EPERM;
	else if (!dry_run && chmod(dir, (st.st_mode & 07777) | S_IRWXU) < 0)
		r = -errno;
	privilege_person_end(s->who);
	if (r == -EPERM)
		return err_set(err, ERR_PERMISSION, r, "'%s' belongs to somebody else", dir);
	if (r == 0 && !dry_run)
		r = usable(s, dir);
	if (r < 0)
		return err_sys(err, r, "cannot give '%s' its rights", dir);
	*ret_done = xasprintf("chmod u+rwx '%s'", dir);
	return 0;
}

static int mend_coi(const struct health_subject *s, bool dry_run, char **ret_done, struct err *err) {
	autofree char *dir = coi_dir(s);

	/* It is made when it is wanted; that it cannot be is about the directory above. */
	if (usable(s, dir) == -ENOENT)
		return err_set(err, ERR_MISSING, -ENOENT, "'%s' cannot be made", dir);
	return mend_rights(s, dir, dry_run, ret_done, err);
}

static char *sessions_dir(const struct health_subject *s) {
	autofree char *coi = coi_dir(s);

	return xasprintf("%s/sessions-%s", coi, s->settings->tool.name);
}

static void look_sessions(const struct health_subject *s, struct health_result *ret) {
	autofree char *dir = sessions_dir(s);

	verdict_directory(dir, s->who->user, usable(s, dir), ret);
}

static int mend_sessions(const struct health_subject *s, bool dry_run, char **ret_done,
			 struct err *err) {
	autofree char *dir = sessions_dir(s);

	return mend_rights(s, dir, dry_run, ret_done, err);
}

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
	struct room room;
	int r = room_of(dir, &room);

	if (r < 0) {
		health_fail(ret, "cannot ask for the room at '%s': %s", dir, strerror(-r));
		return;
	}
	verdict_disk(&room, ret);
}

static void look_state(const struct health_subject *s, struct health_result *ret) {
	const char *root = s->session ? s->session->layout->root : NULL;
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
	verdict_state(root, &room, ret);
}

const struct health_check health_storage_checks[] = {
	{ "coi_directory", "Coi directory", HEALTH_STORAGE, look_coi, mend_coi },
	{ "sessions_directory", "Sessions dir", HEALTH_STORAGE, look_sessions, mend_sessions },
	{ "disk_space", "Disk space", HEALTH_STORAGE, look_disk, NULL },
	{ "storage_pools", "State directory", HEALTH_STORAGE, look_state, NULL },
	{ 0 },
};
