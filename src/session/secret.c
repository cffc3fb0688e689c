/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/secret.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"

struct search {
	const char *workspace;
	char ***found;
	char ***outside;
	int matches;
	int looks;
};

/* The same thing by its name without links. */
static int take(struct search *s, int dir, const char *name) {
	autoclose int fd = openat(dir, name, O_PATH | O_CLOEXEC);
	char link[32], real[PATH_MAX];
	size_t len = strlen(s->workspace);
	ssize_t n;

	if (fd < 0) /* a link to nothing hides nothing */
		return errno == ENOENT || errno == ELOOP ? 0 : -errno;
	n = readlink(fd_proc_path(fd, link), real, sizeof(real) - 1);
	if (n <= 0)
		return -errno;
	real[n] = '\0';
	if (!path_is_below(real, s->workspace) || !real[len]) {
		strv_add(s->outside, real);
		return 0;
	}
	s->matches++;
	if (strv_contains(*s->found, real + len + 1))
		return 0;
	if (strv_len(*s->found) >= SECRET_PATHS_MAX)
		return -E2BIG;
	strv_add(s->found, real + len + 1);
	return 0;
}

static int walk(struct search *s, int dir, char *const *parts);

static int go_on(struct search *s, int dir, const char *name, char *const *rest) {
	autoclose int fd = -1;

	if (++s->looks > SECRET_LOOKS_MAX)
		return -E2BIG;
	if (!*rest)
		return take(s, dir, name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -errno;
	return walk(s, fd, rest);
}

static int walk(struct search *s, int dir, char *const *parts) {
	autoclosedir DIR *d = NULL;
	struct dirent *e;
	int fd, r = 0;

	if (!strpbrk(*parts, "*?[\\"))
		return go_on(s, dir, *parts, parts + 1);
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return -errno;
	for (errno = 0; r == 0 && (e = readdir(d)); errno = 0) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (++s->looks > SECRET_LOOKS_MAX)
			return -E2BIG;
		if (fnmatch(*parts, e->d_name, 0) == 0)
			r = go_on(s, dir, e->d_name, parts + 1);
	}
	return r == 0 && errno ? -errno : r; /* half a directory would protect half of it */
}

int secret_find(const struct privilege *who, int workspace_fd, const char *workspace,
		const char *pattern, char ***found, char ***outside, struct err *err) {
	struct search s = { .workspace = workspace, .found = found, .outside = outside };
	autostrv char **parts = strv_split(pattern, "/");
	size_t n = strv_len(parts);
	int r;

	/* All of a directory is the directory. */
	if (n > 1 && !strcmp(parts[n - 1], "**")) {
		mem_free_ptr(&parts[n - 1]);
		parts[n - 1] = NULL;
	}
	privilege_person_begin(who);
	r = walk(&s, workspace_fd, parts);
	privilege_person_end(who);
	if (r == -E2BIG)
		return err_set(err, ERR_CONFIG, r, "'%s' in security.secret_paths matches too much",
			       pattern);
	if (r < 0)
		return err_sys(err, r, "cannot look for what '%s' in security.secret_paths names",
			       pattern);
	return s.matches;
}
