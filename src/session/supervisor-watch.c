/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is replaced on the host loses what was mounted on it: git writes its
 * configuration beside the old one and renames it over. So the directories of
 * protected paths are watched, and what is not in place any more is mounted
 * again, the container frozen meanwhile, for as long as it takes.
 *
 * Such a mount cannot be unmounted either. But root in the container who has made
 * a copy of all mounts (a mount namespace, a recursive bind) before the host
 * replaced something does not have it there, and can take it out of a later copy.
 * So with host_immutable what has come is made immutable as what was there; without
 * it, or on a file system that cannot, this is what is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/linux.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "runtime/hotmount.h"
#include "session/immutable.h"
#include "session/placeholders.h"
#include "session/standstill.h"
#include "session/supervisor.h"

#define WATCH_EVENTS (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR)
#define SETTLE_MS 100  /* who removes a file often writes it again */
#define RETRY_MS 300
#define SOON_MS 100
#define ANSWER_MS 3000
#define TREES_MS 300
#define MENDS_MAX 200 /* in a minute: then somebody inside plays with us */
#define MINUTE_MS 60000

static const struct protect_base *base_of(const struct supervisor *v,
					  const struct protect_bound *b) {
	return &v->protect.bases[b->base];
}

/* Opened on the host as at the start: no link, as the person. */
static int open_outside(const struct supervisor *v, const struct protect_bound *b) {
	int fd;

	privilege_person_begin(v->session.who);
	fd = open_beneath(base_of(v, b)->fd, b->path, O_PATH | O_NOFOLLOW, 0);
	privilege_person_end(v->session.who);
	return fd;
}

static int open_inside(const struct supervisor *v, const char *target) {
	autoclose int root = proc_id_open_file(&v->c->init, "root", O_PATH | O_DIRECTORY);

	return root < 0 ? root : open_beneath(root, target + 1, O_PATH | O_NOFOLLOW, 0);
}

/* Is there to be something, when it is gone? */
static bool wants_something(const struct protect_bound *b) {
	return b->role == PROTECT_ROLE_READONLY && protect_has_stand_in(b->kind);
}

/* What root inside has unmounted as a whole shows nothing any more. */
static bool is_shown(const struct supervisor *v, const struct protect_base *base) {
	autoclose int inside = base->is_late ? open_inside(v, base->target) : -1;
	struct stat here, there;

	if (!base->is_late)
		return true;
	return inside >= 0 && fstat(inside, &there) == 0 && fstat(base->fd, &here) == 0 &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

/* Is a mount of what is there on the host where it should be, with its flags? */
static bool in_place(const struct supervisor *v, const struct protect_bound *b) {
	const struct runtime_bind *bind = &v->protect.items[b->item];
	autoclose int outside = open_outside(v, b), inside = open_inside(v, bind->target);
	struct statvfs fs;
	struct statx st;
	struct stat host;

	if (outside == -ENOENT && !wants_something(b))
		return true; /* gone: nothing to keep or to hide */
	if (!is_shown(v, base_of(v, b)))
		return true;
	if (outside < 0 || inside < 0 || fstat(outside, &host) < 0 || fstatvfs(inside, &fs) < 0 ||
	    statx(inside, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_INO, &st) < 0)
		return false;
	if (!(st.stx_attributes & STATX_ATTR_MOUNT_ROOT) ||
	    ((bind->readonly || bind->hidden) && !(fs.f_flag & ST_RDONLY)))
		return false;
	return bind->hidden || st.stx_ino == host.st_ino;
}

static bool all_in_place(const struct supervisor *v) {
	for (size_t i = 0; i < v->protect.bound_count; i++)
		if (!in_place(v, &v->protect.bound[i]))
			return false;
	return true;
}

static int attach(struct supervisor *v, const struct protect_bound *b, int fd, struct err *err) {
	struct hotmount_spec spec = {
		.ref = container_ref(&v->session, v->c),
		.ids = v->c->ids,
		.code_uid = v->c->code_uid,
		.code_gid = v->c->code_gid,
		.bind = v->protect.items[b->item],
		.is_locked = true,
	};
	int r;

	spec.bind.fd = fd;
	r = hotmount_add(&spec, err);
	if (r == -EINVAL && err->kind == ERR_CONFLICT && spec.bind.readonly) {
		/* No id-mapped mounts there: read-only is what counts. */
		spec.bind.ids = RUNTIME_BIND_PLAIN;
		r = hotmount_add(&spec, err);
	}
	return r;
}

static int mend_one(struct supervisor *v, const struct protect_bound *b, struct err *err) {
	const struct protect_base *base = base_of(v, b);
	autoclose int fd = open_outside(v, b);
	struct err soft = { 0 };
	struct stat st;
	int r;

	for (int waited = 0; fd == -ENOENT && waited < SETTLE_MS; waited += 10) {
		(void)poll(NULL, 0, 10);
		fd = open_outside(v, b);
	}
	if (fd == -ENOENT && wants_something(b)) {
		struct placeholder_want want = { base->fd, base->path, b->path, b->kind };

		r = placeholders_make(&v->session, v->c->name, &want, 1, err);

		if (r < 0)
			return r;
		fd = open_outside(v, b);
	}
	if (fd == -ENOENT && !wants_something(b))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, fd < 0 ? fd : -errno, "cannot open '%s/%s'", base->path,
			       b->path);
	if (S_ISLNK(st.st_mode))
		return err_set(err, ERR_TRUST, -ELOOP, "'%s/%s' is a symbolic link now",
			       base->path, b->path);
	r = attach(v, b, fd, err);
	if (r < 0 || b->role != PROTECT_ROLE_READONLY)
		return r;
	/* It can wait: what is mounted holds. */
	if (immutable_again(&v->session, v->c->name, base->path, b->path, base->fd, &soft) < 0)
		supervisor_complain(&soft);
	return 0;
}

