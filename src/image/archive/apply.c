/* SPDX-License-Identifier: GPL-2.0-or-later */
/* State: which names the layer has put there, and times of directories before it came. */
#include "image/archive/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/strv.h"
#include "image/archive/late.h"
#include "image/archive/names.h"
#include "image/archive/policy.h"

#define HOPS_MAX 40 /* symbolic links in one name, as the kernel has it */

struct apply {
	int root;
	struct names names;
};

struct apply *apply_new(int root) {
	struct apply *a = xcalloc(1, sizeof(*a));

	a->root = root;
	return a;
}

void apply_free(struct apply *a) {
	if (!a)
		return;
	names_done(&a->names);
	free(a);
}

/* ---- who has put it there ---- */

static bool is_ours(const struct apply *a, const char *name) {
	const struct name_entry *e = names_find(&a->names, name);

	return e && e->is_ours;
}

/* @name, and all directories on the way to it. */
static struct name_entry *mark_ours(struct apply *a, const char *name) {
	struct name_entry *e = names_get(&a->names, name);
	autofree char *part = xstrdup(name);
	char *slash;

	e->is_ours = true;
	while ((slash = strrchr(part, '/'))) {
		struct name_entry *parent;

		*slash = '\0';
		parent = names_get(&a->names, part);
		if (parent->is_ours)
			break;
		parent->is_ours = true;
	}
	return e;
}

/* Before anything in directory @fd is changed. */
static int keep_time(struct apply *a, int fd, const char *name) {
	struct name_entry *e = names_get(&a->names, name);
	struct stat st;

	if (e->has_time)
		return 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	e->mtime = st.st_mtim;
	e->has_time = true;
	return 0;
}

/* ---- the way there ---- */

struct walk {
	int fd;		/* where we are */
	char *name;	/* the same, without links; POLICY_NAME_MAX + 1 bytes */
	unsigned int depth;
	unsigned int hops;
	char rest[2 * POLICY_NAME_MAX + 2]; /* what is to come */
};

static int go_top(struct apply *a, struct walk *w) {
	int fd = late_open(a->root, "", O_PATH | O_DIRECTORY);

	if (fd < 0)
		return fd;
	mem_close_ptr(&w->fd);
	w->fd = fd;
	w->name[0] = '\0';
	w->depth = 0;
	return 0;
}

static int go_up(struct apply *a, struct walk *w) {
	char *slash = strrchr(w->name, '/');
	int fd;

	*(slash ? slash : w->name) = '\0';
	fd = late_open(a->root, w->name, O_PATH | O_DIRECTORY);
	if (fd < 0)
		return fd;
	mem_close_ptr(&w->fd);
	w->fd = fd;
	w->depth -= w->depth > 0;
	return 0;
}

/* @part, a directory with descriptor @fd, which is taken over. */
static int go_down(struct walk *w, const char *part, int fd) {
	size_t len = strlen(w->name);

	mem_close_ptr(&w->fd);
	w->fd = fd;
	if (++w->depth > POLICY_DEPTH_MAX || len + 1 + strlen(part) > POLICY_NAME_MAX)
		return -ENAMETOOLONG;
	(void)snprintf(w->name + len, POLICY_NAME_MAX + 1 - len, "%s%s", len ? "/" : "", part);
	return 0;
}

/* Link @fd: its target comes before what is left of the name. */
static int follow(struct apply *a, struct walk *w, int fd, char *rest) {
	char target[POLICY_NAME_MAX + 1];
	autofree char *left = xstrdup(rest);
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (++w->hops > HOPS_MAX)
		return -ELOOP;
	if (strlen(target) + 1 + strlen(left) > POLICY_NAME_MAX)
		return -ENAMETOOLONG;
	(void)snprintf(w->rest, sizeof(w->rest), "%s/%s", target, left);
	return target[0] == '/' ? go_top(a, w) : 0;
}

