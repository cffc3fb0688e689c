/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/git-pointer.h"

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
#include "session/git-config.h"
#include "session/git-paths.h"

#define PREFIX "gitdir: "
#define POINTER_MAX (PATH_MAX + sizeof(PREFIX))

struct follow {
	const struct privilege *who;
	int workspace;
	const char *path;
	struct stat st;     /* of the workspace */
	char *to;           /* the place that .git names, for messages */
	struct err *err;
};

void git_pointer_done(struct git_pointer *p) {
	mem_close_ptr(&p->fd);
	free(p->path);
	free(p->own);
	*p = (struct git_pointer)GIT_POINTER_INIT;
}

static int doubt(const struct follow *f, const char *why) {
	return err_set(f->err, ERR_TRUST, -EPERM,
		       "'.git' of this workspace leads to '%s', and %s", f->to ? f->to : "?", why);
}

/* ---- opening, as the person and never through a link ---- */

static int open_as(const struct follow *f, int dir, const char *path, int flags) {
	int fd;

	privilege_person_begin(f->who);
	fd = open_beneath(dir, *path ? path : ".", flags | O_NOFOLLOW, 0);
	privilege_person_end(f->who);
	return fd;
}

/* @path is absolute; ".." is for the kernel to follow. */
static int open_absolute(const struct follow *f, const char *path, int flags) {
	autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	while (*path == '/')
		path++;
	return root < 0 ? -errno : open_as(f, root, path, flags);
}

/* @path as it stands in a file of the directory @dir. */
static char *absolute(const char *path, const char *dir) {
	return *path == '/' ? xstrdup(path) : path_join(dir, path);
}

