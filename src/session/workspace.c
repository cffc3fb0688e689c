/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The workspace: is it one, and may it be mounted? */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "session/launch.h"

/*
 * A directory of root's: what runs inside can make set-uid files in it that
 * are root's outside. They do no harm as long as nobody else can reach them.
 */
static bool is_closed(const char *path) {
	autofree char *at = xstrdup(path);

	for (;;) {
		struct stat st;
		char *slash;

		if (stat(at, &st) == 0 && st.st_uid == 0 && !(st.st_mode & S_IXOTH) &&
		    (!(st.st_mode & S_IXGRP) || st.st_gid == 0))
			return true;
		slash = strrchr(at, '/');
		if (!slash || slash == at)
			return false;
		*slash = '\0';
	}
}

static int check_owner(const char *path, const char *real, const struct stat *st,
		       struct err *err) {
	if (st->st_uid != 0 || is_closed(real))
		return 0;
	(void)err_set(err, ERR_PERMISSION, -EPERM,
		      "the workspace '%s' belongs to root and other users can reach it: programs "
		      "that the agent makes set-uid there would run as root", path);
	return err_hint(err, "close it to others (chmod o-x '%s'), or give it to an ordinary user "
			     "(chown)", path);
}

int workspace_open(const struct session *s, const char *path, char **ret_path, struct err *err) {
	autofree char *absolute = path_absolute(path), *real = NULL;
	autoclose int fd = -1;
	struct stat st;
	char link[32];
	int r;

	privilege_person_begin(s->who);
	fd = open(absolute, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -errno : 0;
	privilege_person_end(s->who);
	if (r == -ENOENT)
		return err_set(err, ERR_MISSING, r, "the workspace '%s' does not exist", absolute);
	if (r < 0)
		return err_sys(err, r, "cannot use '%s' as workspace", absolute);
	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "cannot use '%s' as workspace", absolute);
	/* What was opened, by the name that the kernel has for it. */
	real = realpath(fd_proc_path(fd, link), NULL);
	if (!real || !strcmp(real, "/")) {
		(void)err_set(err, ERR_USAGE, -EINVAL, "'/' cannot be a workspace");
		return err_hint(err, "change to the directory of the project, or name it with -w");
	}
	if (path_is_below(s->layout->root, real) || path_is_below(real, s->layout->root)) {
		(void)err_set(err, ERR_USAGE, -EINVAL,
			      "the workspace '%s' holds or lies in the state directory '%s'",
			      absolute, s->layout->root);
		return err_hint(err, "choose a directory that has nothing to do with it");
	}
	r = check_owner(absolute, real, &st, err);
	if (r < 0)
		return r;
	*ret_path = steal_ptr(absolute);
	return steal_fd(&fd);
}
