/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that matter (places.h), watched by the kernel's fanotify: secrets by their
 * inode, so that no other name and no mount helps, and the directories from which
 * things run.
 *
 * Owns the group and a table of what is marked: events name handles, which are
 * looked up there. Marks are put before the rights are gone; directories that are
 * made later are not seen.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fanotify.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "monitor/places.h"
#include "monitor/source/all.h"
#include "monitor/source/process.h"

#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID AT_REMOVEDIR /* Linux 6.5 */
#endif

#define HANDLE_MAX 128
#define MARKS_MAX 1024
#define ENTRIES_MAX 4096 /* names that are looked at in one directory */
#define BLOCK 65536

#define WRITES (FAN_MODIFY | FAN_CREATE | FAN_MOVED_TO | FAN_DELETE | FAN_ATTRIB)

struct mark {
	char *path;
	bool is_file;
	bool is_canary;
	bool is_shared; /* on a file system of the host: others open it too */
	unsigned len;
	int type;
	unsigned char handle[HANDLE_MAX];
	uint64_t mask;
};

struct files {
	struct watch_source base;
	struct watch_target target;
	const struct watch_sink *sink;
	int fd;
	struct mark *marks;
	size_t count;
	uint64_t lost;
	uint64_t unmarked; /* canaries that nobody would hear of */
	int root_mount;
};

/* --- marks */

static struct mark *find(struct files *f, int type, const void *handle, unsigned len,
                         bool is_file) {
	for (size_t i = 0; i < f->count; i++) {
		struct mark *m = &f->marks[i];

		if (m->is_file == is_file && m->type == type && m->len == len &&
		    !memcmp(m->handle, handle, len))
			return m;
	}
	return NULL;
}

/* @ret_mount: the mount that it is in. */
static int read_handle(int fd, struct mark *ret, int *ret_mount) {
	struct {
		struct file_handle head;
		unsigned char bytes[HANDLE_MAX];
	} h = { .head = { .handle_bytes = HANDLE_MAX } };
	if (name_to_handle_at(fd, "", &h.head, ret_mount, AT_EMPTY_PATH | AT_HANDLE_FID) < 0)
		return -errno;
	ret->type = h.head.handle_type;
	ret->len = h.head.handle_bytes;
	memcpy(ret->handle, h.head.f_handle, ret->len);
	return 0;
}

