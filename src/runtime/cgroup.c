/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strv.h"
#include "runtime/control.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_FILE_MAX (64 * 1024)

bool cgroup_line_parse(const char *line, char **ret_controllers, char **ret_path) {
	const char *a = strchr(line, ':');
	const char *b = a ? strchr(a + 1, ':') : NULL;

	if (!b || b[1] != '/')
		return false;
	*ret_controllers = xstrndup(a + 1, (size_t)(b - a - 1));
	*ret_path = xstrdup(b + 1);
	return true;
}

/* liblxc puts containers beside systemd's init.scope, not into it; so do we. */
static char *base_of(const char *path) {
	static const char scope[] = "/init.scope";
	size_t len = strlen(path);

	/* From inside a cgroup namespace, process 1 may be outside of what is shown. */
	if (!strcmp(path, "/") || !strncmp(path, "/..", 3))
		return xstrdup("");
	if (len >= sizeof(scope) - 1 && !strcmp(path + len - (sizeof(scope) - 1), scope))
		len -= sizeof(scope) - 1;
	return xstrndup(path, len);
}

static bool is_cgroup2(const char *dir) {
	struct statfs s;

	return statfs(dir, &s) == 0 && s.f_type == CGROUP2_SUPER_MAGIC;
}

static char *mount_of(const char *controllers) {
	autofree char *dir = NULL;
	struct statfs s;

	if (!*controllers) {
		if (is_cgroup2(CGROUP_ROOT))
			return xstrdup(CGROUP_ROOT);
		return is_cgroup2(CGROUP_ROOT "/unified") ? xstrdup(CGROUP_ROOT "/unified") : NULL;
	}
	if (!strncmp(controllers, "name=", 5))
		dir = xasprintf(CGROUP_ROOT "/%s", controllers + 5);
	else
		dir = xasprintf(CGROUP_ROOT "/%s", controllers);
	if (statfs(dir, &s) == 0 && s.f_type == CGROUP_SUPER_MAGIC)
		return steal_ptr(dir);
	return NULL;
}

int cgroup_trees_load(struct cgroup_trees *ret, struct err *err) {
	auto_cgroup_trees struct cgroup_trees t = { 0 };
	autostrv char **lines = NULL;
	struct buf b;
	int r = file_read_at(AT_FDCWD, "/proc/1/cgroup", CGROUP_FILE_MAX, &b);

	if (r < 0)
		return err_sys(err, r, "cannot read '/proc/1/cgroup'");
	lines = strv_split(b.data, "\n");
	buf_done(&b);
	for (size_t i = 0; lines && lines[i] && t.count < CGROUP_TREES_MAX; i++) {
		struct cgroup_tree *one = &t.v[t.count];
		autofree char *path = NULL;

		if (!cgroup_line_parse(lines[i], &one->controllers, &path))
			continue;
		one->unified = !*one->controllers;
		one->mount = mount_of(one->controllers);
		if (!one->mount) {
			free(steal_ptr(one->controllers));
			continue;
		}
		one->base = base_of(path);
		t.count++;
	}
	if (t.count == 0)
		return err_set(err, ERR_SYSTEM, -ENOENT,
			       "no control group hierarchy is mounted below '" CGROUP_ROOT "'");
	*ret = t;
	t.count = 0;
	return 0;
}

void cgroup_trees_done(struct cgroup_trees *t) {
	for (size_t i = 0; i < t->count; i++) {
		free(t->v[i].controllers);
		free(t->v[i].mount);
		free(t->v[i].base);
	}
	t->count = 0;
}

const struct cgroup_tree *cgroup_tree_unified(const struct cgroup_trees *t) {
	for (size_t i = 0; i < t->count; i++)
		if (t->v[i].unified)
			return &t->v[i];
	return NULL;
}

static bool has_word(const char *list, const char *word, const char *separators) {
	autostrv char **v = strv_split(list, separators);

	return strv_contains(v, word);
}

const struct cgroup_tree *cgroup_tree_of(const struct cgroup_trees *t, const char *controller) {
	const struct cgroup_tree *v2 = cgroup_tree_unified(t);
	autofree char *file = NULL;
	bool has;
	struct buf b;

	for (size_t i = 0; i < t->count; i++)
		if (!t->v[i].unified && has_word(t->v[i].controllers, controller, ","))
			return &t->v[i];
	if (!v2)
		return NULL;
	file = xasprintf("%s%s/cgroup.controllers", v2->mount, v2->base);
	if (file_read_at(AT_FDCWD, file, CGROUP_FILE_MAX, &b) < 0)
		return NULL;
	has = has_word(b.data, controller, " \n");
	buf_done(&b);
	return has ? v2 : NULL;
}

