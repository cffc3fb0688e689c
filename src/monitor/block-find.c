/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "monitor/block-find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strv.h"

#define DEPTH_MAX 16
#define NAMES_MAX 65536 /* that are looked at for one entry of a list */

static const char *const program_dirs[] = {
	"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
};

/* Whatever else is one file with one of these is many programs. */
static const char *const shared_programs[] = {
	"sh", "bash", "ls", "busybox", "toybox", "coreutils",
};

struct search {
	const struct block_wanted *w;
	struct block_files *ret;
	bool is_tool;
	size_t names;
	const struct stat *links_of; /* only names of that file are looked for; NULL: all */
};

void block_files_done(struct block_files *f) {
	for (size_t i = 0; i < f->count; i++) {
		free(f->items[i].path);
		mem_close_ptr(&f->items[i].fd);
	}
	free(f->items);
	strv_free(f->shared);
	*f = (struct block_files){ 0 };
}

static bool is_same(const struct stat *st, uint64_t dev, uint64_t ino) {
	return st->st_dev == dev && st->st_ino == ino;
}

static bool is_number_known(const struct block_files *f, const struct stat *st) {
	for (size_t i = 0; i < f->count; i++)
		if (is_same(st, f->items[i].dev, f->items[i].ino))
			return true;
	return false;
}

/* One place by two ways, as of a directory that is a link? */
static bool is_same_place(int a, int b) {
	char link[32], of_a[PATH_MAX], of_b[PATH_MAX];
	ssize_t len_a = readlink(fd_proc_path(a, link), of_a, sizeof(of_a));
	ssize_t len_b = readlink(fd_proc_path(b, link), of_b, sizeof(of_b));

	return len_a > 0 && len_a == len_b && !memcmp(of_a, of_b, (size_t)len_a);
}

/*
 * The overlay gives links of a file in a lower layer one number, but an inode to each: what
 * is done to one is not done to the other.
 */
static bool is_known(const struct block_files *f, int fd, const struct stat *st) {
	if (st->st_nlink <= 1)
		return is_number_known(f, st);
	for (size_t i = 0; i < f->count; i++)
		if (is_same(st, f->items[i].dev, f->items[i].ino) &&
		    is_same_place(fd, f->items[i].fd))
			return true;
	return false;
}

static bool stat_inside(const struct block_wanted *w, const char *path, struct stat *ret) {
	autoclose int fd = open_in_root(w->root_fd, path, O_PATH, 0);

	return fd >= 0 && fstat(fd, ret) == 0;
}

static bool is_spared(const struct block_wanted *w, const struct stat *st) {
	struct stat other;

	for (char *const *path = w->spared; path && *path; path++)
		if (stat_inside(w, *path, &other) && is_same(st, other.st_dev, other.st_ino))
			return true;
	return false;
}

static bool is_shared(const struct block_wanted *w, const struct stat *st) {
	struct stat other;

	for (size_t i = 0; i < ARRAY_SIZE(shared_programs); i++)
		for (size_t k = 0; k < ARRAY_SIZE(program_dirs); k++) {
			autofree char *path = path_join(program_dirs[k], shared_programs[i]);

			if (stat_inside(w, path, &other) && is_same(st, other.st_dev, other.st_ino))
				return true;
		}
	return false;
}

static bool is_public(const char *path) {
	size_t len = strlen(path);

	return len > 4 && !strcmp(path + len - 4, ".pub");
}

/* Nobody inside gets there either. Whatever else goes wrong is no reason to leave one out. */
static bool is_absent(int r) {
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP;
}

static int take_links(struct search *s, const char *path, const struct stat *st);

/* 0 or -errno. What is no file that could be read is passed over. */
static int take(struct search *s, const char *path, int *fd, const struct stat *st) {
	bool is_first = !is_number_known(s->ret, st);

	if (!S_ISREG(st->st_mode) || is_known(s->ret, *fd, st) || is_spared(s->w, st) ||
	    (!s->is_tool && is_public(path)))
		return 0;
	if (s->is_tool && is_shared(s->w, st)) {
		strv_add(&s->ret->shared, path);
		return 0;
	}
	if (s->ret->count == BLOCK_FILES_MAX)
		return -E2BIG;
	s->ret->items = xreallocarray(s->ret->items, s->ret->count + 1, sizeof(*s->ret->items));
	s->ret->items[s->ret->count++] = (struct block_file){ .path = xstrdup(path),
		                                              .is_tool = s->is_tool,
		                                              .fd = steal_fd(fd),
		                                              .dev = st->st_dev,
		                                              .ino = st->st_ino,
		                                              .has_links = st->st_nlink > 1 };
	return is_first && st->st_nlink > 1 ? take_links(s, path, st) : 0;
}

static int each_name(struct search *s, const char *dir, const char *pattern, unsigned depth,
                     const char *rest);

