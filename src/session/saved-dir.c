/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a saved session replaces the one before it.
 *
 * ".<id>.new-XXXXXXXX" is being written; its writer holds a lock on it.
 * ".<id>.ready" is complete: it only exists where the two cannot be exchanged at
 * once (overlayfs without redirect_dir says EXDEV, others EINVAL).
 */
#include "session/saved-dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/linux.h"
#include "base/mem.h"
#include "session/plan.h"

#define NEW ".new-"
#define READY ".ready"

int saved_stage_open(int sessions_fd, const char *id, char **ret_name, struct err *err) {
	for (int try = 0; try < 16; try++) {
		autofree char *name = NULL;
		autoclose int fd = -1;
		uint32_t word;

		if (getrandom(&word, sizeof(word), 0) != (ssize_t)sizeof(word))
			break;
		name = xasprintf(".%s" NEW "%08x", id, word);
		if (mkdirat(sessions_fd, name, 0700) < 0) {
			if (errno == EEXIST)
				continue;
			return err_sys(err, -errno, "cannot make a directory for the session");
		}
		fd = open_beneath(sessions_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
			continue; /* somebody has just cleaned it up */
		*ret_name = steal_ptr(name);
		return steal_fd(&fd);
	}
	return err_set(err, ERR_SYSTEM, -EEXIST, "cannot make a directory for the session");
}

/* ".<id>.ready" in the place of <id>: repeatable, and what recovery does. */
static int finish_ready(int sessions_fd, const char *ready, const char *id) {
	int r = tree_remove_at(sessions_fd, id);

	plan_crash_point("saved", "removed", "after");
	if (r == 0 && renameat(sessions_fd, ready, sessions_fd, id) < 0)
		r = -errno;
	return r;
}

static int install_in_turn(int sessions_fd, const char *name, const char *id) {
	autofree char *ready = xasprintf(".%s" READY, id);
	int r = tree_remove_at(sessions_fd, ready);

	if (r < 0)
		return r;
	if (renameat(sessions_fd, name, sessions_fd, ready) < 0)
		return -errno;
	(void)fsync(sessions_fd);
	plan_crash_point("saved", "ready", "after");
	return finish_ready(sessions_fd, ready, id);
}

int saved_stage_install(int sessions_fd, int stage_fd, const char *name, const char *id,
			struct err *err) {
	int r = 0;

	if (syncfs(stage_fd) < 0)
		return err_sys(err, -errno, "cannot write the session to the disk");
	plan_crash_point("saved", "written", "after");
	if (exists_at(sessions_fd, id) != 1) {
		if (renameat(sessions_fd, name, sessions_fd, id) < 0)
			r = -errno;
	} else if (renameat2(sessions_fd, name, sessions_fd, id, RENAME_EXCHANGE) == 0) {
		(void)fsync(sessions_fd);
		plan_crash_point("saved", "exchanged", "after");
		(void)tree_remove_at(sessions_fd, name); /* the old one; else recovery does it */
	} else if (errno == EXDEV || errno == EINVAL || errno == ENOSYS) {
		r = install_in_turn(sessions_fd, name, id);
	} else {
		r = -errno;
	}
	if (r < 0)
		return err_sys(err, r, "cannot put the session in its place");
	(void)fsync(sessions_fd);
	return 0;
}

/* "<id>" of ".<id><end>…"; NULL when it is no such name. */
static char *id_of(const char *name, const char *end) {
	const char *at = *name == '.' ? strstr(name, end) : NULL;

	return at && at > name + 1 ? xstrndup(name + 1, (size_t)(at - name - 1)) : NULL;
}

static void remove_dead_stage(int sessions_fd, const char *name) {
	autoclose int fd = open_beneath(sessions_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)tree_remove_at(sessions_fd, name);
}

DIR *saved_dir_stream(int fd) {
	int own = open_beneath(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	DIR *d = own < 0 ? NULL : fdopendir(own);

	if (!d)
		mem_close_ptr(&own);
	return d;
}

void saved_dir_recover(int sessions_fd) {
	autoclosedir DIR *d = saved_dir_stream(sessions_fd);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		autofree char *id = id_of(e->d_name, READY);
		autofree char *other = id_of(e->d_name, NEW);

		if (id)
			(void)finish_ready(sessions_fd, e->d_name, id);
		else if (other)
			remove_dead_stage(sessions_fd, e->d_name);
	}
}