/* One line of a small regular file, without what git takes off its end; NULL: it is none. */
static char *read_line_of(const struct follow *f, int dir, const char *name) {
	autoclose int fd = open_as(f, dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	autobuf struct buf b = { 0 };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	buf_init(&b, POINTER_MAX);
	if (fd_read_all(fd, &b) < 0 || strlen(b.data) != b.len)
		return NULL;
	while (b.len && (b.data[b.len - 1] == '\n' || b.data[b.len - 1] == '\r'))
		b.data[--b.len] = '\0';
	return b.len && !strpbrk(b.data, "\r\n") ? buf_steal(&b) : NULL;
}

/* The name that the kernel has for it; NULL when it has none. */
static char *name_of(int fd) {
	char link[32], real[PATH_MAX];
	ssize_t n = readlink(fd_proc_path(fd, link), real, sizeof(real));

	return n > 0 && n < (ssize_t)sizeof(real) && *real == '/' ? xstrndup(real, (size_t)n)
								  : NULL;
}

static bool same_file(const struct stat *a, const struct stat *b) {
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_directory(const struct follow *f, const char *path, const struct stat *wanted) {
	autoclose int fd = open_absolute(f, path, O_PATH | O_DIRECTORY);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && same_file(&st, wanted);
}

/* ---- what says that the workspace is its work tree ---- */

/* worktrees/x/gitdir: the path of that work tree's .git. */
static bool gitdir_leads_back(const struct follow *f, int gitdir, const char *path) {
	autofree char *line = read_line_of(f, gitdir, "gitdir");
	autofree char *back = line ? absolute(line, path) : NULL;
	size_t len = back ? strlen(back) : 0;

	if (len < 6 || strcmp(back + len - 5, "/.git") != 0)
		return false;
	back[len - 5] = '\0';
	return is_directory(f, back, &f->st);
}

static void on_setting(const struct git_setting *s, void *data) {
	char **worktree = data;

	if (strcmp(s->section, "core") != 0 || *s->subsection || strcmp(s->key, "worktree") != 0)
		return;
	free(*worktree);
	*worktree = xstrdup(s->value);
}

/* A submodule's core.worktree, which git has in config.worktree where there are such. */
static bool setting_leads_back(const struct follow *f, int gitdir, const char *path) {
	autofree char *value = NULL, *back = NULL;

	privilege_person_begin(f->who);
	(void)git_config_each(gitdir, "config", on_setting, &value);
	(void)git_config_each(gitdir, "config.worktree", on_setting, &value);
	privilege_person_end(f->who);
	if (!value || !*value)
		return false;
	back = absolute(value, path);
	return is_directory(f, back, &f->st);
}

static bool has_commondir(const struct follow *f, int gitdir) {
	autoclose int fd = open_as(f, gitdir, "commondir", O_PATH);

	return fd >= 0;
}

/* The directory that holds @path, "/" at least; newly allocated. */
static char *directory_of(const char *path) {
	const char *name = path_base(path);

	return name - path > 1 ? xstrndup(path, (size_t)(name - path) - 1) : xstrdup("/");
}

/*
 * @path is .../worktrees/x of a repository that says so too. Were its place not
 * asked, it could be made by who wants to have another repository.
 */
static int open_common(struct follow *f, int gitdir, const char *path, struct git_pointer *ret) {
	autofree char *list = directory_of(path), *common = directory_of(list);
	autofree char *line = read_line_of(f, gitdir, "commondir");
	autofree char *named = line ? absolute(line, path) : NULL;
	autoclose int fd = open_absolute(f, common, O_PATH | O_DIRECTORY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || strcmp(path_base(list), "worktrees") != 0 || !named ||
	    !is_directory(f, named, &st))
		return doubt(f, "that is no work tree's directory of a repository");
	if (!gitdir_leads_back(f, gitdir, path))
		return doubt(f, "that one belongs to another work tree ('gitdir' in it does not "
				"lead back)");
	ret->fd = steal_fd(&fd);
	ret->path = steal_ptr(common);
	ret->own = path_join("worktrees", path_base(path));
	return 0;
}

static int open_own(struct follow *f, int gitdir, const char *path, struct git_pointer *ret) {
	if (!git_dir_is(f->who, gitdir, ""))
		return doubt(f, "that is no git directory");
	if (!setting_leads_back(f, gitdir, path))
		return doubt(f, "that repository does not say that it has its work tree here "
				"('core.worktree' in its configuration)");
	ret->fd = fcntl(gitdir, F_DUPFD_CLOEXEC, 3);
	ret->path = xstrdup(path);
	ret->own = xstrdup("");
	return 0;
}

/* What is the person's cannot be had by what belongs to somebody else. */
static int check_owner(const struct follow *f, int fd) {
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_uid != f->st.st_uid)
		return doubt(f, "that does not belong to the owner of the workspace");
	return 0;
}

static int follow_outside(struct follow *f, int gitdir, const char *path,
			  struct git_pointer *ret) {
	int r = check_owner(f, gitdir);

	if (r == 0)
		r = has_commondir(f, gitdir) ? open_common(f, gitdir, path, ret)
					     : open_own(f, gitdir, path, ret);
	if (r == 0)
		r = ret->fd < 0 ? doubt(f, "it cannot be opened") : check_owner(f, ret->fd);
	if (r == 0 && !git_dir_is(f->who, ret->fd, ""))
		r = doubt(f, "that is no git directory");
	ret->kind = GIT_POINTER_OUTSIDE;
	return r;
}

/* Nothing is gained by it that is not there anyway. */
static void stay_inside(const struct follow *f, int gitdir, const char *path,
			struct git_pointer *ret) {
	autofree char *list = directory_of(path);
	size_t len = strlen(list), name = strlen("worktrees");
	bool is_tree = len >= name && !strcmp(list + len - name, "worktrees") &&
		       has_commondir(f, gitdir);

	ret->kind = GIT_POINTER_INSIDE;
	ret->own = is_tree ? path_join("worktrees", path_base(path)) : xstrdup("");
	ret->path = is_tree ? xstrndup(list, len > name ? len - name - 1 : 0) : xstrdup(path);
}

/* Where it leads, as it stands there; NULL with a message when it is none of git's. */
static char *read_pointer(struct follow *f) {
	autofree char *line = read_line_of(f, f->workspace, ".git");

	if (!line || strncmp(line, PREFIX, strlen(PREFIX)) != 0 || !line[strlen(PREFIX)]) {
		(void)err_set(f->err, ERR_TRUST, -EBADMSG,
			      "'.git' of this workspace is a file that git did not write");
		return NULL;
	}
	return xstrdup(line + strlen(PREFIX));
}

static int follow(struct follow *f, struct git_pointer *ret) {
	autofree char *named = NULL, *real = NULL;
	autoclose int gitdir = -1;
	size_t len = strlen(f->path);

	f->to = read_pointer(f);
	if (!f->to)
		return -EBADMSG;
	named = absolute(f->to, f->path);
	gitdir = open_absolute(f, named, O_PATH | O_DIRECTORY);
	if (gitdir == -ELOOP)
		return doubt(f, "a symbolic link is on the way");
	if (gitdir == -ENOENT || gitdir == -ENOTDIR)
		return doubt(f, "no directory is there");
	if (gitdir < 0)
		return doubt(f, strerror(-gitdir));
	real = name_of(gitdir);
	if (!real)
		return doubt(f, "that directory has no name");
	if (!path_is_below(real, f->path))
		return follow_outside(f, gitdir, real, ret);
	stay_inside(f, gitdir, real[len] ? real + len + 1 : "", ret);
	return 0;
}

int git_pointer_follow(const struct privilege *who, int workspace, const char *path,
		       struct git_pointer *ret, struct err *err) {
	struct follow f = { .who = who, .workspace = workspace, .path = path, .err = err };
	auto_git_pointer struct git_pointer p = GIT_POINTER_INIT;
	struct stat st;
	int r;

	if (fstatat(workspace, ".git", &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)) {
		*ret = p;
		return 0;
	}
	if (fstat(workspace, &f.st) < 0)
		return err_sys(err, -errno, "cannot look at the workspace");
	r = follow(&f, &p);
	free(f.to);
	if (r < 0)
		return r;
	*ret = p;
	p = (struct git_pointer)GIT_POINTER_INIT;
	return 0;
}