/* A directory that was named stands for what is in it. */
static int take_path(struct search *s, const char *path, unsigned depth) {
	autoclose int fd = open_in_root(s->w->root_fd, path, O_PATH, 0);
	struct stat st;

	if (fd < 0)
		return is_absent(fd) ? 0 : fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return take(s, path, &fd, &st);
	/* A link that leads up again ends here. */
	return s->is_tool || depth == DEPTH_MAX ? 0 : each_name(s, path, "*", depth + 1, NULL);
}

/* @rest behind @dir, one component after the other. */
static int descend(struct search *s, const char *dir, const char *rest, unsigned depth) {
	size_t len = strcspn(rest, "/");
	autofree char *part = xstrndup(rest, len);
	const char *next = rest[len] ? rest + len + 1 : NULL;
	autofree char *path = path_join(dir, part);

	if (depth == DEPTH_MAX)
		return 0;
	if (!len)
		return next ? descend(s, dir, next, depth) : take_path(s, dir, depth);
	if (strpbrk(part, "*?["))
		return each_name(s, dir, part, depth, next);
	return next ? descend(s, path, next, depth + 1) : take_path(s, path, depth);
}

static bool is_wanted_link(const struct search *s, int dir, const char *name) {
	struct stat st;

	return !s->links_of || (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	                        is_same(&st, s->links_of->st_dev, s->links_of->st_ino));
}

static int each_name(struct search *s, const char *dir, const char *pattern, unsigned depth,
                     const char *rest) {
	autoclose int fd = open_in_root(s->w->root_fd, dir, O_RDONLY | O_DIRECTORY, 0);
	autoclosedir DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int r = 0;

	if (!d)
		return fd >= 0 ? -errno : is_absent(fd) ? 0 : fd;
	(void)steal_fd(&fd);
	while (r == 0 && (errno = 0, e = readdir(d))) {
		autofree char *path = NULL;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (++s->names > NAMES_MAX)
			return -E2BIG;
		if (fnmatch(pattern, e->d_name, 0) != 0 || !is_wanted_link(s, dirfd(d), e->d_name))
			continue;
		path = path_join(dir, e->d_name);
		r = rest ? descend(s, path, rest, depth + 1) : take_path(s, path, depth);
	}
	return r == 0 && !e ? -errno : r;
}

/* Its other names: beside it, and of a program where programs are. */
static int take_links(struct search *s, const char *path, const struct stat *st) {
	const char *name = path_base(path);
	autofree char *dir = name - path > 1 ? xstrndup(path, (size_t)(name - path) - 1) : xstrdup("/");
	int r;

	s->links_of = st;
	r = each_name(s, dir, "*", 0, NULL);
	for (size_t i = 0; r == 0 && s->is_tool && i < ARRAY_SIZE(program_dirs); i++)
		r = each_name(s, program_dirs[i], "*", 0, NULL);
	s->links_of = NULL;
	return r;
}

static int find_secret(struct search *s, const char *entry) {
	int r = 0;

	if (entry[0] == '/')
		return descend(s, "/", entry + 1, 0);
	for (char *const *home = s->w->homes; r == 0 && home && *home; home++)
		r = descend(s, *home, entry + 2, 0);
	return r;
}

static int find_tool(struct search *s, const char *entry) {
	int r = 0;

	if (entry[0] == '/')
		return take_path(s, entry, 0);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(program_dirs); i++) {
		autofree char *path = path_join(program_dirs[i], entry);

		r = take_path(s, path, 0);
	}
	for (char *const *home = s->w->homes; r == 0 && home && *home; home++) {
		autofree char *path = xasprintf("%s/.local/bin/%s", *home, entry);

		r = take_path(s, path, 0);
	}
	return r;
}

int block_find(const struct block_wanted *w, struct block_files *ret, struct err *err) {
	char *const *const lists[] = { w->secrets, w->tools };
	static const char *const keys[] = { "monitoring.block_secrets", "monitoring.block_tools" };
	struct search s = { .w = w, .ret = ret };
	int r = 0;

	*ret = (struct block_files){ 0 };
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(lists); i++) {
		s.is_tool = i == 1;
		for (char *const *entry = lists[i]; r == 0 && entry && *entry; entry++) {
			s.names = 0;
			r = s.is_tool ? find_tool(&s, *entry) : find_secret(&s, *entry);
			if (r < 0 && r != -E2BIG)
				(void)err_sys(err, r, "cannot look for '%s' (%s)", *entry, keys[i]);
			else if (r < 0)
				(void)err_set(err, ERR_CONFIG, r,
				              "'%s' in %s is more files than can be kept closed (%d)",
				              *entry, keys[i], BLOCK_FILES_MAX);
		}
	}
	if (r < 0)
		block_files_done(ret);
	return r;
}