static int make_part(struct apply *a, struct walk *w, const char *part) {
	int r = keep_time(a, w->fd, w->name), fd;

	if (r < 0)
		return r;
	/* A set-group-id bit and its group would be inherited. */
	if (mkdirat(w->fd, part, 0755) < 0 || fchownat(w->fd, part, 0, 0, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(w->fd, part, 0755, 0) < 0)
		return -errno;
	fd = late_open(w->fd, part, O_PATH | O_DIRECTORY);
	if (fd < 0)
		return fd;
	r = go_down(w, part, fd);
	if (r == 0) {
		/* Made because the archive leaves it out: the same each time, so without a time. */
		struct name_entry *e = mark_ours(a, w->name);

		e->has_time = true;
		e->mtime = (struct timespec){ 0, 0 };
	}
	return r;
}

static int step(struct apply *a, struct walk *w, char *part, char *rest, bool make) {
	autoclose int fd = -1;
	struct stat st;

	if (!*part || strcmp(part, ".") == 0) {
		memmove(w->rest, rest, strlen(rest) + 1);
		return 0;
	}
	if (strcmp(part, "..") == 0) {
		memmove(w->rest, rest, strlen(rest) + 1);
		return go_up(a, w);
	}
	fd = late_open(w->fd, part, O_PATH | O_NOFOLLOW);
	if (fd < 0 && (fd != -ENOENT || !make))
		return fd;
	if (fd == -ENOENT) {
		int r = make_part(a, w, part);

		memmove(w->rest, rest, strlen(rest) + 1);
		return r;
	}
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return follow(a, w, fd, rest);
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	{
		int r = go_down(w, part, steal_fd(&fd));

		memmove(w->rest, rest, strlen(rest) + 1);
		return r;
	}
}

int apply_directory(struct apply *a, const char *dir, bool make, char *out) {
	struct walk w = { .fd = -1, .name = out };
	int r = go_top(a, &w);

	(void)snprintf(w.rest, sizeof(w.rest), "%s", dir);
	while (r == 0 && *w.rest) {
		size_t len = strcspn(w.rest, "/");
		char part[POLICY_COMPONENT_MAX + 1];

		if (len > POLICY_COMPONENT_MAX) {
			r = -ENAMETOOLONG;
			break;
		}
		memcpy(part, w.rest, len);
		part[len] = '\0';
		r = step(a, &w, part, w.rest + len + (w.rest[len] == '/'), make);
	}
	if (r == 0)
		r = keep_time(a, w.fd, out);
	if (r < 0) {
		mem_close_ptr(&w.fd);
		return r;
	}
	return w.fd;
}

/* ---- replacing ---- */

int apply_make_room(struct apply *a, int parent, const char *base, const char *name, bool is_dir) {
	struct name_entry *e = names_get(&a->names, name);
	bool is_new = !e->is_explicit;
	struct stat st;
	int r;

	e->is_explicit = true;
	/* A directory of which only the way led through it until now. */
	if (e->is_ours || !*name)
		return is_dir && is_new;
	(void)mark_ours(a, name);
	if (fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (is_dir && S_ISDIR(st.st_mode))
		return 1;
	r = tree_remove_at(parent, base);
	return r < 0 ? r : 0;
}

int apply_strip(int fd) {
	autofree char *list = NULL;
	ssize_t len = flistxattr(fd, NULL, 0);

	if (len <= 0)
		return len == 0 || errno == ENOTSUP ? 0 : -errno;
	list = xmalloc((size_t)len + 1);
	len = flistxattr(fd, list, (size_t)len);
	if (len < 0)
		return -errno;
	list[len] = '\0';
	for (char *name = list; name < list + len; name += strlen(name) + 1)
		if (fremovexattr(fd, name) < 0 && errno != ENODATA)
			return -errno;
	return 0;
}

/* ---- whiteouts ---- */

/* Below directory @fd all that is not ours; what is ours is a directory on the way, or more. */
static int purge(struct apply *a, int fd, const char *name) {
	autostrv char **children = NULL;
	int r = dir_names(fd, &children);

	for (size_t i = 0; r == 0 && children && children[i]; i++) {
		autofree char *child = xasprintf("%s%s%s", name, *name ? "/" : "", children[i]);

		r = apply_hide(a, fd, children[i], child);
	}
	return r;
}

int apply_hide(struct apply *a, int parent, const char *base, const char *name) {
	autoclose int fd = -1;

	if (!is_ours(a, name))
		return tree_remove_at(parent, base);
	fd = late_open(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (fd == -ENOTDIR || fd == -ELOOP || fd == -ENOENT)
		return 0;
	return fd < 0 ? fd : apply_hide_content(a, fd, name);
}

int apply_hide_content(struct apply *a, int dir, const char *name) {
	int r = keep_time(a, dir, name);

	return r < 0 ? r : purge(a, dir, name);
}

/* ---- the end ---- */

static int give_time_back(struct apply *a, const struct name_entry *e) {
	autoclose int fd = late_open(a->root, e->name, O_RDONLY | O_DIRECTORY);
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, e->mtime };
	struct stat st;

	/* Hidden later on, or in another's place. */
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return 0;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_mtim.tv_sec == e->mtime.tv_sec && st.st_mtim.tv_nsec == e->mtime.tv_nsec)
		return 0;
	return futimens(fd, times) < 0 ? -errno : 0;
}

int apply_finish(struct apply *a) {
	for (size_t i = 0; i < a->names.size; i++) {
		const struct name_entry *e = a->names.slots[i];
		int r = e && e->has_time && !e->is_explicit ? give_time_back(a, e) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}
