/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Directories that things are built in. The lock is a file inside, not the
 * directory: its descriptor can be lent to a confined helper without giving it
 * a way to any directory.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/linux.h"
#include "base/log.h"
#include "base/mem.h"
#include "image/store.h"

#define STAGE_LOCK "lock"

static int random_name(char name[32]) {
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;
	(void)snprintf(name, 32, STAGE_PREFIX "%016llx", (unsigned long long)random);
	return 0;
}

/* The directory is there under s->name. */
static int open_stage(struct stage *s) {
	s->dir_fd = openat(s->parent_fd, s->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (s->dir_fd < 0)
		return -errno;
	s->lock_fd = openat(s->dir_fd, STAGE_LOCK, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (s->lock_fd < 0 || flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	return 0;
}

static int make_stage(int parent_fd, struct stage *s) {
	if (random_name(s->name) < 0)
		return -EIO;
	s->parent_fd = parent_fd;
	return mkdirat(parent_fd, s->name, 0700) < 0 ? -errno : open_stage(s);
}

int stage_begin(const struct layout *l, int parent_fd, struct stage *ret, struct err *err) {
	auto_stage struct stage s = STAGE_NONE;
	/* Shared: a repair between mkdir and flock would take it for a dead one. */
	autoclose int lock = image_lock(l, true, err);
	int r;

	if (lock < 0)
		return lock;
	r = make_stage(parent_fd, &s);
	if (r < 0)
		return err_sys(err, r, "cannot make a directory to build in below '%s'", l->root);
	*ret = s;
	s = (struct stage)STAGE_NONE;
	return 0;
}

int stage_commit(struct stage *s, const char *name, struct err *err) {
	if (unlinkat(s->dir_fd, STAGE_LOCK, 0) < 0 && errno != ENOENT)
		return err_sys(err, -errno, "cannot finish '%s'", name);
	if (fsync(s->dir_fd) < 0 ||
	    renameat2(s->parent_fd, s->name, s->parent_fd, name, RENAME_NOREPLACE) < 0)
		return err_sys(err, -errno, "cannot put '%s' in its place", name);
	if (fsync(s->parent_fd) < 0)
		log_debug("fsync of the parent of %s: %s", name, strerror(errno));
	s->name[0] = '\0';
	mem_close_ptr(&s->dir_fd);
	mem_close_ptr(&s->lock_fd);
	*s = (struct stage)STAGE_NONE;
	return 0;
}

int stage_uncommit(struct stage *s, int parent_fd, const char *name) {
	*s = (struct stage)STAGE_NONE;
	if (random_name(s->name) < 0)
		return -EIO;
	s->parent_fd = parent_fd;
	if (renameat2(parent_fd, name, parent_fd, s->name, RENAME_NOREPLACE) < 0) {
		s->name[0] = '\0';
		return -errno;
	}
	return open_stage(s);
}

int stage_commit_part(const struct stage *s, const char *part, const char *name, struct err *err) {
	autoclose int dir = openat(s->dir_fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0 || fsync(dir) < 0 ||
	    renameat2(s->dir_fd, part, s->parent_fd, name, RENAME_NOREPLACE) < 0)
		return err_sys(err, -errno, "cannot put '%s' in its place", name);
	if (fsync(s->parent_fd) < 0)
		log_debug("fsync of the parent of %s: %s", name, strerror(errno));
	return 0;
}

int stage_uncommit_part(const struct stage *s, const char *part, const char *name) {
	return renameat2(s->parent_fd, name, s->dir_fd, part, RENAME_NOREPLACE) < 0 ? -errno : 0;
}

void stage_abort(struct stage *s) {
	int r = 0;

	mem_close_ptr(&s->dir_fd);
	if (s->name[0])
		r = tree_remove_at(s->parent_fd, s->name);
	if (r < 0)
		log_debug("%s stays until the next repair: %s", s->name, strerror(-r));
	mem_close_ptr(&s->lock_fd);
	*s = (struct stage)STAGE_NONE;
}

int store_retire(int parent_fd, const char *name, char *tmp, struct err *err) {
	if (random_name(tmp) < 0)
		return err_set(err, ERR_SYSTEM, -EIO, "no random numbers");
	if (renameat2(parent_fd, name, parent_fd, tmp, RENAME_NOREPLACE) < 0) {
		tmp[0] = '\0';
		return err_sys(err, -errno, "cannot take '%.12s' out of the store", name);
	}
	return 0;
}

/* What replacing a file (fd.h) leaves when it is cut off; who does it holds the image lock. */
static bool is_temporary_file(const char *name) {
	return name[0] == '.' && strstr(name, ".ini.tmp-");
}

/*
 * No lock file, or nobody holds it: its owner is gone, since we hold the image lock. Of
 * one that cannot be opened for another reason nobody knows.
 */
static bool is_abandoned(int parent_fd, const char *name) {
	autoclose int dir = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autoclose int lock = -1;

	if (dir < 0)
		return errno == ENOTDIR || errno == ELOOP;
	lock = openat(dir, STAGE_LOCK, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (lock < 0)
		return errno == ENOENT || errno == ELOOP;
	return flock(lock, LOCK_EX | LOCK_NB) == 0;
}

int stage_repair(int parent_fd, bool dry_run, size_t *removed, struct err *err) {
	int copy = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclosedir DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *d;

	if (!dir) {
		mem_close_ptr(&copy);
		return err_sys(err, -errno, "cannot look for left-over directories");
	}
	while ((d = readdir(dir))) {
		int r;

		if (!is_temporary_file(d->d_name) &&
		    (strncmp(d->d_name, STAGE_PREFIX, strlen(STAGE_PREFIX)) != 0 ||
		     !is_abandoned(parent_fd, d->d_name)))
			continue;
		r = dry_run ? 0 : tree_remove_at(parent_fd, d->d_name);
		if (r < 0)
			return err_sys(err, r, "cannot remove left-over '%s'", d->d_name);
		(*removed)++;
	}
	return 0;
}
