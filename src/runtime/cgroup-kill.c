/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ending, stopping and removing what is in a container's groups. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "runtime/cgroup.h"

/* More groups than this below one container's are not walked in one go. */
#define CGROUP_WALK_MAX 1000000

static int left_ms(uint64_t end) {
	uint64_t now = clock_mono_ms();

	return now >= end ? 0 : (int)(end - now);
}

/* "key value" of a flat file such as cgroup.events; -errno. */
static int event_value(int fd, const char *key) {
	char text[512];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	const char *at;

	if (n < 0)
		return -errno;
	text[n] = '\0';
	at = strstr(text, key);
	if (!at)
		return -ENOENT;
	return at[strlen(key)] == ' ' && at[strlen(key) + 1] != '0';
}

/*
 * Wait until @key of the group's cgroup.events is @want. The kernel wakes poll(2)
 * on a change, late and now and then not at all (seen on 6.18: a group that was
 * empty, and no wake-up for ten seconds), so the file is looked at again too.
 */
#define EVENT_AGAIN_MS 20

static int event_wait(int dir, const char *key, int want, uint64_t end) {
	autoclose int fd = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || errno == ENODEV ? 0 : -errno;
	for (;;) {
		struct pollfd pfd = { .fd = fd, .events = POLLPRI };
		int now = event_value(fd, key);

		if (now == -ENODEV || now == want)
			return 0;
		if (now < 0)
			return now;
		if (left_ms(end) == 0)
			return -ETIMEDOUT;
		if (poll(&pfd, 1, left_ms(end) < EVENT_AGAIN_MS ? left_ms(end) : EVENT_AGAIN_MS) <
			    0 &&
		    errno != EINTR)
			return -errno;
	}
}

