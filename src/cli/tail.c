/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/path.h"
#include "cli/app.h"

#define TRIES_MAX 16

void tail_init(struct tail *t, const struct privilege *who, const char *path, char *const *older,
	       size_t line_max) {
	*t = (struct tail){ .who = who, .path = xstrdup(path), .older = older };
	linereader_init(&t->reader, -1, line_max);
}

static void close_all(struct tail *t) {
	for (size_t i = 0; i < t->count; i++) {
		mem_close_ptr(&t->fds[i]);
		t->fds[i] = -1;
	}
	t->count = t->at = 0;
}

void tail_done(struct tail *t) {
	close_all(t);
	linereader_done(&t->reader);
	free(t->path);
	t->path = NULL;
}

/* As the person, whose file it is. */
static int open_one(const struct tail *t, const char *suffix) {
	autofree char *path = xasprintf("%s%s", t->path, suffix);
	struct stat st;
	int fd;

	privilege_person_begin(t->who);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	privilege_person_end(t->who);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	(void)close(fd);
	return -EINVAL;
}

/* Is the file of that name another one than the last of ours? */
static bool is_replaced(const struct tail *t) {
	autoclose int fd = open_one(t, "");
	int last = t->fds[t->count - 1];
	struct stat ours, now;

	if (fd < 0 || last < 0)
		return fd >= 0;
	return fstat(fd, &now) == 0 && (fstat(last, &ours) < 0 || now.st_ino != ours.st_ino ||
					now.st_dev != ours.st_dev);
}

static int open_all(struct tail *t, struct err *err) {
	for (size_t i = 0; t->count <= TAIL_OLDER_MAX; i++) {
		const char *suffix = t->older && t->older[i] ? t->older[i] : "";
		int fd = open_one(t, suffix);

		if (fd < 0 && fd != -ENOENT)
			return err_sys(err, fd, "cannot open '%s%s'", t->path, suffix);
		t->was_there |= fd >= 0;
		t->fds[t->count++] = fd < 0 ? -1 : fd;
		if (!*suffix)
			break;
	}
	return 0;
}

/* All of them as they are at one moment: none was put aside meanwhile. */
int tail_open(struct tail *t, struct err *err) {
	for (int i = 0; i < TRIES_MAX && !t->is_open; i++) {
		int r;

		close_all(t);
		t->was_there = false;
		r = open_all(t, err);
		if (r < 0)
			return r;
		t->is_open = !is_replaced(t);
	}
	if (!t->is_open)
		return err_set(err, ERR_CONFLICT, -EBUSY, "'%s' keeps changing", t->path);
	linereader_reset(&t->reader, t->fds[0]);
	return 0;
}

/* The next file, when what was read has come to its end. False: there is none. */
static bool go_on(struct tail *t) {
	bool is_last = t->at + 1 == t->count;
	int fd;

	if (!is_last) {
		linereader_reset(&t->reader, t->fds[++t->at]);
		return true;
	}
	if (!is_replaced(t))
		return false;
	/* What came into it before it was put aside. */
	if (t->fds[t->at] >= 0 && !t->looked_again) {
		t->looked_again = true;
		return true;
	}
	fd = open_one(t, "");
	if (fd < 0)
		return false;
	mem_close_ptr(&t->fds[t->at]);
	t->fds[t->at] = fd;
	t->looked_again = false;
	linereader_reset(&t->reader, fd);
	return true;
}

int tail_next(struct tail *t, struct err *err) {
	int r = t->is_open ? 0 : tail_open(t, err);

	if (r < 0)
		return r;
	do {
		r = t->fds[t->at] < 0 ? 0 : linereader_next(&t->reader);
		if (r < 0)
			return err_sys(err, r, "cannot read '%s'", t->path);
	} while (r == 0 && go_on(t));
	return r;
}

/* --- following */

struct follow {
	struct loop *loop;
	int fd;
	int (*fn)(void *data, struct err *err);
	void *data;
	struct err *err;
};

/* What there is now. Nobody waits for the end of it, and one who cannot hear is not talked to. */
static int give(struct follow *f) {
	int r = f->fn(f->data, f->err);

	return r < 0 ? r : app_flush(f->err);
}

static void on_change(int fd, uint32_t events, void *data) {
	struct follow *f = data;
	char block[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	int r;

	(void)events;
	while (read(fd, block, sizeof(block)) > 0)
		;
	r = give(f);
	if (r < 0)
		loop_stop(f->loop, r);
}

static void on_signal(int signo, void *data) {
	(void)signo;
	loop_stop(data, 0);
}

/* Before anything is read, so that nothing falls between. */
static int watch(struct follow *f, const struct privilege *who, const char *above, struct err *err) {
	int r;

	privilege_person_begin(who);
	r = mkdir_parents(above, 0700);
	privilege_person_end(who);
	if (r < 0)
		return err_sys(err, r, "cannot make '%s'", above);
	f->loop = loop_new();
	f->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (!f->loop || f->fd < 0 ||
	    inotify_add_watch(f->fd, above, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0 ||
	    !loop_add_fd(f->loop, f->fd, EPOLLIN, on_change, f) ||
	    !loop_add_signal(f->loop, SIGINT, on_signal, f->loop) ||
	    !loop_add_signal(f->loop, SIGTERM, on_signal, f->loop))
		return err_sys(err, -errno, "cannot watch '%s'", above);
	return 0;
}

int tail_follow(const struct privilege *who, const char *path, int (*fn)(void *data, struct err *err),
		void *data, struct err *err) {
	autofree char *above = xstrndup(path, (size_t)(path_base(path) - path));
	struct follow f = { .fd = -1, .fn = fn, .data = data, .err = err };
	int r = watch(&f, who, above, err);

	if (r == 0)
		r = give(&f);
	if (r >= 0)
		r = loop_run(f.loop);
	loop_free(f.loop);
	mem_close_ptr(&f.fd);
	return r < 0 ? r : 0;
}

int tail_parse_since(const char *text, time_t *ret, struct err *err) {
	static const struct {
		char unit;
		long seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char *end;
	long n = strtol(text, &end, 10);
	time_t at = clock_parse_rfc3339(text);

	if (at != (time_t)-1) {
		*ret = at;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (end == text || end[0] != units[i].unit || end[1] || n < 0 || n > 100000)
			continue;
		*ret = time(NULL) - n * units[i].seconds;
		return 0;
	}
	return err_set(err, ERR_USAGE, -EINVAL,
		       "'%s' is no time: 90s, 10m, 2h, 1d or 2026-11-25T12:00:00+01:00", text);
}
