/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/tool/seed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"

/* A file that was opened: what is wrong with it, NULL: nothing. */
static const char *problem_of(int fd, struct stat *st, struct buf *content) {
	int r;

	if (fstat(fd, st) < 0)
		return strerror(errno);
	if (!S_ISREG(st->st_mode))
		return "it is no regular file";
	if (st->st_size > (off_t)SEED_FILE_MAX)
		return "it is larger than 16 MiB";
	r = fd_read_all(fd, content);
	return r == -EFBIG ? "it is larger than 16 MiB" : r < 0 ? strerror(-r) : NULL;
}

/* Nobody waits for the other end of a pipe. */
#define OPEN_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

static bool is_in_workspace(int dir, const char *workspace) {
	char link[32], real[PATH_MAX];
	ssize_t n = readlink(fd_proc_path(dir, link), real, sizeof(real) - 1);

	if (n <= 0 || !*workspace)
		return n <= 0;
	real[n] = '\0';
	return path_is_below(real, workspace);
}

/* @name below the home; links are followed but in a directory that the agent writes to. */
static int open_seed(const struct session *s, const char *name, const char *workspace) {
	autofree char *path = path_join(s->who->home, name);
	char *slash = strrchr(path, '/');
	autoclose int dir = -1;
	int fd;

	*slash = '\0';
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	if (is_in_workspace(dir, workspace))
		return open_beneath(dir, slash + 1, OPEN_FLAGS, 0);
	fd = openat(dir, slash + 1, OPEN_FLAGS);
	return fd < 0 ? -errno : fd;
}

/* Read @fd (closed here) into a seed at @path. @shown: the name outside, for people. */
static void add_seed(const struct session *s, int fd, const char *shown, enum place_base base,
		     const char *path, mode_t mode, bool newer, struct place_plan *plan) {
	autoclose int own = fd;
	autobuf struct buf content = { 0 };
	const char *problem;
	struct stat st;

	if (fd == -ENOENT || fd == -ENOTDIR)
		return;
	buf_init(&content, SEED_FILE_MAX);
	problem = fd == -ELOOP	      ? "it is a symbolic link in the workspace" :
		  fd == -ENXIO	      ? "it is no regular file" :
		  fd < 0	      ? strerror(-fd) :
					problem_of(own, &st, &content);
	if (problem) {
		session_say(s, "Warning: '%s' is not copied into the container: %s", shown, problem);
		return;
	}

	struct place_item *item = place_add(plan, PLACE_SEED, base, path);

	item->mode = mode ? mode : st.st_mode & 0700;
	item->newer = newer;
	item->changed = st.st_mtim;
	item->create = true;
	item->optional = true;
	item->len = content.len;
	item->data = buf_steal(&content);
}

void seed_tool(const struct session *s, const struct tool *t, const char *workspace,
	       struct place_plan *plan) {
	for (size_t i = 0; i < t->file_count; i++) {
		const struct tool_file *f = &t->files[i];
		autofree char *shown = xasprintf("~/%s", f->path);
		int fd;

		privilege_person_begin(s->who);
		fd = open_seed(s, f->path, workspace);
		privilege_person_end(s->who);
		add_seed(s, fd, shown, BASE_HOME, f->path, f->mode, f->newer, plan);
	}
}

static void add_ollama(const struct session *s, const char *workspace, struct place_plan *plan) {
	static const char key[] = ".ollama/id_ed25519";
	int fd;

	privilege_person_begin(s->who);
	fd = open_seed(s, key, workspace);
	privilege_person_end(s->who);
	add_seed(s, fd, "~/.ollama/id_ed25519", BASE_HOME, key, 0600, false, plan);
}

static void add_bundle(const struct session *s, const char *bundle, const char *workspace,
		       struct place_plan *plan) {
	auto_tool struct tool *t = NULL;
	struct err err = { 0 };

	if (!strcmp(bundle, "ollama"))
		add_ollama(s, workspace, plan);
	else if (tool_load(s->settings, bundle, &t, &err) == 0)
		seed_tool(s, t, workspace, plan);
	else
		session_say(s, "Warning: there are no credentials named '%s'", bundle);
}

/* Below the home where it is there: nothing there may lead elsewhere. */
static void add_single(const struct session *s, const struct setting_credential *d,
		       struct place_plan *plan) {
	autofree char *home = xasprintf("/home/%s", s->settings->incus.code_user);
	autofree char *path = path_clean(d->container);
	bool below = path_is_below(path, home) && strcmp(path, home) != 0;
	mode_t mode = *d->mode ? (mode_t)strtoul(d->mode, NULL, 8) : 0;
	int fd;

	privilege_person_begin(s->who);
	if (d->host_fd >= 0) {
		char link[32];

		fd = open(fd_proc_path(d->host_fd, link), OPEN_FLAGS);
	} else if (d->source.is_trusted) {
		fd = open(d->host, OPEN_FLAGS);
	} else {
		fd = -1;
		errno = ENOENT;
	}
	if (fd < 0)
		fd = -errno;
	privilege_person_end(s->who);
	if (fd == -ENOENT)
		session_say(s, "'%s' does not exist and is not copied", d->host);
	add_seed(s, fd, d->host, below ? BASE_HOME : BASE_ROOT,
		 below ? path + strlen(home) + 1 : path + 1, mode, false, plan);
}

void seed_credentials(const struct session *s, const char *workspace, struct place_plan *plan) {
	const struct setting_credentials *all = &s->settings->credentials;

	for (size_t i = 0; i < all->count; i++) {
		const struct setting_credential *d = &all->items[i];

		if (*d->bundle)
			add_bundle(s, d->bundle, workspace, plan);
		else if (*d->host && *d->container)
			add_single(s, d, plan);
	}
}