int cgroup_open(const struct cgroup_tree *t, const char *prefix, const char *name) {
	autofree char *path = xasprintf("%s%s/%s%s", t->mount, t->base, prefix, name);
	int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

bool cgroup_exists(const struct cgroup_trees *t, const char *prefix, const char *name) {
	for (size_t i = 0; i < t->count; i++) {
		autoclose int fd = cgroup_open(&t->v[i], prefix, name);

		if (fd >= 0)
			return true;
	}
	return false;
}

/* Own groups of the calling process, as trees with `base` being the path. */
static char *path_of(const struct cgroup_tree *t, pid_t pid) {
	autofree char *file = xasprintf("/proc/%d/cgroup", (int)pid);
	autostrv char **lines = NULL;
	struct buf b;

	if (file_read_at(AT_FDCWD, file, CGROUP_FILE_MAX, &b) < 0)
		return NULL;
	lines = strv_split(b.data, "\n");
	buf_done(&b);
	for (size_t i = 0; lines && lines[i]; i++) {
		autofree char *controllers = NULL, *path = NULL;

		if (cgroup_line_parse(lines[i], &controllers, &path) &&
		    !strcmp(controllers, t->controllers))
			return steal_ptr(path);
	}
	return NULL;
}

bool cgroup_has(const struct cgroup_trees *t, const char *prefix, const char *name, pid_t pid) {
	for (size_t i = 0; i < t->count; i++) {
		autofree char *have = path_of(&t->v[i], pid);
		autofree char *want = xasprintf("%s/%s%s", t->v[i].base, prefix, name);
		size_t len = strlen(want);

		if (have && !strncmp(have, want, len) && (!have[len] || have[len] == '/'))
			return true;
	}
	return false;
}

static int enter_one(const struct cgroup_tree *t, const char *prefix, const char *name, pid_t pid,
		     struct err *err) {
	autofree char *dir = NULL, *now = path_of(t, pid);
	autoclose int fd = -1;
	char text[16];
	int r;

	if (t->unified) {
		dir = xasprintf("%s%s/%s%s", t->mount, t->base, prefix, name);
		if (mkdir(dir, 0755) < 0 && errno != EEXIST)
			return err_sys(err, -errno, "cannot make control group '%s'", dir);
	} else {
		/* Already where we want it: each move is dear, see runtime_warm_begin(). */
		if (now && !strcmp(now, *t->base ? t->base : "/"))
			return 0;
		dir = xasprintf("%s%s", t->mount, t->base);
	}
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "cannot open control group '%s'", dir);
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	r = file_write_value_at(fd, "cgroup.procs", text);
	return r < 0 ? err_sys(err, r, "cannot enter control group '%s'", dir) : 0;
}

int cgroup_enter(const struct cgroup_trees *t, const char *prefix, const char *name, pid_t pid,
		 struct err *err) {
	for (size_t i = 0; i < t->count; i++) {
		int r = enter_one(&t->v[i], prefix, name, pid, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int cgroup_leave(const struct cgroup_tree *t) {
	autofree char *path = path_of(t, 1);
	bool is_shown = path && strncmp(path, "/..", 3) != 0;
	autofree char *file = xasprintf("%s%s/cgroup.procs", t->mount, is_shown ? path : t->base);

	return file_write_value_at(AT_FDCWD, file, "0");
}

/* Longer than any start should take; and how often the wait is begun anew. */
#define WARM_ROUNDS 400
#define WARM_EVERY_MS 2

static void warm_child(int told) {
	auto_cgroup_trees struct cgroup_trees t = { 0 };
	struct pollfd pfd = { .fd = told, .events = POLLIN };
	const struct cgroup_tree *one;
	autofree char *now = NULL, *file = NULL;

	if (cgroup_trees_load(&t, NULL) < 0)
		return;
	one = cgroup_tree_unified(&t);
	if (!one)
		one = &t.v[0];
	now = path_of(one, getpid());
	file = xasprintf("%s%s/cgroup.procs", one->mount, now ? now : "");
	/* The other end closes when it is over, or when its process has died. */
	for (int i = 0; i < WARM_ROUNDS; i++) {
		(void)file_write_value_at(AT_FDCWD, file, "0");
		if (poll(&pfd, 1, WARM_EVERY_MS) > 0)
			return;
	}
}

void runtime_warm_begin(struct runtime_warm *w) {
	int ends[2];

	*w = (struct runtime_warm){ .fd = -1 };
	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	w->pid = fork();
	if (w->pid == 0) {
		for (int i = 0; i < 3; i++)
			(void)close(i);
		proc_close_fds_except(&ends[0], 1);
		warm_child(ends[0]);
		_exit(0);
	}
	(void)close(ends[0]);
	w->fd = ends[1];
}

void runtime_warm_end(struct runtime_warm *w) {
	mem_close_ptr(&w->fd);
	w->fd = -1;
	/* It may be in the kernel's wait just now; nobody waits for that here. */
	if (w->pid > 0)
		(void)waitpid(w->pid, NULL, WNOHANG);
	w->pid = 0;
}
