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
#include "session/git-pointer.h"
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

char *workspace_real(int fd) {
	char link[32];

	return realpath(fd_proc_path(fd, link), NULL);
}

int workspace_check_owner(const char *path, int fd, struct err *err) {
	autofree char *real = workspace_real(fd);
	struct stat st;

	if (!real || fstat(fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at '%s'", path);
	if (st.st_uid != 0 || is_closed(real))
		return 0;
	(void)err_set(err, ERR_PERMISSION, -EPERM,
		      "'%s' belongs to root and other users can reach it: programs that the agent "
		      "makes set-uid there would run as root", path);
	return err_hint(err, "close it to others (chmod o-x '%s'), or give it to an ordinary user "
			     "(chown)", path);
}

int workspace_open(const struct session *s, const char *path, char **ret_path, struct err *err) {
	autofree char *absolute = path_absolute(path), *real = NULL;
	autoclose int fd = -1;
	int r;

	privilege_person_begin(s->who);
	fd = open(absolute, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -errno : 0;
	privilege_person_end(s->who);
	if (r == -ENOENT)
		return err_set(err, ERR_MISSING, r, "the workspace '%s' does not exist", absolute);
	if (r < 0)
		return err_sys(err, r, "cannot use '%s' as workspace", absolute);
	/* What was opened, by the name that the kernel has for it. */
	real = workspace_real(fd);
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
	r = workspace_check_owner(absolute, fd, err);
	if (r < 0)
		return r < 0 ? err_wrap(err, "the workspace") : r;
	*ret_path = steal_ptr(absolute);
	return steal_fd(&fd);
}

/* What an image has of its own, or a container gets when it starts. */
bool workspace_place_is_taken(const char *path) {
	static const char *const taken[] = {
		"/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/run",
		"/sbin", "/sys", "/tmp", "/usr", "/var/cache", "/var/lib", "/var/lock", "/var/log",
		"/var/mail", "/var/run", "/var/spool",
	};

	if (!strcmp(path, "/") || !strcmp(path, "/var"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		if (path_is_below(path, taken[i]))
			return true;
	return false;
}

char *workspace_inside(const struct session *s, const char *path, int fd) {
	autofree char *real = workspace_real(fd);
	auto_git_pointer struct git_pointer p = GIT_POINTER_INIT;
	struct err ignored;
	bool wants_git = real && git_pointer_follow(s->who, fd, real, &p, &ignored) == 0 &&
			 p.kind == GIT_POINTER_OUTSIDE && !workspace_place_is_taken(p.path);
	/* What git wrote down is the path without links. */
	const char *wanted = wants_git ? real : path;

	if (!wants_git && !s->settings->paths.preserve_workspace_path)
		return xstrdup("/workspace");
	if (!workspace_place_is_taken(wanted))
		return xstrdup(wanted);
	session_say(s, "Warning: the workspace lies in '%s', where the container has things of its "
		       "own: it is mounted at /workspace", wanted);
	return xstrdup("/workspace");
}
