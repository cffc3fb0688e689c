/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that matter, watched by the kernel's fanotify, whose events name handles:
 * those are looked up in the table of what is marked. Here is too what an event
 * means, for all sources of files.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fanotify.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "monitor/places.h"
#include "monitor/source/all.h"
#include "monitor/source/files.h"
#include "monitor/source/process.h"

#define BLOCK 65536
#define BLOCKS_AT_ONCE 4

static void tell(struct files *f, const struct told *t, const char *path,
                 enum watch_access access) {
	struct watch_event e = { .kind = WATCH_FILE,
		                 .pid = t->pid,
		                 .uid = -1,
		                 .file = { .path = path,
		                           .access = access,
		                           .is_canary = t->file && t->file->is_canary } };
	struct process p;

	if (t->pid > 0) {
		process_who(f->target.proc_fd, t->pid, &p);
		e.comm = *p.comm ? p.comm : NULL;
		e.uid = p.uid < 0 ? -1 : watch_uid(&f->target, (uint32_t)p.uid);
	}
	f->sink->event(&e, f->sink->data);
}

static enum watch_access written(uint64_t mask) {
	static const struct {
		uint64_t bit;
		enum watch_access access;
	} bits[] = {
		{ FAN_MOVED_TO, WATCH_MOVE },     { FAN_CREATE, WATCH_CREATE },
		{ FAN_MODIFY, WATCH_WRITE },      { FAN_DELETE, WATCH_DELETE },
		{ FAN_ATTRIB, WATCH_ATTRIBUTES }, { FAN_CLOSE_WRITE, WATCH_WRITE },
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

void files_judge(struct files *f, const struct told *t) {
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
		t->file = files_find(f, h->handle_type, h->f_handle, h->handle_bytes, true);
	} else if (head->info_type == FAN_EVENT_INFO_TYPE_DFID_NAME) {
		name = (const char *)h->f_handle + h->handle_bytes;
		t->dir = files_find(f, h->handle_type, h->f_handle, h->handle_bytes, false);
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
	files_judge(f, &t);
}

static bool is_full(const struct files *f) {
	return f->sink->is_full(f->sink->data);
}

static bool files_go_on(struct watch_source *s) {
	static char block[BLOCK] __attribute__((aligned(8)));
	struct files *f = (struct files *)s;
	ssize_t n = 1;

	for (int i = 0; i < BLOCKS_AT_ONCE && n > 0 && !is_full(f); i++) {
		const struct fanotify_event_metadata *e = (const void *)block;

		n = read(f->fd, block, sizeof(block));
		for (ssize_t left = n; FAN_EVENT_OK(e, left); e = FAN_EVENT_NEXT(e, left))
			if (e->vers == FANOTIFY_METADATA_VERSION)
				read_event(f, e);
	}
	/* It stays readable: not asked again before there is room. */
	loop_set_events(f->loop_source, is_full(f) ? 0 : EPOLLIN);
	return n > 0;
}

static void on_events(int fd, uint32_t events, void *data) {
	(void)fd;
	(void)events;
	(void)files_go_on(data);
}

static int files_open(const struct watch_target *t, struct watch_source **ret, struct err *err) {
	return files_new(t, false,
	                 FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_REPORT_DIR_FID | FAN_REPORT_NAME |
	                         FAN_REPORT_TARGET_FID,
	                 ret, err);
}

static int files_start(struct watch_source *s, struct loop *l, const struct watch_sink *sink) {
	struct files *f = (struct files *)s;

	f->sink = sink;
	f->loop_source = loop_add_fd(l, f->fd, EPOLLIN, on_events, f);
	return f->loop_source ? 0 : -errno;
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
