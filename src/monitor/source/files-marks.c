/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which files and directories of a container are marked: secrets by their inode, so
 * that no other name and no mount helps, and the directories from which things run
 * (places.h). Owns the group and the table of what is marked. Marks are put before
 * the rights are gone; directories that are made later are not seen.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/linux.h"
#include "base/mem.h"
#include "base/path.h"
#include "monitor/places.h"
#include "monitor/source/files.h"

#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID AT_REMOVEDIR /* Linux 6.5 */
#endif

#define MARKS_MAX 1024
#define ENTRIES_MAX 4096 /* names that are looked at in one directory */

/* What is done to names is only told with handles; else inotify tells, and not by whom. */
#define WRITES (FAN_MODIFY | FAN_CREATE | FAN_MOVED_TO | FAN_DELETE | FAN_ATTRIB)
#define WRITES_BY_DESCRIPTOR (FAN_MODIFY | FAN_CLOSE_WRITE)
#define NAMES (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_ATTRIB | IN_ONLYDIR)

struct mark *files_find(struct files *f, int type, const void *handle, unsigned len, bool is_file) {
	for (size_t i = 0; i < f->count; i++) {
		struct mark *m = &f->marks[i];

		if (m->is_file == is_file && m->type == type && m->len == len &&
		    !memcmp(m->handle, handle, len))
			return m;
	}
	return NULL;
}

static int read_handle(int fd, struct mark *ret) {
	struct {
		struct file_handle head;
		unsigned char bytes[HANDLE_MAX];
	} h = { .head = { .handle_bytes = HANDLE_MAX } };
	int mount;

	if (name_to_handle_at(fd, "", &h.head, &mount, AT_EMPTY_PATH | AT_HANDLE_FID) < 0)
		return -errno;
	ret->type = h.head.handle_type;
	ret->len = h.head.handle_bytes;
	memcpy(ret->handle, h.head.f_handle, ret->len);
	return 0;
}

int files_number(int fd, struct mark *ret) {
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	ret->type = 0;
	ret->len = sizeof(st.st_dev) + sizeof(st.st_ino);
	memcpy(ret->handle, &st.st_dev, sizeof(st.st_dev));
	memcpy(ret->handle + sizeof(st.st_dev), &st.st_ino, sizeof(st.st_ino));
	return 0;
}

static int identify(const struct files *f, int fd, struct mark *ret) {
	return f->by_descriptor ? files_number(fd, ret) : read_handle(fd, ret);
}

/* The mount that it is in (Linux 5.8). */
static int mount_of(int fd, uint64_t *ret) {
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
		return -errno;
	*ret = st.stx_mnt_id;
	return 0;
}

static int add_mark(struct files *f, int fd, const char *path, bool is_file, uint64_t mask) {
	struct mark m = { .is_file = is_file, .kept_fd = -1, .names = -1 }, *known;
	char link[32];
	uint64_t mount;
	int r = identify(f, fd, &m);

	if (r == 0)
		r = mount_of(fd, &mount);
	if (r < 0)
		return r;
	known = files_find(f, m.type, m.handle, m.len, is_file);
	if (known && (known->mask | mask) == known->mask)
		return 0;
	if (!known && f->count == MARKS_MAX)
		return -ENOSPC;
	if (fanotify_mark(f->fd, FAN_MARK_ADD, mask, AT_FDCWD, fd_proc_path(fd, link)) < 0)
		return -errno;
	if (known) {
		known->mask |= mask;
		return 0;
	}
	if (f->by_descriptor && is_file) {
		m.kept_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (m.kept_fd < 0)
			return -errno;
	}
	m.path = xstrdup(path);
	m.mask = mask;
	m.is_shared = mount != f->root_mount;
	/* Where it is shared it would be anybody's. */
	if (f->by_descriptor && !is_file && !m.is_shared)
		m.names = inotify_add_watch(f->names_fd, link, NAMES);
	f->marks = xreallocarray(f->marks, f->count + 1, sizeof(*f->marks));
	f->marks[f->count++] = m;
	return 0;
}

/* A secret: whatever name it is opened by. */
static void mark_secret(struct files *f, const char *path) {
	autoclose int fd = open_in_root(f->target.root_fd, path, O_PATH, 0);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		(void)add_mark(f, fd, path, true, FAN_OPEN | FAN_MODIFY);
}

/* Before all others: what is marked already stays what it is. */
static void mark_canaries(struct files *f) {
	for (char *const *path = f->target.canaries; path && *path; path++) {
		autoclose int fd = open_beneath(f->target.root_fd, *path + 1, O_PATH | O_NOFOLLOW, 0);
		size_t before = f->count;

		if (fd < 0 || add_mark(f, fd, *path, true, FAN_OPEN | FAN_MODIFY) < 0)
			f->unmarked++;
		else if (f->count > before)
			f->marks[before].is_canary = true;
	}
}