/* In order: what is mounted in a directory that is mounted anew comes after it. */
static int mend(struct supervisor *v, struct err *err) {
	for (size_t i = 0; i < v->protect.bound_count; i++) {
		const struct protect_bound *b = &v->protect.bound[i];
		int r = in_place(v, b) ? 0 : mend_one(v, b, err);

		if (r < 0)
			return r;
	}
	return all_in_place(v) ? 0
			       : err_set(err, ERR_SYSTEM, -EAGAIN, "they were changed meanwhile");
}

/* 0, or -errno; in the host's mount namespace, whose mounts the descriptors are of. */
static int mend_there(struct supervisor *v) {
	struct err err = { 0 };
	int r = supervisor_enter_host(v);

	r = r < 0 ? err_sys(&err, r, "cannot enter the host's mounts") : mend(v, &err);
	if (r == -EAGAIN)
		r = mend(v, &err);
	if (r < 0 && !v->is_held)
		supervisor_complain(&err);
	return r;
}

static int look_there(struct supervisor *v) {
	return all_in_place(v) ? 0 : -EIO;
}

static void freeze(struct supervisor *v, bool *frozen) {
	struct err err = { 0 };

	if (!*frozen && standstill_hold(&v->session, v->c, STANDSTILL_PROTECT, &err) < 0)
		supervisor_complain(&err);
	*frozen = true;
}

static void let_go(struct supervisor *v) {
	struct err err = { 0 };

	if (standstill_release(&v->session, v->c, STANDSTILL_PROTECT, &err) < 0)
		supervisor_complain(&err);
}

/*
 * Whoever follows a path of the container's waits for whatever root in it has mounted there:
 * an overlay over a file system of user space asks that with the rights of who has mounted it,
 * and nobody has to answer. So a child does it, and has a deadline; there is never a second
 * beside one that missed it. Whether all is in place is not known meanwhile: when that takes
 * more than a moment, the container is frozen, and *@frozen.
 */
static int in_child(struct supervisor *v, int (*fn)(struct supervisor *v), bool *frozen) {
	autoclose int pidfd = -1;
	pid_t pid;

	if (v->look.pid)
		return -ETIMEDOUT;
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(fn(v) < 0);
	}
	if (pid < 0)
		return -errno;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd_wait_gone(pidfd, SOON_MS) < 0)
		freeze(v, frozen);
	if (pidfd_wait_gone(pidfd, ANSWER_MS - SOON_MS) < 0) {
		supervisor_late_kill(v, &v->look, pid, steal_fd(&pidfd));
		return -ETIMEDOUT;
	}
	return proc_wait(pid) == 0 ? 0 : -EIO;
}

static void check(struct supervisor *v);

static void check_again(void *data) {
	struct supervisor *v = data;

	v->hold_timer = NULL;
	check(v);
}

/* It goes on as soon as it can be mended: when the person puts it right. */
static void hold(struct supervisor *v) {
	if (!v->is_held)
		supervisor_note("protected paths of '%s' are not in place: it is frozen until they are",
				v->c->name);
	v->is_held = true;
	if (!v->hold_timer)
		v->hold_timer = loop_add_timer(v->loop, RETRY_MS, 0, check_again, v);
}

