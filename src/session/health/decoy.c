/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/health/decoy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "session/health/checks.h"

#define PREFIX "health-check-"
#define SECRET "secret"
#define CONTROL "control"
#define TEXT "this is to be seen on the host alone\n"

/* "health-check-<pid>" of a process that is no more, or that had our number before us. */
static bool is_left_over(const char *name) {
	char *end = NULL;
	long pid;

	if (strncmp(name, PREFIX, sizeof(PREFIX) - 1) != 0)
		return false;
	pid = strtol(name + sizeof(PREFIX) - 1, &end, 10);
	if (pid <= 0 || *end)
		return false;
	return pid == getpid() || (kill((pid_t)pid, 0) < 0 && errno == ESRCH);
}

static void remove_left_over(int dir) {
	autoclosedir DIR *list = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *entry;

	while (list && (entry = readdir(list))) {
		if (is_left_over(entry->d_name))
			(void)tree_remove_at(dir, entry->d_name);
	}
}

static int fill(int parent, const char *name) {
	autoclose int dir = -1;
	int r;

	if (mkdirat(parent, name, 0700) < 0)
		return -errno;
	dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	r = file_write_quick_at(dir, SECRET, TEXT, sizeof(TEXT) - 1, 0600);
	return r < 0 ? r : file_write_quick_at(dir, CONTROL, TEXT, sizeof(TEXT) - 1, 0600);
}

int decoy_make(const struct privilege *who, struct decoy *ret) {
	autofree char *coi = path_join(who->home, ".coi");
	autofree char *name = xasprintf(PREFIX "%d", (int)getpid());
	int r;

	privilege_person_begin(who);
	ret->parent_fd = open_dir_make(AT_FDCWD, coi, 0700);
	r = ret->parent_fd;
	if (r >= 0) {
		remove_left_over(ret->parent_fd);
		r = fill(ret->parent_fd, name);
	}
	privilege_person_end(who);
	if (r < 0) {
		decoy_remove(who, ret);
		return r;
	}
	ret->path = path_join(coi, name);
	ret->secret[0] = (char *)SECRET;
	return 0;
}

void decoy_settings(const struct decoy *d, struct settings *set) {
	set->security.secret_paths = (char **)d->secret;
	set->security.disable_protection = true;
}

/* Bytes, or -errno. */
static int read_inside(int root, const char *workspace, const char *name) {
	autofree char *path = path_join(workspace, name);
	autoclose int fd = open_in_root(root, path, O_RDONLY | O_NONBLOCK, 0);
	char text[sizeof(TEXT)];
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text));
	return n < 0 ? -errno : (int)n;
}

void decoy_tell(int secret, int control, struct health_result *ret) {
	if (secret > 0) {
		health_fail(ret, "a file that security.secret_paths names is read in a container");
		health_remedy(ret, "keep secrets out of workspaces until 'coi health' says otherwise");
	} else if (control <= 0) {
		health_skip(ret, "the trial's workspace cannot be read in its container");
	} else if (secret < 0) {
		health_warn(ret, "a hidden file cannot be opened inside: %s", strerror(-secret));
	} else {
		health_ok(ret, "what security.secret_paths names is empty inside");
	}
}

void decoy_look(int root_fd, const char *workspace, struct health_result *ret) {
	decoy_tell(read_inside(root_fd, workspace, SECRET),
		   read_inside(root_fd, workspace, CONTROL), ret);
}

void decoy_remove(const struct privilege *who, struct decoy *d) {
	if (d->path && d->parent_fd >= 0) {
		privilege_person_begin(who);
		(void)tree_remove_at(d->parent_fd, path_base(d->path));
		privilege_person_end(who);
	}
	free(steal_ptr(d->path));
	mem_close_ptr(&d->parent_fd);
}