static void mark_directory(struct files *f, const char *path, uint64_t mask) {
	autoclose int fd = open_in_root(f->target.root_fd, path, O_PATH | O_DIRECTORY, 0);

	if (fd >= 0)
		(void)add_mark(f, fd, path, false, mask | FAN_EVENT_ON_CHILD);
}

/* The secrets that are in a directory now. */
static void mark_secrets_in(struct files *f, const char *dir) {
	autoclose int fd = open_in_root(f->target.root_fd, dir, O_RDONLY | O_DIRECTORY, 0);
	autoclosedir DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d)
		return;
	(void)steal_fd(&fd);
	for (int n = 0; n < ENTRIES_MAX && (e = readdir(d)); n++) {
		autofree char *path = path_join(dir, e->d_name);

		if (place_find(path, PLACE_SECRET))
			mark_secret(f, path);
	}
}

/* A pattern below @top: up to its first '*', its directory. */
static void mark_place(struct files *f, const struct place *p, const char *top,
                       const char *pattern) {
	size_t fixed = strcspn(pattern, "*");
	autofree char *head = xasprintf("%s%.*s", top, (int)fixed, pattern);
	const char *name = path_base(head);
	autofree char *dir = xstrndup(head, (size_t)(name - head));
	size_t len = strlen(dir);
	uint64_t writes = f->by_descriptor ? WRITES_BY_DESCRIPTOR : WRITES;
	/* A directory of secrets alone; else each open of whatever is there would be told. */
	bool is_own = *pattern == '.' && strchr(pattern, '/');

	if (len > 1)
		dir[len - 1] = '\0';
	if (p->kind == PLACE_PERSISTENCE) {
		mark_directory(f, dir, writes);
		return;
	}
	if (is_own)
		mark_directory(f, dir, FAN_OPEN | writes);
	mark_secrets_in(f, dir);
}

static void mark_all(struct files *f) {
	mark_canaries(f);
	for (const struct place *p = places(); p->pattern; p++) {
		if (p->pattern[0] == '/') {
			mark_place(f, p, "", p->pattern);
			continue;
		}
		if (!strncmp(p->pattern, "**/", 3)) {
			mark_place(f, p, "/workspace/", p->pattern + 3);
			continue;
		}
		for (char *const *home = f->target.homes; home && *home; home++) {
			autofree char *top = xasprintf("%s/", *home);

			mark_place(f, p, top, p->pattern);
		}
	}
}

void files_free(struct watch_source *s) {
	struct files *f = (struct files *)s;

	for (size_t i = 0; i < f->count; i++) {
		free(f->marks[i].path);
		mem_close_ptr(&f->marks[i].kept_fd);
	}
	free(f->marks);
	mem_close_ptr(&f->names_fd);
	mem_close_ptr(&f->fd);
	free(f);
}

uint64_t files_lost(struct watch_source *s) {
	struct files *f = (struct files *)s;
	uint64_t n = f->lost;

	f->lost = 0;
	return n;
}

int files_new(const struct watch_target *t, bool by_descriptor, unsigned flags,
              struct watch_source **ret, struct err *err) {
	struct files *f = xcalloc(1, sizeof(*f));
	struct mark root;
	int r;

	f->target = *t;
	f->by_descriptor = by_descriptor;
	f->fd = -1;
	f->names_fd = by_descriptor ? inotify_init1(IN_CLOEXEC | IN_NONBLOCK) : -1;
	if (t->root_fd < 0)
		r = err_set(err, ERR_SYSTEM, -ENOENT, "the container's root is not known");
	else if ((r = identify(f, t->root_fd, &root)) < 0)
		r = err_sys(err, r, "files of the container have no handles (Linux 6.5)");
	else if ((r = mount_of(t->root_fd, &f->root_mount)) < 0)
		r = err_sys(err, r, "the container's root has no mount");
	/* What an event opens is not to wait for a pipe's other end. */
	else if ((f->fd = fanotify_init(flags | FAN_CLOEXEC | FAN_NONBLOCK,
	                             O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOATIME | O_LARGEFILE)) < 0)
		r = err_sys(err, -errno, by_descriptor ?
			    "this kernel has no fanotify" :
			    "this kernel's fanotify does not tell names (Linux 5.17)");
	else if (by_descriptor && f->names_fd < 0)
		r = err_sys(err, -errno, "this kernel has no inotify");
	if (r == 0) {
		mark_all(f);
		f->lost = f->unmarked;
		if (!f->count)
			r = err_set(err, ERR_SYSTEM, -EOPNOTSUPP,
			            "nothing on the container's file system can be marked (Linux 6.6)");
	}
	if (r < 0)
		files_free(&f->base);
	else
		*ret = &f->base;
	return r;
}