static int add_mark(struct files *f, int fd, const char *path, bool is_file, uint64_t mask) {
	struct mark m = { .is_file = is_file }, *known;
	char link[32];
	int mount, r = read_handle(fd, &m, &mount);

	if (r < 0)
		return r;
	known = find(f, m.type, m.handle, m.len, is_file);
	if (known && (known->mask | mask) == known->mask)
		return 0;
	if (!known && f->count == MARKS_MAX)
		return -ENOSPC;
	if (syscall(SYS_fanotify_mark, f->fd, FAN_MARK_ADD, mask, AT_FDCWD,
	            fd_proc_path(fd, link)) < 0)
		return -errno;
	if (known) {
		known->mask |= mask;
		return 0;
	}
	m.path = xstrdup(path);
	m.mask = mask;
	m.is_shared = mount != f->root_mount;
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
	/* A directory of secrets alone; else each open of whatever is there would be told. */
	bool is_own = *pattern == '.' && strchr(pattern, '/');

	if (len > 1)
		dir[len - 1] = '\0';
	if (p->kind == PLACE_PERSISTENCE) {
		mark_directory(f, dir, WRITES);
		return;
	}
	if (is_own)
		mark_directory(f, dir, FAN_OPEN | WRITES);
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

/* --- events */

struct told {
	uint64_t mask;
	pid_t pid;
	const struct mark *file; /* that was opened, by whatever name */
	const struct mark *dir;
	const char *name; /* in @dir */
};

static void tell(struct files *f, const struct told *t, const char *path,
                 enum watch_access access) {
	struct watch_event e = { .kind = WATCH_FILE,
		                 .pid = t->pid,
		                 .uid = -1,
		                 .file = { .path = path,
		                           .access = access,
		                           .is_canary = t->file && t->file->is_canary } };
	struct process p;

	if (t->pid > 0 && process_read(f->target.proc_fd, t->pid, &p) == 0) {
		e.comm = p.comm;
		e.uid = p.uid < 0 ? -1 : watch_uid(&f->target, (uint32_t)p.uid);
		f->sink->event(&e, f->sink->data);
	} else {
		f->sink->event(&e, f->sink->data);
	}
	if (t->pid > 0)
		process_done(&p);
}

static enum watch_access written(uint64_t mask) {
	static const struct {
		uint64_t bit;
		enum watch_access access;
	} bits[] = {
		{ FAN_MOVED_TO, WATCH_MOVE },     { FAN_CREATE, WATCH_CREATE },
		{ FAN_MODIFY, WATCH_WRITE },      { FAN_DELETE, WATCH_DELETE },
		{ FAN_ATTRIB, WATCH_ATTRIBUTES },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		if (mask & bits[i].bit)
			return bits[i].access;
	return WATCH_ACCESS_COUNT;
}

/*
 * What others on the host open is theirs. Who has gone already may have been of
 * the container; on a file system that is only the container's there is no other.
 */
static bool is_ours(const struct files *f, const struct told *t) {
	const struct mark *m = t->file ? t->file : t->dir;
	int r = t->pid > 0 ? process_is_in(f->target.proc_fd, t->pid, f->target.lxc_name) : -ESRCH;

	return r == 1 || (r < 0 && !m->is_shared);
}

static void judge(struct files *f, const struct told *t) {
	autofree char *path = NULL;
	bool is_canary;

	if ((!t->file && !t->dir) || !is_ours(f, t))
		return;
	if (t->file)
		path = xstrdup(t->file->path);
	else if (t->name && strcmp(t->name, ".") != 0)
		path = path_join(t->dir->path, t->name);
	else
		path = xstrdup(t->dir->path);
	is_canary = t->file && t->file->is_canary;
	if ((t->mask & FAN_OPEN) && (is_canary || place_find(path, PLACE_SECRET)))
		tell(f, t, path, WATCH_OPEN);
	/* Who deletes a canary knows no more than before. */
	if (is_canary ? t->mask & FAN_MODIFY
		      : written(t->mask) != WATCH_ACCESS_COUNT &&
				place_find(path, PLACE_PERSISTENCE))
		tell(f, t, path, is_canary ? WATCH_WRITE : written(t->mask));
}

/* One piece of information of an event, which has @len bytes. */
static void read_info(struct files *f, const struct fanotify_event_info_header *head, size_t len,
                      struct told *t) {
	const struct fanotify_event_info_fid *info = (const void *)head;
	const struct file_handle *h = (const void *)info->handle;
	size_t fixed = sizeof(*info) + sizeof(*h);
	const char *name;

	if (len < fixed || h->handle_bytes > HANDLE_MAX || len < fixed + h->handle_bytes)
		return;
	if (head->info_type == FAN_EVENT_INFO_TYPE_FID) {
		t->file = find(f, h->handle_type, h->f_handle, h->handle_bytes, true);
	} else if (head->info_type == FAN_EVENT_INFO_TYPE_DFID_NAME) {
		name = (const char *)h->f_handle + h->handle_bytes;
		t->dir = find(f, h->handle_type, h->f_handle, h->handle_bytes, false);
		/* With its end within what there is. */
		t->name = memchr(name, '\0', len - fixed - h->handle_bytes) ? name : NULL;
	}
}

static void read_event(struct files *f, const struct fanotify_event_metadata *e) {
	const char *at = (const char *)e + e->metadata_len, *end = (const char *)e + e->event_len;
	struct told t = { .mask = e->mask, .pid = e->pid };

	if (e->mask & FAN_Q_OVERFLOW) {
		f->lost++; /* nobody says how many */
		return;
	}
	while (end - at >= (ptrdiff_t)sizeof(struct fanotify_event_info_header)) {
		const struct fanotify_event_info_header *head = (const void *)at;

		if (head->len < sizeof(*head) || head->len > end - at)
			break;
		read_info(f, head, head->len, &t);
		at += head->len;
	}
	judge(f, &t);
}

static void on_events(int fd, uint32_t events, void *data) {
	static char block[BLOCK] __attribute__((aligned(8)));
	struct files *f = data;
	ssize_t n;

	(void)events;
	while (!f->sink->is_full(f->sink->data) && (n = read(fd, block, sizeof(block))) > 0) {
		const struct fanotify_event_metadata *e = (const void *)block;

		for (; FAN_EVENT_OK(e, n); e = FAN_EVENT_NEXT(e, n))
			if (e->vers == FANOTIFY_METADATA_VERSION)
				read_event(f, e);
	}
}

/* --- source */

static void files_free(struct watch_source *s) {
	struct files *f = (struct files *)s;

	for (size_t i = 0; i < f->count; i++)
		free(f->marks[i].path);
	free(f->marks);
	mem_close_ptr(&f->fd);
	free(f);
}

static int files_open(const struct watch_target *t, struct watch_source **ret, struct err *err) {
	const unsigned flags = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_FID |
	                       FAN_REPORT_DIR_FID | FAN_REPORT_NAME | FAN_REPORT_TARGET_FID;
	struct mark root;
	struct files *f;
	int mount, r;

	if (t->root_fd < 0)
		return err_set(err, ERR_SYSTEM, -ENOENT, "the container's root is not known");
	r = read_handle(t->root_fd, &root, &mount);
	if (r < 0)
		return err_sys(err, r, "files of the container have no handles (Linux 6.5)");
	f = xcalloc(1, sizeof(*f));
	f->target = *t;
	f->root_mount = mount;
	f->fd = (int)syscall(SYS_fanotify_init, flags, O_RDONLY);
	if (f->fd < 0) {
		r = err_sys(err, -errno, "this kernel's fanotify does not tell names (Linux 5.17)");
		files_free(&f->base);
		return r;
	}
	mark_all(f);
	f->lost = f->unmarked;
	if (!f->count) {
		files_free(&f->base);
		return err_set(err, ERR_SYSTEM, -EOPNOTSUPP,
		               "nothing on the container's file system can be marked (Linux 6.6)");
	}
	*ret = &f->base;
	return 0;
}

static int files_start(struct watch_source *s, struct loop *l, const struct watch_sink *sink) {
	struct files *f = (struct files *)s;

	f->sink = sink;
	return loop_add_fd(l, f->fd, EPOLLIN, on_events, f) ? 0 : -errno;
}

static void files_go_on(struct watch_source *s) {
	struct files *f = (struct files *)s;

	on_events(f->fd, 0, f);
}

static uint64_t files_lost(struct watch_source *s) {
	struct files *f = (struct files *)s;
	uint64_t n = f->lost;

	f->lost = 0;
	return n;
}

const struct watch_source_ops watch_files = {
	.source = "files",
	.backend = "fanotify",
	.limits =
		"files in directories that are made later; who reads through a descriptor that was "
		"open before; in mounts of the host, who has ended before it was looked at",
	.open = files_open,
	.start = files_start,
	.go_on = files_go_on,
	.lost = files_lost,
	.free = files_free,
	.needs = WATCH_NEEDS_FILES,
};
