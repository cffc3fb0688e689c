/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whose program this is: ours to replace, a package's, a person's. */
#include "update/site.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fd.h"
#include "base/layout.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "update/version.h"

#define ANSWER_MAX 4096

/* ---- packages ---- */

/* How to ask who brought a file; the answer's last line begins with the package. */
static const struct manager {
	const char *name;
	const char *const argv[5]; /* the path is put behind */
} managers[] = {
	{ "dpkg", { "dpkg-query", "--search", "--", NULL } },
	{ "rpm", { "rpm", "--query", "--queryformat=%{NAME}\n", "--file", NULL } },
	{ "apk", { "apk", "info", "--quiet", "--who-owns", NULL } },
	{ "opkg", { "opkg", "search", NULL } },
};

/* What it prints, when it ends well. */
static int ask(const struct manager *m, const char *path, struct buf *out) {
	const char *argv[6] = { 0 };
	const struct spawn_spec spec = { .path = m->argv[0], .argv = (char *const *)argv,
					 .null_stdio = true, .cwd = "/", .uid = (uid_t)-1,
					 .gid = (gid_t)-1, .death_signal = SIGKILL };
	struct err ignored = { 0 };
	size_t n = 0;

	for (; m->argv[n]; n++)
		argv[n] = m->argv[n];
	argv[n] = path;
	return proc_output(&spec, out, &ignored) == 0 ? 0 : -ENOENT;
}

/*
 * "coi: /usr/bin/coi" (dpkg), "coi" (rpm, apk), "coi - 0.9.0-1" (opkg). The last line: dpkg
 * says diversions before it.
 */
static char *package_in(char *answer) {
	char *line;

	if (*answer && answer[strlen(answer) - 1] == '\n')
		answer[strlen(answer) - 1] = '\0';
	line = strrchr(answer, '\n');
	line = line ? line + 1 : answer;
	line[strcspn(line, ":, ")] = '\0';
	return *line ? escape_text(line, 64) : NULL;
}

static bool ask_all(struct site *p) {
	for (size_t i = 0; i < ARRAY_SIZE(managers); i++) {
		autobuf struct buf out = { 0 };

		buf_init(&out, ANSWER_MAX);
		if (ask(&managers[i], p->program, &out) < 0 || !out.len)
			continue;
		p->package = package_in(out.data);
		if (!p->package)
			continue;
		p->manager = xstrdup(managers[i].name);
		return true;
	}
	return false;
}

/* ---- where it lies ---- */

/* PREFIX/lib/coi/releases/VERSION, with "current" beside releases. */
static bool is_release(struct site *p) {
	autofree char *tree = layout_tree(), *releases = NULL;
	char *slash = tree ? strrchr(tree, '/') : NULL;

	if (!slash || !version_is(slash + 1))
		return false;
	p->version = xstrdup(slash + 1);
	releases = xstrndup(tree, (size_t)(slash - tree));
	slash = strrchr(releases, '/');
	if (!slash || slash == releases || strcmp(slash + 1, "releases") != 0)
		return false;
	p->dir = xstrndup(releases, (size_t)(slash - releases));
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	p->releases = p->fd < 0 ? -1 : openat(p->fd, "releases",
					      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return p->releases >= 0 && exists_at(p->fd, "current") == 1;
}

/* PREFIX/bin/coi where that is this very program. */
static char *command_of(const struct site *p) {
	autofree char *way = p->kind == SITE_RELEASE ? path_join(p->dir, "../../bin/coi") : NULL;
	autofree char *clean = way ? path_clean(way) : NULL;
	autofree char *real = clean ? realpath(clean, NULL) : NULL;

	return xstrdup(real && strcmp(real, p->program) == 0 ? clean : p->program);
}

int site_find(struct site *ret, struct err *err) {
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	*ret = (struct site){ .fd = -1, .releases = -1 };
	if (n < 0)
		return err_sys(err, -errno, "cannot find out where this program lies");
	self[n] = '\0';
	ret->program = xstrdup(self);
	ret->kind = layout_in_build_tree() ? SITE_BUILD :
		    ask_all(ret)	   ? SITE_PACKAGE :
		    is_release(ret)	   ? SITE_RELEASE :
					     SITE_INSTALLED;
	ret->command = command_of(ret);
	return 0;
}

void site_done(struct site *p) {
	free(p->program);
	free(p->command);
	free(p->manager);
	free(p->package);
	free(p->dir);
	free(p->version);
	mem_close_ptr(&p->fd);
	mem_close_ptr(&p->releases);
	*p = (struct site){ .fd = -1, .releases = -1 };
}

int site_check_writable(const struct site *p, const char *command, struct err *err) {
	int r = faccessat(p->fd, ".", W_OK, AT_EACCESS) < 0	  ? -errno :
		faccessat(p->releases, ".", W_OK, AT_EACCESS) < 0 ? -errno :
								    0;

	if (r == 0)
		return 0;
	(void)err_sys(err, r, "cannot write to '%s'", p->dir);
	if (r == -EROFS)
		return err_hint(err, "make its file system writable (mount -o remount,rw), or update "
				     "where it is");
	if (geteuid() == 0)
		return err_hint(err, "root may not either: is it immutable (lsattr -d), or of another "
				     "machine?");
	return err_hint(err, "run: sudo %s %s", p->command, command);
}

char *site_link(const struct site *p, const char *link) {
	static const char below[] = "releases/";
	char target[256];
	ssize_t n = readlinkat(p->fd, link, target, sizeof(target) - 1);

	if (n < 0)
		return NULL;
	target[n] = '\0';
	if (strncmp(target, below, sizeof(below) - 1) != 0 || !version_is(target + sizeof(below) - 1))
		return NULL;
	return xstrdup(target + sizeof(below) - 1);
}
