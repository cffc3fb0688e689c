/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/file-place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/linux.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"

#define PREFIX ".coi-pull-"
#define TMP_SIZE (sizeof(PREFIX) + 16)
#define TRIES 8

void file_place_done(struct file_place *place) {
	free(place->path);
	*place = (struct file_place){ 0 };
}

/* ---- choosing ---- */

static int refuse(struct err *err, const char *path, const char *why) {
	return err_set(err, ERR_USAGE, -EEXIST, "'%s' %s", path, why);
}

static char *dir_of(const char *clean) {
	const char *slash = strrchr(clean, '/');

	return !slash || slash == clean ? xstrdup("/") : xstrndup(clean, (size_t)(slash - clean));
}

static bool ends_in_slash(const char *path) {
	size_t len = strlen(path);

	return len > 0 && path[len - 1] == '/';
}

/* A directory that is there takes it in; a link to one is no directory. */
int file_place_choose(const char *host, const char *inside, struct file_place *ret,
		      struct err *err) {
	autofree char *path = path_absolute(host), *clean = path_clean(inside);
	struct stat st;
	int there = lstat(path, &st) == 0 ? 1 : errno == ENOENT || errno == ENOTDIR ? 0 : -errno;

	if (there < 0)
		return err_sys(err, there, "cannot look at '%s'", path);
	if (there && S_ISDIR(st.st_mode)) {
		ret->path = path_join(path, path_base(clean));
		ret->nofollow = O_NOFOLLOW;
		return 0;
	}
	if (ends_in_slash(host))
		return refuse(err, path, there ? "is no directory" : "does not exist");
	ret->path = steal_ptr(path);
	return 0;
}

int file_place_check(const struct file_place *place, bool is_tree, struct err *err) {
	const char *path = place->path;
	autofree char *dir = dir_of(path);
	struct stat st;

	if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return refuse(err, dir, "is no directory");
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, -errno, "cannot look at '%s'", path);
	if (is_tree)
		return refuse(err, path, "exists, and a directory is never written onto something");
	if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))
		return 0;
	return refuse(err, path, S_ISDIR(st.st_mode) ? "is a directory" : "is no regular file");
}

/* ---- what a killed one has left ---- */

static bool is_temporary(const char *name) {
	size_t prefix = strlen(PREFIX);

	return !strncmp(name, PREFIX, prefix) && strlen(name) == prefix + 16 &&
	       strspn(name + prefix, "0123456789abcdef") == 16;
}

/* Ours, and nobody holds it. Its descriptor keeps it locked; -1: not that. */
static int open_abandoned(int parent, const char *name) {
	autoclose int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) ||
	    st.st_uid != (uid_t)setfsuid((uid_t)-1) || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -1;
	return steal_fd(&fd);
}

static void remove_abandoned(int parent) {
	autostrv char **names = NULL;

	if (dir_names(parent, &names) < 0)
		return;
	for (size_t i = 0; names && names[i]; i++) {
		autoclose int fd = is_temporary(names[i]) ? open_abandoned(parent, names[i]) : -1;
		int r = fd < 0 ? 0 : tree_remove_at(parent, names[i]);

		if (r < 0)
			log_debug("'%s' stays: %s", names[i], strerror(-r));
	}
}

/* ---- receiving ---- */

static int new_name(char name[TMP_SIZE]) {
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), 0) < 0)
		return -errno;
	(void)snprintf(name, TMP_SIZE, PREFIX "%016llx", (unsigned long long)random);
	return 0;
}

/* Somebody who cleans up may have had it before we had the lock. */
static bool is_still(int parent, const char *name, int fd) {
	struct stat mine, there;

	return fstat(fd, &mine) == 0 && fstatat(parent, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

/* A new file or directory of a name that goes to @name: its descriptor, locked. */
static int make_named(int parent, bool is_dir, char name[TMP_SIZE]) {
	for (int i = 0; i < TRIES; i++) {
		autoclose int fd = -1;
		int r = new_name(name);

		if (r < 0)
			return r;
		if (is_dir && mkdirat(parent, name, 0700) < 0)
			return -errno;
		fd = openat(parent, name, is_dir ? O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC :
						   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && is_still(parent, name, fd))
			return steal_fd(&fd);
		if (fd < 0 && errno != ENOENT)
			return -errno;
	}
	return -EBUSY;
}

/* A file without a name; -EOPNOTSUPP where there are none. */
static int make_nameless(int parent) {
	int fd = openat(parent, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	/* As file systems and kernels that do not know it say so. */
	return errno == EISDIR || errno == ENOENT || errno == EINVAL ? -EOPNOTSUPP : -errno;
}

/* The nameless file gets a name: the place's own when nothing is there, else @tmp. */
static int name_file(int parent, int fd, const char *name, char tmp[TMP_SIZE]) {
	char path[32];
	int r;

	(void)fd_proc_path(fd, path);
	if (linkat(AT_FDCWD, path, parent, name, AT_SYMLINK_FOLLOW) == 0)
		return 1;
	if (errno != EEXIST)
		return -errno;
	/* From here to the rename a kill leaves it; nobody is to take it away meanwhile. */
	r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : new_name(tmp);
	if (r < 0)
		return r;
	return linkat(AT_FDCWD, path, parent, tmp, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

static int put_file(int parent, const char *path, struct file_receiver *r,
		    const struct file_head *head, struct err *err) {
	const char *name = path_base(path);
	char tmp[TMP_SIZE] = "";
	autoclose int fd = make_nameless(parent);
	int code;

	if (fd == -EOPNOTSUPP)
		fd = make_named(parent, false, tmp);
	if (fd < 0)
		return err_sys(err, fd, "cannot make '%s'", path);
	code = file_receive_content(r, head, fd, name, err);
	if (code == 0 && !*tmp) {
		code = name_file(parent, fd, name, tmp);
		if (code > 0)
			return 0;
		if (code < 0)
			(void)err_sys(err, code, "cannot put '%s' in its place", path);
	}
	if (code == 0 && renameat(parent, tmp, parent, name) < 0)
		code = err_sys(err, -errno, "cannot put '%s' in its place", path);
	if (code < 0 && *tmp)
		(void)unlinkat(parent, tmp, 0);
	return code;
}

static int put_tree(int parent, const char *path, struct file_receiver *r,
		    const struct file_head *head, struct err *err) {
	const char *name = path_base(path);
	char tmp[TMP_SIZE];
	autoclose int fd = make_named(parent, true, tmp);
	int code;

	if (fd < 0)
		return err_sys(err, fd, "cannot make '%s'", path);
	code = file_receive_into(r, head, fd, name, err);
	if (code == 0 && renameat2(parent, tmp, parent, name, RENAME_NOREPLACE) < 0)
		code = err_sys(err, -errno, "cannot put '%s' in its place", path);
	if (code < 0)
		(void)tree_remove_at(parent, tmp);
	return code;
}

int file_place_receive(const struct file_place *place, struct file_receiver *r,
		       const struct file_head *head, struct err *err) {
	autofree char *dir = dir_of(place->path);
	autoclose int parent =
		open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | place->nofollow);

	if (parent < 0)
		return err_sys(err, -errno, "cannot open '%s'", dir);
	remove_abandoned(parent);
	return head->type == FILE_TYPE_DIR ? put_tree(parent, place->path, r, head, err) :
					     put_file(parent, place->path, r, head, err);
}
