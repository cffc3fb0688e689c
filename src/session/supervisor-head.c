/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * .git/HEAD of the workspace. A directory without a proper one is no repository
 * to git, which then takes the work tree for one if that looks like it: with
 * settings that were written inside. Git replaces the file by a rename, so no
 * mount can hold it; it is watched, and put back as it last was when there is a
 * HEAD in the work tree too. (A person who copies a .git is not disturbed.)
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/linux.h"
#include "base/mem.h"
#include "session/supervisor.h"

#define HEAD_MAX_BYTES 4096
#define SHORTEST_ID 40
#define ASIDE_MAX 100 /* directories that were moved aside */

/* As git sees it: "ref: refs/…", or the number of a commit. */
static bool is_proper(const char *text) {
	size_t digits = 0;

	if (!strncmp(text, "ref:", 4)) {
		text += 4;
		while (isspace((unsigned char)*text))
			text++;
		return !strncmp(text, "refs/", 5);
	}
	while (isxdigit((unsigned char)text[digits]))
		digits++;
	return digits >= SHORTEST_ID;
}

/* The workspace is the first of the binds. */
static int workspace_fd(const struct supervisor *v) {
	return v->protect.base_count ? v->protect.bases[0].fd : -1;
}

/* The directory on the host, without a link on the way. */
static int open_git(const struct supervisor *v) {
	int fd;

	privilege_person_begin(v->session.who);
	fd = open_beneath(workspace_fd(v), ".git", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	privilege_person_end(v->session.who);
	return fd;
}

/* NULL: it is not proper. What git itself writes is a file since 2005, never a link. */
static char *read_head(const struct supervisor *v, int git) {
	autoclose int fd = -1;
	struct buf b;
	struct stat st;
	char *text = NULL;

	privilege_person_begin(v->session.who);
	fd = open_beneath(git, "HEAD", O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	privilege_person_end(v->session.who);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	buf_init(&b, HEAD_MAX_BYTES);
	if (fd_read_all(fd, &b) == 0 && is_proper(b.data))
		text = buf_steal(&b);
	buf_done(&b);
	return text;
}

void supervisor_head_remember(struct supervisor *v) {
	autoclose int git = -1;
	char *text;

	if (!*v->c->workspace || !v->plan.protect.paths || workspace_fd(v) < 0)
		return;
	git = open_git(v);
	text = git < 0 ? NULL : read_head(v, git);
	if (!text)
		return; /* one that took over knows it from the one before */
	free(v->head);
	v->head = text;
}

bool supervisor_head_is_proper(struct supervisor *v) {
	autoclose int git = v->head ? open_git(v) : -1;
	bool tempted = true; /* does the work tree look like one? */
	char *text;

	if (git < 0)
		return true;
	if (faccessat(workspace_fd(v), "HEAD", F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno == ENOENT)
		tempted = false;
	text = read_head(v, git);
	if (!text)
		return !tempted;
	free(v->head);
	v->head = text;
	return true;
}

/*
 * A directory in its place: moved aside, as the owner. What root in the container has put into it
 * is not the owner's to remove, and we do not: whose it was before is not known.
 */
static int move_aside(int git) {
	char name[32];

	for (int i = 1; i <= ASIDE_MAX; i++) {
		(void)snprintf(name, sizeof(name), "HEAD.not-git-%d", i);
		if (renameat2(git, "HEAD", git, name, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

int supervisor_head_put_back(struct supervisor *v, struct err *err) {
	autoclose int git = open_git(v);
	struct privilege owner;
	struct stat st, there;
	int r = 0;

	if (git < 0 || fstat(git, &st) < 0)
		return 0;
	owner = (struct privilege){ .uid = st.st_uid, .gid = st.st_gid };
	privilege_person_begin(&owner);
	if (fstatat(git, "HEAD", &there, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(there.st_mode))
		r = unlinkat(git, "HEAD", AT_REMOVEDIR) == 0 ? 0 : move_aside(git);
	if (r == 0)
		r = file_write_quick_at(git, "HEAD", v->head, strlen(v->head), 0644);
	privilege_person_end(&owner);
	if (r < 0)
		return err_sys(err, r, "cannot put back '.git/HEAD' of the workspace");
	supervisor_note("'.git/HEAD' of the workspace of '%s' was none of git's: it is put back",
			v->c->name);
	return 0;
}
