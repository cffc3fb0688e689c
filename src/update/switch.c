/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Releases beside each other, and the links between them. Killed at any step there is
 * the old release or the new one, whole, and at most a tree with a dot before its name,
 * which the next update removes (unless something runs from it).
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/linux.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"
#include "update/index.h"
#include "update/site.h"
#include "update/version.h"

#define LOCK_NAME ".lock"
#define NEW_LINK ".link"
#define NEWEST "newest-list" /* install.sh knows it too */
#define NAMELESS ".tree-"
#define NAMELESS_MAX 100

int site_lock(const struct site *p, struct err *err) {
	int fd = lock_take(p->fd, LOCK_NAME, LOCK_TRY, err);

	if (fd == -EWOULDBLOCK) {
		(void)err_set(err, ERR_CONFLICT, fd, "another update of '%s' is under way", p->dir);
		return err_hint(err, "wait until it is done, then see what there is: %s update core "
				"--check", p->command);
	}
	if (fd < 0)
		return fd;
	site_clean(p);
	return fd;
}

int site_begin(const struct site *p, char **ret, struct err *err) {
	for (int i = 0; i < NAMELESS_MAX; i++) {
		autofree char *name = xasprintf(NAMELESS "%d", i);

		if (mkdirat(p->releases, name, 0755) == 0) {
			*ret = steal_ptr(name);
			return 0;
		}
		if (errno != EEXIST)
			return err_sys(err, -errno, "cannot make a directory below '%s/releases'",
				       p->dir);
	}
	return err_set(err, ERR_CONFLICT, -EEXIST, "too many trees below '%s/releases'", p->dir);
}

int site_commit(const struct site *p, const char *name, const char *version, struct err *err) {
	bool exists = exists_at(p->releases, version) == 1;

	/* All that was unpacked is on the disk before its name is. */
	if (syncfs(p->releases) < 0 ||
	    renameat2(p->releases, name, p->releases, version, exists ? RENAME_EXCHANGE : 0) < 0) {
		(void)err_sys(err, -errno, "cannot put the new release in place as '%s/releases/%s'",
			      p->dir, version);
		(void)tree_remove_at(p->releases, name);
		return err->code;
	}
	/* What was exchanged for it, now @name, may be what runs, this program included. */
	return fsync(p->releases) < 0 ? err_sys(err, -errno, "cannot write '%s/releases' to the disk",
						 p->dir) : 0;
}

/* @link leads to @target, whatever it led to before. */
static int set_link(const struct site *p, const char *link, const char *target, struct err *err) {
	if ((unlinkat(p->fd, NEW_LINK, 0) < 0 && errno != ENOENT) ||
	    symlinkat(target, p->fd, NEW_LINK) < 0 || renameat(p->fd, NEW_LINK, p->fd, link) < 0 ||
	    fsync(p->fd) < 0)
		return err_sys(err, -errno, "cannot switch the link '%s/%s'", p->dir, link);
	return 0;
}

static int set_release(const struct site *p, const char *link, const char *version,
		       struct err *err) {
	autofree char *target = path_join("releases", version);

	return set_link(p, link, target, err);
}

int site_check_current(const struct site *p, const char *expected, struct err *err) {
	autofree char *current = site_link(p, "current");

	if (current && strcmp(current, expected) == 0)
		return 0;
	(void)err_set(err, ERR_CONFLICT, -EAGAIN, "another update has put v%s in place of v%s "
		      "meanwhile", current ? current : "?", expected);
	return err_hint(err, "that one stays; see what there is now: %s update core --check",
			p->command);
}

int site_switch(const struct site *p, const char *from, const char *version, struct err *err) {
	int r = site_check_current(p, from, err);

	if (r < 0 || strcmp(from, version) == 0)
		return r;
	/* In this order: cut off in between, both lead to what is run now. */
	r = set_release(p, "previous", from, err);
	return r < 0 ? r : set_release(p, "current", version, err);
}

int site_switch_back(const struct site *p, const char *from, const char *version, struct err *err) {
	autofree char *previous = site_link(p, "previous");
	int r = site_check_current(p, from, err);

	if (r < 0)
		return r;
	if (!previous || strcmp(previous, version) != 0)
		return err_set(err, ERR_CONFLICT, -EAGAIN, "the release before v%s is not v%s any more",
			       from, version);
	if (renameat2(p->fd, "current", p->fd, "previous", RENAME_EXCHANGE) < 0 || fsync(p->fd) < 0)
		return err_sys(err, -errno, "cannot exchange the links 'current' and 'previous' in '%s'",
			       p->dir);
	return 0;
}

/* ---- the newest list ---- */

/* A link, as the others: there is the old time or the new one. 0: none was seen. */
static int64_t newest_seen(const struct site *p) {
	char text[24];
	ssize_t n = readlinkat(p->fd, NEWEST, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return n > 0 && text[strspn(text, "0123456789")] == '\0' ? strtoll(text, NULL, 10) : 0;
}

int site_check_list(const struct site *p, int64_t made, struct err *err) {
	int64_t seen = p->fd < 0 ? 0 : newest_seen(p);
	autofree char *theirs = index_date(made), *ours = index_date(seen);

	if (made >= seen)
		return 0;
	(void)err_set(err, ERR_TRUST, -ESTALE, "the list of releases was made at %s, and this machine "
		      "has seen a newer one, of %s", theirs, ours);
	return err_hint(err, "nothing was changed; who shows old lists holds back what was mended "
			"since. If the project says that it is right: rm %s/" NEWEST, p->dir);
}

int site_note_list(const struct site *p, int64_t made, struct err *err) {
	autofree char *text = xasprintf("%lld", (long long)made);

	return made > newest_seen(p) ? set_link(p, NEWEST, text, err) : 0;
}

/* ---- what is not used any more ---- */

/* The releases that processes run from, by their files in memory: a strv. */
static char **in_use(const struct site *p) {
	autofree char *below = path_join(p->dir, "releases/");
	autoclosedir DIR *proc = opendir("/proc");
	size_t len = strlen(below);
	char **found = NULL;

	for (const struct dirent *e; proc && (e = readdir(proc)) != NULL;) {
		autofree char *link = NULL;
		char exe[4096];
		ssize_t n;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		link = xasprintf("%s/exe", e->d_name);
		n = readlinkat(dirfd(proc), link, exe, sizeof(exe) - 1);
		exe[n > 0 ? n : 0] = '\0';
		if (strncmp(exe, below, len) == 0) {
			exe[len + strcspn(exe + len, "/")] = '\0';
			strv_add(&found, exe + len);
		}
	}
	return found;
}

void site_clean(const struct site *p) {
	autofree char *current = site_link(p, "current"), *previous = site_link(p, "previous");
	autostrv char **used = in_use(p), **names = NULL;

	/* Who is not root does not see all that run. */
	if (geteuid() != 0 || !current || dir_names(p->releases, &names) < 0)
		return;
	for (char **name = names; name && *name; name++) {
		bool is_ours = version_is(*name) ||
			       strncmp(*name, NAMELESS, sizeof(NAMELESS) - 1) == 0;

		if (is_ours && strcmp(*name, current) != 0 && !strv_contains(used, *name) &&
		    (!previous || strcmp(*name, previous) != 0))
			(void)tree_remove_at(p->releases, *name);
	}
}
