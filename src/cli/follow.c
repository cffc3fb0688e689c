/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/path.h"

#define TRIES_MAX 16

struct reader {
	const struct follow *spec;
	struct loop *loop;
	int watch_fd;
	int fd;        /* of the file; -1: there is none yet */
	char *line;    /* so far; spec->line_max and one more */
	size_t len;
	bool too_long; /* the rest of this line is left out */
	char **kept;   /* the last ones of those that were there: a ring */
	size_t kept_max, kept_count;
	bool is_past;  /* what comes is shown at once */
};

static void give(struct reader *r) {
	r->line[r->len] = '\0';
	if (r->is_past || r->spec->tail < 0) {
		r->spec->line(r->line, r->len, r->spec->data);
	} else if (r->kept_max) {
		char **at = &r->kept[r->kept_count++ % r->kept_max];

		free(*at);
		*at = xstrndup(r->line, r->len);
	}
}

static void read_on(struct reader *r) {
	char block[16 * 1024];
	ssize_t n;

	while (r->fd >= 0 && (n = read(r->fd, block, sizeof(block))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (block[i] != '\n') {
				r->too_long |= r->len == r->spec->line_max;
				if (!r->too_long)
					r->line[r->len++] = block[i];
				continue;
			}
			if (!r->too_long)
				give(r);
			r->len = 0;
			r->too_long = false;
		}
	}
}

static void read_file(struct reader *r, int fd) {
	mem_close_ptr(&r->fd);
	r->fd = fd;
	r->len = 0;
	r->too_long = false;
	read_on(r);
}

static int open_file(const struct reader *r, const char *suffix, struct stat *st) {
	autofree char *path = xasprintf("%s%s", r->spec->path, suffix);
	int fd;

	privilege_person_begin(r->spec->who);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	privilege_person_end(r->spec->who);
	if (fd < 0)
		return fd;
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
		return fd;
	(void)close(fd);
	return -EINVAL;
}

/* The file and the one before it, as they are at one moment. */
static int open_both(const struct reader *r, int *ret_old, int *ret_now) {
	for (int i = 0; i < TRIES_MAX; i++) {
		struct stat now, old;

		*ret_now = open_file(r, "", &now);
		if (*ret_now < 0 && *ret_now != -ENOENT)
			return *ret_now;
		*ret_old = open_file(r, ".1", &old);
		if (*ret_old < 0 && *ret_old != -ENOENT) {
			mem_close_ptr(ret_now);
			return *ret_old;
		}
		if (*ret_now < 0 || *ret_old < 0 || now.st_ino != old.st_ino ||
		    now.st_dev != old.st_dev)
			return 0;
		/* It has just become the old one. */
		mem_close_ptr(ret_now);
		mem_close_ptr(ret_old);
	}
	return -EBUSY;
}

static int read_past(struct reader *r, struct err *err) {
	int old, now, n = open_both(r, &old, &now);
	bool is_there = n == 0 && (old >= 0 || now >= 0);
	size_t first;

	if (n < 0)
		return err_sys(err, n, "cannot open '%s'", r->spec->path);
	if (old >= 0)
		read_file(r, old);
	if (now >= 0)
		read_file(r, now);
	first = r->kept_count > r->kept_max ? r->kept_count - r->kept_max : 0;
	for (size_t i = first; i < r->kept_count; i++) {
		const char *text = r->kept[i % r->kept_max];

		r->spec->line(text, strlen(text), r->spec->data);
	}
	r->is_past = true;
	return is_there;
}

/* The file of that name may be another one by now: what is left of ours comes first. */
static void on_change(int fd, uint32_t events, void *data) {
	struct reader *r = data;
	char block[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct stat ours = { 0 }, now;
	int next;

	(void)events;
	while (read(fd, block, sizeof(block)) > 0)
		;
	read_on(r);
	next = open_file(r, "", &now);
	if (next < 0)
		return;
	if (r->fd < 0 || fstat(r->fd, &ours) < 0 || now.st_ino != ours.st_ino ||
	    now.st_dev != ours.st_dev)
		read_file(r, next);
	else
		(void)close(next);
}

static void on_signal(int signo, void *data) {
	(void)signo;
	loop_stop(data, 0);
}

/* Before anything is read, so that nothing falls between. */
static int watch(struct reader *r, struct err *err) {
	const char *path = r->spec->path;
	autofree char *above = xstrndup(path, (size_t)(path_base(path) - path));
	int n;

	privilege_person_begin(r->spec->who);
	n = mkdir_parents(above, 0700);
	privilege_person_end(r->spec->who);
	if (n < 0)
		return err_sys(err, n, "cannot make '%s'", above);
	r->loop = loop_new();
	r->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (!r->loop || r->watch_fd < 0 ||
	    inotify_add_watch(r->watch_fd, above, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0 ||
	    !loop_add_fd(r->loop, r->watch_fd, EPOLLIN, on_change, r) ||
	    !loop_add_signal(r->loop, SIGINT, on_signal, r->loop) ||
	    !loop_add_signal(r->loop, SIGTERM, on_signal, r->loop))
		return err_sys(err, -errno, "cannot watch '%s'", above);
	return 0;
}

int follow_lines(const struct follow *f, struct err *err) {
	struct reader r = { .spec = f, .fd = -1, .watch_fd = -1 };
	int n = 0, is_there;

	r.line = xcalloc(1, f->line_max + 1);
	r.kept_max = f->tail > 0 ? (size_t)f->tail : 0;
	r.kept = xcalloc(r.kept_max + 1, sizeof(*r.kept));
	if (f->goes_on)
		n = watch(&r, err);
	is_there = n == 0 ? read_past(&r, err) : n;
	if (is_there >= 0 && f->goes_on)
		n = loop_run(r.loop);
	loop_free(r.loop);
	mem_close_ptr(&r.watch_fd);
	mem_close_ptr(&r.fd);
	for (size_t i = 0; i < r.kept_max; i++)
		free(r.kept[i]);
	free(r.kept);
	free(r.line);
	if (is_there >= 0 && n < 0)
		return err_sys(err, n, "cannot watch '%s'", f->path);
	return f->goes_on && is_there == 0 ? 1 : is_there;
}
