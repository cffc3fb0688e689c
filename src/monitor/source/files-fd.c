/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that matter, on kernels whose overlay has no handles (before Linux 6.6): each
 * event comes with a descriptor of the file. Who it is says its number; where it is
 * says the kernel's name for it. What is done to names inotify(7) tells, and not by whom.
 */
#include <errno.h>
#include <limits.h>
#include <linux/fanotify.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "monitor/places.h"
#include "monitor/source/all.h"
#include "monitor/source/files.h"

#define DELETED " (deleted)"
#define AT_ONCE 256
#define BLOCKS_AT_ONCE 4 /* of names */

/* The name of what @fd is, in the mount namespace of whoever opened it. */
static int name_of(const struct files *f, int fd, char ret[PATH_MAX]) {
	char link[64];
	struct stat st;
	ssize_t n;
	size_t len;

	(void)snprintf(link, sizeof(link), "self/fd/%d", fd);
	n = readlinkat(f->target.proc_fd, link, ret, PATH_MAX - 1);
	if (n < 0)
		return -errno;
	len = (size_t)n;
	ret[len] = '\0';
	if (fstat(fd, &st) == 0 && st.st_nlink == 0 && len > strlen(DELETED) &&
	    !strcmp(ret + len - strlen(DELETED), DELETED))
		ret[len - strlen(DELETED)] = '\0';
	return *ret == '/' ? 0 : -ENOENT;
}

/*
 * The marked directory that it is in. In a mount of the container's own making the name
 * is another: then one in which that last part would matter.
 */
static const struct mark *directory_of(const struct files *f, const char *path) {
	const char *name = path_base(path);
	size_t len = (size_t)(name - path) > 1 ? (size_t)(name - path) - 1 : 1;
	const struct mark *may = NULL;

	for (size_t i = 0; i < f->count; i++) {
		const struct mark *m = &f->marks[i];
		autofree char *there = NULL;

		if (m->is_file)
			continue;
		if (strlen(m->path) == len && !strncmp(m->path, path, len))
			return m;
		there = path_join(m->path, name);
		if (!may && (place_find(there, PLACE_SECRET) || place_find(there, PLACE_PERSISTENCE)))
			may = m;
	}
	return may;
}

static void read_event(struct files *f, const struct fanotify_event_metadata *e) {
	autoclose int fd = e->fd;
	struct told t = { .mask = e->mask, .pid = e->pid };
	char path[PATH_MAX];
	struct mark m;

	if (fd < 0) { /* FAN_Q_OVERFLOW: nobody says how many */
		f->lost++;
		return;
	}
	if (files_number(fd, &m) == 0)
		t.file = files_find(f, m.type, m.handle, m.len, true);
	if (!t.file && name_of(f, fd, path) == 0) {
		t.dir = directory_of(f, path);
		t.name = path_base(path);
	}
	files_judge(f, &t);
}

static bool has_one(int fd) {
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLIN);
}

static bool is_full(const struct files *f) {
	return f->sink->is_full(f->sink->data);
}

/*
 * One at a time: each is a descriptor until it is judged, and one whose file cannot be
 * opened, or not without waiting for who has a lease on it (fcntl(2), F_SETLEASE), would be
 * passed over in silence behind others, or be taken for the end of them.
 */
static bool read_events(struct files *f) {
	struct fanotify_event_metadata e;
	int i = 0;

	for (; i < AT_ONCE && !is_full(f) && has_one(f->fd); i++) {
		ssize_t n = read(f->fd, &e, sizeof(e));

		if (n == (ssize_t)sizeof(e) && e.vers == FANOTIFY_METADATA_VERSION)
			read_event(f, &e);
		else if (n >= 0 || errno != EINTR)
			f->lost++;
	}
	/* They stay readable: not asked again before there is room. */
	loop_set_events(f->loop_source, is_full(f) ? 0 : EPOLLIN);
	return i == AT_ONCE || is_full(f);
}

static void on_events(int fd, uint32_t events, void *data) {
	(void)fd;
	(void)events;
	(void)read_events(data);
}

/* Who did it is not told; on a file system that is the container's alone it was the container. */
static void read_name(struct files *f, const struct inotify_event *e) {
	static const struct {
		uint32_t from;
		uint64_t to;
	} bits[] = {
		{ IN_CREATE, FAN_CREATE }, { IN_MOVED_TO, FAN_MOVED_TO },
		{ IN_DELETE, FAN_DELETE }, { IN_ATTRIB, FAN_ATTRIB },
	};
	struct told t = { .name = e->len ? e->name : NULL };

	if (e->mask & IN_Q_OVERFLOW)
		f->lost++;
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		if (e->mask & bits[i].from)
			t.mask |= bits[i].to;
	for (size_t i = 0; i < f->count && !t.dir; i++)
		if (!f->marks[i].is_file && f->marks[i].names == e->wd)
			t.dir = &f->marks[i];
	if (t.mask)
		files_judge(f, &t);
}

static bool read_names(struct files *f) {
	static char block[16384] __attribute__((aligned(8)));
	ssize_t n = 1;

	for (int i = 0; i < BLOCKS_AT_ONCE && n > 0 && !is_full(f); i++) {
		n = read(f->names_fd, block, sizeof(block));
		for (const char *at = block; n > 0 && at < block + n;) {
			const struct inotify_event *e = (const void *)at;

			read_name(f, e);
			at += sizeof(*e) + e->len;
		}
	}
	loop_set_events(f->names_source, is_full(f) ? 0 : EPOLLIN);
	return n > 0;
}

static void on_names(int fd, uint32_t events, void *data) {
	(void)fd;
	(void)events;
	(void)read_names(data);
}

static int files_open(const struct watch_target *t, struct watch_source **ret, struct err *err) {
	return files_new(t, true, FAN_CLASS_NOTIF, ret, err);
}

static int files_start(struct watch_source *s, struct loop *l, const struct watch_sink *sink) {
	struct files *f = (struct files *)s;

	f->sink = sink;
	f->loop_source = loop_add_fd(l, f->fd, EPOLLIN, on_events, f);
	f->names_source = loop_add_fd(l, f->names_fd, EPOLLIN, on_names, f);
	return f->loop_source && f->names_source ? 0 : -errno;
}

static bool files_go_on(struct watch_source *s) {
	bool is_more = read_events((struct files *)s);

	return read_names((struct files *)s) || is_more;
}

const struct watch_source_ops watch_files_fd = {
	.source = "files",
	.backend = "fanotify-fd",
	.limits = "who renames or removes, and in mounts of the host that it is done (Linux 6.6); "
		  "files in directories that are made later; who reads through a descriptor that "
		  "was open before; in mounts of the host, who has ended before it was looked at",
	.open = files_open,
	.start = files_start,
	.go_on = files_go_on,
	.lost = files_lost,
	.free = files_free,
	.needs = WATCH_NEEDS_FILES,
};