static void check(struct supervisor *v) {
	struct runtime_ref ref = container_ref(&v->session, v->c);
	bool frozen = v->is_held;
	struct err err = { 0 };
	int r;

	if (v->is_stopping || !runtime_alive(&ref))
		return;
	if (!v->is_held && supervisor_head_is_proper(v) && in_child(v, look_there, &frozen) == 0) {
		if (frozen)
			let_go(v);
		return;
	}
	freeze(v, &frozen);
	r = supervisor_head_is_proper(v) ? 0 : supervisor_head_put_back(v, &err);
	if (r < 0 && !v->is_held)
		supervisor_complain(&err);
	if (r == 0)
		r = in_child(v, mend_there, &frozen);
	if (clock_mono_ms() - v->mends_since_ms > MINUTE_MS) {
		v->mends_since_ms = clock_mono_ms();
		v->mends = 0;
	}
	if (r < 0 || ++v->mends > MENDS_MAX) {
		hold(v);
		return;
	}
	v->is_held = false;
	if (v->mends <= 10)
		supervisor_note("protected paths of '%s' were replaced; they are mounted again",
				v->c->name);
	let_go(v);
}

/* The directory of a protected path; watching it twice gives the same number. */
static void watch_parent(struct supervisor *v, const struct protect_bound *b) {
	const struct protect_base *base = base_of(v, b);
	const char *name = path_base(b->path);
	autofree char *up = name == b->path ? xstrdup(".")
					    : xstrndup(b->path, (size_t)(name - b->path) - 1);
	autoclose int dir = open_beneath(base->fd, up, O_PATH | O_DIRECTORY, 0);
	/* What is written into a file matters for HEAD alone. */
	uint32_t events = WATCH_EVENTS | (!strcmp(up, ".git") ? IN_MODIFY : 0);
	char link[32];

	if (dir >= 0 && inotify_add_watch(v->protect_fd, fd_proc_path(dir, link), events) < 0)
		supervisor_note("cannot watch '%s/%s'", base->path, up);
}

static void watch_all(struct supervisor *v) {
	for (size_t i = 0; i < v->protect.bound_count; i++)
		watch_parent(v, &v->protect.bound[i]);
}

static bool is_ours(const struct supervisor *v, const char *name) {
	for (size_t i = 0; i < v->protect.bound_count; i++)
		if (!strcmp(path_base(v->protect.bound[i].path), name))
			return true;
	return v->head && !strcmp(name, "HEAD");
}

/* A moment later: git has written then what a work tree's directory consists of. */
static void find_trees(void *data) {
	struct supervisor *v = data;

	v->trees_timer = NULL;
	if (v->is_stopping || !supervisor_worktrees_find(v))
		return;
	supervisor_protect_store(v);
	check(v);
	watch_all(v);
}

static void on_change(int fd, uint32_t events, void *data) {
	struct supervisor *v = data;
	char block[16 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool matters = false, is_more = false;
	ssize_t n;

	(void)events;
	while ((n = read(fd, block, sizeof(block))) > 0) {
		for (char *at = block; at < block + n;) {
			const struct inotify_event *e = (const struct inotify_event *)(void *)at;

			matters |= (e->mask & (IN_Q_OVERFLOW | IN_IGNORED)) ||
				   (e->len && is_ours(v, e->name));
			is_more |= (e->mask & IN_ISDIR) && (e->mask & (IN_CREATE | IN_MOVED_TO));
			at += sizeof(*e) + e->len;
		}
	}
	if (is_more && !v->trees_timer)
		v->trees_timer = loop_add_timer(v->loop, TREES_MS, 0, find_trees, v);
	if (!matters)
		return;
	check(v);
	watch_all(v); /* directories may be new */
}

static void on_mounts(int fd, uint32_t events, void *data) {
	(void)fd; /* polling it is what takes the event */
	(void)events;
	check(data);
}

static void begin(void *data) {
	struct supervisor *v = data;

	if (v->is_stopping || v->protect_fd >= 0)
		return;
	v->protect_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	v->mounts_fd = proc_id_open_file(&v->c->init, "mountinfo", O_RDONLY);
	if (v->protect_fd < 0 || v->mounts_fd < 0 ||
	    !loop_add_fd(v->loop, v->protect_fd, EPOLLIN, on_change, v) ||
	    !loop_add_fd(v->loop, v->mounts_fd, EPOLLPRI, on_mounts, v)) {
		supervisor_note("cannot watch the protected paths of '%s'", v->c->name);
		return;
	}
	(void)supervisor_worktrees_find(v);
	watch_all(v);
	/* What happened before the watch; and what a supervisor before us froze it for. */
	v->is_held = standstill_holds(&v->session, v->c, STANDSTILL_PROTECT);
	check(v);
}

void supervisor_watch_protected(struct supervisor *v, int delay_ms) {
	if (v->protect.bound_count)
		(void)loop_add_timer(v->loop, (uint64_t)delay_ms, 0, begin, v);
}

void supervisor_watch_more(struct supervisor *v) {
	if (v->protect_fd < 0)
		supervisor_watch_protected(v, 0);
	else
		watch_all(v);
}