/* 1 with the name of a group directly below, 0 when there is none. */
static int first_child(int dir, char name[256]) {
	autoclose int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclosedir DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (!d)
		return -errno;
	(void)steal_fd(&fd);
	while ((e = readdir(d))) {
		if (e->d_type != DT_DIR || !strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		(void)snprintf(name, 256, "%s", e->d_name);
		return 1;
	}
	return 0;
}

/*
 * Remove everything below @top, leaves first. The container chose number and
 * depth: no recursion and no descriptor for each level.
 */
static int children_remove(int top) {
	autoclose int at = openat(top, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	unsigned depth = 0;

	for (unsigned steps = 0; at >= 0 && steps < CGROUP_WALK_MAX; steps++) {
		char name[256];
		int next, r = first_child(at, name);

		if (r < 0)
			return r;
		if (r == 0 && depth == 0)
			return 0;
		if (r == 0) {
			/* Empty now: up, where the next round finds and removes it. */
			next = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
			depth--;
		} else {
			if (unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
				continue;
			if (errno != EBUSY && errno != ENOTEMPTY)
				return -errno;
			next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (next >= 0 && first_child(next, name) <= 0) {
				(void)close(next);
				return -EBUSY;
			}
			depth++;
		}
		(void)close(at);
		at = next;
	}
	return at < 0 ? -errno : -EMLINK;
}

static int remove_one(const struct cgroup_tree *t, const char *prefix, const char *name) {
	autofree char *path = xasprintf("%s%s/%s%s", t->mount, t->base, prefix, name);
	autoclose int fd = -1;
	int r;

	if (rmdir(path) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY && errno != ENOTEMPTY)
		return -errno;
	fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = children_remove(fd);
	if (r < 0)
		return r;
	return rmdir(path) == 0 || errno == ENOENT ? 0 : -errno;
}

int cgroup_remove(const struct cgroup_trees *t, const char *prefix, const char *name) {
	int result = 0;

	for (size_t i = 0; i < t->count; i++) {
		int r = remove_one(&t->v[i], prefix, name);

		if (r < 0) {
			log_debug("cannot remove %s%s in '%s': %s", prefix, name, t->v[i].mount,
				  strerror(-r));
			result = r;
		}
	}
	return result;
}

/* SIGKILL to the processes that the file lists; how many there were. */
static int procs_kill(int dir, int *ret_pidfd) {
	struct buf b;
	int count = 0;
	char *save = NULL;

	if (file_read_at(dir, "cgroup.procs", 16 * 1024 * 1024, &b) < 0)
		return 0;
	for (char *w = strtok_r(b.data, "\n", &save); w; w = strtok_r(NULL, "\n", &save)) {
		pid_t pid = (pid_t)strtol(w, NULL, 10);
		autoclose int pidfd = -1;

		if (pid <= 0 || pid == getpid())
			continue;
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (pidfd < 0)
			continue;
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		count++;
		if (*ret_pidfd < 0)
			*ret_pidfd = steal_fd(&pidfd);
	}
	buf_done(&b);
	return count;
}

/* One round over the group and what is below it. Version 1 has no kill file. */
static int tree_kill(int dir, unsigned depth, int *ret_pidfd) {
	int count = procs_kill(dir, ret_pidfd);
	autoclose int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	autoclosedir DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (!d)
		return count;
	(void)steal_fd(&fd);
	/* Deeper ones die with the container's pid namespace; this is only the fast way. */
	while (depth < 32 && (e = readdir(d))) {
		autoclose int child = -1;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		child = openat(dir, e->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child >= 0)
			count += tree_kill(child, depth + 1, ret_pidfd);
	}
	return count;
}

static int kill_v1(const struct cgroup_tree *t, const char *prefix, const char *name,
		   uint64_t end) {
	autoclose int dir = cgroup_open(t, prefix, name);

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	for (;;) {
		autoclose int pidfd = -1;

		if (tree_kill(dir, 0, &pidfd) == 0)
			return 0;
		if (left_ms(end) == 0)
			return -ETIMEDOUT;
		/* What waits in a frozen group dies only when thawed. */
		(void)file_write_value_at(dir, "freezer.state", "THAWED");
		if (pidfd >= 0)
			(void)pidfd_wait_gone(pidfd, left_ms(end));
	}
}

static int kill_v2(const struct cgroup_tree *t, const char *prefix, const char *name,
		   uint64_t end) {
	autoclose int dir = cgroup_open(t, prefix, name);
	int r;

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	r = file_write_value_at(dir, "cgroup.kill", "1");
	if (r == -ENOENT)
		return kill_v1(t, prefix, name, end);
	if (r < 0)
		return r;
	return event_wait(dir, "populated", 0, end);
}

int cgroup_kill(const struct cgroup_trees *t, const char *prefix, const char *name,
		int timeout_ms) {
	uint64_t end = clock_mono_ms() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0);
	const struct cgroup_tree *v2 = cgroup_tree_unified(t);
	const struct cgroup_tree *freezer = cgroup_tree_of(t, "freezer");
	int result = 0, r;

	/*
	 * A process that the version 1 freezer holds does not die until it is thawed: with its
	 * death on it already, so that it does nothing more.
	 */
	if (v2)
		result = kill_v2(v2, prefix, name, 0);
	else if (freezer)
		(void)kill_v1(freezer, prefix, name, 0);
	if (!strcmp(prefix, CGROUP_PAYLOAD))
		(void)cgroup_freeze(t, name, false, 0);
	if (v2)
		result = kill_v2(v2, prefix, name, end);
	/* A crash may have left members in some trees only. */
	for (size_t i = 0; i < t->count; i++) {
		if (&t->v[i] == v2)
			continue;
		r = kill_v1(&t->v[i], prefix, name, end);
		if (r < 0)
			result = r;
	}
	return result;
}

static int freeze_v1(int dir, bool freeze, uint64_t end) {
	const char *want = freeze ? "FROZEN" : "THAWED";
	int r = file_write_value_at(dir, "freezer.state", want);

	while (r == 0) {
		autofree char *now = NULL;

		r = file_read_line_at(dir, "freezer.state", &now);
		if (r < 0 || !strcmp(now, want))
			break;
		if (left_ms(end) == 0)
			return freeze ? -ETIMEDOUT : 0;
		/* This file wakes nobody: asked again, as the kernel's text for it says. */
		(void)poll(NULL, 0, 1);
		r = file_write_value_at(dir, "freezer.state", want);
	}
	return r;
}

int cgroup_freeze(const struct cgroup_trees *t, const char *name, bool freeze, int timeout_ms) {
	uint64_t end = clock_mono_ms() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0);
	const struct cgroup_tree *v2 = cgroup_tree_unified(t);
	const struct cgroup_tree *v1 = cgroup_tree_of(t, "freezer");
	autoclose int dir2 = v2 ? cgroup_open(v2, CGROUP_PAYLOAD, name) : -ENOENT;
	autoclose int dir1 = -1;
	int r = -ENOENT;

	if (dir2 >= 0) {
		r = file_write_value_at(dir2, "cgroup.freeze", freeze ? "1" : "0");
		if (r == 0 && timeout_ms > 0)
			r = event_wait(dir2, "frozen", freeze, end);
	}
	/* Somebody may have used the other one (liblxc does on the hybrid layout). */
	if (v1 && !v1->unified && (r == -ENOENT || !freeze)) {
		dir1 = cgroup_open(v1, CGROUP_PAYLOAD, name);
		if (dir1 >= 0)
			r = freeze_v1(dir1, freeze, end);
	}
	return r;
}

int cgroup_is_frozen(const struct cgroup_trees *t, const char *name) {
	const struct cgroup_tree *v2 = cgroup_tree_unified(t);
	const struct cgroup_tree *v1 = cgroup_tree_of(t, "freezer");
	autofree char *line2 = NULL, *line1 = NULL;
	autoclose int dir = -1, dir1 = -1;
	int r = -ENOENT;

	if (v2) {
		dir = cgroup_open(v2, CGROUP_PAYLOAD, name);
		r = dir < 0 ? dir : file_read_line_at(dir, "cgroup.freeze", &line2);
		if (r == 0 && line2[0] == '1')
			return 1;
	}
	if (v1 && !v1->unified) {
		dir1 = cgroup_open(v1, CGROUP_PAYLOAD, name);
		r = dir1 < 0 ? dir1 : file_read_line_at(dir1, "freezer.state", &line1);
		if (r == 0 && strcmp(line1, "THAWED"))
			return 1;
	}
	return r < 0 ? r : 0;
}
